"""A campaign for which no access token can be had: over real sockets, by the engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns.dispatch.engine import pump
from campaigns.dispatch.verify import check_books
from campaigns.models import Account, App, Batch, Delivery, Device, Transfer
from campaigns.services.transfers import resume_transfer
from providers.gateways import Gateway, GatewayCall, GatewayReply
from providers.simulator.gateways import GatewayServer
from providers.vendors.fcm import DIALECT, wire_auth
from tests.gateways import server
from tests.providers.fcm import codes
from tests.vendor_cases.gateway_apps import fill_app, start_transfer

__all__ = ["server"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
COUNT = 30
NOW = datetime.now(UTC)
REVOKED = {"error": "invalid_grant", "error_description": "Invalid grant: account not found"}


@pytest.fixture(autouse=True)
def _no_token_known() -> Iterator[None]:
    codes.forget()
    yield
    codes.forget()


@pytest.fixture
def transfer(app: App, server: GatewayServer) -> Transfer:
    fill_app(app, DIALECT, server.url, COUNT, NOW - timedelta(days=1))
    return start_transfer(app, NOW)


def refuse_tokens(server: GatewayServer, status: int, body: Any) -> Gateway:
    """From now on no token is given; what it was like before."""
    known = server.simulator.gateways[DIALECT.key]

    def read(call: GatewayCall) -> Any:
        if wire_auth.is_own_path(call.path):
            return GatewayReply(status, json.dumps(body).encode())
        return known.read(call)

    server.simulator.gateways[DIALECT.key] = replace(known, read=read)
    return known


def give_tokens(server: GatewayServer, gateway: Gateway) -> None:
    server.simulator.gateways[DIALECT.key] = gateway
    codes.forget()  # that there was none is remembered for two seconds


def send(transfer: Transfer, hours: int = 0) -> None:
    """Until nobody can do more at that hour."""
    while pump("worker", clock=lambda: NOW + timedelta(hours=hours)):
        pass
    transfer.refresh_from_db()
    assert check_books().faults == []


def assert_nobody_was_lost(server: GatewayServer, transfer: Transfer) -> None:
    ends = Delivery.objects.filter(part__transfer=transfer).values_list("outcome", flat=True)
    summary = server.simulator.summarize()
    assert list(ends) == ["sent"] * COUNT
    assert (summary["accepted_recipients"], summary["doubled_recipients"]) == (COUNT, 0)
    assert transfer.status == Transfer.Status.SENT


def test_a_key_that_is_revoked_pauses_and_loses_nobody(
    server: GatewayServer, transfer: Transfer
) -> None:
    well = refuse_tokens(server, 400, REVOKED)

    send(transfer)

    account = Account.objects.get()
    assert transfer.status == Transfer.Status.PAUSED
    assert (account.health, account.health_words) == (
        Account.Health.BAD,
        "invalid_grant: Invalid grant: account not found",
    )
    assert account.health_words in transfer.events.get(new="paused").note
    assert not Delivery.objects.exists()
    assert not Device.objects.exclude(token_state=Device.TokenState.ACTIVE).exists()

    give_tokens(server, well)
    resume_transfer(transfer, actor="owner", now=NOW)
    send(transfer)

    assert_nobody_was_lost(server, transfer)


@pytest.mark.parametrize("status", [500, 503])
def test_a_token_endpoint_that_is_away_is_waited_for_and_loses_nobody(
    server: GatewayServer, transfer: Transfer, status: int
) -> None:
    well = refuse_tokens(server, status, {})

    send(transfer)

    owed = Batch.objects.filter(transfer=transfer).exclude(state=Batch.State.DONE)
    assert transfer.status == Transfer.Status.SENDING
    assert Account.objects.get().health != Account.Health.BAD
    assert [one.retries for one in owed] == [1]
    assert all(one.due_at > NOW for one in owed)
    assert not Delivery.objects.exists()

    give_tokens(server, well)
    send(transfer, hours=1)

    assert_nobody_was_lost(server, transfer)
