"""A worker that stands still for longer than its lease: others go on, it writes nothing more."""

from __future__ import annotations

import signal
import time
from functools import partial
from subprocess import Popen
from typing import Any

from tests.chaos.conftest import IS_FULL, on
from tests.chaos.count import count_transfer
from tests.chaos.dialects import BATCH
from tests.chaos.machine import LEASE_SECONDS, Machine
from tests.installation import wait_for

RECIPIENTS = 20_000 if IS_FULL else 1_500
STOPS = 20 if IS_FULL else 2
STANDSTILL = 1.5 * LEASE_SECONDS
LATENCY_MS = 500
LEASED = "SELECT id FROM campaigns_batch WHERE state = 'leased'"
# Of one batch that is done: all that a worker may write.
WRITTEN = (
    "SELECT state, settled, fence, attempts, due_at FROM campaigns_batch WHERE id = ?",
    "SELECT id, outcome, answered_at FROM campaigns_attempt WHERE batch_id = ? ORDER BY id",
    "SELECT delivery.recipient, delivery.outcome, delivery.attempt_id, delivery.at "
    "FROM campaigns_delivery AS delivery "
    "JOIN campaigns_attempt AS attempt ON attempt.id = delivery.attempt_id "
    "WHERE attempt.batch_id = ? ORDER BY delivery.recipient",
)
TAKEN_OVER = "SELECT id FROM campaigns_batch WHERE id = ? AND state = 'done' AND fence > 1"


def stand_still(machine: Machine, worker: Popen[bytes]) -> tuple[int, list[int]]:
    """Stop a worker and let it go on when every lease of that moment is over.

    Gives how many of its batches were taken over and finished by then, and which of these were
    written to when it went on.
    """
    wait_for("a lease", partial(machine.ask, LEASED))
    worker.send_signal(signal.SIGSTOP)
    held = [pk for (pk,) in machine.ask(LEASED)]
    time.sleep(STANDSTILL)
    taken = [pk for pk in held if machine.ask(TAKEN_OVER, pk)]
    before = [read_written(machine, pk) for pk in taken]
    worker.send_signal(signal.SIGCONT)
    time.sleep(2 * LATENCY_MS / 1000)  # it is through with what it had in its hands
    after = [read_written(machine, pk) for pk in taken]
    changed = [pk for pk, old, new in zip(taken, before, after, strict=True) if old != new]
    return len(taken), changed


def read_written(machine: Machine, batch: int) -> list[list[tuple[Any, ...]]]:
    return [machine.ask(query, batch) for query in WRITTEN]


@on("sqlite")
def test_a_worker_that_stood_still_writes_nothing_after_its_lease(machine, tell):
    workers = machine.start_workers("worker-0", "worker-1")
    made = machine.fill(
        dialect="blind", recipients=RECIPIENTS, options={"latency_ms": LATENCY_MS}, campaign={}
    )
    taken, changed = 0, []
    for number in range(STOPS):
        took, wrote = stand_still(machine, workers[number % 2])
        taken += took
        changed += wrote
    machine.wait_for_end(made["transfer"], 600)

    count = count_transfer(machine, made["transfer"])
    tell(
        f"R4 {machine.database.kind}: {STOPS} x stopped for {STANDSTILL:.0f} s, {taken} batches "
        f"taken over, {len(changed)} of them written to by the one that had stood still; {count}"
    )
    assert changed == []
    assert (count.lost, count.hidden, count.unknown) == (0, 0, 0)
    assert count.sent == RECIPIENTS
    assert count.doubled <= count.resent <= STOPS * 2 * BATCH
    assert "0 faults" in machine.manage("verify")
