"""What vendors have accepted of what is cancelled is asked back: once, in time, told as said."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from campaigns.dispatch import freeze, recall_calls, send
from campaigns.dispatch.engine import drain
from campaigns.dispatch.receipt_tokens import write_receipt_token
from campaigns.dispatch.receipts import keep_receipts
from campaigns.dispatch.verify import check_books
from campaigns.errors import IllegalMove
from campaigns.models import (
    Account,
    App,
    Attempt,
    AuditEntry,
    Correction,
    Counter,
    Delivery,
    Exchange,
    Route,
    Transfer,
)
from campaigns.selectors import routes
from campaigns.selectors.recalls import Recall, can_be_recalled, list_recalls
from campaigns.services.campaigns import cancel_campaign
from campaigns.services.transfers import cancel_transfer
from providers import vault
from providers.commands import Recalled
from providers.contract import Addressing, Dialect
from providers.outcomes import Failure, Reason
from providers.receipts import ReceiptEvent, ReceiptKind
from providers.simulator import Simulator, read_plan
from tests import builders
from tests.campaigns.dispatch import telling
from tests.campaigns.dispatch.boundaries import Boundaries, passes
from tests.campaigns.dispatch.test_receipts import Ticking

pytestmark = pytest.mark.django_db(transaction=True)
both = pytest.mark.database  # what the database itself decides
Start = Callable[..., Transfer]
Offer = Callable[..., Dialect]
TOKENS = tuple(f"t{number}" for number in range(5))


class Silent(telling.Told):
    """Its vendor takes a request and says of nobody whether it came in time."""

    def cancel(self, reference: str) -> Recalled:
        super().cancel(reference)
        return Recalled()


@pytest.fixture
def clock() -> Ticking:
    return Ticking(datetime.now(UTC))


@pytest.fixture
def now(clock: Ticking) -> datetime:
    return clock.now


@pytest.fixture
def offer(
    routed: App, simulator: Simulator, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Offer:
    """Let the app's routes lead to a vendor that can take calls back, of five phones."""
    account = Account.objects.get()
    account.credentials = vault.encrypt({"api_key": "good"})
    account.base_urls = {"api": f"{simulator.url}/sandbox"}
    account.options = {"delivered_percent": 0}
    account.save()
    settings.OUTBOUND_ALLOW = [simulator.url]
    for token in TOKENS:
        builders.make_device(routed, token)

    def offer(**abilities: Any) -> Dialect:
        usual = {"batch_size": 2, "recall_seconds": 86_400}
        dialect = telling.make_dialect(Addressing.TOKEN, **{**usual, **abilities})
        telling.serve(simulator, dialect)
        monkeypatch.setattr(routes, "find_dialect", lambda key: dialect)
        return dialect

    return offer


def send_some(transfer: Transfer, clock: Ticking, batches: int) -> None:
    freeze.freeze_transfer(transfer, now=clock())
    for _batch in range(batches):
        send.send_batch(transfer, clock)
    transfer.refresh_from_db()


def cancel(transfer: Transfer, now: datetime) -> None:
    if transfer.status == Transfer.Status.SENT:
        cancel_transfer(transfer, actor="owner", now=now)
    else:
        cancel_campaign(transfer.campaign, actor="owner", now=now)
    transfer.refresh_from_db()


def count_outcomes() -> dict[str, int]:
    rows = Counter.objects.filter(count__gt=0).values_list("outcome", "reason", "count")
    return {" ".join(filter(None, row)): count for *row, count in rows}


def list_words() -> list[str]:
    return list(Attempt.objects.order_by("pk").values_list("recalled", flat=True))


def count_asked(simulator: Simulator) -> int:
    return sum(call.recalled_at is not None for call in simulator.vendor.transfers.values())


def read_books(transfer: Transfer) -> tuple[Recall, ...]:
    assert check_books().faults == []
    return list_recalls(transfer)


