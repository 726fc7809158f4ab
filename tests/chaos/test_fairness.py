"""A small transfer of one app is not kept waiting by a huge one of another."""

from __future__ import annotations

import time
from functools import partial

from tests.chaos.conftest import IS_FULL, on
from tests.chaos.count import count_transfer
from tests.chaos.slaughter import has_passed
from tests.installation import wait_for

HUGE = 1_000_000 if IS_FULL else 50_000
SMALL = 100


@on("sqlite")
def test_a_hundred_get_theirs_beside_a_huge_transfer(machine, tell):
    machine.start_workers("worker-0", "worker-1")
    machine.start_scheduler()
    huge = machine.fill(slug="huge", recipients=HUGE, options={"latency_ms": 20}, campaign={})
    wait_for("the huge one to be sent", partial(has_passed, machine, 3), 300)
    small = machine.fill(slug="small", recipients=SMALL, options={"latency_ms": 20}, campaign={})
    began = time.monotonic()
    machine.wait_for_end(small["transfer"])
    seconds = time.monotonic() - began

    count = count_transfer(machine, small["transfer"])
    tell(
        f"R13 {machine.database.kind}: {SMALL} recipients done {seconds:.1f} s after the launch, "
        f"beside a transfer of {HUGE:,}"
    )
    assert not machine.is_finished(huge["transfer"])
    assert (count.lost, count.doubled, count.sent) == (0, 0, SMALL)
    assert "0 faults" in machine.manage("verify")
