"""`kill -9` on workers while they fan out over HTTP/2: nobody is lost, and only whom the window
held can be doubled, or is `unknown` where nobody may be."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from providers.contract import Dialect
from tests.chaos.conftest import BOTH, IS_FULL, on
from tests.chaos.gateways import (
    count_gateway,
    count_unanswered,
    fill_gateways,
    find_window,
    list_changed_keys,
    list_struck,
)
from tests.chaos.machine import Machine
from tests.chaos.slaughter import kill_workers
from tests.chaos.test_at_most_once import list_unknown
from tests.vendor_cases.accounts import GATEWAYS

RECIPIENTS = 20_000 if IS_FULL else 120
KILLS = 50 if IS_FULL else 2
WORKERS = 3 if IS_FULL else KILLS + 1
LATENCY_MS = 400 if IS_FULL else 500
# The short form has small batches, of which each gateway has several.
RATE = None if IS_FULL else 60
# Whom nobody knows about nobody calls again, so the windows of all kills together have to be less
# than the audience: with a rate batches are smaller. The most in doubt is then half of it.
CAREFUL_RATE = RECIPIENTS // (2 * KILLS)
SPREADS = [[dialect] for dialect in GATEWAYS] if IS_FULL else [GATEWAYS]


def name_spread(dialects: list[Dialect]) -> str:
    return "-".join(dialect.key for dialect in dialects)


def kill_while_sending(
    machine: Machine, dialects: list[Dialect], rate: int | None = RATE, **campaign: Any
) -> list[tuple[Dialect, dict[str, Any]]]:
    """Launch a campaign for each gateway, kill workers, wait for the end."""
    machine.start_simulator("--latency-ms", str(LATENCY_MS))
    workers = machine.start_workers(*(f"worker-{number}" for number in range(WORKERS)))
    limits = {"requests_per_second": rate} if rate else {}
    made = fill_gateways(machine, RECIPIENTS, dialects, campaign=campaign, limits=limits)
    transfers = [item["transfer"] for _dialect, item in made]
    calls = RECIPIENTS * len(dialects)
    kill_workers(machine, workers, transfers, kills=KILLS, draw=Random(6), calls=calls)
    for transfer in transfers:
        machine.wait_for_end(transfer, 600)
    return made


def find_bound(struck: list[int], dialect: Dialect, rate: int | None = RATE) -> int:
    """How many may be in doubt after so many workers have died while calling. Within a long window
    of places most are settled: what is open is never more than a worker may have on its way."""
    assert len(struck) <= KILLS
    window = find_window(dialect, rate)
    return sum(min(one, window) for one in struck)


@on("postgres")
@pytest.mark.parametrize("dialects", SPREADS, ids=name_spread)
def test_kills_lose_nobody_and_double_only_whom_the_window_held(gateways, dialects, tell):
    made = kill_while_sending(gateways, dialects)

    for dialect, item in made:
        count = count_gateway(gateways, dialect, item["transfer"])
        struck = list_struck(gateways, item["transfer"])
        unanswered = count_unanswered(gateways, item["transfer"])
        bound = find_bound(struck, dialect)
        tell(
            f"R1 {gateways.database.kind}, {dialect.key}: {KILLS} x kill -9, {len(struck)} while "
            f"calling, {count} of {bound} and {unanswered} that had no answer in time"
        )
        assert (count.lost, count.hidden, count.unknown) == (0, 0, 0)
        assert count.sent == RECIPIENTS
        assert count.doubled <= count.resent <= bound + unanswered
        assert list_changed_keys(gateways, dialect) == []
    assert "0 faults" in gateways.manage("verify")


if IS_FULL:

    @on(*BOTH)
    @pytest.mark.parametrize("dialect", GATEWAYS, ids=lambda dialect: dialect.key)
    def test_at_most_once_doubles_nobody_and_names_the_unknown(gateways, dialect, tell):
        [(_, made)] = kill_while_sending(gateways, [dialect], CAREFUL_RATE, policy="at_most_once")
        gateways.start_web()

        count = count_gateway(gateways, dialect, made["transfer"])
        listed = list_unknown(gateways, made)
        struck = list_struck(gateways, made["transfer"])
        bound = find_bound(struck, dialect, CAREFUL_RATE)
        tell(
            f"R3 {gateways.database.kind}, {dialect.key}, at_most_once: {KILLS} x kill -9, "
            f"{len(struck)} while calling, {count} of {bound}"
        )
        assert (count.lost, count.hidden, count.doubled, count.resent) == (0, 0, 0, 0)
        assert count.sent + count.unknown == RECIPIENTS
        assert count.unknown <= bound <= RECIPIENTS // 2
        assert len({row["recipient"] for row in listed}) == len(listed) == count.unknown
        assert "0 faults" in gateways.manage("verify")