@both
def test_what_the_vendor_has_taken_back_is_cancelled(offer, start, simulator, clock):
    offer()
    transfer = start()
    send_some(transfer, clock, 2)
    received = Delivery.objects.order_by("recipient").first()
    token = write_receipt_token(received.part_id, received.recipient)
    with transaction.atomic():
        keep_receipts([ReceiptEvent(token, ReceiptKind.DELIVERED, clock())], 1, clock())

    cancel(transfer, clock())
    drain(clock=clock)

    [row] = read_books(transfer)
    assert count_outcomes() == {"sent": 1, "cancelled recalled": 3, "cancelled cancelled": 1}
    assert (row.calls, row.taken, row.left, row.seconds) == ({"taken": 2}, 3, 1, 86_400)
    assert count_asked(simulator) == 2
    assert set(Correction.objects.values_list("old", "new", "count", "evidence", "actor")) == {
        ("sent", "cancelled", count, recall_calls.EVIDENCE, "vendor") for count in (1, 2)
    }
    assert {url.rsplit("/", 2)[1] for url in Exchange.objects.values_list("url", flat=True)} == {
        "sandbox", "told",
    }  # fmt: skip


def test_a_vendor_that_only_takes_the_request_leaves_the_books_as_they_are(
    offer, start, simulator, clock
):
    offer(connect=Silent)
    transfer = start()
    send_some(transfer, clock, 2)

    cancel(transfer, clock())
    drain(clock=clock)

    [row] = read_books(transfer)
    assert count_outcomes() == {"sent": 4, "cancelled cancelled": 1}
    assert (row.calls, row.taken, row.left) == ({"asked": 2}, 0, 4)
    assert not Correction.objects.exists()
    assert count_asked(simulator) == 2


@both
def test_what_is_sent_is_asked_back_once(offer, start, simulator, clock):
    offer()
    transfer = start()
    send_some(transfer, clock, 3)
    before = can_be_recalled(transfer, clock())

    cancel(transfer, clock())
    with pytest.raises(IllegalMove):
        cancel(transfer, clock())
    drain(clock=clock)
    with pytest.raises(IllegalMove):
        cancel(transfer, clock())

    [row] = read_books(transfer)
    assert (before, can_be_recalled(transfer, clock())) == (True, False)
    assert (transfer.status, row.calls, row.taken, row.left) == ("sent", {"taken": 3}, 5, 0)
    assert AuditEntry.objects.filter(verb="recall_transfer").count() == 1


def test_a_vendor_without_such_a_call_is_never_asked(offer, start, clock):
    offer(can_cancel=False)
    transfer, whole = start(), start()
    send_some(whole, clock, 3)
    send_some(transfer, clock, 2)

    cancel(transfer, clock())
    drain(clock=clock)

    with pytest.raises(IllegalMove):
        cancel(whole, clock())
    [row] = read_books(transfer)
    assert (row.can_cancel, row.calls, row.taken, row.left) == (False, {}, 0, 4)
    assert set(list_words()) == {""}


@both
def test_what_is_too_old_is_not_asked_for(offer, start, simulator, clock):
    offer()
    transfer = start(expires_in=3 * 86_400)
    send_some(transfer, clock, 1)
    clock.now += timedelta(hours=25)
    send_some(transfer, clock, 1)

    cancel(transfer, clock())
    drain(clock=clock)

    [row] = read_books(transfer)
    assert (list_words(), row.calls) == (["late", "taken"], {"late": 1, "taken": 1})
    assert count_asked(simulator) == 1
    assert Exchange.objects.filter(url__contains="told/").count() == 1


@both
def test_a_call_in_flight_when_it_is_cancelled_is_asked_back_too(
    offer, start, simulator, clock, monkeypatch
):
    offer()
    transfer = start()
    freeze.freeze_transfer(transfer, now=clock())
    write = telling.Told.send

    def send_and_be_cancelled(client: Any, request: Any) -> Any:
        receipt = write(client, request)
        cancel(transfer, clock())
        return receipt

    monkeypatch.setattr(telling.Told, "send", send_and_be_cancelled)
    send.send_batch(transfer, clock)
    drain(clock=clock)

    [row] = read_books(transfer)
    assert row.calls == {"taken": 1}
    assert count_outcomes() == {"cancelled recalled": 2, "cancelled cancelled": 3}


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        ("accepted_answer_lost:on=recalls,times=1", "taken"),
        ("error_503:on=recalls,times=1,retry_after=30", "taken"),
        ("close_before_acceptance:on=recalls,times=2", "taken"),
        ("error_400:on=recalls,times=1", "refused"),
    ],
)
def test_a_fault_of_the_call_is_tried_again_and_a_no_is_heard(
    fault, word, offer, start, simulator, clock
):
    offer(batch_size=10)
    transfer = start()
    send_some(transfer, clock, 1)
    simulator.follow(read_plan({"seed": 1, "faults": [fault]}))

    cancel(transfer, clock())
    for _minute in range(4):
        drain(clock=clock)
        clock.now += timedelta(minutes=1)

    [row] = read_books(transfer)
    assert (row.calls, row.taken) == ({word: 1}, 5 if word == "taken" else 0)
    assert count_asked(simulator) == (word == "taken")


