"""Gateways without a place for every call: who was not looked at is called again, for which no try
is counted and nobody is declared as called twice (RFC 9113, 8.7). By the engine over HTTP/2."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from campaigns.dispatch.answers import MAX_RETRIES
from campaigns.dispatch.engine import drain, pump
from campaigns.dispatch.verify import check_books
from campaigns.models import App, Attempt, Batch, Delivery, Part, Policy, Transfer
from providers import fanout, registry
from providers.contract import Dialect
from providers.fanout import Fanout
from providers.simulator import Behaviour, Simulator, read_plan
from providers.simulator.gateways import GatewayServer
from tests.campaigns.dispatch.gateways import make_clock
from tests.gateways import most, serving_gateways
from tests.vendor_cases.accounts import GATEWAYS
from tests.vendor_cases.gateway_apps import fill_app, start_transfer

__all__ = ["most"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("most")]
DEVICES = 60
TURNS = 5
HOURS = 40  # more than anybody is tried
each_gateway = pytest.mark.parametrize("dialect", GATEWAYS, ids=lambda dialect: dialect.key)
Send = Callable[..., Transfer]


@pytest.fixture
def server(tmp_path: Path, settings: Any) -> Iterator[GatewayServer]:
    """Every vendor's gateway, of which a connection takes one call."""
    simulator = Simulator(registry.all_dialects(), tmp_path / "journal.jsonl")
    simulator.behaviour = Behaviour(latency_ms=20)
    with serving_gateways(simulator, tmp_path, settings, streams=1) as server:
        yield server
    simulator.close()


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def send(app: App, server: GatewayServer, now: datetime) -> Send:
    def send(dialect: Dialect) -> Transfer:
        fill_app(app, dialect, server.url, DEVICES, now - timedelta(days=1))
        return start_transfer(app, now, policy=Policy.AT_LEAST_ONCE)

    return send


def count_ends(transfer: Transfer) -> Tally[tuple[str, str]]:
    rows = Delivery.objects.filter(part__transfer=transfer)
    return Tally(rows.values_list("outcome", "reason"))


def count_tries() -> tuple[set[int], int]:
    """Tries that a batch counts, and who is declared as called twice."""
    return (
        set(Batch.objects.values_list("retries", flat=True)),
        sum(Part.objects.values_list("resent", flat=True)),
    )


def count_accepted(server: GatewayServer) -> tuple[int, int]:
    """Recipients, and calls."""
    summary = server.simulator.summarize()
    return summary["distinct_recipients"], summary["accepted_calls"]


@dataclass
class Stop:
    """Asked for as soon as somebody waits for a place, and from then on."""

    fanouts: list[Fanout] = field(default_factory=list)
    most: int = 0  # whom the gateway has answered by then, and who is on the way to it

    def watch(self, *args: Any, **options: Any) -> Fanout:
        self.fanouts.append(Fanout(*args, **options))
        return self.fanouts[-1]

    def __call__(self) -> bool:
        waiting = sum(len(one.waiting) for one in self.fanouts)
        if waiting and not self.most:
            self.most = DEVICES - waiting
        return bool(self.most)


@each_gateway
def test_a_refused_stream_is_no_try(
    server: GatewayServer, send: Send, dialect: Dialect, now: datetime
) -> None:
    transfer = send(dialect)

    drain(clock=make_clock(now))

    assert count_ends(transfer) == {("sent", ""): DEVICES}
    assert count_tries() == ({0}, 0)
    assert set(Attempt.objects.values_list("outcome", flat=True)) == {"accepted"}
    assert count_accepted(server) == (DEVICES, DEVICES)
    assert check_books().faults == []


@each_gateway
def test_who_waits_for_a_place_is_not_called_after_a_stop(
    server: GatewayServer,
    send: Send,
    dialect: Dialect,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    transfer, stop = send(dialect), Stop()
    monkeypatch.setattr(fanout, "Fanout", stop.watch)

    for _turn in range(TURNS):
        pump("worker", should_stop=stop, clock=make_clock(now))

    stopped = count_accepted(server)[0]
    assert 0 < stopped <= stop.most < DEVICES
    assert count_ends(transfer) == {("sent", ""): stopped}
    assert count_tries() == ({0}, 0)
    drain(clock=make_clock(now, 1))
    assert count_ends(transfer) == {("sent", ""): DEVICES}
    assert count_tries() == ({0}, 0)
    assert count_accepted(server) == (DEVICES, DEVICES)
    assert check_books().faults == []


@pytest.mark.parametrize("dialect", GATEWAYS[:1], ids=lambda dialect: dialect.key)
def test_who_is_refused_for_ever_fails_as_often_tried_and_reached_by_nobody(
    server: GatewayServer, send: Send, dialect: Dialect, now: datetime
) -> None:
    server.simulator.follow(read_plan({"faults": ["stream_refused"], "seed": 7}))
    transfer = send(dialect)

    for hour in range(HOURS):
        drain(clock=make_clock(now, hour))

    assert count_ends(transfer) == {("failed", "vendor"): DEVICES}
    assert count_tries() == ({MAX_RETRIES}, 0)
    assert count_accepted(server) == (0, 0)
    assert check_books().faults == []
