"""Whoever dies in the middle of many calls leaves in doubt only those of the window.

Death as in test_crashes: in a gap between two statements, or around the writing of a call or the
reading of its answer. Each database tries every eighth gap; PUSHADMIN_CHAOS=full every one on both.
"""

from __future__ import annotations

import os
from collections import Counter as Tally
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

import pytest

from campaigns.dispatch import fan_out
from campaigns.dispatch.engine import pump, tick
from campaigns.dispatch.freeze import freeze_transfer
from campaigns.dispatch.verify import check_books
from campaigns.models import App, Delivery, Device, Policy, Transfer
from campaigns.models.audience import hash64
from providers.outbound import DeviceAnswer
from providers.outcomes import Outcome, Reason, Result
from tests.campaigns.dispatch.boundaries import Boundaries, Died, die_by, passes, share
from tests.campaigns.dispatch.gateways import (
    SILENCE,
    STREAMS,
    Calls,
    Gateway,
    connect,
    make_clock,
    say,
)
from tests.campaigns.dispatch.journeys import count_outcomes, count_resent, forget_runs
from tests.campaigns.dispatch.phones import Start, now

__all__ = ["now"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
EVERY_GAP = os.environ.get("PUSHADMIN_CHAOS") == "full"
PHONES = 12
FLUSH = 3
SCENES: dict[str, tuple[str, dict[str, Any]]] = {
    "all is well": (Policy.AT_LEAST_ONCE, {}),
    "at most once": (Policy.AT_MOST_ONCE, {}),
    "some without an answer": (Policy.AT_LEAST_ONCE, {"t03": SILENCE, "t08": SILENCE}),
    "some to be tried again": (
        Policy.AT_LEAST_ONCE,
        {"t02": say(reason=Reason.VENDOR), "t07": say(reason=Reason.TOKEN)},
    ),
    "calls go on while a flush is on its way": (Policy.AT_LEAST_ONCE, {}),
}
STREAMS_OF = {"calls go on while a flush is on its way": 2 * FLUSH}

LONG = {"at most once", "some without an answer"}


@pytest.fixture
def gateway(routed: App, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    gateway = connect(monkeypatch)
    monkeypatch.setattr(fan_out, "LEAST_FLUSH", FLUSH)
    for number in range(PHONES):
        token = f"t{number:02d}"
        Device.objects.create(app=routed, platform="android", token=token, token_hash=hash64(token))
    return gateway


@contextmanager
def meeting(gateway: Gateway, boundaries: Boundaries) -> Iterator[None]:
    gateway.boundaries = boundaries
    try:
        yield
    finally:
        gateway.boundaries = None


def begin(gateway: Gateway, start: Start, scene: str, now: datetime) -> Transfer:
    policy, wishes = SCENES[scene]
    gateway.streams = STREAMS_OF.get(scene, STREAMS)
    forget_runs()
    Device.objects.update(token_state=Device.TokenState.ACTIVE)
    gateway.calls.clear()
    gateway.wishes = {
        token: [answer if callable(answer) else lambda place: SILENCE]
        for token, answer in wishes.items()
    }
    transfer = start(policy=policy)
    freeze_transfer(transfer, now=now)
    return transfer


def send(now: datetime, hours: float = 0) -> None:
    clock = make_clock(now, hours)
    while pump("worker", clock=clock) or (hours and tick("scheduler", clock=clock)):
        pass


def find_window(gateway: Gateway) -> int:
    """In flight, and what a flush lets go or has not written down."""
    return gateway.streams + max(FLUSH, gateway.streams)


def find_faults(gateway: Gateway, transfer: Transfer, scene: str, deaths: int) -> list[str]:
    """Whatever does not hold when others have gone on."""
    policy, wishes = SCENES[scene]
    outcomes, resent = count_outcomes(transfer), count_resent(transfer)
    calls = Tally(gateway.calls)
    silent = sum(answer is SILENCE for answer in wishes.values())
    # Who was told to come again has not been reached by the first call, and may lie in the window.
    doubled = calls.total() - len(calls) - (calls["t02"] - 1 if "t02" in wishes else 0)
    bound = deaths * (find_window(gateway) + ("t02" in wishes)) + silent
    is_once = policy == Policy.AT_MOST_ONCE
    rules = {
        "books": not check_books(Transfer.objects.filter(pk=transfer.pk)).faults,
        "nobody is lost": outcomes.total() == PHONES,
        "it ends": Transfer.objects.get(pk=transfer.pk).finished_at is not None,
        "what is twice is counted": doubled <= resent,
        "the window bounds it": resent <= (0 if is_once else bound),
        "at most once": outcomes["unknown"] <= (bound if is_once else 0),
    }
    return [f"{rule}: {outcomes}, {resent} resent, {calls}" for rule in rules if not rules[rule]]


def mark(scene: str) -> Any:
    return pytest.param(scene, marks=pytest.mark.long) if scene in LONG else scene


@pytest.mark.parametrize("scene", [mark(scene) for scene in SCENES])
def test_a_death_leaves_only_the_window_in_doubt(
    gateway: Gateway, start: Start, now: datetime, scene: str, capsys: Any
) -> None:
    for _ in range(2):
        rehearsed = Boundaries()
        transfer = begin(gateway, start, scene, now)
        with meeting(gateway, rehearsed):
            assert passes(rehearsed, lambda: send(now))
        send(now, hours=1)
        assert find_faults(gateway, transfer, scene, deaths=0) == []
    places = rehearsed.list_places(every=EVERY_GAP)
    chosen = places if EVERY_GAP else share(places)
    faults, most = [], 0

    def attempt(boundaries: Boundaries) -> tuple[Transfer, bool]:
        transfer = begin(gateway, start, scene, now)
        with meeting(gateway, boundaries):
            return transfer, passes(boundaries, lambda: send(now))

    def recover(transfer: Transfer) -> None:
        for hours in (1, 2, 3):
            send(now, hours)

    for place in chosen:
        transfer, has_lived = die_by(place, attempt, recover)
        faults += [(place, fault) for fault in find_faults(gateway, transfer, scene, deaths=1)]
        faults += [(place, "nobody died")] * has_lived
        most = max(most, count_resent(transfer), count_outcomes(transfer)["unknown"])

    with capsys.disabled():
        print(
            f"\n{scene}: {len(rehearsed.states)} boundaries, {len(chosen)} deaths, 0 lost, "
            f"at most {most} in doubt of {PHONES}"
        )
    assert faults == []
    assert len(places) > PHONES


def test_a_death_with_nobody_in_flight_leaves_nobody_in_doubt(
    gateway: Gateway, start: Start, now: datetime
) -> None:
    Device.objects.exclude(token="t00").delete()
    Device.objects.update(token="broken")  # nothing can be called for it
    for _ in range(2):  # the first time, more is asked for
        rehearsed = Boundaries()
        begin(gateway, start, "at most once", now)
        with meeting(gateway, rehearsed):
            assert passes(rehearsed, lambda: send(now))
    ends: list[Tally[str]] = []

    for place in rehearsed.list_places(every=EVERY_GAP):
        boundaries = Boundaries(place)
        transfer = begin(gateway, start, "at most once", now)
        with meeting(gateway, boundaries):
            assert not passes(boundaries, lambda: send(now))
        send(now, hours=1)
        ends.append(count_outcomes(transfer))

    assert ends == [{"failed": 1}] * len(ends)
    assert len(ends) > 5


def test_an_answer_that_kills_whoever_reads_it_ends_its_recipient_alone(
    gateway: Gateway, start: Start, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Calls.read

    def die(calls: Calls, answer: DeviceAnswer) -> Result:
        if b"deadly" in answer.body:
            raise Died
        return read(calls, answer)

    monkeypatch.setattr(Calls, "read", die)
    transfer = begin(gateway, start, "all is well", now)
    gateway.wishes = {"t05": [say(Outcome.ACCEPTED, message="deadly")] * 40}

    sends = [partial(send, now, hours) for hours in range(1, 15)]
    deaths = sum(not passes(Boundaries(), one) for one in sends)

    outcomes = count_outcomes(transfer)
    unknown = Delivery.objects.get(part__transfer=transfer, outcome="unknown")
    assert outcomes == {"sent": PHONES - 1, "unknown": 1}
    assert unknown.recipient == Device.objects.get(token="t05").pk
    assert deaths <= 8
    assert len(gateway.calls) - PHONES <= count_resent(transfer) <= deaths * find_window(gateway)
    assert check_books().faults == []
