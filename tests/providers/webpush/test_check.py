"""*Check at the vendor* for an account whose browsers subscribed on our own page: over TLS, to the
simulated push service."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from campaigns.models import Account, App, Device, Membership
from campaigns.services import browsers
from campaigns.services.accounts import check_account, find_credentials, save_account
from providers.gateways import GatewayCall, GatewayReply, GatewaySend
from providers.outbound import CheckResult
from providers.simulator.gateways import GatewayServer
from providers.vendors.webpush import DIALECT
from tests import builders
from tests.gateways import server
from tests.providers.webpush.browsers import Browser

__all__ = ["server"]
pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)


@pytest.fixture
def account(app: App) -> Account:
    """What the first click on *Subscribe this browser* makes."""
    owner = builders.make_member("olga", app.workspace, role=Membership.Role.ADMIN)
    return browsers.open_browser_account(app, owner, actor="olga", now=NOW)


def subscribe(app: App, server: GatewayServer, name: str) -> Device:
    token = Browser(endpoint=f"{server.url}/{DIALECT.key}/b/{name}").token
    return browsers.keep_browser(app, json.loads(token), actor="olga", now=NOW)


@dataclass
class Service:
    """What the push service answers, and whose pushes it was sent."""

    status: int = 201
    words: str = ""
    called: list[str] = field(default_factory=list)

    def answer(self, call: GatewayCall, send: GatewaySend) -> GatewayReply:
        self.called.append(send.recipient)
        return GatewayReply(self.status, self.words.encode())


@pytest.fixture
def service(server: GatewayServer) -> Service:
    service, gateway = Service(), server.simulator.gateways[DIALECT.key]
    server.simulator.gateways[DIALECT.key] = replace(gateway, write_accepted=service.answer)
    return service


def check(account: Account) -> CheckResult:
    result = check_account(account, actor="olga", now=NOW)
    account.refresh_from_db()
    assert (account.health == Account.Health.GOOD) is result.is_good
    assert account.health_words == result.words
    return result


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "Request did not validate Invalid Authorization Header"),
        (403, "invalid JWT provided"),
        (403, "the VAPID credentials in the authorization header do not correspond"),
    ],
)
def test_a_key_that_is_refused_is_told_in_the_words_of_the_push_service(
    account: Account, app: App, server: GatewayServer, service: Service, status: int, words: str
) -> None:
    subscribe(app, server, "one")
    good = check(account)
    service.status, service.words = status, words

    refused = check(account)

    assert good.is_good
    assert not refused.is_good
    assert words in refused.words
    assert service.called == ["/b/one"] * 2


def test_a_browser_that_has_left_says_nothing_against_the_key(
    account: Account, app: App, server: GatewayServer, service: Service
) -> None:
    subscribe(app, server, "one")
    service.status, service.words = 410, "push subscription has unsubscribed or expired."

    result = check(account)

    assert result.is_good
    assert service.words in result.words
    assert service.called == ["/b/one"]


def test_it_is_the_newest_browser_that_the_account_reaches(
    account: Account, app: App, server: GatewayServer, service: Service
) -> None:
    subscribe(app, server, "old")
    subscribe(app, server, "new")
    gone = subscribe(app, server, "gone")
    Device.objects.filter(pk=gone.pk).update(token_state=Device.TokenState.DISABLED)
    elsewhere = builders.make_app(app.workspace, "elsewhere")
    builders.make_route(elsewhere, "web")
    subscribe(elsewhere, server, "elsewhere")

    result = check(account)

    assert result.is_good
    assert service.called == ["/b/new"]


def test_a_subscription_that_was_pasted_goes_first(
    account: Account, app: App, server: GatewayServer, service: Service
) -> None:
    subscribe(app, server, "new")
    pasted = Browser(endpoint=f"{server.url}/{DIALECT.key}/b/pasted").token
    made = {**(find_credentials(account) or {}), "test_browser": pasted}
    save_account(account, made, actor="olga", now=NOW)
    service.status = 410

    result = check(account)

    assert not result.is_good
    assert service.called == ["/b/pasted"]
