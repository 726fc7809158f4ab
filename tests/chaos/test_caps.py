"""Caps and rates of an account hold over every worker, counted where the calls arrive."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any

from tests.chaos.conftest import IS_FULL, on
from tests.chaos.count import count_transfer, read_sends
from tests.chaos.dialects import BATCH
from tests.chaos.machine import Machine

CALLS = 60 if IS_FULL else 12
WORKERS = 8 if IS_FULL else 4
CAP = 3
WINDOW = timedelta(seconds=10)
LATENCY_MS = 400


def read_moments(machine: Machine, slug: str) -> list[datetime]:
    """When each call was taken, which is when its latency had passed."""
    return sorted(datetime.fromisoformat(line["at"]) for line, _ in read_sends(machine, slug))


def count_together(moments: list[datetime], seconds: float) -> int:
    """The most calls that were inside the vendor at one time, each for so long."""
    changes = [(moment - timedelta(seconds=seconds), 1) for moment in moments]
    changes += [(moment, -1) for moment in moments]
    return max(itertools.accumulate(change for _moment, change in sorted(changes)))


def count_in_window(moments: list[datetime]) -> int:
    """The most calls within any ten seconds."""
    return max(sum(first <= moment < first + WINDOW for moment in moments) for first in moments)


def make_filling(slug: str, calls: int, limits: dict[str, Any]) -> dict[str, Any]:
    return {
        "slug": slug,
        "dialect": "blind",
        "recipients": calls * BATCH,
        "options": {"latency_ms": LATENCY_MS},
        "limits": limits,
        "campaign": {},
    }


@on("postgres")
def test_a_cap_and_a_rate_hold_over_all_workers(machine, tell):
    # Two groups of processes, as on two hosts.
    names = [f"worker-{number}" for number in range(WORKERS)]
    machine.start_workers(*names[::2])
    machine.start_workers(*names[1::2], is_other_group=True)
    capped, rated = machine.fill_all(
        make_filling("capped", 3 * CALLS, {"in_flight": CAP}),
        make_filling("rated", CALLS, {"requests_per_second": 1}),
    )
    machine.wait_for_end(capped["transfer"], 300)
    machine.wait_for_end(rated["transfer"], 300)

    together = count_together(read_moments(machine, "capped"), LATENCY_MS / 1000)
    window = count_in_window(read_moments(machine, "rated"))
    counts = [count_transfer(machine, made["transfer"]) for made in (capped, rated)]
    tell(
        f"R12 {machine.database.kind}: {WORKERS} workers in 2 groups, cap {CAP}: at most "
        f"{together} calls together of {3 * CALLS}; 1 call/s: at most {window} of {CALLS} in 10 s"
    )
    assert together == CAP
    assert window <= 10
    assert [(count.lost, count.doubled) for count in counts] == [(0, 0)] * 2
    assert "0 faults" in machine.manage("verify")
