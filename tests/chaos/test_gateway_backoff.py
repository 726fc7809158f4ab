"""How a fan-out that fails is tried again, under a clock of the test's (R10)."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import pytest

from campaigns.dispatch import piles
from campaigns.dispatch.answers import MAX_RETRIES
from campaigns.dispatch.engine import pump
from campaigns.dispatch.freeze import freeze_transfer
from campaigns.dispatch.verify import check_books
from campaigns.models import App, Batch, Delivery, Device, Transfer
from campaigns.models.audience import hash64
from campaigns.selectors import routes
from providers import fanout, registry
from providers.outcomes import Reason
from providers.pacing import FIRST_WAIT, MAX_BACKOFF
from tests.campaigns.dispatch.conftest import make_campaign, routed, start
from tests.campaigns.dispatch.gateways import Gateway, Line, make_dialect, say

__all__ = ["make_campaign", "routed", "start"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
BATCHES = 100  # as many workers each have one
FEW = 20
LIFE = 600  # seconds


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def gateway(routed: App, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """A gateway that fails every call, for batches of one device."""
    gateway = Gateway(usual=say(reason=Reason.VENDOR, message="Internal error"))
    dialect = make_dialect(registry.get("sandbox"), batch_size=1)
    line = Line(gateway)
    monkeypatch.setattr(routes, "find_dialect", lambda key: dialect)
    monkeypatch.setattr(fanout, "get_fanout", lambda *a, **options: line)
    monkeypatch.setattr(fanout, "close_fanouts", line.close)
    monkeypatch.setattr(piles, "MAX_BATCH", 1)
    tokens = [f"phone-{number:04d}-with-a-long-token" for number in range(BATCHES)]
    Device.objects.bulk_create(
        Device(app=routed, platform="android", token=token, token_hash=hash64(token))
        for token in tokens
    )
    return gateway


def follow(transfer: Transfer, now: datetime) -> list[dict[int, float]]:
    """Work in rounds, each when every batch is due, until nobody is owed any more; for each round
    after how many seconds a batch is due again."""
    rounds: list[dict[int, float]] = []
    at = now
    while True:
        while pump("worker", clock=lambda moment=at: moment):
            pass
        batches = Batch.objects.filter(transfer=transfer).exclude(state=Batch.State.DONE)
        due = dict(batches.values_list("pk", "due_at"))
        if not due:
            return rounds
        rounds.append({pk: (moment - at).total_seconds() for pk, moment in due.items()})
        at = max(due.values())


def add_up(rounds: list[dict[int, float]]) -> list[float]:
    """The moments of all retries if each batch were worked on as soon as it is due."""
    sums: dict[int, float] = defaultdict(float)
    moments = []
    for waits in rounds:
        for pk, wait in waits.items():
            sums[pk] += wait
            moments.append(sums[pk])
    return sorted(moments)


def test_a_thousand_retries_of_fan_outs_never_march_in_step(
    gateway: Gateway, start: Any, now: datetime, tell: Any
) -> None:
    transfer = start()
    freeze_transfer(transfer, now=now)

    rounds = follow(transfer, now)

    moments = add_up(rounds)
    busiest = max(sum(begin <= due < begin + 1 for due in moments) for begin in moments)
    ends = set(Delivery.objects.values_list("outcome", "reason"))
    tell(
        f"R10: {len(moments)} retries of {BATCHES} fan-outs, at most {busiest / len(moments):.1%} "
        f"of them in any second; then {ends}"
    )
    assert [len(waits) for waits in rounds] == [BATCHES] * MAX_RETRIES
    assert busiest <= 0.05 * len(moments)
    for retry, found in enumerate(rounds):
        longest = min(MAX_BACKOFF, FIRST_WAIT[Reason.VENDOR] * 2**retry)
        waits = sorted(found.values())
        # Full jitter: the waits fill the whole span and not its end.
        assert waits[-1] <= longest
        assert waits[BATCHES // 10] < 0.3 * longest
        assert waits[-BATCHES // 10] > 0.7 * longest
    assert ends == {("failed", "vendor")}
    assert len(gateway.calls) == BATCHES * (MAX_RETRIES + 1)
    assert check_books().faults == []


def test_nothing_is_tried_again_after_its_time(
    gateway: Gateway, start: Any, now: datetime, tell: Any
) -> None:
    Device.objects.filter(pk__in=Device.objects.values_list("pk")[FEW:]).delete()
    transfer = start(expires_in=LIFE)
    freeze_transfer(transfer, now=now)

    rounds = follow(transfer, now)

    # As exact as a clock is: a sum of fractions may be a hair over what they fill.
    last = round(sum(max(waits.values()) for waits in rounds), 6)
    ends = set(Delivery.objects.values_list("outcome", "reason"))
    tell(f"R10: {FEW} fan-outs that expire after {LIFE} s: due after {last:.0f} s at most; {ends}")
    assert last <= LIFE
    assert ends == {("expired", "too_late")}
    assert len(gateway.calls) == sum(map(len, rounds))
    assert check_books().faults == []
