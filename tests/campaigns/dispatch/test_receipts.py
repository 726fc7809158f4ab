"""What comes back: receipts of single recipients, a vendor's status and its totals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from campaigns.dispatch import (
    books,
    fetches,
    folds,
    freeze,
    polls,
    receipts,
    send,
)
from campaigns.dispatch.receipt_tokens import read_receipt_token, write_receipt_token
from campaigns.dispatch.verify import check_books
from campaigns.models import (
    Account,
    App,
    Attempt,
    Batch,
    Correction,
    Counter,
    Delivery,
    Device,
    DeviceIdentifier,
    ReceiptCount,
    ReceiptRow,
    Route,
    Transfer,
    VendorCount,
)
from campaigns.models.audience import hash64
from campaigns.models.packing import unpack_ids
from providers import registry, vault
from providers.contract import Dialect
from providers.receipts import ReceiptEvent, ReceiptKind
from providers.simulator import Simulator
from tests import builders

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
Start = Callable[..., Transfer]
REPORTING = [dialect for dialect in registry.all_dialects() if dialect.can_report]
COUNTING = [
    dialect for dialect in registry.all_dialects() if dialect.has_totals and not dialect.can_report
]
WHOLE = [dialect for dialect in registry.all_dialects() if dialect.has_totals]


@dataclass
class Ticking:
    """A clock that somebody sets."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def sent(routed: App, start: Start, simulator: Simulator, now: datetime) -> Transfer:
    """A transfer that has been sent to three devices."""
    Account.objects.update(credentials=vault.encrypt({"api_key": "good"}))
    for number in range(3):
        builders.make_device(routed, f"t{number}")
    transfer = start()
    freeze.freeze_transfer(transfer, now=now)
    send.send_batch(transfer, lambda: now)
    transfer.refresh_from_db()
    return transfer


def make_events(transfer: Transfer, kind: ReceiptKind, at: datetime) -> list[ReceiptEvent]:
    rows = Delivery.objects.filter(part__transfer=transfer).order_by("recipient")
    return [ReceiptEvent(write_receipt_token(row.part_id, row.recipient), kind, at) for row in rows]


@given(part=st.integers(1, 2**53), recipient=st.integers(1, 2**53))
def test_a_receipt_token_names_its_part_and_recipient(part: int, recipient: int) -> None:
    token = write_receipt_token(part, recipient)

    assert read_receipt_token(token) == (part, recipient)


@given(st.text(max_size=60))
def test_a_text_that_is_no_token_of_ours_is_refused(text: str) -> None:
    assert read_receipt_token(text) is None


def test_a_changed_token_is_refused() -> None:
    token = write_receipt_token(7, 8)

    forged = token.replace("1.7.8.", "1.7.9.")

    assert read_receipt_token(forged) is None


def test_a_receipt_counts_once_however_often_it_comes(sent: Transfer, now: datetime) -> None:
    events = make_events(sent, ReceiptKind.DELIVERED, now)
    account = Account.objects.get()

    with transaction.atomic():
        first = receipts.keep_receipts(events, account.pk, now)
        again = receipts.keep_receipts(events + events, account.pk, now)

    assert (first, again) == (3, 0)
    assert ReceiptRow.objects.count() == ReceiptCount.objects.get().count == 3


def test_what_is_dated_before_its_transfer_is_kept_as_long_as_that(
    sent: Transfer, now: datetime
) -> None:
    """Else it is forgotten, and nobody knows, of a transfer that is not."""
    events = make_events(sent, ReceiptKind.OPENED, now - timedelta(days=500))

    with transaction.atomic():
        receipts.keep_receipts(events, Account.objects.get().pk, now)

    assert set(ReceiptRow.objects.values_list("at", flat=True)) == {sent.created_at}


def test_an_unregistered_device_loses_its_token(sent: Transfer, now: datetime) -> None:
    events = make_events(sent, ReceiptKind.UNREGISTERED, now)[:1]

    with transaction.atomic():
        receipts.keep_receipts(events, Account.objects.get().pk, now)

    assert Device.objects.filter(token_state="disabled").count() == 1


def test_receipts_are_fetched_from_the_vendor(sent: Transfer, now: datetime) -> None:
    clock = Ticking(now + timedelta(hours=1))

    while fetches.fetch_step(clock):
        clock.now += timedelta(seconds=10)

    delivered = ReceiptCount.objects.filter(kind="delivered")
    assert sum(delivered.values_list("count", flat=True)) == (
        ReceiptRow.objects.filter(kind="delivered").count()
    )
    assert Account.objects.get().receipt_cursor


