"""A gateway takes a call and its answer is lost, or says nothing. Under *at most once* nobody is
called again, and whom no answer vouches for ends `unknown`; under *at least once* he is called
again and counted in `resent`. By the engine over HTTP/2."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns.dispatch.engine import drain
from campaigns.dispatch.verify import check_books
from campaigns.models import App, Delivery, Part, Policy
from providers.contract import Dialect
from providers.fanout import close_fanouts
from providers.simulator import read_plan
from providers.simulator.gateways import GatewayServer
from tests.campaigns.dispatch.gateways import make_clock
from tests.gateways import server
from tests.vendor_cases.accounts import GATEWAYS
from tests.vendor_cases.codes import read_codes
from tests.vendor_cases.gateway_apps import fill_app, start_transfer
from tests.vendor_cases.test_every_code import start_afresh

__all__ = ["server"]
pytestmark = pytest.mark.django_db(transaction=True)
FOR_EVER = 100_000  # seconds: a worker that waited to the end would wait for ever
SLOW = (
    *(f"slow_headers:seconds={FOR_EVER}", f"slow_body:seconds={FOR_EVER}"),
    "bandwidth:bytes_per_second=1",
)
# The head of the answer never comes, or says that the server has failed, or its end never comes.
LOST = (
    *("accepted_answer_lost", "accepted_500", "accepted_504", "stream_reset", "half_body"),
    *("wrong_length", "huge", SLOW[0]),
)
# Gateways whose status alone says that they took it may be believed for that.
GARBLED = (
    *("html", "invalid_json", "wrong_types", "missing_ids", "unprintable", "empty"),
    *SLOW[1:],
)
UNKNOWN, SENT = ("unknown", "no_answer"), ("sent", "")
HOURS = 3


@dataclass(frozen=True)
class End:
    """What became of the one recipient: how he ended, how often he was sent to and declared."""

    outcome: tuple[str, str] | None
    sent: int
    resent: int

    @property
    def is_doubted_once(self) -> bool:
        return self == End(UNKNOWN, 1, 0)

    @property
    def is_called_again(self) -> bool:
        # A connection that ends late may take the second call with it, as a busy machine may.
        return self.outcome == SENT and 2 <= self.sent <= self.resent + 1

    @property
    def is_believed(self) -> bool:
        return self == End(SENT, 1, 0)


@dataclass
class Trial:
    """A gateway, and an app with one device behind it."""

    app: App
    dialect: Dialect
    server: GatewayServer
    settings: Any

    def suffer(self, fault: str, policy: Policy) -> End:
        """A campaign of which the first call suffers the fault."""
        self.settings.CALL_SECONDS = 1.0 if fault in SLOW else 30.0
        start_afresh(self.dialect)
        close_fanouts()
        mark = "," if ":" in fault else ":"
        self.server.simulator.follow(read_plan({"faults": [f"{fault}{mark}times=1"], "seed": 7}))
        before, now = self._count_accepted(), datetime.now(UTC)
        transfer = start_transfer(self.app, now, policy=policy)
        for hour in range(HOURS):
            drain(clock=make_clock(now, hour))
            read_codes(self.dialect).forget()
        assert self.server.simulator.book.given[fault.partition(":")[0]]
        rows = Delivery.objects.filter(part__transfer=transfer)
        resent = sum(Part.objects.filter(transfer=transfer).values_list("resent", flat=True))
        outcome = rows.values_list("outcome", "reason").first()
        return End(outcome, self._count_accepted() - before, resent)

    def _count_accepted(self) -> int:
        return self.server.simulator.summarize()["accepted_calls"]


@pytest.fixture(params=GATEWAYS, ids=lambda dialect: dialect.key)
def trial(
    request: pytest.FixtureRequest, app: App, server: GatewayServer, settings: Any
) -> Iterator[Trial]:
    settings.PAUSE_PERCENT = 100
    fill_app(app, request.param, server.url, 1, datetime.now(UTC) - timedelta(days=1))
    yield Trial(app, request.param, server, settings)
    assert check_books().faults == []


def test_at_most_once_nobody_is_called_again_whose_answer_is_lost(trial: Trial) -> None:
    ends = {fault: trial.suffer(fault, Policy.AT_MOST_ONCE) for fault in LOST}

    assert {fault: end for fault, end in ends.items() if not end.is_doubted_once} == {}


def test_at_least_once_whose_answer_is_lost_is_called_again_and_declared(trial: Trial) -> None:
    ends = {fault: trial.suffer(fault, Policy.AT_LEAST_ONCE) for fault in LOST}

    assert {fault: end for fault, end in ends.items() if not end.is_called_again} == {}


def test_an_answer_that_says_nothing_is_believed_or_doubted(trial: Trial) -> None:
    for fault in GARBLED:
        once = trial.suffer(fault, Policy.AT_MOST_ONCE)
        assert once.is_believed or once.is_doubted_once, fault
        again = trial.suffer(fault, Policy.AT_LEAST_ONCE)
        assert again.is_believed or again.is_called_again, fault
