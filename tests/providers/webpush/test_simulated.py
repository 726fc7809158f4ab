"""Our client and the simulated push service over HTTP/2; what it refuses, and who is hit by it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from providers import registry
from providers.checks import check_account
from providers.fanout import Fanout
from providers.gateways import GatewayCall
from providers.outbound import AccountConfig
from providers.outcomes import Outcome, Reason, Refusal, Result
from providers.simulator import Simulator, read_plan
from providers.simulator.gateways import GatewayServer
from providers.vendors.webpush import DIALECT, outbound
from providers.vendors.webpush.wire_gateway import GATEWAY
from tests.gateways import serving_gateways
from tests.providers.fanning import call_all
from tests.providers.webpush.browsers import Browser
from tests.providers.webpush.test_outbound import MESSAGE, connect, write


@pytest.fixture
def server(tmp_path, settings, monkeypatch) -> Iterator[GatewayServer]:
    monkeypatch.setattr(outbound, "RESTS", outbound.Rests())
    simulator = Simulator(registry.all_dialects(), tmp_path / "journal.jsonl")
    with serving_gateways(simulator, tmp_path, settings) as server:
        yield server
    simulator.close()


def open_browsers(server: GatewayServer, count: int) -> list[Browser]:
    return [Browser(endpoint=f"{server.url}/{DIALECT.key}/b/{n}") for n in range(count)]


def send_all(browsers: list[Browser], **options: str) -> list[Result]:
    """What became of each browser of a push."""
    references = tuple(f"1.a.{n}.0123456789ab" for n in range(len(browsers)))
    tokens = [browser.token for browser in browsers]
    calls = write(*tokens, client=connect(**options), references=references)
    fanout = Fanout(100)
    found = call_all(fanout, [calls.write(place) for place in range(len(browsers))])
    fanout.close()
    return [calls.read(found[place]) for place in range(len(browsers))]


def test_a_push_is_taken_for_every_browser_once(server):
    results = send_all(open_browsers(server, 100))

    summary = server.simulator.summarize()
    assert {result.outcome for result in results} == {Outcome.ACCEPTED}
    assert summary["accepted_calls"] == 100
    assert summary["doubled_recipients"] == 0


@pytest.mark.parametrize(
    ("fault", "trusted", "stranger"),
    [
        ("error_410", Reason.TOKEN, Reason.TOKEN),
        ("error_403", Reason.CREDENTIAL, Reason.NOT_ADDRESSABLE),
        ("error_413", Reason.PAYLOAD, Reason.NOT_ADDRESSABLE),
        ("error_503", Reason.VENDOR, Reason.VENDOR),
        ("error_502", Reason.NO_ANSWER, Reason.NO_ANSWER),
        ("ok_with_error", Reason.NO_ANSWER, Reason.NO_ANSWER),
        ("html", Reason.NO_ANSWER, Reason.NO_ANSWER),
    ],
)
def test_what_a_stranger_answers_is_his_own(server, fault, trusted, stranger):
    server.simulator.follow(read_plan({"faults": [fault], "seed": 7}))

    [believed] = send_all(open_browsers(server, 1), services="127.0.0.1")
    outbound.RESTS = outbound.Rests()
    [other] = send_all(open_browsers(server, 1))

    assert (believed.reason, other.reason) == (trusted, stranger)


def test_a_check_shows_a_push_in_the_test_browser(server):
    browser = open_browsers(server, 1)[0]
    made = {**DIALECT.make_credentials(), "test_browser": browser.token}

    good = check_account(DIALECT, AccountConfig(public_id="a", credentials=made))
    server.simulator.follow(read_plan({"faults": ["error_410"], "seed": 7}))
    gone = check_account(DIALECT, AccountConfig(public_id="a", credentials=made))

    assert good.is_good
    assert not gone.is_good
    assert "unsubscribed or expired" in gone.words
    assert browser.endpoint not in gone.words


def make_call() -> GatewayCall:
    call = write(Browser().token).write(0)
    headers = {
        name.lower(): value for name, value in (line.split(": ", 1) for line in call.headers)
    }
    return GatewayCall("POST", "/b/1", headers, call.body, datetime.now(UTC))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"authorization": ""}, 401),
        ({"authorization": "vapid t=a.b.c, k=d"}, 403),
        ({"authorization": "Bearer x"}, 403),
        ({"ttl": ""}, 400),
        ({"ttl": "-1"}, 400),
        ({"topic": "x" * 33}, 400),
        ({"urgency": "now"}, 400),
        ({"content-encoding": "aesgcm"}, 400),
    ],
)
def test_the_service_refuses_what_the_rfcs_refuse(headers, status):
    call = make_call()
    spoiled = replace(call, headers={**call.headers, **headers})

    with pytest.raises(Refusal) as caught:
        GATEWAY.read(spoiled)

    assert GATEWAY.write_refusal(spoiled, caught.value).status == status
    assert GATEWAY.read(call).recipient == "/b/1"


@pytest.mark.parametrize(("body", "status"), [(b"", 400), (b"x" * 90, 400), (b"x" * 4097, 413)])
def test_the_service_refuses_what_is_not_sealed(body, status):
    call = replace(make_call(), body=body)

    with pytest.raises(Refusal) as caught:
        GATEWAY.read(call)

    assert GATEWAY.write_refusal(call, caught.value).status == status


def test_only_its_browser_reads_what_the_service_saw(server):
    browser = open_browsers(server, 1)[0]
    title = "Only for one browser"  # too long to stand in a sealed body by chance
    calls = write(browser.token, message=replace(MESSAGE, title=title))

    call = calls.write(0)

    assert json.loads(browser.read(call.body))["title"] == title
    assert title.encode() not in call.body
