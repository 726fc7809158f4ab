"""A recipient that kills whoever prepares its call ends alone; everybody else is sent to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from campaigns.dispatch.engine import drain
from campaigns.dispatch.verify import check_books
from campaigns.models import Account, App, Attempt, Batch, Counter, Delivery, Device, Transfer
from campaigns.selectors import routes
from providers import registry, vault
from providers.commands import SendPush
from providers.outbound import Request
from providers.simulator import Simulator
from providers.vendors.sandbox.outbound import Sandbox
from tests import builders

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
POISON = "t3"


class Died(BaseException):
    """The process is gone: nothing in the code may catch it."""


class Fragile(Sandbox):
    """Its encoder takes the whole process with it when it meets one recipient."""

    def write(self, push: SendPush) -> Request:
        if any(POISON in targets.values for targets in push.parts[0].targets):
            raise Died
        return super().write(push)


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def account(routed: App, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Account:
    dialect = replace(registry.get("sandbox"), connect=Fragile)
    monkeypatch.setattr(routes, "find_dialect", lambda key: dialect)
    account = Account.objects.get()
    account.credentials = vault.encrypt({"api_key": "good"})
    account.save()
    for number in range(8):
        builders.make_device(routed, f"t{number}")
    return account


def run_worker(now: datetime, hours: int) -> bool:
    """A worker that comes when the lease of the last one is over; whether it lived."""
    ticks = count()

    def clock() -> datetime:
        return now + timedelta(hours=hours, seconds=next(ticks) / 20)

    try:
        drain(clock=clock)
    except Died:
        return False
    return True


def test_who_dies_while_writing_a_call_leaves_no_trace_of_a_call(
    account: Account, start: Callable[..., Transfer], now: datetime
) -> None:
    start()

    has_lived = run_worker(now, 0)

    assert not has_lived
    assert Attempt.objects.count() == 0
    assert Batch.objects.get().attempts == 1


def test_the_recipient_at_fault_ends_alone_and_everybody_else_is_sent(
    account: Account, start: Callable[..., Transfer], now: datetime, simulator: Simulator
) -> None:
    transfer = start()

    deaths = sum(not run_worker(now, hours) for hours in range(40))

    transfer.refresh_from_db()
    lost: Any = Delivery.objects.get(outcome="failed")
    outcomes = Counter.objects.values_list("outcome", "reason", "count")
    assert set(outcomes) == {("sent", "", 7), ("failed", "ours", 1)}
    assert lost.recipient == Device.objects.get(token=POISON).pk
    assert transfer.status == Transfer.Status.SENT
    assert deaths == 20  # five for the batch, for its half, for that one's half, and for the one
    assert simulator.vendor.summarize()["doubled_recipients"] == 0
    assert check_books().faults == []
