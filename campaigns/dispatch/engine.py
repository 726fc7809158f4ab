"""One turn of the machine room, whoever drives it, and the loop of the embedded worker."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from types import FrameType

from django.db import close_old_connections, connection
from django.utils import timezone

from campaigns.dispatch import folds, freeze, plan, polls, receipts, send

IDLE_SECONDS = 0.2
logger = logging.getLogger(__name__)


def read_clock() -> datetime:
    """The time by which leases are kept: the database's where several hosts share one."""
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


@dataclass(frozen=True, slots=True)
class Worker:
    """Who works, and by which clock."""

    name: str = field(default_factory=lambda: f"{os.uname().nodename}:{os.getpid()}")
    clock: Callable[[], datetime] = read_clock


def pump(worker: Worker) -> bool:
    """One turn: start what is due, freeze, send, fold, ask vendors. True when anything was done."""
    return pump_work(worker) or pump_sweep(worker)


def pump_work(worker: Worker) -> bool:
    """A worker's turn: freeze a chunk or send a batch."""
    return freeze.freeze_step(worker.name, worker.clock()) or send.send_batch(worker.clock)


def pump_sweep(worker: Worker) -> bool:
    """The scheduler's turn: what time brings and what a crash has left behind."""
    now = worker.clock()
    did = bool(plan.start_due(now))
    did = folds.fold_step(now) or did
    did = polls.poll_step(worker.clock) or did
    return receipts.fetch_step(worker.clock) or did


def drain(worker: Worker, turns: int = 10_000) -> int:
    """Pump until nothing is left to be done now; gives the number of turns."""
    for turn in range(turns):
        if not pump(worker):
            return turn
    return turns


class Stop:
    """Set by the first SIGTERM; a batch in flight is finished, then the loop ends."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.parent = os.getppid()

    def listen(self) -> None:
        """Take SIGTERM and SIGINT; the second one ends the process at once."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.event.is_set():
            os._exit(1)
        self.event.set()

    def wait(self, seconds: float) -> bool:
        """Wait; True when the loop must end, also because the parent has gone."""
        return self.event.wait(seconds) or os.getppid() != self.parent


def run(turn: Callable[[Worker], bool], worker: Worker, stop: Stop) -> None:
    """Turn until told to stop. A batch is never held across turns, so stopping loses nothing."""
    while not stop.wait(0):
        close_old_connections()
        if not turn(worker) and stop.wait(IDLE_SECONDS):
            return
