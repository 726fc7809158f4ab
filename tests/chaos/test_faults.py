"""A vendor that fails in 8 of 100 calls while workers are killed: nobody is lost or doubled."""

from __future__ import annotations

from random import Random

import pytest

from tests.chaos.conftest import IS_FULL, on
from tests.chaos.count import count_transfer
from tests.chaos.slaughter import kill_workers

RECIPIENTS = 20_000 if IS_FULL else 1_500
KILLS = 15 if IS_FULL else 3
WORKERS = 4 if IS_FULL else KILLS + 2
FAULTS = (
    "error_503:p=0.02,retry_after=1",
    "error_500:p=0.02",
    "close_before_acceptance:p=0.02",
    "accepted_answer_lost:p=0.02",
)


@pytest.mark.parametrize("dialect", ["keyed", "asked", "blind"] if IS_FULL else ["asked"])
@on("sqlite")
def test_a_vendor_that_fails_and_workers_that_die_lose_nobody(machine, dialect, tell):
    machine.stop_simulator()
    machine.start_simulator(*(word for fault in FAULTS for word in ("--fault", fault)))
    workers = machine.start_workers(*(f"worker-{number}" for number in range(WORKERS)))
    made = machine.fill(
        dialect=dialect, recipients=RECIPIENTS, options={"latency_ms": 300}, campaign={}
    )

    kill_workers(machine, workers, [made["transfer"]], kills=KILLS, draw=Random(8))
    machine.wait_for_end(made["transfer"], 600)

    count = count_transfer(machine, made["transfer"])
    tell(f"Faults in 8 % of calls, {machine.database.kind}, {dialect}, {KILLS} x kill -9: {count}")
    assert (count.lost, count.hidden, count.unknown) == (0, 0, 0)
    assert count.doubled <= (count.resent if dialect == "blind" else 0)
    assert count.sent == RECIPIENTS
    assert "0 faults" in machine.manage("verify")
