"""The four rules that nobody may break: each has a test of its own name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from campaigns.dispatch import freeze, receipts
from campaigns.dispatch.addresses import Addressed
from campaigns.dispatch.claim import claim_batch
from campaigns.dispatch.engine import Clock, drain, read_clock
from campaigns.dispatch.receipt_tokens import (
    read_receipt_token,
    write_receipt_token,
    write_receipt_tokens,
)
from campaigns.dispatch.receipts import keep_receipts
from campaigns.dispatch.send import write_key
from campaigns.models import (
    Account,
    App,
    Batch,
    Counter,
    Delivery,
    Device,
    Part,
    ReceiptRow,
    Transfer,
)
from campaigns.models.audience import hash64
from campaigns.selectors.status import count_receipts, count_transfers
from campaigns.services.device_rows import DeviceRow
from campaigns.services.devices import register_devices
from providers import vault
from providers.outcomes import Reason
from providers.receipts import ReceiptEvent, ReceiptKind
from providers.simulator import Simulator
from tests import builders

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
Start = Callable[..., Transfer]
SIZE = 4


class Died(BaseException):
    """The process is gone: nothing in the code may catch it."""


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def account(routed: App, simulator: Simulator) -> Account:
    account = Account.objects.get()
    account.credentials = vault.encrypt({"api_key": "good"})
    account.options = {"delivered_percent": 100, "opened_percent": 0, "receipt_seconds": 0}
    account.save()
    for number in range(SIZE):
        builders.make_device(routed, f"t{number}")
    return account


@pytest.fixture
def clock(now: datetime) -> Clock:
    ticks = count()
    return lambda: now + timedelta(seconds=next(ticks) / 20)


def die(*args: Any, **options: Any) -> Any:
    raise Died


# 1. Never advance a checkpoint at fetch: progress is written with the outcome.


def test_claiming_a_batch_advances_nothing(account: Account, start: Start, now: datetime) -> None:
    transfer = start()
    freeze.freeze_transfer(transfer, now=now)

    lease = claim_batch(transfer, now)

    assert lease is not None
    assert lease.batch.settled == 0
    assert count_transfers([transfer.pk])[transfer.pk].pending == SIZE
    assert not Counter.objects.exists()


def test_a_freeze_that_dies_while_it_writes_has_not_moved_on(
    account: Account, start: Start, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    transfer = start()
    with monkeypatch.context() as patch:
        patch.setattr(freeze, "_move_cursor", die)
        with pytest.raises(Died):
            freeze.freeze_transfer(transfer, now=now)
    written = Batch.objects.count(), Part.objects.get().audience

    freeze.freeze_transfer(transfer, now=now)

    assert written == (0, 0)
    assert transfer.audience == SIZE


def test_receipts_that_could_not_be_kept_are_fetched_again(
    account: Account,
    start: Start,
    now: datetime,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start()
    with monkeypatch.context() as patch:
        patch.setattr(receipts, "take_receipts", die)
        with pytest.raises(Died):
            drain(clock=clock)
    account.refresh_from_db()
    cursor = account.receipt_cursor

    drain(clock=lambda: now + timedelta(hours=1))

    assert cursor == ""
    assert ReceiptRow.objects.count() == SIZE


# 2. Never disable a token for a payload fault; a token fault does it reversibly, with evidence.


@pytest.mark.parametrize("options", [{"payload_percent": 100}, {"is_refused": True}])
def test_no_fault_but_a_tokens_own_touches_a_token(
    account: Account, start: Start, clock: Clock, options: dict[str, Any]
) -> None:
    Account.objects.update(options=options)
    start()

    drain(clock=clock)

    assert set(Device.objects.values_list("token_state", "token_evidence")) == {("active", "")}


def test_a_token_fault_switches_a_token_off_with_evidence_and_it_can_come_back(
    account: Account, routed: App, start: Start, clock: Clock, now: datetime
) -> None:
    Account.objects.update(options={"decay_percent": 100})
    start()
    drain(clock=clock)
    device = Device.objects.get(token_hash=hash64("t0"))
    was = device.token_state, device.token_evidence

    row = DeviceRow(platform="android", token="t0")
    register_devices(routed, [row], actor="phone", now=now)

    device.refresh_from_db()
    assert was == ("disabled", "The token is not registered.")
    assert device.token_state == "active"


# 3. Never guess a time zone silently: an unknown one falls to the app's and is counted.


def test_a_zone_that_nobody_knows_falls_to_the_apps_and_is_counted(
    routed: App, start: Start
) -> None:
    App.objects.update(timezone="Asia/Tokyo")
    builders.make_device(routed, "lost", timezone="Mars/Olympus")
    transfer = start(send_at="2026-03-28T09:00", timezone="recipient")

    freeze.freeze_transfer(transfer, now=datetime(2026, 3, 27, 19, 0, tzinfo=UTC))

    assert Batch.objects.get().due_at.astimezone(ZoneInfo("Asia/Tokyo")).hour == 9
    assert transfer.unknown_zones == 1


# 4. Never count accepted as delivered; "not reported" is a value of its own.


def test_accepted_is_not_delivered(account: Account, start: Start, clock: Clock) -> None:
    Account.objects.update(options={"delivered_percent": 0})
    transfer = start()

    drain(clock=clock)

    back = count_receipts([transfer.pk])[transfer.pk]
    assert count_transfers([transfer.pk])[transfer.pk].sent == SIZE
    assert (back["delivered"], back["opened"], back["shown"]) == (0, 0, None)


def test_delivered_shown_and_opened_stand_beside_the_books_each_for_itself(
    account: Account, start: Start, clock: Clock, now: datetime
) -> None:
    Account.objects.update(options={"delivered_percent": 0})
    transfer = start()
    drain(clock=clock)
    rows = Delivery.objects.order_by("recipient").values_list("part_id", "recipient")
    tokens = [write_receipt_token(*row) for row in rows]
    kinds = [ReceiptKind.DELIVERED, ReceiptKind.DELIVERED, ReceiptKind.SHOWN, ReceiptKind.OPENED]

    events = [ReceiptEvent(token, kind, now) for token, kind in zip(tokens, kinds, strict=True)]
    with transaction.atomic():
        keep_receipts(events, account.pk, now)

    back = count_receipts([transfer.pk])[transfer.pk]
    assert (back["delivered"], back["shown"], back["opened"]) == (2, 1, 1)
    assert count_transfers([transfer.pk])[transfer.pk].sent == SIZE


# Beside the four: what makes repeats harmless, and by whose clock leases run.


def test_a_calls_key_follows_from_its_recipients_alone(
    account: Account, start: Start, now: datetime
) -> None:
    transfer = start()
    freeze.freeze_transfer(transfer, now=now)
    batch = Batch.objects.get()
    one_out = Addressed()
    one_out.skipped[Reason.OPTED_OUT].append((1, 1))
    settled = Batch(pk=batch.pk, transfer=transfer, settled=1)
    other = Batch(pk=batch.pk + 1, transfer=transfer)
    again = Transfer(pk=transfer.pk, created_at=transfer.created_at + timedelta(seconds=1))

    key = write_key(batch, Addressed())

    assert key == write_key(batch, Addressed())
    assert key.startswith(f"t{transfer.pk}-b{batch.pk}-0-")
    assert write_key(batch, one_out) == write_key(settled, Addressed()) != key
    assert write_key(other, Addressed()) != key
    # The same numbers in a database that was restored, or in another installation.
    assert write_key(Batch(pk=batch.pk, transfer=again), Addressed()) != key


def test_a_receipt_token_is_the_same_each_time_and_no_other_keys(settings: Any) -> None:
    token = write_receipt_token(7, 8)
    again = write_receipt_token(7, 8)

    settings.SECRET_KEY = "another"

    assert again == token != write_receipt_token(7, 8)


def test_leases_run_by_the_databases_clock_where_hosts_share_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong = datetime(2001, 1, 1, tzinfo=UTC)
    monkeypatch.setattr(timezone, "now", lambda: wrong)

    is_shared = connection.vendor == "postgresql"

    assert (read_clock() != wrong) == is_shared


def test_verify_tells_who_may_have_been_sent_to_twice(
    account: Account, start: Start, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    start()
    drain(clock=clock)
    Part.objects.update(resent=3)

    call_command("verify")

    assert "3 of them may have been sent to twice." in capsys.readouterr().out


def test_a_receipt_token_stays_what_it_is_from_release_to_release(settings: Any) -> None:
    settings.SECRET_KEY = "another"

    tokens = write_receipt_tokens(123456, (98765432101, 35, 36))

    assert tokens[0] == "1.2n9c.19dedz51.4gy0arehs5fm"
    assert tokens == tuple(write_receipt_token(123456, one) for one in (98765432101, 35, 36))
    assert [read_receipt_token(token) for token in tokens] == [
        (123456, 98765432101), (123456, 35), (123456, 36),
    ]  # fmt: skip
