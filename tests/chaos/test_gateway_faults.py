"""A gateway that fails, lies and ends connections while workers die: nobody is lost, and whoever is
called twice is counted (R20)."""

from __future__ import annotations

from random import Random

import pytest

from tests.chaos.conftest import BOTH, on
from tests.chaos.gateways import count_gateway, fill_gateways, list_changed_keys, name_dialect
from tests.chaos.slaughter import kill_workers
from tests.vendor_cases.accounts import GATEWAYS

RECIPIENTS = 6_000
KILLS = 5
WORKERS = 3
LATENCY_MS = 300
FAULTS = (
    *("stream_reset:p=0.005", "stream_refused:p=0.01", "half_body:p=0.005"),
    *("invalid_json:p=0.005", "ok_with_error:p=0.005", "error_502:p=0.005"),
    *("goaway:p=0.001", "goaway_after:p=0.001", "accepted_answer_lost:p=0.0005"),
    "error_503:p=0.0005,retry_after=1",
)


@on(*BOTH)
@pytest.mark.parametrize("dialect", GATEWAYS, ids=name_dialect)
def test_a_gateway_that_lies_and_workers_that_die_lose_nobody(gateways, dialect, tell):
    gateways.start_simulator("--latency-ms", str(LATENCY_MS))
    gateways.give_faults(*FAULTS)
    workers = gateways.start_workers(*(f"worker-{number}" for number in range(WORKERS)))
    [(_, made)] = fill_gateways(gateways, RECIPIENTS, [dialect])

    transfer = made["transfer"]
    kill_workers(gateways, workers, [transfer], kills=KILLS, draw=Random(20), calls=RECIPIENTS)
    gateways.wait_for_end(transfer, 400)

    count = count_gateway(gateways, dialect, transfer)
    given = sum(gateways.count_faults(fault.partition(":")[0]) for fault in FAULTS)
    tell(
        f"R20 {gateways.database.kind}, {dialect.key}: {given} faults of {len(FAULTS)} kinds and "
        f"{KILLS} x kill -9: {count}"
    )
    assert given > 0
    assert (count.lost, count.hidden, count.unknown) == (0, 0, 0)
    assert count.sent == RECIPIENTS
    assert count.doubled <= count.resent
    assert list_changed_keys(gateways, dialect) == []
    assert "0 faults" in gateways.manage("verify")
