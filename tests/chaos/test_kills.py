"""`kill -9` on workers at random moments: nobody is lost, and who may be doubled is bounded."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from random import Random
from subprocess import Popen

import pytest

from tests.chaos.conftest import IS_FULL
from tests.chaos.count import count_transfer
from tests.chaos.dialects import BATCH
from tests.chaos.machine import Machine
from tests.installation import wait_for

RECIPIENTS = 20_000 if IS_FULL else 2_000
KILLS = 50 if IS_FULL else 5
# The short form kills of those that are there; the long one replaces whom it kills.
WORKERS = 4 if IS_FULL else KILLS + 2
LATENCY_MS = 300
BOUND = {"blind": KILLS * BATCH, "keyed": 0, "asked": 0}
SPREADS = [["blind"], ["keyed"], ["asked"]] if IS_FULL else [["blind", "keyed", "asked"]]


def fill_apps(machine: Machine, dialects: list[str]) -> dict[str, int]:
    """An app for each vendor and its launched transfer."""
    made = machine.fill_all(
        *(
            {
                "slug": f"{dialect}-app",
                "dialect": dialect,
                "recipients": RECIPIENTS // len(dialects),
                "options": {"latency_ms": LATENCY_MS},
                "campaign": {},
            }
            for dialect in dialects
        )
    )
    return {dialect: item["transfer"] for dialect, item in zip(dialects, made, strict=True)}


def kill_workers(
    machine: Machine, workers: list[Popen[bytes]], is_over: Callable[[], bool], draw: Random
) -> int:
    """Kill the eldest worker at random moments; gives how many died before the end."""
    moments = sorted(draw.uniform(0.03, 0.85) * RECIPIENTS / BATCH for _ in range(KILLS))
    killed = 0
    for number, moment in enumerate(moments):
        wait_for(f"{moment:.0f} calls", partial(has_passed, machine, moment), 120)
        time.sleep(draw.uniform(0, LATENCY_MS / 1000))  # anywhere in the work on a batch
        killed += not is_over()
        victim = workers.pop(0)
        victim.kill()
        victim.wait()
        if IS_FULL:
            workers.append(machine.start_worker(f"worker-{WORKERS + number}"))
    return killed


def has_passed(machine: Machine, calls: float) -> bool:
    return machine.count_calls() >= calls


@pytest.mark.parametrize("dialects", SPREADS, ids="-".join)
def test_kills_lose_nobody_and_double_only_what_was_in_flight(machine, dialects, tell):
    workers = machine.start_workers(*(f"worker-{number}" for number in range(WORKERS)))
    transfers = fill_apps(machine, dialects)

    def is_over() -> bool:
        return all(machine.is_finished(transfer) for transfer in transfers.values())

    killed = kill_workers(machine, workers, is_over, Random(1))
    wait_for("the end", is_over, 180)

    counts = {dialect: count_transfer(machine, pk) for dialect, pk in transfers.items()}
    for dialect, count in counts.items():
        tell(f"R1 {machine.database.kind}, {dialect}: {killed} x kill -9, {count}")
        assert (count.lost, count.hidden, count.unknown) == (0, 0, 0)
        assert count.sent == count.audience == RECIPIENTS // len(dialects)
        assert count.doubled <= count.resent
        assert count.doubled <= BOUND[dialect]
        # A vendor that can be asked is never sent a call that it knows.
        assert dialect != "asked" or count.replays == 0
    assert killed == KILLS
    assert "0 faults" in machine.manage("verify")
