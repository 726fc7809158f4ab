"""A push service that asks to wait: how often it is called before each worker process knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns.dispatch.engine import pump
from campaigns.dispatch.verify import check_books
from campaigns.models import Delivery
from campaigns.selectors import routes
from providers.gateways import GatewayCall, GatewayReply, GatewaySend
from providers.simulator.gateways import GatewayServer
from providers.vendors.webpush import DIALECT, outbound
from tests.gateways import server
from tests.providers.webpush import codes
from tests.vendor_cases.gateway_apps import fill_app, start_transfer

__all__ = ["server"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
STREAMS, BATCH = 20, 60
NOW = datetime.now(UTC)
BUSY = GatewayReply(429, b"", {"retry-after": "3600"})


@pytest.fixture
def called(server: GatewayServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Whose pushes a service got that asks everybody to wait for an hour."""
    found: list[str] = []
    limits = replace(DIALECT.limits, streams=STREAMS, batch_size=BATCH)
    small, gateway = replace(DIALECT, limits=limits), server.simulator.gateways[DIALECT.key]

    def answer(call: GatewayCall, send: GatewaySend) -> GatewayReply:
        found.append(send.recipient)
        return BUSY

    monkeypatch.setattr(routes, "find_dialect", lambda key: small)
    server.simulator.gateways[DIALECT.key] = replace(gateway, write_accepted=answer)
    codes.forget()
    yield found
    codes.forget()


def work(worker: str, called: list[str]) -> int:
    """A turn of a worker at this moment; how often the service was called in it."""
    before = len(called)
    pump(worker, clock=lambda: NOW)
    return len(called) - before


def test_a_process_calls_no_more_often_than_it_had_calls_on_their_way(
    app: Any, server: GatewayServer, called: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_app(app, DIALECT, server.url, 3 * BATCH, NOW - timedelta(days=1))
    transfer = start_transfer(app, NOW)
    while not transfer.batches.exists():
        work("one", called)

    first = [work("one", called) for _turn in range(2)]
    monkeypatch.setattr(outbound, "RESTS", outbound.Rests())  # another process knows of nothing
    second = [work("two", called) for _turn in range(9)]

    assert 0 < sum(first) <= STREAMS
    assert 0 < sum(second) <= STREAMS
    assert len(set(called)) == len(called)
    assert not Delivery.objects.filter(part__transfer=transfer).exists()
    assert check_books().faults == []
