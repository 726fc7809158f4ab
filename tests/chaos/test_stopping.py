"""SIGTERM under load: what is in flight is finished, nothing is left behind, another goes on."""

from __future__ import annotations

import signal
import time
from functools import partial
from pathlib import Path
from subprocess import Popen

from tests.chaos.conftest import IS_FULL, on
from tests.chaos.count import count_transfer
from tests.chaos.machine import Database, running_machine
from tests.chaos.slaughter import has_passed
from tests.installation import wait_for

RECIPIENTS = 10_000 if IS_FULL else 600
STOPS = 20 if IS_FULL else 1
LEASED = "SELECT id FROM campaigns_batch WHERE state = 'leased'"
OPEN_CALLS = "SELECT id FROM campaigns_attempt WHERE answered_at IS NULL"


def stop(worker: Popen[bytes]) -> float:
    """Ask a worker to end; how long it took."""
    began = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    worker.wait(timeout=180)
    return time.monotonic() - began


@on("sqlite")
def test_workers_that_are_asked_to_end_double_nobody(machine, tell):
    workers = machine.start_workers("worker-0", "worker-1")
    made = machine.fill(
        dialect="blind", recipients=RECIPIENTS, options={"latency_ms": 500}, campaign={}
    )
    seconds, codes, left = [], [], []
    for number in range(STOPS):
        wait_for("calls", partial(has_passed, machine, 2 * number + 2))
        victim = workers.pop(0)
        seconds.append(stop(victim))
        codes.append(victim.returncode)
        left.append(len(machine.ask(LEASED)))
        workers += machine.start_workers(f"successor-{number}")
    machine.wait_for_end(made["transfer"], 300)

    count = count_transfer(machine, made["transfer"])
    tell(
        f"R14 {machine.database.kind}: {STOPS} x SIGTERM, ended after {max(seconds):.1f} s at the "
        f"latest, {max(left)} batches still leased then (by the other worker); {count}"
    )
    assert codes == [0] * STOPS
    assert max(left) <= 1
    assert (count.lost, count.hidden, count.unknown, count.doubled, count.resent) == (0,) * 5
    assert count.sent == RECIPIENTS
    assert "0 faults" in machine.manage("verify")


def test_a_second_sigterm_waits_for_nobody(tmp_path: Path, sqlite: Database, tell):
    slow = {"PUSHADMIN_CALL_SECONDS": "20", "PUSHADMIN_LEASE_SECONDS": "60"}
    with running_machine(tmp_path, sqlite, **slow) as machine:
        (worker,) = machine.start_workers("worker")
        machine.fill(recipients=10, options={"latency_ms": 15_000}, campaign={})
        wait_for("a call", partial(machine.ask, OPEN_CALLS))
        worker.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        is_draining = worker.poll() is None
        seconds = stop(worker)

        tell(f"R14 a second SIGTERM in a call of 15 s: ended after {seconds:.1f} s")
        assert is_draining
        assert worker.returncode == 128 + signal.SIGTERM
        assert len(machine.ask(OPEN_CALLS)) == 1  # the books know that the call was begun
        assert "0 faults" in machine.manage("verify")
