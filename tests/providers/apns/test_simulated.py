"""The simulated gateway over HTTP/2: our own client, and one that others use with Apple."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from aioapns import APNs, NotificationRequest, PushType
from aioapns.connection import APNsProductionClientProtocol

from providers import registry
from providers.checks import check_account
from providers.fanout import Fanout
from providers.gateways import GatewayCall
from providers.outcomes import Outcome, Reason
from providers.simulator import Simulator, read_plan
from providers.simulator.gateways import GatewayServer
from providers.vendors.apns import DIALECT
from providers.vendors.apns.outbound import Apns
from providers.vendors.apns.wire_gateway import GATEWAY, REFUSED
from tests.gateways import make_certificates, serving_gateways
from tests.providers.apns.account import TOKEN, make_push, open_account
from tests.providers.apns.test_calls import HI
from tests.providers.fanning import call_all

APPLE = "3"  # where a client that knows no addresses but Apple's looks: /3/device/<token>


def read_as_apple(call: GatewayCall):
    return GATEWAY.read(replace(call, path=f"/{APPLE}{call.path}"))


@pytest.fixture
def server(tmp_path, settings) -> Iterator[GatewayServer]:
    simulator = Simulator(registry.all_dialects(), tmp_path / "journal.jsonl")
    apple = replace(GATEWAY, read=read_as_apple)
    simulator.gateways = {**simulator.gateways, APPLE: apple}
    with serving_gateways(simulator, tmp_path, settings) as server:
        yield server
    simulator.close()


def plan(server: GatewayServer, *faults: str) -> None:
    server.simulator.follow(read_plan({"faults": list(faults), "seed": 7}))


def open_own(server: GatewayServer, **credentials: str):
    account = open_account(base_urls={"gateway": f"{server.url}/{DIALECT.key}"})
    return replace(account, credentials={**account.credentials, **credentials})


def send_all(server: GatewayServer, count: int):
    """What became of each recipient of a push."""
    calls = Apns(open_own(server)).write_calls(make_push(*[HI] * count))
    fanout = Fanout(100)
    found = call_all(fanout, [calls.write(place) for place in range(count)])
    fanout.close()
    return [calls.read(found[place]) for place in range(count)]


def test_a_push_is_accepted_for_every_device_once(server):
    results = send_all(server, 300)

    summary = server.simulator.summarize()
    assert {result.outcome for result in results} == {Outcome.ACCEPTED}
    assert [result.index for result in results] == list(range(300))
    assert summary["accepted_calls"] == 300
    assert summary["doubled_recipients"] == 0


def test_a_token_that_went_tells_since_when(server):
    plan(server, "error_410")

    [result] = send_all(server, 1)

    assert result.reason is Reason.TOKEN
    assert timedelta(minutes=59) < datetime.now(UTC) - result.dead_since < timedelta(minutes=61)


def test_a_known_account_checks_out_and_a_refused_one_reads_apples_words(server):
    good = check_account(DIALECT, open_own(server))
    refused = check_account(DIALECT, open_own(server, key_id=REFUSED))
    replaced = check_account(DIALECT, open_own(server, key_id="NEWKEY1234"))

    assert good.is_good
    assert replaced.is_good
    assert not refused.is_good
    assert refused.words.startswith("InvalidProviderToken: ")


def test_a_certificate_in_the_handshake_is_enough(server):
    certificate, key = make_certificates().sign_client("com.example.shop")
    account = open_own(server)
    shown = {"certificate": certificate.decode(), "certificate_key": key.decode()}

    result = check_account(DIALECT, replace(account, credentials=shown))

    assert result.is_good


def find_client(server: GatewayServer) -> APNs:
    """aioapns, which thinks that the simulator is Apple's."""
    credentials = open_account().credentials
    context = ssl.create_default_context(cadata=make_certificates().authority)
    context.set_alpn_protocols(["h2"])
    client = APNs(
        key=credentials["key"],
        key_id=credentials["key_id"],
        team_id=credentials["team_id"],
        topic="com.example.shop",
        ssl_context=context,
    )
    port = int(server.url.rpartition(":")[2])
    here = {"APNS_SERVER": "localhost", "APNS_PORT": port}
    client.pool.protocol_class = type("Here", (APNsProductionClientProtocol,), here)
    return client


def send_by_aioapns(server: GatewayServer, *requests: NotificationRequest):
    async def send():
        client = find_client(server)
        results = await asyncio.gather(*map(client.send_notification, requests))
        for connection in client.pool.connections:
            connection.transport.abort()
        client.pool.close()
        await asyncio.sleep(0.01)  # sockets are closed in the loop's next turns
        return results

    # In a thread of its own: a browser that an earlier test has opened keeps this one's loop busy.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(send())).result()


ask = partial(
    NotificationRequest,
    message={"aps": {"alert": "Hi"}},
    push_type=PushType.ALERT,
    time_to_live=60,
    priority=10,
    collapse_key="one",
)


def test_another_client_is_understood_and_understands(server):
    sent, bad, wrong_topic, too_long = send_by_aioapns(
        server,
        ask(TOKEN),
        ask("0" * 64),
        ask(TOKEN, push_type=PushType.VOIP),
        ask(TOKEN, message={"aps": {"alert": "x" * 4096}}),
    )

    assert sent.is_successful
    assert (bad.status, bad.description) == ("400", "BadDeviceToken")
    assert (wrong_topic.status, wrong_topic.description) == ("400", "BadTopic")
    assert (too_long.status, too_long.description) == ("413", "PayloadTooLarge")
    assert server.simulator.summarize()["accepted_calls"] == 1


def test_another_client_reads_since_when_a_token_is_gone(server):
    plan(server, "error_410")

    [gone] = send_by_aioapns(server, ask(TOKEN))

    since = datetime.fromtimestamp(gone.timestamp / 1000, UTC)
    assert (gone.status, gone.description) == ("410", "Unregistered")
    assert timedelta(minutes=59) < datetime.now(UTC) - since < timedelta(minutes=61)
