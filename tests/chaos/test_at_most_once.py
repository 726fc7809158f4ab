"""Policy at_most_once: whoever was in flight when a worker died is `unknown`, and never doubled."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.chaos.conftest import IS_FULL, on
from tests.chaos.count import count_transfer
from tests.chaos.dialects import BATCH
from tests.chaos.machine import Machine
from tests.chaos.slaughter import kill_workers

RECIPIENTS = 20_000 if IS_FULL else 1_500
KILLS = 50 if IS_FULL else 4
WORKERS = 4 if IS_FULL else KILLS + 2


def list_unknown(machine: Machine, made: dict[str, Any]) -> list[dict[str, Any]]:
    """Every page of the API's list of unknown recipients."""
    path = f"transfers/{made['transfer']}/deliveries/?outcome=unknown&limit=1000"
    rows: list[dict[str, Any]] = []
    while path:
        page = machine.call(made, "GET", path)
        rows += page["results"]
        path = (page["next"] or "").partition(made["base_path"])[2]
    return rows


@on("postgres")
def test_at_most_once_doubles_nobody_and_names_the_unknown(machine, tell):
    workers = machine.start_workers(*(f"worker-{number}" for number in range(WORKERS)))
    made = machine.fill(
        dialect="blind",
        recipients=RECIPIENTS,
        options={"latency_ms": 300},
        campaign={"policy": "at_most_once"},
    )

    kill_workers(machine, workers, [made["transfer"]], kills=KILLS, draw=Random(3))
    machine.wait_for_end(made["transfer"], 300)
    machine.start_web()

    count = count_transfer(machine, made["transfer"])
    listed = list_unknown(machine, made)
    tell(f"R3 {machine.database.kind}, at_most_once: {KILLS} x kill -9, {count}")
    assert (count.lost, count.hidden, count.doubled, count.resent) == (0, 0, 0, 0)
    assert count.sent + count.unknown == RECIPIENTS
    assert count.unknown <= KILLS * BATCH
    assert len({row["recipient"] for row in listed}) == len(listed) == count.unknown
    assert "0 faults" in machine.manage("verify")
