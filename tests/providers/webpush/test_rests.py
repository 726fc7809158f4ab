"""A push service that asks to wait: how often it is called before every worker process knows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection

from campaigns.dispatch.engine import pump
from campaigns.dispatch.prune import prune
from campaigns.dispatch.rests import LONG_AGO, LOOK, RestBoard
from campaigns.dispatch.verify import check_books
from campaigns.models import Account, AddressRest, Delivery
from campaigns.selectors import routes
from campaigns.selectors.limits import LONGEST_BLOCK
from providers.gateways import GatewayCall, GatewayReply, GatewaySend
from providers.simulator.gateways import GatewayServer
from providers.vendors.webpush import DIALECT, outbound
from tests.gateways import server
from tests.providers.webpush import codes
from tests.vendor_cases.gateway_apps import fill_app, start_transfer

__all__ = ["server"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
STREAMS, BATCH = 20, 60
SERVICE = "https://service.example"
NOW = datetime.now(UTC)


@pytest.fixture(params=["3600", ""])
def called(
    server: GatewayServer, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[list[str]]:
    """Whose pushes a service got that asks everybody to wait, for an hour or without a time."""
    busy = GatewayReply(429, b"", {"retry-after": request.param} if request.param else {})
    found: list[str] = []
    limits = replace(DIALECT.limits, streams=STREAMS, batch_size=BATCH)
    small, gateway = replace(DIALECT, limits=limits), server.simulator.gateways[DIALECT.key]

    def answer(call: GatewayCall, send: GatewaySend) -> GatewayReply:
        found.append(send.recipient)
        return busy

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


def test_nobody_calls_more_often_than_one_process_had_calls_on_their_way(
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
    assert sum(second) == 0  # it was told by the first
    assert len(set(called)) == len(called)
    assert not Delivery.objects.filter(part__transfer=transfer).exists()
    assert check_books().faults == []


@dataclass
class Worker:
    """What one process knows, in the middle of a batch."""

    board: RestBoard
    rests: outbound.Rests = field(default_factory=outbound.Rests)

    @contextmanager
    def running(self) -> Iterator[None]:
        """As if only its process were there."""
        kept, outbound.RESTS = outbound.RESTS, self.rests
        try:
            yield
        finally:
            outbound.RESTS = kept

    def share(self) -> None:
        with self.running():
            self.board.share(can_ask=True)


def test_who_is_in_the_middle_of_a_batch_is_told_too(app: Any, server: GatewayServer) -> None:
    fill_app(app, DIALECT, server.url, 1, NOW)
    account = Account.objects.get()
    now = NOW
    one, two = (
        Worker(RestBoard(account.pk, outbound.SharedRests(account.public_id), lambda: now))
        for _worker in range(2)
    )
    one.share()
    two.share()

    one.rests.note(account.public_id, server.url, 3600, is_told=True)
    one.rests.note(account.public_id, "https://stranger.example", 3600)
    one.share()
    now += LOOK
    two.share()

    assert 3500 < two.rests.find(account.public_id, server.url) <= 3600
    assert list(AddressRest.objects.values_list("address", flat=True)) == [server.url]
    assert prune(now)["rests"] == 0
    assert prune(now + timedelta(hours=1))["rests"] == 1


@pytest.fixture
def account(app: Any, server: GatewayServer) -> Account:
    fill_app(app, DIALECT, server.url, 1, NOW)
    return Account.objects.get()


def make_worker(account: Account) -> Worker:
    return Worker(RestBoard(account.pk, outbound.SharedRests(account.public_id), lambda: NOW))


def find_until() -> float:
    """Seconds for which the one service is left alone by everybody."""
    [until] = AddressRest.objects.values_list("until", flat=True)
    return (until - NOW).total_seconds()


@pytest.mark.parametrize("waits", [(60, 600), (600, 60), (600, 0)])
def test_the_longest_of_what_a_service_asks_holds(account: Account, waits: tuple[int, int]) -> None:
    worker = make_worker(account)
    for seconds in waits:
        worker.rests.note(account.public_id, SERVICE, seconds, is_told=True)
        worker.share()

    assert 500 < worker.rests.find(account.public_id, SERVICE) <= 600
    assert 500 < find_until() <= 600


@pytest.mark.parametrize("seconds", [60, 0])
def test_what_one_was_asked_for_shortens_nothing_of_another(account: Account, seconds: int) -> None:
    long, short = make_worker(account), make_worker(account)
    short.rests.note(account.public_id, SERVICE, seconds, is_told=True)
    long.rests.note(account.public_id, SERVICE, 600, is_told=True)

    long.share()
    short.share()

    assert 500 < find_until() <= 600
    assert 500 < short.rests.find(account.public_id, SERVICE) <= 600
    long.rests.note(account.public_id, SERVICE, 900)
    long.board.looked_at = LONG_AGO
    long.share()
    assert 800 < long.rests.find(account.public_id, SERVICE) <= 900


def test_what_is_left_over_from_a_clock_that_went_back_is_replaced(account: Account) -> None:
    until = NOW + LONGEST_BLOCK + timedelta(seconds=1)
    AddressRest.objects.create(account=account, address=SERVICE, until=until)
    worker = make_worker(account)
    worker.rests.note(account.public_id, SERVICE, 600, is_told=True)

    worker.share()

    assert 500 < find_until() <= 600


def test_what_could_not_be_written_is_told_the_next_time(account: Account) -> None:
    worker = make_worker(account)
    worker.rests.note(account.public_id, SERVICE, 600, is_told=True)
    worker.board.account_id = account.pk + 1  # there is none
    with pytest.raises(IntegrityError):
        worker.share()

    worker.board.account_id = account.pk
    worker.share()

    assert 500 < find_until() <= 600


def test_what_is_asked_for_anew_while_it_is_pruned_stays(account: Account) -> None:
    AddressRest.objects.create(account=account, address=SERVICE, until=NOW - LOOK)

    def renew(execute: Any, sql: str, *args: Any) -> Any:
        if sql.startswith("DELETE") and AddressRest._meta.db_table in sql:
            AddressRest.objects.update(until=NOW + timedelta(seconds=600))
        return execute(sql, *args)

    with connection.execute_wrapper(renew):
        removed = prune(NOW)["rests"]

    assert removed == 0
    assert find_until() == 600
