"""A worker that stands still in the middle of many calls for longer than its lease (R4)."""

from __future__ import annotations

from tests.chaos.conftest import BOTH, on
from tests.chaos.gateways import count_gateway, fill_gateways, find_window, list_changed_keys
from tests.chaos.test_zombies import STANDSTILL, stand_still

RECIPIENTS = 8_000
STOPS = 20
RATE = 60  # as slow as the stops take
LATENCY_MS = 400


@on(*BOTH)
def test_a_worker_that_stood_still_writes_nothing_after_its_lease(gateways, tell):
    gateways.start_simulator("--latency-ms", str(LATENCY_MS))
    workers = gateways.start_workers("worker-0", "worker-1")
    limits = {"requests_per_second": RATE}
    made = fill_gateways(gateways, RECIPIENTS, limits=limits)
    taken, changed = 0, []

    for number in range(STOPS):
        took, wrote = stand_still(gateways, workers[number % 2])
        taken += took
        changed += wrote
    for _dialect, item in made:
        gateways.wait_for_end(item["transfer"], 600)

    tell(
        f"R4 {gateways.database.kind}, fan-outs: {STOPS} x stopped for {STANDSTILL:.0f} s, {taken} "
        f"batches taken over, {len(changed)} of them written to by the one that had stood still"
    )
    for dialect, item in made:
        count = count_gateway(gateways, dialect, item["transfer"])
        bound = STOPS * 2 * find_window(dialect, RATE)
        tell(f"R4 {gateways.database.kind}, {dialect.key}: {count} of {bound}")
        assert (count.lost, count.hidden, count.unknown) == (0, 0, 0)
        assert count.sent == RECIPIENTS
        assert count.doubled <= count.resent <= bound
        assert list_changed_keys(gateways, dialect) == []
    assert taken > 0
    assert changed == []
    assert "0 faults" in gateways.manage("verify")
