"""A small transfer of one app is not kept waiting by a huge one of another."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from tests.chaos.conftest import IS_FULL, on
from tests.chaos.count import count_transfer
from tests.chaos.machine import Machine
from tests.chaos.slaughter import has_passed, is_frozen
from tests.installation import wait_for

HUGE = 1_000_000 if IS_FULL else 50_000
SMALL = 100
TIMES = "SELECT created_at, finished_at FROM campaigns_transfer WHERE id = ?"


def send_small(machine: Machine, slug: str) -> tuple[int, float]:
    """Send to a hundred from their launch to their end; gives the transfer and the seconds."""
    made = machine.fill(slug=slug, recipients=SMALL, options={"latency_ms": 20}, campaign={})
    machine.wait_for_end(made["transfer"])
    began, ended = (
        datetime.fromisoformat(str(moment)) for moment in machine.ask(TIMES, made["transfer"])[0]
    )
    return made["transfer"], (ended - began).total_seconds()


@on("sqlite")
def test_a_hundred_get_theirs_beside_a_huge_transfer(machine, tell):
    machine.start_workers("worker-0", "worker-1")
    machine.start_scheduler()
    huge = machine.fill(slug="huge", recipients=HUGE, options={"latency_ms": 20}, campaign={})[
        "transfer"
    ]
    was_frozen = is_frozen(machine, huge)
    early, early_seconds = send_small(machine, "early")
    wait_for("the huge one to be sent", partial(has_passed, machine, 10), 300)
    late, late_seconds = send_small(machine, "late")
    is_running = not machine.is_finished(huge)

    counts = [count_transfer(machine, transfer) for transfer in (early, late)]
    tell(
        f"R13 {machine.database.kind}: {SMALL} recipients beside a transfer of {HUGE:,}: done "
        f"{early_seconds:.1f} s after the launch while that one was "
        f"being {'sent' if was_frozen else 'frozen'}, {late_seconds:.1f} s while it was being sent"
    )
    assert is_running
    assert [(count.lost, count.doubled, count.sent) for count in counts] == [(0, 0, SMALL)] * 2
    assert "0 faults" in machine.manage("verify")
