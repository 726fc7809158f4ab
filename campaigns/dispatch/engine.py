"""One turn of the machine room, whoever drives it: a worker process, the scheduler, a queue."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from campaigns.dispatch import (
    callbacks,
    events,
    fetches,
    folds,
    handover,
    own_channel,
    pace,
    plan,
    polls,
    recall_calls,
    receipt_folds,
    runs,
    turns,
)
from campaigns.dispatch.fan_out import go_on
from campaigns.models import Transfer

Clock = Callable[[], datetime]
LEAST_NAP = 0.02
SHORTEST_NAP = 0.05
LONGEST_NAP = 1.0  # the idle look is the sweep that heals lost wakes


def read_clock() -> datetime:
    """The time by which leases are kept: the database's where several hosts share one."""
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def start_clock() -> Clock:
    """The time for one turn: asked for once, then counted on by this host, calls included."""
    began, start = read_clock(), time.monotonic()
    return lambda: began + timedelta(seconds=time.monotonic() - start)


def pump(name: str, *, should_stop: Callable[[], bool] = go_on, clock: Clock | None = None) -> bool:
    """A worker's turn: freeze a chunk or work off a batch; True when anything was done.

    Nothing is held across turns, so a worker that stops between two loses nothing. In a long one it
    is asked whether it should, and what is on its way then is still settled.
    """
    if should_stop():
        return False
    return turns.take_turn(name, clock or start_clock(), should_stop)


def tick(name: str, *, should_stop: Callable[[], bool] = go_on, clock: Clock = read_clock) -> bool:
    """The scheduler's turn: what time brings, what a crash has left behind, what vendors know."""
    did = bool(plan.start_due(clock()) + runs.run_due(clock()))
    asking = (polls.poll_step, fetches.fetch_step, events.retry_step)
    first = (fold, fold_receipts, empty_inboxes, recall_calls.recall_step, handover.hand_over)
    for step in (*first, *asking, expire_inboxes, callbacks.callback_step):
        if should_stop():
            return did
        did = step(clock) or did
    return did


def fold(clock: Clock) -> bool:
    """Fold and end what no worker has ended."""
    return folds.fold_step(clock())


def fold_receipts(clock: Clock) -> bool:
    """Count by what a recipient was what came back before he had an outcome."""
    return receipt_folds.fold_waiting()


def empty_inboxes(clock: Clock) -> bool:
    """Take back what waits in inboxes and is not wanted any more."""
    return own_channel.take_back(clock())


def expire_inboxes(clock: Clock) -> bool:
    """Settle what has waited in an inbox for too long."""
    return own_channel.expire_unseen(clock())


def name_worker(name: str = "") -> str:
    """What a worker is called over all hosts; by it, one knows the freeze that it has begun."""
    return f"{name or os.getpid()}@{socket.gethostname()}"


def pump_for(seconds: float, *, on_work: Callable[[], None], clock: Clock | None = None) -> None:
    """Turns for a driver that gives out short ones, until nothing runs or the time is up.

    What is only paced or held back is waited for, so that a rate does not depend on how often
    the driver comes. `on_work` is called once, when the first thing was done.
    """
    name = name_worker()
    end = time.monotonic() + seconds
    did = pump(name, clock=clock)
    if did:
        on_work()
    nap, waits = SHORTEST_NAP, list[float]()
    while time.monotonic() < end and (did or has_open((clock or read_clock)())):
        nap = find_nap(nap, waits, did=did)
        if not did:
            time.sleep(nap)
        with pace.watching() as waits:
            did = pump(name, clock=clock)


def find_nap(nap: float, waits: Sequence[float], *, did: bool) -> float:
    """How long to sleep after a turn, in seconds; `nap` is how long the last one was.

    Who has nothing to do sleeps longer and longer; who waits for a rate (`waits`) until it lets go.
    """
    if did:
        return SHORTEST_NAP
    if waits:
        return min(LONGEST_NAP, max(LEAST_NAP, min(waits)))
    return min(LONGEST_NAP, nap * 2)


def has_open(now: datetime) -> bool:
    """Whether any transfer runs whose time has come."""
    running = Transfer.objects.filter(finished_at__isnull=True, due_at__lte=now)
    waits = Q(status=Transfer.Status.PAUSED) | turns.find_resting(now)
    return running.exclude(waits).exists()


def tick_for(seconds: float, name: str = plan.SCHEDULER, *, clock: Clock = read_clock) -> None:
    """The scheduler's turns until there is nothing to do or the time is up."""
    end = time.monotonic() + seconds
    while tick(name, clock=clock) and time.monotonic() < end:
        pass


def drain(name: str = "drain", *, clock: Clock | None = None) -> None:
    """Turn until nothing is left to be done now, in this process."""
    while pump(name, clock=clock) or tick(name, clock=clock or read_clock):
        pass