def test_what_a_vendor_takes_back_moves_every_book(sent: Transfer, now: datetime) -> None:
    folds.fold_batches(sent, now)
    batch = Batch.objects.get()
    change = books.Change(
        old="sent", new="failed", reason="vendor", evidence="withdrawn", actor="dispatch"
    )
    recipients = unpack_ids(batch.recipients)[:2]

    moved = books.correct_deliveries(batch, recipients, change, now)
    again = books.correct_deliveries(batch, recipients, change, now)

    assert (moved, again) == (2, 0)
    counters = dict(Counter.objects.values_list("outcome", "count"))
    assert counters == {"sent": 1, "failed": 2}
    assert Correction.objects.get().evidence == "withdrawn"
    assert check_books().faults == []


def test_a_correction_that_the_books_do_not_know_is_refused(sent: Transfer, now: datetime) -> None:
    change = books.Change(old="failed", new="sent", reason="", evidence="", actor="x")

    with pytest.raises(ValueError, match="cannot become"):
        books.correct_deliveries(Batch.objects.get(), [1], change, now)


def lead_to(key: str, app: App, simulator: Simulator, settings: object) -> None:
    """Let the app's Android route go to the simulated vendor of that key."""
    settings.OUTBOUND_ALLOW = [simulator.url]  # type: ignore[attr-defined]
    Route.objects.all().delete()
    dialect = registry.get(key)
    required = [spec for spec in dialect.route_options if spec.required or spec.kind == "int"]
    options = {spec.name: 5 if spec.kind == "int" else "some" for spec in required}
    route = builders.make_route(app, "android", key, options=options)
    Account.objects.filter(pk=route.account_id).update(
        base_urls={spec.name: f"{simulator.url}/{key}" for spec in dialect.base_urls},
        credentials=vault.encrypt({spec.name: "good" for spec in dialect.credentials}),
    )


@pytest.mark.parametrize("key", [dialect.key for dialect in REPORTING])
def test_a_vendor_is_asked_for_the_state_and_the_totals_of_a_call(
    key: str, routed: App, start: Start, simulator: Simulator, settings: object, now: datetime
) -> None:
    lead_to(key, routed, simulator, settings)
    device = builders.make_device(routed, "t0")
    for kind in registry.get(key).identifier_kinds:
        DeviceIdentifier.objects.create(
            app=routed, device=device, kind=kind.name, value="t0", value_hash=hash64("t0")
        )
    clock = Ticking(now)
    transfer = start()
    freeze.freeze_transfer(transfer, now=now)
    send.send_batch(transfer, clock)

    for _turn in range(3):
        clock.now += timedelta(minutes=2)
        polls.poll_step(clock)

    attempt = Attempt.objects.get()
    assert attempt.reference
    assert attempt.polled_state == "sent"
    assert dict(VendorCount.objects.values_list("metric", "value"))["sent"] == 1


@pytest.mark.parametrize("dialect", WHOLE, ids=lambda dialect: dialect.key)
def test_totals_of_a_whole_call_are_counted_once_however_old_it_is(
    dialect: Dialect, routed: App, start: Start, simulator: Simulator, settings: object,
    now: datetime,
) -> None:  # fmt: skip
    lead_to(dialect.key, routed, simulator, settings)
    device = builders.make_device(routed, "t0")
    kind = dialect.identifier_kinds[0].name
    DeviceIdentifier.objects.create(
        app=routed, device=device, kind=kind, value="id-1", value_hash=hash64("id-1")
    )
    clock = Ticking(now)
    transfer = start()
    freeze.freeze_transfer(transfer, now=now)
    send.send_batch(transfer, clock)

    for _turn in range(4):
        clock.now += timedelta(hours=20)
        polls.poll_step(clock)

    assert dict(VendorCount.objects.values_list("metric", "value"))["sent"] == 1


@pytest.mark.parametrize("dialect", COUNTING, ids=lambda dialect: dialect.key)
def test_a_vendor_that_only_counts_is_asked_for_the_whole_call(
    dialect: Dialect, routed: App, start: Start, simulator: Simulator, settings: object,
    now: datetime,
) -> None:  # fmt: skip
    lead_to(dialect.key, routed, simulator, settings)
    device = builders.make_device(routed, "t0")
    DeviceIdentifier.objects.create(
        app=routed, device=device, kind=dialect.identifier_kinds[0].name, value="id-1",
        value_hash=hash64("id-1"),
    )  # fmt: skip
    clock = Ticking(now)
    transfer = start()
    freeze.freeze_transfer(transfer, now=now)
    send.send_batch(transfer, clock)

    for _turn in range(3):
        clock.now += timedelta(days=1)
        polls.poll_step(clock)

    attempt = Attempt.objects.get()
    assert (attempt.polled_state, bool(attempt.reference)) == ("", True)
    assert dict(VendorCount.objects.values_list("metric", "value"))["sent"] == 1
