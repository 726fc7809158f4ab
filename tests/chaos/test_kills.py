"""`kill -9` on workers at random moments: nobody is lost, and who may be doubled is bounded."""

from __future__ import annotations

from random import Random

import pytest

from tests.chaos.conftest import IS_FULL, on
from tests.chaos.count import count_transfer
from tests.chaos.dialects import BATCH
from tests.chaos.machine import Machine
from tests.chaos.slaughter import kill_workers

RECIPIENTS = 20_000 if IS_FULL else 2_000
KILLS = 50 if IS_FULL else 3
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


@on("postgres")
@pytest.mark.parametrize("dialects", SPREADS, ids="-".join)
def test_kills_lose_nobody_and_double_only_what_was_in_flight(machine, dialects, tell):
    workers = machine.start_workers(*(f"worker-{number}" for number in range(WORKERS)))
    transfers = fill_apps(machine, dialects)

    kill_workers(machine, workers, transfers.values(), kills=KILLS, draw=Random(1))
    for transfer in transfers.values():
        machine.wait_for_end(transfer, 300)

    counts = {dialect: count_transfer(machine, pk) for dialect, pk in transfers.items()}
    for dialect, count in counts.items():
        tell(f"R1 {machine.database.kind}, {dialect}: {KILLS} x kill -9, {count}")
        assert (count.lost, count.hidden, count.unknown) == (0, 0, 0)
        assert count.sent == count.audience == RECIPIENTS // len(dialects)
        assert count.doubled <= count.resent
        assert count.doubled <= BOUND[dialect]
        # A vendor that can be asked is never sent a call that it knows.
        assert dialect != "asked" or count.replays == 0
    assert "0 faults" in machine.manage("verify")
