"""Pause, resume and cancel in mid-transfer: after the click only what is in flight goes out."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from tests.chaos.conftest import IS_FULL, on
from tests.chaos.count import count_transfer, read_sends
from tests.chaos.machine import Machine
from tests.chaos.slaughter import has_passed
from tests.installation import wait_for

RECIPIENTS = 10_000 if IS_FULL else 800
CLICKS = 10 if IS_FULL else 1
WORKERS = 2
LATENCY_MS = 400
APPS = ("paused", "cancelled")
CANCELLED = """
    SELECT count(*) FROM campaigns_delivery AS delivery
    JOIN campaigns_part AS part ON part.id = delivery.part_id
    WHERE part.transfer_id = ? AND delivery.outcome = 'cancelled'
"""


def click(machine: Machine, made: dict[str, Any], verb: str, slug: str) -> int:
    """Press a button; how many calls were taken after the answer."""
    machine.call(made, "POST", f"campaigns/{made['campaign']}/{verb}/")
    before = len(read_sends(machine, slug))
    time.sleep(4 * LATENCY_MS / 1000)
    return len(read_sends(machine, slug)) - before


@on("postgres")
def test_after_a_click_only_what_is_in_flight_goes_out(machine, tell):
    machine.start_web()
    machine.start_workers(*(f"worker-{number}" for number in range(WORKERS)))
    options = {"recipients": RECIPIENTS, "options": {"latency_ms": LATENCY_MS}, "campaign": {}}
    paused, cancelled = machine.fill_all(
        *({"slug": slug, "dialect": "blind", **options} for slug in APPS)
    )
    after_pause = []
    for number in range(CLICKS):
        wait_for("calls", partial(has_passed, machine, 6 * (number + 1)))
        after_pause.append(click(machine, paused, "pause", "paused"))
        machine.call(paused, "POST", f"campaigns/{paused['campaign']}/resume/")
    after_cancel = click(machine, cancelled, "cancel", "cancelled")
    machine.wait_for_end(paused["transfer"], 600)
    machine.wait_for_end(cancelled["transfer"])

    whole = count_transfer(machine, paused["transfer"])
    part = count_transfer(machine, cancelled["transfer"])
    spared = machine.ask(CANCELLED, cancelled["transfer"])[0][0]
    tell(
        f"R17 {machine.database.kind}: {CLICKS} x pause and resume, at most {max(after_pause)} "
        f"calls after the click, {whole}; cancel: {after_cancel} calls after the click, "
        f"{part.sent} sent, {spared} cancelled"
    )
    assert max(after_pause) <= WORKERS
    assert after_cancel <= WORKERS
    assert (whole.lost, whole.hidden, whole.unknown, whole.doubled) == (0, 0, 0, 0)
    assert whole.sent == RECIPIENTS
    assert (part.lost, part.hidden, part.unknown, part.doubled) == (0, 0, 0, 0)
    assert part.sent + spared == RECIPIENTS
    assert spared > 0
    assert "0 faults" in machine.manage("verify")
