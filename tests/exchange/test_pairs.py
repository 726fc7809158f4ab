"""Any dialect in, any vendor out: what was sent, what arrived, and what the script is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from campaigns.dispatch.verify import check_books
from campaigns.models import Attempt, Delivery, Transfer
from campaigns.selectors.addressing import PER_RECIPIENT
from campaigns.services.messages import find_losses
from providers.commands import FaultKind, FetchStatus, TransferState
from providers.contract import Addressing, Dialect, Fate
from providers.message_fields import Platform
from providers.message_texts import resolve_for
from providers.outbound import Request
from providers.outcomes import Failure, Outcome, Receipt
from providers.receipts import FetchReceipts, OutcomeEvent
from providers.reports import Metric
from tests.compat.conftest import OPEN
from tests.exchange.conftest import LATER, PEOPLE, PLATFORMS, Scene, write
from tests.exchange.messages import find_fates, list_invented, write_full
from tests.vendor_cases.accounts import load_own_data, names_recipients
from tests.vendor_cases.reading import read_pushes
from tests.vendor_cases.totals import fetch_totals

# A gateway takes a device per call: test_gateways tries them, and the tests of its own door.
VENDORS = [dialect for dialect in OPEN if dialect.connect and not dialect.fans_out]
PAIRS = [(dialect, vendor) for dialect in VENDORS for vendor in VENDORS]
Pair = tuple[Dialect, Dialect]

# What may be seen of a field by what was said of its fate; a short value is not cut.
OBSERVED = {
    Fate.CARRIED: {Fate.CARRIED},
    Fate.RENAMED: {Fate.CARRIED},
    Fate.TRUNCATED: {Fate.CARRIED, Fate.TRUNCATED},
    Fate.EMULATED: set(Fate),
    Fate.DROPPED: {Fate.DROPPED},
}


def takes_names(vendor: Dialect) -> bool:
    return bool(vendor.limits.addressing & PER_RECIPIENT)


def name_pair(pair: Pair) -> str:
    return f"{pair[0].key}-{pair[1].key}"


def each(pairs: list[Pair]) -> pytest.MarkDecorator:
    """Every pair on SQLite; what a dialect sends to its own vendor on PostgreSQL too."""
    marked = [
        pytest.param(*pair, id=name_pair(pair), marks=[pytest.mark.database] * (pair[0] is pair[1]))
        for pair in pairs
    ]
    return pytest.mark.parametrize(("dialect", "vendor"), marked)


NAMED = [pair for pair in PAIRS if names_recipients(pair[0]) and takes_names(pair[1])]
REFUSED = [pair for pair in PAIRS if names_recipients(pair[0]) and not takes_names(pair[1])]
TOLD = [pair for pair in PAIRS if Addressing.EVERYONE in pair[0].limits.addressing]


def test_no_pair_is_left_out():
    tried = {name_pair(pair) for pair in (*NAMED, *REFUSED, *TOLD)}

    assert tried == {name_pair(pair) for pair in PAIRS}
    assert len(tried) == len(VENDORS) ** 2 >= 25


@pytest.mark.some(8)
@each(NAMED)
def test_named_recipients_get_what_the_loss_report_says(scene: Scene, dialect, vendor):
    scene.send_through(vendor)
    client = scene.connect(dialect)
    requests = [write_named(scene, client, dialect, platform) for platform in PLATFORMS]

    receipts = [client.send(request) for request in requests]
    scene.work()

    transfers = list(Transfer.objects.order_by("pk"))
    for platform, transfer, receipt in zip(PLATFORMS, transfers, receipts, strict=True):
        assert find_undeclared(scene, transfer, [platform]) == {}
        check_ledger(transfer, vendor, PEOPLE)
        check_answers(client, dialect, receipt, transfer)
    assert scene.count_taken(vendor) == 2 * PEOPLE
    assert check_books().faults == []


@each([pair for pair in NAMED if pair[1].wants_references])
def test_whom_the_vendor_refuses_the_script_hears_of(scene: Scene, dialect, vendor):
    scene.send_through(vendor)
    client = scene.connect(dialect)
    platform = Platform.ANDROID
    scene.simulator.behaviour = replace(scene.simulator.behaviour, decay_percent=50)

    receipt = client.send(write_named(scene, client, dialect, platform))
    scene.work()

    transfer = Transfer.objects.get()
    ends = Counter(Delivery.objects.values_list("outcome", flat=True))
    assert 0 < scene.count_taken(vendor) < PEOPLE
    taken = scene.count_taken(vendor)
    assert ends == {"sent": taken, "failed": PEOPLE - taken}
    check_answers(client, dialect, receipt, transfer)
    assert check_books().faults == []


@each(TOLD)
def test_everyone_gets_what_the_loss_report_says(scene: Scene, dialect, vendor):
    scene.send_through(vendor)
    client = scene.connect(dialect)
    message = resolve_for(write_full(dialect, PLATFORMS), PLATFORMS)
    request = write(client, dialect, message, "17")
    if not can_be_told(dialect, vendor, request):
        check_refused(scene, client, dialect, request)
        return

    receipt = client.send(request)
    scene.work()

    transfer = Transfer.objects.get()
    sent = transfer.parts.get().message.read()
    platforms = [platform for platform in PLATFORMS if sent.has_platform(platform)]
    assert find_undeclared(scene, transfer, platforms) == {}
    check_ledger(transfer, vendor, len(platforms) * PEOPLE)
    check_answers(client, dialect, receipt, transfer)
    assert check_books().faults == []


@each(REFUSED)
def test_what_cannot_be_addressed_is_refused_in_the_dialects_way(scene: Scene, dialect, vendor):
    scene.send_through(vendor)
    client = scene.connect(dialect)

    request = write_named(scene, client, dialect, Platform.ANDROID)

    assert not can_be_told(dialect, vendor, request)
    check_refused(scene, client, dialect, request)


def write_named(scene: Scene, client: Any, dialect: Dialect, platform: Platform) -> Request:
    message = write_full(dialect, [platform]).resolve(platform)
    return write(client, dialect, message, platform.value, scene.name(dialect, platform))


def can_be_told(dialect: Dialect, vendor: Dialect, request: Request) -> bool:
    """Whether a vendor can be told exactly whom a call to our door means."""
    [push] = read_pushes(dialect, request.method, request.url, request.body)
    [part] = push.parts
    if takes_names(vendor):
        return True
    expression = part.audience and part.audience.expression
    return not part.targets and (expression is None or vendor.can_filter(expression))


def check_refused(scene: Scene, client: Any, dialect: Dialect, request: Request) -> None:
    """Nobody is sent to, and the script is told at once, or as soon as its dialect tells it."""
    words = find_words(client, request)
    scene.work()

    if dialect.judges_later:
        status = client.fetch_status(request.lookup)
        assert status.state is TransferState.FAILED
        assert {fault.kind for fault in status.faults} == {FaultKind.NOT_ADDRESSABLE}
    assert bool(words) is not dialect.judges_later
    assert not Delivery.objects.filter(outcome="sent").exists()
    assert not Attempt.objects.exists()
    assert scene.simulator.pushes == []
    assert check_books().faults == []


def find_words(client: Any, request: Request) -> str:
    """Why a call is refused, or alike each recipient where these are answered; "" if it is not."""
    try:
        receipt = client.send(request)
    except Failure as failure:
        return failure.message
    words = {result.message for result in receipt.results if result.outcome is Outcome.FAILED}
    assert len(receipt.results) in (0, PEOPLE)
    return words.pop() if words else ""


def find_undeclared(
    scene: Scene, transfer: Transfer, platforms: Iterable[Platform]
) -> dict[str, Any]:
    """What became of a field and was not said before, and what the vendor was told unasked."""
    sent = transfer.parts.get().message.read()
    declared = {
        loss.field: loss.fate
        for loss in find_losses(transfer.app, sent, [platform.value for platform in platforms])
    }
    wrong: dict[str, Any] = {}
    for platform in platforms:
        taken = scene.find_taken(platform)
        observed = find_fates(sent, taken, platform)
        wrong |= {
            field: fate
            for field, fate in observed.items()
            if fate not in OBSERVED[declared.get(field, Fate.CARRIED)]
        }
        invented = list_invented(sent, taken, platform) - declared.keys()
        wrong |= dict.fromkeys(invented, "invented")
    return wrong


def check_ledger(transfer: Transfer, vendor: Dialect, count: int) -> None:
    """Everybody is settled, and the vendor's ids of the calls are kept."""
    ends = Delivery.objects.filter(part_id=transfer.parts.get().pk)
    attempts = Attempt.objects.filter(batch__part__transfer=transfer)

    assert transfer.status == "sent"
    assert ends.count() == transfer.audience == count
    assert ends.filter(outcome="sent").count() == count
    assert attempts
    # Where the vendor names its calls, and the call was not one to persons by name.
    answers_id = not load_own_data(vendor).get("answers_no_id")
    assert not answers_id or all(attempt.reference for attempt in attempts)


def check_answers(client: Any, dialect: Dialect, receipt: Receipt, transfer: Transfer) -> None:
    """What the script is told of it in the end is what is in our books."""
    ends = Counter(
        Delivery.objects.filter(part__transfer=transfer).values_list("outcome", flat=True)
    )
    own = load_own_data(dialect)
    assert receipt.outcome is Outcome.ACCEPTED
    if dialect.can_report:
        status = client.fetch_status(FetchStatus(transfer=receipt.reference))
        assert status.state is TransferState.SENT
    if dialect.can_be_asked:
        totals = fetch_totals(client, receipt.reference, transfer.created_at, LATER)
        sent = ends["sent"] + (ends["failed"] if own.get("counts_failed_as_sent") else 0)
        assert totals[Metric.SENT] == sent
    if dialect.has_receipts:
        events = client.fetch_receipts(FetchReceipts("", 1000)).events
        told = [event for event in events if isinstance(event, OutcomeEvent)]
        assert len([event for event in told if event.outcome is Outcome.FAILED]) == ends["failed"]