NO = Failure(Reason.PAYLOAD, "once only", is_permanent=True, was_sent=True)


@pytest.mark.parametrize("hours", [0, 25])
def test_after_a_question_without_an_answer_a_no_tells_nothing(
    hours, offer, start, clock, monkeypatch
):
    failures = [Failure(Reason.NO_ANSWER, "gone", was_sent=None), NO]

    def fail(client: Any, reference: str) -> Recalled:
        raise failures.pop(0)

    offer(batch_size=10)
    monkeypatch.setattr(telling.Told, "cancel", fail)
    transfer = start()
    send_some(transfer, clock, 1)
    cancel(transfer, clock())
    drain(clock=clock)
    asked = list_words()
    clock.now += timedelta(hours=hours, minutes=1)
    drain(clock=clock)

    [row] = read_books(transfer)
    assert (asked, row.calls, row.left) == (["asking"], {"unknown": 1}, 5)
    assert failures == ([NO] if hours else [])


@both
def test_an_account_that_does_not_answer_is_not_asked_for_each_call_at_once(
    offer, start, clock, monkeypatch
):
    asked: list[str] = []

    def fail(client: Any, reference: str) -> Recalled:
        asked.append(reference)
        raise Failure(Reason.VENDOR, "away", was_sent=None)

    offer()
    monkeypatch.setattr(telling.Told, "cancel", fail)
    transfer = start()
    send_some(transfer, clock, 3)
    cancel(transfer, clock())

    rounds = []
    for _minute in range(3):
        drain(clock=clock)
        rounds.append(len(asked))
        clock.now += timedelta(minutes=1)

    assert rounds == [1, 2, 3]
    assert len(set(asked)) == 3


@both
def test_a_rate_is_kept_and_a_route_that_is_gone_ends_it(offer, start, simulator, clock, settings):
    offer()
    account = Account.objects.get()
    account.limits = {"requests_per_second": 1}
    account.save()
    transfer = start()
    freeze.freeze_transfer(transfer, now=clock())
    for _batch in range(3):
        send.send_batch(transfer, clock)
        clock.now += timedelta(seconds=5)
    transfer.refresh_from_db()
    cancel(transfer, clock())

    asked = []
    for _second in range(5):
        drain(clock=clock)
        asked.append(count_asked(simulator))
        clock.now += timedelta(seconds=1)
        if asked[-1] == 2:
            Route.objects.all().delete()

    assert asked[0] == 1
    assert asked[-1] == 2
    assert sorted(list_words()) == ["refused", "taken", "taken"]


@both
def test_who_dies_while_asking_is_followed_by_another(offer, start, simulator, clock):
    """At every boundary of one question: the vendor is asked, and the books say what it said."""
    offer(batch_size=10)
    transfer = start()
    send_some(transfer, clock, 1)
    cancel(transfer, clock())
    deaths = 0

    while not passes(Boundaries(deaths + 1), lambda: recall_calls.recall_step(clock)):
        deaths += 1
        clock.now += recall_calls.LEASE + timedelta(seconds=1)

    [row] = read_books(transfer)
    assert deaths > 20
    assert (row.calls, row.taken) == ({"taken": 1}, 5)
    assert Correction.objects.count() == 1


@both
def test_who_took_too_long_writes_nothing(offer, start, simulator, clock, monkeypatch):
    offer(batch_size=10)
    transfer = start()
    send_some(transfer, clock, 1)
    cancel(transfer, clock())
    ask = telling.Told.cancel
    nested: list[bool] = []

    def take_long(client: Any, reference: str) -> Recalled:
        if not nested:
            nested.append(True)
            clock.now += recall_calls.LEASE + timedelta(seconds=1)
            recall_calls.recall_step(clock)
        return ask(client, reference)

    monkeypatch.setattr(telling.Told, "cancel", take_long)

    recall_calls.recall_step(clock)

    [row] = read_books(transfer)
    assert (row.calls, row.taken) == ({"taken": 1}, 5)
    assert Correction.objects.count() == 1
    assert Exchange.objects.filter(url__contains="told/").count() == 1
