"""What an account whose gateway is broken takes from another app: hardly any of its pace (R9).

Counted where the calls arrive, and held against what the same machine does in the same minutes
for an app that is alone. Its rate is one that any machine keeps; on one that does not, nothing can
be said of the broken one, and the drill fails and says so. Where there is no rate, and so the
machine is the limit, what comes of that is told, and so is what comes of a gateway that says
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from providers.contract import Dialect
from tests.chaos.conftest import BOTH, on
from tests.chaos.gateways import count_ends, find_busy, list_moments
from tests.chaos.machine import Machine
from tests.installation import wait_for
from tests.vendor_cases.accounts import GATEWAYS

WORKERS = 2
LATENCY_MS = 100
# Whether a broken one is beside it. A machine that gets slower meanwhile is fair to both.
ROUNDS = (False, True, True, False)
LEAST = 0.9  # of what it does alone, where the vendor asks for time
ROOM = 0.97  # of its rate, which alone it gets where the machine has room for more
BROKEN = 20_000  # devices: batches as large as any
RATE = 50
PACED, FREE = f"{RATE}/s", "no rate"
PACES = {PACED: (1_000, {"requests_per_second": RATE}), FREE: (20_000, {})}


@dataclass(frozen=True, slots=True)
class Neighbours:
    """A gateway that is well, and one of which every call suffers the fault."""

    well: Dialect
    broken: Dialect
    fault: str

    def __str__(self) -> str:
        return f"{self.well.key}-{self.broken.key}-{self.fault_name}"

    @property
    def fault_name(self) -> str:
        return self.fault.partition(":")[0]

    @property
    def rule(self) -> str:
        return f"{self.fault}{',' if ':' in self.fault else ':'}dialect={self.broken.key}"


BY_BUSY = {find_busy(dialect): dialect for dialect in GATEWAYS}
# Of one a 429 concerns the whole account, of the other one device: that one's account is away.
BUSY, AWAY = BY_BUSY["account"], BY_BUSY["device"]
ASKS = [
    Neighbours(BUSY, AWAY, "error_503:retry_after=1"),
    Neighbours(AWAY, BUSY, "error_429:retry_after=1"),
]
SILENT = Neighbours(BUSY, AWAY, "silence")
TOLD = [*((asks, FREE) for asks in ASKS), (SILENT, PACED), (SILENT, FREE)]


class Street:
    """The app that is well, a new one each round, and its neighbour where it has one."""

    def __init__(self, machine: Machine, neighbours: Neighbours, pace: str) -> None:
        self.machine, self.neighbours = machine, neighbours
        self.recipients, self.limits = PACES[pace]
        self.place = 0

    def fill(self, dialect: Dialect, recipients: int, limits: dict[str, Any]) -> dict[str, Any]:
        """An app whose devices no other one has."""
        self.place += 1
        wanted = {"slug": f"app-{self.place}", "dialect": dialect.key, "campaign": {}}
        first = self.place * max(BROKEN, self.recipients)
        return self.machine.fill(**wanted, recipients=recipients, first=first, limits=limits)

    def count_faults(self) -> int:
        return self.machine.count_faults(self.neighbours.fault_name)

    def measure(self) -> float:
        """Calls a second from the first to the last, of an app that everybody is sent to."""
        made = self.fill(self.neighbours.well, self.recipients, self.limits)
        self.machine.wait_for_end(made["transfer"], 300)
        assert count_ends(self.machine, made["transfer"]) == {"sent": self.recipients}
        first = self.place * max(BROKEN, self.recipients)
        numbers = range(first, first + self.recipients)
        moments = list_moments(self.machine, self.neighbours.well, numbers)
        return (len(moments) - 1) / (moments[-1] - moments[0])

    def measure_beside(self) -> float:
        """The same while the neighbour is broken, from before the first call to after the last."""
        before = self.count_faults()
        broken = self.fill(self.neighbours.broken, BROKEN, {})
        wait_for("its first fault", partial(self._has_more_than, before))
        before = self.count_faults()
        rate = self.measure()
        assert self.count_faults() > before
        assert not self.machine.is_finished(broken["transfer"])
        self.machine.call(broken, "POST", f"campaigns/{broken['campaign']}/cancel/")
        self.machine.wait_for_end(broken["transfer"], 300)
        return rate

    def _has_more_than(self, before: int) -> bool:
        return self.count_faults() > before


def tell_shares(
    machine: Machine, neighbours: Neighbours, pace: str
) -> tuple[list[float], float, str]:
    """What an app gets alone, what share of it beside a broken one, and how that is told."""
    machine.start_simulator("--latency-ms", str(LATENCY_MS))
    machine.give_faults(neighbours.rule)
    machine.start_web()
    machine.start_workers(*(f"worker-{number}" for number in range(WORKERS)))
    street = Street(machine, neighbours, pace)
    rates: dict[bool, list[float]] = {False: [], True: []}
    for has_neighbour in ROUNDS:
        rates[has_neighbour].append(street.measure_beside() if has_neighbour else street.measure())
    share = sum(rates[True]) / sum(rates[False])
    alone, beside = (" and ".join(f"{rate:,.0f}/s" for rate in rates[one]) for one in (False, True))
    return (
        rates[False],
        share,
        (
            f"R9 {machine.database.kind}, {neighbours.well.key} with {pace}: alone {alone}, beside "
            f"{neighbours.broken.key} with {neighbours.fault} {beside}, which is {share:.0%}; "
            f"{street.count_faults()} calls of that one"
        ),
    )


@on(*BOTH)
@pytest.mark.parametrize("neighbours", ASKS, ids=str)
def test_an_account_that_asks_for_time_leaves_other_apps_their_pace(gateways, neighbours, tell):
    alone, share, words = tell_shares(gateways, neighbours, PACED)

    tell(words)
    assert "0 faults" in gateways.manage("verify")
    assert min(alone) >= ROOM * RATE, "The machine keeps no such rate for an app that is alone."
    assert share >= LEAST


@on(*BOTH)
@pytest.mark.parametrize(("neighbours", "pace"), TOLD, ids=str)
def test_what_a_broken_account_takes_where_the_machine_is_the_limit(
    gateways, neighbours, pace, tell
):
    _alone, _share, words = tell_shares(gateways, neighbours, pace)

    tell(words)
    assert "0 faults" in gateways.manage("verify")
