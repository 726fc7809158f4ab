"""Calls to gateways over real sockets: HTTP/2 and 1.1, and every way in which one can end."""

from __future__ import annotations

import json
import logging
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from providers import failures
from providers.device_exchanges import hide_secrets, write_exchange
from providers.fanout import Fanout, close_fanouts, get_fanout
from providers.http_session import VendorSession
from providers.outbound import ClientCertificate, DeviceAnswer, DeviceCall
from providers.outcomes import Failure, Reason
from providers.simulator import Behaviour, Simulator, read_plan
from providers.simulator.gateways import GatewayServer
from tests.gateways import GATEWAY, make_certificates, serving_gateways
from tests.installation import wait_for
from tests.providers.fanning import SECRET, call_all, describe, make_call, make_calls

ACCEPTED = {200: 1}
NOBODY_KNOWS = {(Reason.NO_ANSWER, None): 1}


@pytest.fixture
def server(tmp_path, settings) -> Iterator[GatewayServer]:
    """A gateway under `/plain/`; its simulator behaves as a test says."""
    simulator = Simulator((), tmp_path / "journal.jsonl")
    simulator.gateways = {"plain": GATEWAY}
    with serving_gateways(simulator, tmp_path, settings) as server:
        yield server
    simulator.close()


@pytest.fixture
def fanout(server) -> Iterator[Fanout]:
    fanout = Fanout(100)
    yield fanout
    fanout.close()


def plan(server: GatewayServer, *faults: str) -> None:
    server.simulator.follow(read_plan({"faults": list(faults), "seed": 7}))


def count(server: GatewayServer) -> dict[str, int]:
    return server.simulator.summarize()


def test_every_call_is_answered_once_with_its_own_answer(server, fanout):
    found = call_all(fanout, make_calls(server.url, 500))

    ids = {place: json.loads(answer.body)["id"] for place, answer in found.items()}
    assert ids == {place: f"recipient-canary-{place}" for place in range(500)}
    assert all(answer.headers["x-id"] == ids[place] for place, answer in found.items())
    assert {answer.place for answer in found.values()} == set(range(500))
    assert all(0 < answer.seconds < 20 for answer in found.values())
    assert count(server)["distinct_recipients"] == count(server)["accepted_calls"] == 500


def test_connections_are_few_and_are_kept_from_batch_to_batch(server, fanout):
    call_all(fanout, make_calls(server.url, 300))
    call_all(fanout, make_calls(server.url, 300, 300))

    assert server.opened == 1


def test_more_streams_than_a_connection_takes_open_more_of_them(server):
    server.simulator.behaviour = Behaviour(latency_ms=300)
    fanout = Fanout(1000)

    found = call_all(fanout, make_calls(server.url, 1000), in_flight=1000)

    fanout.close()
    assert describe(found) == {200: 1000}
    assert 5 <= server.opened <= 20


def test_http_1_is_spoken_where_the_gateway_speaks_nothing_else(server, fanout):
    for context in server.contexts:
        context.set_alpn_protocols(["http/1.1"])

    found = call_all(fanout, make_calls(server.url, 200))

    assert describe(found) == {200: 200}
    assert {answer.headers["x-id"] for answer in found.values()} == {
        f"recipient-canary-{place}" for place in range(200)
    }
    assert server.opened <= 8


def test_a_client_certificate_is_shown_and_belongs_to_one_fanout(server):
    shown = ClientCertificate(*make_certificates().sign_client("com.example.app"))
    call = make_call(server.url, path="/plain/hello?a=1")

    [with_one] = call_all(get_fanout(1, shown), [call]).values()
    [without] = call_all(get_fanout(1), [call]).values()

    assert json.loads(with_one.body)["certificate"] == "com.example.app"
    assert json.loads(with_one.body)["query"] == "a=1"
    assert json.loads(without.body)["certificate"] == ""
    assert get_fanout(1, shown) is not get_fanout(1)
    assert get_fanout(1) is get_fanout(5)
    assert get_fanout(1, account="one") is not get_fanout(1, account="two")


def test_connections_of_a_caller_that_was_replaced_are_ended(server):
    close_fanouts()
    old, other = get_fanout(1, account="one", caller="a"), get_fanout(1, account="two")
    call_all(old, [make_call(server.url)])
    call_all(other, [make_call(server.url)])

    new = get_fanout(1, account="one", caller="b")
    call_all(new, [make_call(server.url)])

    assert get_fanout(1, account="one", caller="b") is new is not old
    assert get_fanout(1, account="two") is other
    assert server.opened == 3
    wait_for("the end of the old ones", lambda: len(server.links) == 2, seconds=10)


