"""Our client hands scenarios and texts over: to the vendor's own calls, as we simulate them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from providers import http, registry
from providers.commands import PushPart, SendPush
from providers.message import PushMessage
from providers.outbound import AccountConfig
from providers.outcomes import Failure, Outcome, Reason
from providers.recipients import PersonKind, Targets
from providers.reports import FetchOutcomes
from providers.scenarios import Channel, SaveScenario, SendByScenario, SendText, Step, TextMessage
from providers.simulator import Simulator, open_server
from providers.vendors.infobip import wire_omni
from providers.vendors.infobip.outbound import Infobip
from providers.vendors.infobip.wire_values import Block

DIALECT = registry.get("infobip")
STEPS = (Step("push", "app"), Step("sms", "41793026700"))
PHONES = Targets(PersonKind.PHONE, ("41793026727", "41793026728"), ("1.1.1.abc", "1.1.2.abc"))


@pytest.fixture
def client(tmp_path, settings) -> Iterator[Infobip]:
    simulator = Simulator([DIALECT], tmp_path / "journal.jsonl")
    server = open_server(simulator)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    settings.OUTBOUND_ALLOW = [url]
    yield Infobip(
        AccountConfig(
            public_id="acc-1",
            credentials={"api_key": "good"},
            base_urls={"api": f"{url}/infobip"},
            options={"sender": "app"},
        )
    )
    http.get_session().close()
    server.shutdown()
    thread.join()
    server.server_close()
    simulator.close()


def make_push(**values) -> SendPush:
    message = PushMessage(title="Hi", body="There")
    return SendPush(parts=(PushPart(message, (PHONES,)),), client_key="bulk-1", **values)


def make_text() -> SendText:
    return SendText(
        push=make_push(tag="spring"),
        channel=Channel.SMS,
        message=TextMessage(text="There", expires_in=600),
        sender="41793026700",
    )


def test_a_scenario_is_made_once(client) -> None:
    scenario = SaveScenario(steps=STEPS, name="push + SMS")

    first, again = client.ensure_scenario(scenario), client.ensure_scenario(scenario)

    assert first == again
    assert len(first) == 32


def test_a_send_by_a_scenario_is_taken(client) -> None:
    key = client.ensure_scenario(SaveScenario(steps=STEPS))
    command = SendByScenario(
        push=make_push(expires_in=120),
        scenario=key,
        texts={"sms": TextMessage(text="There")},
        addresses=tuple({"sms": number} for number in PHONES.values),
    )

    receipt = client.send(client.write_by_scenario(command))

    assert (receipt.reference, receipt.outcome) == ("bulk-1", Outcome.ACCEPTED)


def test_a_send_by_nobodys_scenario_is_refused(client) -> None:
    command = SendByScenario(push=make_push(), scenario="ABC")

    with pytest.raises(Failure) as caught:
        client.send(client.write_by_scenario(command))

    assert caught.value.reason is Reason.PAYLOAD


def test_a_text_is_taken_and_can_be_asked_about(client) -> None:
    receipt = client.send(client.write_text(make_text()))

    rows = client.call(
        "GET",
        wire_omni.REPORTS_PATH,
        params={"bulkId": "bulk-1", "channel": "SMS"},
    )
    assert (receipt.reference, receipt.results) == ("bulk-1", ())
    assert isinstance(rows["results"], list)


def test_a_text_is_written_with_our_ids_and_its_life(client) -> None:
    request = client.write_text(make_text())

    assert request.count == 2
    assert b'"messageId":"1.1.2.abc"' in request.body
    assert b'"validityPeriod":{"amount":10,"timeUnit":"MINUTES"}' in request.body
    assert b'"campaignReferenceId":"spring"' in request.body


def test_texts_to_more_than_1000_numbers_are_ours_to_split(client) -> None:
    many = Targets(PersonKind.PHONE, tuple(map(str, range(1001))))
    push = replace(make_push(), parts=(PushPart(PushMessage(body="x"), (many,)),))

    with pytest.raises(Failure) as caught:
        client.write_text(replace(make_text(), push=push))

    assert caught.value.reason is Reason.OURS


def test_logs_of_texts_are_looked_at_where_there_are_none_of_pushes(client) -> None:
    assert client.fetch_logs(FetchOutcomes(references=("nobody",))) == ()


def test_one_minute_is_a_number_alone_where_minutes_are_meant() -> None:
    assert wire_omni.write_validity(60) == {"validityPeriod": 1}
    assert wire_omni.read_text(Block({"validityPeriod": 1}), "x").expires_in == 60
