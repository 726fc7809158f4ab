"""The simulated gateway over HTTP/2: single calls, and a whole transfer by the engine."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from campaigns.dispatch.engine import drain
from campaigns.dispatch.verify import check_books
from campaigns.models import Account, Delivery, Device
from providers import vault
from providers.checks import check_account
from providers.commands import PushPart, SendPush
from providers.fanout import Fanout
from providers.message import AndroidContent, PushMessage
from providers.outbound import AccountConfig
from providers.outcomes import Outcome, Reason
from providers.recipients import Targets
from providers.simulator import read_plan
from providers.simulator.gateways import GatewayServer
from providers.vendors.fcm import DIALECT
from providers.vendors.fcm.outbound import AccessTokens, Fcm
from tests import builders
from tests.compat.fcm.conftest import Script
from tests.gateways import server
from tests.providers.fanning import call_all
from tests.vendor_cases.accounts import make_account

__all__ = ["server"]
COUNT = 60


def plan(server: GatewayServer, *faults: str) -> None:
    server.simulator.follow(read_plan({"faults": list(faults), "seed": 7}))


def open_own(server: GatewayServer) -> AccountConfig:
    return make_account(DIALECT, server.url)


def send_all(server: GatewayServer, count: int = COUNT) -> list[Any]:
    """What became of each recipient of a push."""
    values = tuple(f"token-{number}" for number in range(count))
    part = PushPart(PushMessage(body="Hi", android=AndroidContent()), (Targets("token", values),))
    client = Fcm(open_own(server), tokens=AccessTokens())
    calls = client.write_calls(SendPush(parts=(part,)))
    fanout = Fanout(50)
    found = call_all(fanout, [calls.write(place) for place in range(count)])
    fanout.close()
    return [calls.read(found[place]) for place in range(count)]


def test_every_device_gets_its_call_once(server):
    results = send_all(server, 300)

    assert [result.index for result in results] == list(range(300))
    assert {result.outcome for result in results} == {Outcome.ACCEPTED}
    assert server.simulator.summarize()["accepted_calls"] == 300


def test_some_devices_are_gone_and_the_others_are_not(server):
    plan(server, "unregistered:recipient=0.3")

    reasons = Counter(result.reason for result in send_all(server))

    assert reasons[Reason.TOKEN] + reasons[None] == COUNT
    assert 0 < reasons[Reason.TOKEN] < COUNT


@pytest.mark.parametrize(
    ("fault", "reason", "wait"),
    [
        ("error_429:retry_after=7", Reason.THROTTLED, 7.0),
        ("error_503:retry_after=9", Reason.VENDOR, 9.0),
        ("error_500", Reason.VENDOR, None),
        ("error_400", Reason.PAYLOAD, None),
        ("error_403", Reason.CREDENTIAL, None),
        ("error_404", Reason.CREDENTIAL, None),
        ("invalid_json", Reason.NO_ANSWER, None),
        ("ok_with_error", Reason.NO_ANSWER, None),
    ],
)
def test_a_fault_is_taken_for_what_it_is(server, fault, reason, wait):
    plan(server, fault)

    [result] = send_all(server, 1)

    assert (result.reason, result.retry_after) == (reason, wait)


def test_the_check_passes_through(server):
    assert check_account(DIALECT, open_own(server)).is_good


@pytest.fixture
def sending(server: GatewayServer, app: Any, transactional_db: None) -> GatewayServer:
    """The app's Android phones, reached through the simulated gateway."""
    config = open_own(server)
    builders.make_route(app, "android", "fcm")
    Account.objects.update(
        credentials=vault.encrypt(config.credentials), base_urls=config.base_urls
    )
    for number in range(COUNT):
        builders.make_device(app, f"token-{number}")
    return server


def launch(client: Any, app: Any) -> None:
    """A script's push to everybody whom no label excludes."""
    message = {"condition": "!('nobody' in topics)", "notification": {"title": "Hi", "body": "B"}}
    answer = Script(client, app).send(message)
    assert answer.status_code == 200
    drain()


def test_a_transfer_reaches_everybody_and_disables_whom_the_gateway_names(sending, client, app):
    plan(sending, "unregistered:recipient=0.2")

    launch(client, app)

    ends = Counter(Delivery.objects.values_list("outcome", "reason"))
    gone = Device.objects.filter(token_state="disabled").count()
    assert ends == {("sent", ""): COUNT - gone, ("failed", "token"): gone}
    assert 0 < gone < COUNT
    assert sending.simulator.summarize()["accepted_calls"] == COUNT - gone
    assert check_books().faults == []


def test_faults_of_the_message_disable_nobody(sending, client, app):
    plan(sending, "error_400")

    launch(client, app)

    assert set(Delivery.objects.values_list("outcome", "reason")) == {("failed", "payload")}
    assert not Device.objects.exclude(token_state="active").exists()
    assert check_books().faults == []