def test_a_certificate_that_cannot_be_shown_is_a_fault_of_the_account(server):
    certificate, _key = make_certificates().sign_client("com.example.shop")
    _certificate, strange = make_certificates().sign_client("com.example.shop")
    torn = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"

    found = []
    useless = [ClientCertificate(certificate, strange), ClientCertificate(torn, strange)]
    for shown in (*useless, None):
        fanout = Fanout(1, shown)
        found += call_all(fanout, [make_call(server.url)]).values()
        fanout.close()

    *failures, answer = found
    assert [(one.reason, one.is_permanent, one.was_sent) for one in failures] == [
        (Reason.CREDENTIAL, True, False)
    ] * 2
    assert (answer.status, count(server)["accepted_calls"]) == (200, 1)


def test_headers_and_the_hop_of_a_chain_are_sent(server, fanout):
    calls = [make_call(server.url, place, "x-a: b", path="/plain/hello") for place in range(2)]

    with failures.hopping("inst-1", 2):
        [chained] = call_all(fanout, calls[:1]).values()
    [plain] = call_all(fanout, calls[1:]).values()

    said = json.loads(chained.body)["headers"]
    assert (said["x-a"], said["x-pushadmin-hop"]) == ("b", "inst-1,2")
    assert said["user-agent"] == "pushadmin"
    assert "x-pushadmin-hop" not in json.loads(plain.body)["headers"]


def test_a_vendor_of_the_same_authority_is_trusted_by_both_kinds_of_calls(server):
    with VendorSession() as session:
        answer = session.get(f"{server.url}/plain/hello", timeout=5)

    assert answer.status_code == 200


def test_an_authority_that_nobody_named_is_not_trusted(server, settings):
    settings.OUTBOUND_CA = ""
    fanout = Fanout(1)

    found = call_all(fanout, [make_call(server.url)])

    fanout.close()
    assert describe(found) == {(Reason.VENDOR, False): 1}
    with VendorSession() as session, pytest.raises(requests.exceptions.SSLError):
        session.get(f"{server.url}/plain/hello", timeout=5)


@pytest.mark.parametrize(
    ("fault", "ended", "accepted"),
    [
        ("error_400", {400: 1}, 0),
        ("error_401", {401: 1}, 0),
        ("error_410", {410: 1}, 0),
        ("error_429:retry_after=7", {429: 1}, 0),
        ("error_500", {500: 1}, 0),
        ("error_503:retry_after=7", {503: 1}, 0),
        ("redirect", {302: 1}, 0),
        ("unregistered", {410: 1}, 0),
        ("accepted_500", {500: 1}, 1),
        ("html", ACCEPTED, 1),
        ("invalid_json", ACCEPTED, 1),
        ("empty", ACCEPTED, 1),
        ("huge", NOBODY_KNOWS, 1),
        ("close_before_acceptance", NOBODY_KNOWS, 0),
        ("accepted_answer_lost", NOBODY_KNOWS, 1),
        ("silence:seconds=3", NOBODY_KNOWS, 0),
        ("slow_headers:seconds=1", NOBODY_KNOWS, 1),
        ("slow_body:seconds=0.3", NOBODY_KNOWS, 1),
        ("bandwidth:bytes_per_second=10", NOBODY_KNOWS, 1),
        ("half_body", NOBODY_KNOWS, 1),
        ("wrong_length", NOBODY_KNOWS, 1),
        ("stream_reset", NOBODY_KNOWS, 1),
        ("stream_reset:accepted=no", NOBODY_KNOWS, 0),
        ("stream_refused:times=1", ACCEPTED, 1),
        ("stream_refused", {(Reason.VENDOR, False): 1}, 0),
        ("goaway:times=1", ACCEPTED, 1),
        ("goaway", {(Reason.VENDOR, False): 1}, 0),
        ("goaway_after", ACCEPTED, 1),
        ("tls_error", {(Reason.VENDOR, False): 1}, 0),
        ("tls_expired", {(Reason.VENDOR, False): 1}, 0),
    ],
)
def test_a_fault_is_taken_for_what_it_is(server, settings, fault, ended, accepted):
    settings.CALL_SECONDS = 1.0 if fault.startswith(("silence", "slow", "bandwidth")) else 30.0
    plan(server, fault)
    fanout = Fanout(1)

    found = call_all(fanout, [make_call(server.url)])

    fanout.close()
    assert describe(found) == ended
    assert count(server)["accepted_calls"] == accepted
    [said] = found.values()
    if "retry_after" in fault:
        assert said.headers["retry-after"] == "7"


@pytest.mark.parametrize("fault", ["accepted_answer_lost", "close_before_acceptance"])
def test_a_kept_connection_that_ends_is_not_called_again_in_secret(server, fanout, fault):
    # libcurl would: whoever got the call before would get it twice, and nobody would know.
    call_all(fanout, make_calls(server.url, 3))
    plan(server, fault)

    found = call_all(fanout, [make_call(server.url, 9)])

    assert describe(found) == NOBODY_KNOWS
    assert server.simulator.book.given[fault] == 1


