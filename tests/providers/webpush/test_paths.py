"""Endpoints that are called at another path than they begin with: anybody may make one up, and a
known service's word about it must not count against the account."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from campaigns.dispatch.engine import drain
from campaigns.models import Account, App, Delivery, Device
from campaigns.models.audience import hash64
from providers.outcomes import Outcome, Reason
from providers.simulator.gateways import GatewayServer
from providers.vendors.webpush import DIALECT, outbound, wire_errors
from providers.vendors.webpush.wire_subscriptions import Subscription, read_subscription
from tests.gateways import server
from tests.providers.webpush.browsers import SERVICE, Browser
from tests.providers.webpush.test_outbound import write
from tests.vendor_cases.gateway_apps import fill_app, start_transfer

__all__ = ["server"]
NOW = datetime.now(UTC)
ELSEWHERE = "v1/projects/x/messages:send"
CROOKED = [
    f"/wp/../{ELSEWHERE}",
    f"/wp/%2e%2e/{ELSEWHERE}",
    f"/wp/%2E%2E/{ELSEWHERE}",
    f"/wp/.%2e/{ELSEWHERE}",
    f"/fcm/send/../../{ELSEWHERE}",
    f"/wp/..%2f{ELSEWHERE}",
    f"/wp/..%5C{ELSEWHERE}",
    f"/wp/..;/{ELSEWHERE}",
    f"/wp/..;a=b/{ELSEWHERE}",
    f"/wp/..%3b/{ELSEWHERE}",
    f"/wp/%252e%252e/{ELSEWHERE}",
    "/wp/./abc",
    "/wp/abc/..",
    "/wp/abc/..?x=y",
]
PLAIN = [
    "/wp/abc:def",
    "/fcm/send/a..b:c.d_e-f~",
    "/wp/...",
    "/wp/.well-known",
    "/wp/abc%3D%3d",
    "/wp/abc?next=/../x&token=a%2fb%2E%25",
]


@pytest.mark.parametrize("path", CROOKED)
def test_a_crooked_address_fails_alone_and_is_not_called(path):
    bad, good = Browser(f"{SERVICE}{path}"), Browser()
    calls = write(bad.token, good.token)

    result = calls.write(0)

    assert (result.outcome, result.reason) == (Outcome.FAILED, Reason.NOT_ADDRESSABLE)
    assert "leads to another path" in result.message
    assert calls.write(1).url == good.endpoint


@pytest.mark.parametrize("path", CROOKED)
def test_what_is_answered_at_a_crooked_address_is_not_believed(path):
    bare = path.partition("?")[0]
    subscription = Subscription(f"{SERVICE}{path}", SERVICE, bare, b"", b"")

    assert not wire_errors.is_known(subscription)
    assert not wire_errors.is_known(subscription, ("fcm.googleapis.com",))


@pytest.mark.parametrize("path", PLAIN)
def test_an_address_with_dots_and_escapes_of_its_own_is_called_as_it_is(path):
    call = write(Browser(f"{SERVICE}{path}").token).write(0)

    assert (call.url, call.is_address_given) == (f"{SERVICE}{path}", False)


def test_a_test_browser_with_a_crooked_address_is_none():
    crooked = Browser(f"{SERVICE}{CROOKED[0]}").token

    faults = DIALECT.find_credential_faults({"test_browser": crooked})

    assert list(faults) == ["test_browser"]
    with pytest.raises(ValueError, match="another path"):
        read_subscription(crooked)


@pytest.mark.django_db(transaction=True)
@pytest.mark.database
def test_an_old_subscription_of_that_kind_harms_nobody_else(
    app: App, server: GatewayServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "RESTS", outbound.Rests())
    first, *others = fill_app(app, DIALECT, server.url, 5, NOW - timedelta(days=1))
    address = json.loads(first.token)["endpoint"].replace("/e/", "/e/../")
    token = Browser(address).token
    Device.objects.filter(pk=first.pk).update(token=token, token_hash=hash64(token))
    transfer = start_transfer(app, NOW)

    drain()

    transfer.refresh_from_db()
    rows = Delivery.objects.filter(part__transfer=transfer)
    ends = dict(rows.values_list("recipient", "reason"))
    first.refresh_from_db()
    assert transfer.status == "sent"
    assert ends == {first.pk: "not_addressable", **dict.fromkeys((one.pk for one in others), "")}
    assert Account.objects.get().health != Account.Health.BAD
    assert first.token_state == Device.TokenState.ACTIVE
