"""Calls that get no answer: what is done about them, by policy and by what the vendor can."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.db import transaction

from campaigns.dispatch.engine import Clock, drain
from campaigns.dispatch.receipt_tokens import write_receipt_token
from campaigns.dispatch.receipts import keep_receipts
from campaigns.dispatch.verify import check_books
from campaigns.models import (
    Account,
    App,
    Attempt,
    Counter,
    Delivery,
    Device,
    Part,
    Policy,
    Transfer,
)
from campaigns.selectors import routes
from campaigns.services.campaigns import cancel_campaign
from providers import registry, vault
from providers.contract import Idempotency
from providers.inbound import Reply
from providers.receipts import ReceiptEvent, ReceiptKind
from providers.simulator import Simulator
from tests import builders

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
Start = Callable[..., Transfer]


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(autouse=True)
def _longest_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """No try comes so early that the worker which waits for it is still at work."""
    monkeypatch.setattr("random.random", lambda: 1.0)


@pytest.fixture
def account(routed: App, simulator: Simulator) -> Account:
    account = Account.objects.get()
    account.credentials = vault.encrypt({"api_key": "good"})
    account.options = {"delivered_percent": 0}
    account.save()
    for number in range(4):
        builders.make_device(routed, f"t{number}")
    return account


@pytest.fixture
def lossy(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """The first send is accepted, and its answer is lost on the way."""
    answer, sends = simulator.answer, count(1)

    def lose_first(method: str, *rest: Any) -> Any:
        reply = answer(method, *rest)
        if method == "POST" and next(sends) == 1:
            raise ConnectionAbortedError
        return reply

    monkeypatch.setattr(simulator, "answer", lose_first)
    return simulator


def offer_vendor(monkeypatch: pytest.MonkeyPatch, **abilities: Any) -> None:
    """The sandbox's vendor, able to do other things about a lost answer."""
    dialect = replace(registry.get("sandbox"), **abilities)
    monkeypatch.setattr(routes, "find_dialect", lambda key: dialect)


def make_clock(now: datetime, hours: int) -> Clock:
    ticks = count()
    return lambda: now + timedelta(hours=hours, seconds=next(ticks) / 20)


def run(now: datetime) -> None:
    """Two workers, an hour apart: every wait is over when the second one comes."""
    for hours in (0, 1):
        drain(clock=make_clock(now, hours))


def count_outcomes() -> dict[str, int]:
    outcomes: Tally[str] = Tally()
    for row in Counter.objects.all():
        outcomes[row.outcome] += row.count
    return dict(outcomes)


def test_a_vendor_with_keys_is_called_again_with_the_same_one(
    account: Account, start: Start, lossy: Simulator, now: datetime
) -> None:
    start()

    run(now)

    assert count_outcomes() == {"sent": 4}
    assert len(set(Attempt.objects.values_list("key", flat=True))) == 1
    assert lossy.vendor.summarize()["doubled_recipients"] == 0
    assert Part.objects.get().resent == 0


def test_a_vendor_without_keys_leaves_them_unknown(
    account: Account,
    start: Start,
    lossy: Simulator,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    offer_vendor(monkeypatch, idempotency=Idempotency.NONE)
    start()

    run(now)

    assert count_outcomes() == {"unknown": 4}
    assert check_books().faults == []


def test_a_blind_repeat_counts_who_may_have_got_it_twice(
    account: Account,
    start: Start,
    lossy: Simulator,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    offer_vendor(monkeypatch, idempotency=Idempotency.NONE, blind_resend=True)
    start()

    run(now)

    assert count_outcomes() == {"sent": 4}
    assert Part.objects.get().resent == 4


def test_at_most_once_never_calls_again(
    account: Account, start: Start, lossy: Simulator, now: datetime
) -> None:
    start(policy=Policy.AT_MOST_ONCE)

    run(now)

    assert count_outcomes() == {"unknown": 4}
    assert lossy.vendor.summarize()["accepted_calls"] == 1


def test_who_leaves_after_an_open_call_is_unknown_and_nobody_gets_it_twice(
    account: Account, start: Start, lossy: Simulator, now: datetime
) -> None:
    start()
    drain(clock=make_clock(now, 0))
    Device.objects.filter(token="t1").update(token_state=Device.TokenState.DISABLED)

    drain(clock=make_clock(now, 1))

    assert count_outcomes() == {"unknown": 4}  # the vendor holds the key against another body
    assert len(set(Attempt.objects.values_list("key", flat=True))) == 1
    assert lossy.vendor.summarize()["doubled_recipients"] == 0
    assert check_books().faults == []


def test_an_account_switched_off_after_an_open_call_skips_nobody(
    account: Account, start: Start, lossy: Simulator, now: datetime
) -> None:
    start()
    drain(clock=make_clock(now, 0))
    Account.objects.update(is_enabled=False)

    drain(clock=make_clock(now, 1))

    assert count_outcomes() == {"unknown": 4}
    assert check_books().faults == []


@pytest.fixture
def lossy_then_busy(lossy: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """After the answer that is lost, the repeat is turned down."""
    answer, sends = lossy.answer, count(1)

    def turn_down_second(method: str, *rest: Any) -> Any:
        if method == "POST" and next(sends) == 2:
            return Reply(429, {})
        return answer(method, *rest)

    monkeypatch.setattr(lossy, "answer", turn_down_second)
    return lossy


def test_a_repeat_that_is_turned_down_leaves_the_first_call_in_doubt(
    account: Account, start: Start, lossy_then_busy: Simulator, now: datetime
) -> None:
    transfer = start()
    run(now)
    transfer.campaign.refresh_from_db()

    cancel_campaign(transfer.campaign, actor="owner", now=now)
    drain(clock=make_clock(now, 2))

    assert lossy_then_busy.vendor.summarize()["accepted_recipients"] == 4
    assert count_outcomes() == {"unknown": 4}
    assert check_books().faults == []


def test_a_blind_repeat_that_is_turned_down_is_counted_once(
    account: Account,
    start: Start,
    lossy_then_busy: Simulator,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    offer_vendor(monkeypatch, idempotency=Idempotency.NONE, blind_resend=True)
    start()

    for hours in range(3):
        drain(clock=make_clock(now, hours))

    assert Attempt.objects.count() == 3
    assert count_outcomes() == {"sent": 4}
    assert Part.objects.get().resent == 4


def test_a_receipt_clears_up_what_nobody_knew(
    account: Account, start: Start, lossy: Simulator, now: datetime
) -> None:
    start(policy=Policy.AT_MOST_ONCE)
    run(now)
    delivery = Delivery.objects.order_by("recipient")[0]
    token = write_receipt_token(delivery.part_id, delivery.recipient)

    with transaction.atomic():
        keep_receipts([ReceiptEvent(token, ReceiptKind.DELIVERED, now)], account.pk, now)

    assert count_outcomes() == {"unknown": 3, "sent": 1}
    assert check_books().faults == []
