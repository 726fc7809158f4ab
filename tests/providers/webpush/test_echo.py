"""A push service that repeats the address that it was called at: what is kept of it, and where."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.core import serializers

from campaigns.dispatch.engine import drain
from campaigns.models import Account, App, Attempt, Device, Exchange
from campaigns.models.audience import hash64
from campaigns.services import browsers
from campaigns.services.accounts import check_account
from providers.gateways import GatewayCall, GatewayReply, GatewaySend
from providers.simulator.gateways import GatewayServer
from providers.vendors.webpush import DIALECT
from tests.gateways import server
from tests.providers.webpush.browsers import Browser
from tests.vendor_cases.gateway_apps import fill_app, start_transfer

__all__ = ["server"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
NOW = datetime.now(UTC)
NAME = "dGhlIGJyb3dzZXI:APA91bCanaryCanaryCanaryCanaryCanaryCanaryCanaryCanary"


@pytest.fixture
def token(server: GatewayServer) -> str:
    """A browser of a service that says of it what some front of a web server does."""
    gateway = server.simulator.gateways[DIALECT.key]

    def answer(call: GatewayCall, send: GatewaySend) -> GatewayReply:
        words = f"404. The requested URL <code>{send.recipient}</code> was not found."
        return GatewayReply(404, words.encode())

    server.simulator.gateways[DIALECT.key] = replace(gateway, write_accepted=answer)
    return Browser(f"{server.url}/{DIALECT.key}/fcm/send/{NAME}").token


def test_nothing_that_is_kept_of_a_send_names_the_browser(
    app: App, server: GatewayServer, token: str
) -> None:
    fill_app(app, DIALECT, server.url, 1, NOW - timedelta(days=1))
    Device.objects.update(token=token, token_hash=hash64(token))
    start_transfer(app, NOW)

    drain()

    [evidence] = Device.objects.values_list("token_evidence", flat=True)
    rows = [*Attempt.objects.all(), *Exchange.objects.all()]
    kept = serializers.serialize("json", rows)
    assert evidence == "404. The requested URL <code>/fcm/send/[hidden]</code> was not found."
    assert "was not found" in kept
    assert "Canary" not in kept


def test_nothing_that_a_check_tells_names_the_browser(
    app: App, server: GatewayServer, token: str
) -> None:
    fill_app(app, DIALECT, server.url, 1, NOW)
    account = Account.objects.get()
    browsers.keep_browser(app, json.loads(token), actor="olga", now=NOW)

    result = check_account(account, actor="olga", now=NOW)

    assert "<code>/fcm/send/[hidden]</code> was not found" in result.words
