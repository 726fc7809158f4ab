"""A recipient whose message kills the worker that encodes it ends alone; all others are sent."""

from __future__ import annotations

import time

from tests.chaos.conftest import IS_FULL, on
from tests.chaos.machine import Machine
from tests.chaos.vendors.fragile import DEADLY

RECIPIENTS = 2_000 if IS_FULL else 40
OUTCOMES = """
    SELECT device.token, delivery.outcome, delivery.reason
    FROM campaigns_delivery AS delivery
    JOIN campaigns_part AS part ON part.id = delivery.part_id
    JOIN campaigns_device AS device ON device.id = delivery.recipient
    WHERE part.transfer_id = ? AND delivery.outcome <> 'sent'
"""


def keep_working(machine: Machine, transfer: int, seconds: float) -> int:
    """Start a worker for every one that dies until the transfer is over; gives the deaths."""
    workers = machine.start_workers("worker-0", "worker-1")
    deaths = 0
    end = time.monotonic() + seconds
    while not machine.is_finished(transfer):
        assert time.monotonic() < end, f"not over after {deaths} deaths"
        for place, worker in enumerate(workers):
            if worker.poll() is not None:
                deaths += 1
                workers[place] = machine.start_worker(f"successor-{deaths}")
        time.sleep(0.1)
    return deaths


@on("sqlite")
def test_a_deadly_recipient_ends_alone(machine, tell):
    made = machine.fill(dialect="fragile", recipients=RECIPIENTS, campaign={})

    deaths = keep_working(machine, made["transfer"], 600)

    others = machine.ask(OUTCOMES, made["transfer"])
    tell(
        f"R16 {machine.database.kind}: {RECIPIENTS} recipients, one kills its worker: "
        f"{deaths} deaths, {len(others)} not sent"
    )
    assert others == [(f"shop-{DEADLY}", "failed", "ours")]
    assert deaths > 0
    assert "0 faults" in machine.manage("verify")