def test_calls_above_a_goaway_are_made_on_another_connection(server, fanout):
    server.simulator.behaviour = Behaviour(latency_ms=20)
    plan(server, "goaway:nth=150", "goaway_after:nth=400")

    found = call_all(fanout, make_calls(server.url, 600))

    assert describe(found) == {200: 600}
    assert count(server)["accepted_calls"] == count(server)["distinct_recipients"] == 600
    assert server.opened >= 3


def test_a_lost_connection_leaves_in_doubt_what_was_in_flight_and_no_more(server, fanout):
    server.simulator.behaviour = Behaviour(latency_ms=20)
    plan(server, "accepted_answer_lost:nth=250")

    found = call_all(fanout, make_calls(server.url, 600))

    ended = describe(found)
    assert ended[200] + ended[Reason.NO_ANSWER, None] == 600
    assert 1 <= ended[Reason.NO_ANSWER, None] <= 100
    assert count(server)["distinct_recipients"] == count(server)["accepted_calls"]


def test_a_gateway_that_shuts_its_door_was_certainly_not_sent_to(server):
    plan(server, "connect_refused:nth=1,seconds=1")
    fanout = Fanout(10)

    first = call_all(fanout, [make_call(server.url)])
    fanout.close()
    fanout = Fanout(10)
    shut = call_all(fanout, make_calls(server.url, 10, 1))
    time.sleep(1.2)
    again = call_all(fanout, make_calls(server.url, 10, 11))

    fanout.close()
    assert (describe(first), describe(shut)) == ({200: 1}, {(Reason.VENDOR, False): 10})
    assert describe(again) == {200: 10}


def test_an_answer_that_never_comes_ends_after_its_time(server, settings):
    settings.CALL_SECONDS = 1.0
    server.simulator.behaviour = Behaviour(latency_ms=600_000)
    fanout = Fanout(20)

    found = call_all(fanout, make_calls(server.url, 20))
    server.simulator.behaviour = Behaviour()
    after = call_all(fanout, make_calls(server.url, 20, 20))

    fanout.close()
    assert describe(found) == {(Reason.NO_ANSWER, None): 20}
    assert describe(after) == {200: 20}
    assert server.opened == 2  # the one that had fallen silent is not used again


def read_memory() -> int:
    """What this process holds now, in kB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 1024


def test_memory_stays_flat_over_many_calls(server):
    fanout = Fanout(100)
    call_all(fanout, make_calls(server.url, 2000))
    before = read_memory()

    for first in range(2000, 20_000, 2000):
        call_all(fanout, make_calls(server.url, 2000, first))

    after = read_memory()
    fanout.close()
    assert count(server)["distinct_recipients"] == 20_000
    assert after - before < 12_000  # kB, of which the counting of recipients has some


def test_no_secret_and_no_recipient_is_kept_or_said(server, fanout, caplog):
    caplog.set_level(logging.DEBUG)
    token = "recipient-canary-0"
    url = f"{server.url}/plain/3/device/{'0f' * 32}"
    plan(server, "error_400:nth=1", "accepted_answer_lost:nth=2")
    calls = [DeviceCall(place, url, make_call("").headers, make_call("").body) for place in (0, 1)]

    said = [next(iter(call_all(fanout, [call]).values())) for call in calls]
    exchanges = [write_exchange(call, item, token) for call, item in zip(calls, said, strict=True)]

    everything = f"{exchanges} {said} {caplog.text}"
    assert isinstance(said[0], DeviceAnswer)
    assert isinstance(said[1], Failure)
    assert [exchange.status for exchange in exchanges] == [400, None]
    assert exchanges[0].url.endswith("/plain/3/device/[recipient]")
    assert SECRET not in everything
    assert token not in f"{exchanges} {caplog.text}"
    assert "0f" * 8 not in f"{exchanges} {caplog.text}"


def test_what_is_encrypted_and_whom_json_names_is_left_out_of_an_exchange():
    endpoint = "https://push.example/w/short-one"
    target = json.dumps({"endpoint": endpoint, "keys": {"auth": "auth-canary"}})
    call = DeviceCall(0, endpoint, ("authorization: vapid t=jwt-canary, k=key",), b"\x00\xff" * 9)
    answer = DeviceAnswer(0, 201, {}, b'{"was": "auth-canary jwt-canary"}')

    exchange = write_exchange(call, answer, target)

    assert exchange.request == "[18 bytes]"
    assert "canary" not in str(exchange)
    assert "short-one" not in str(exchange)


def test_half_characters_of_a_subscription_stop_nobody_from_keeping_its_call():
    call = make_call("https://push.example")
    target = r'{"endpoint": "https://push.example/plain/push", "x": "canary-\ud800"}'
    answer = DeviceAnswer(0, 500, {}, b"out of order: canary-\xff")

    exchange = write_exchange(call, answer, target)

    assert exchange.status == 500
    assert hide_secrets("out of order", call, target) == "out of order"
