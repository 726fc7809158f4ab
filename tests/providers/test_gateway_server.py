"""The simulator's HTTP/2 against another implementation of it, and what its gateways keep."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    PingAckReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)

from providers.fanout import Fanout
from providers.gateways import GatewaySend
from providers.simulator import Behaviour, Simulator, read_plan
from providers.simulator.faults import FAULTS, STREAM_FAULTS, Stage
from providers.simulator.gateway_ledger import GatewayLedger
from providers.simulator.gateways.faulty import ANSWER_FAULTS
from providers.simulator.gateways.frames import write_frame
from providers.simulator.gateways.http1 import Http1
from providers.simulator.gateways.http2 import Http2
from providers.simulator.gateways.requests import BadRequest
from providers.simulator.tls import Certificates
from tests.gateways import GATEWAY, serving_gateways
from tests.house.sources import ROOT
from tests.providers.fanning import call_all, describe, make_calls

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
PSEUDO = ((":method", "POST"), (":scheme", "https"), (":authority", "a"), (":path", "/a?b=1"))


class Talk:
    """A client of another make and our server, without a socket between them."""

    def __init__(self, streams: int = 100) -> None:
        self.server = Http2(streams)
        self.client = H2Connection(H2Configuration(header_encoding="utf-8"))
        self.client.initiate_connection()
        self.events: list[Event] = []
        self.requests = []
        self.exchange()

    def exchange(self, size: int = 65_536) -> None:
        """Let both read until neither has anything to say; `size` bytes at a time."""
        while sent := self.client.data_to_send():
            for at in range(0, len(sent), size):
                self.requests += self.server.receive(sent[at : at + size])
            answered = self.server.take()
            self.events += self.client.receive_data(answered) if answered else []

    def answer(self) -> None:
        self.events += self.client.receive_data(self.server.take())
        self.exchange()

    def ask(self, stream: int, *headers: tuple[str, str], body: bytes = b"{}") -> None:
        self.client.send_headers(stream, [*PSEUDO, *headers])
        self.client.send_data(stream, body, end_stream=True)

    def find(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.mark.parametrize("size", [1, 7, 65_536])
def test_requests_are_read_however_their_bytes_arrive(size):
    talk = Talk()
    talk.ask(1, ("x-a", "1"), body=b"one")
    talk.ask(3, ("x-a", "\u00e9" * 50), body=b"two" * 5000)
    talk.ask(5, ("x-a", "1"), body=b"three")

    talk.exchange(size)

    assert [request.stream for request in talk.requests] == [1, 3, 5]
    assert [request.body[:5] for request in talk.requests] == [b"one", b"twotw", b"three"]
    assert talk.requests[0].target == "/a?b=1"
    assert talk.requests[2].headers["x-a"] == "1"
    assert len(talk.requests[1].body) == 15_000


def test_headers_that_fill_several_frames_and_padding_are_understood():
    talk = Talk()
    talk.client.send_headers(1, [*PSEUDO, ("x-long", "long" * 9000)])
    talk.client.send_data(1, b"padded", end_stream=True, pad_length=9)
    talk.client.send_headers(3, [*PSEUDO], end_stream=True, priority_weight=7)

    talk.exchange()

    assert [request.body for request in talk.requests] == [b"padded", b""]
    assert talk.requests[0].headers["x-long"] == "long" * 9000


def test_the_same_headers_mean_the_same_after_the_table_has_changed():
    talk = Talk()
    said = ["a", "a", "a", "b", "a", "b", "b", "a"]
    for place, value in enumerate(said):
        talk.ask(2 * place + 1, ("x-said", value), ("x-other", str(place // 3)))

    talk.exchange()

    assert [request.headers["x-said"] for request in talk.requests] == said
    assert [request.headers["x-other"] for request in talk.requests] == list("00011122")


def test_an_answer_larger_than_every_window_comes_whole():
    talk = Talk()
    talk.ask(1)
    talk.exchange()
    body = bytes(range(256)) * 2000
    talk.server.begin(1, 200, {"Content-Type": "text/plain"}, len(body))
    talk.server.send(1, body, ends=True)
    talk.answer()
    got = b""

    while not talk.find(StreamEnded):
        for event in talk.find(DataReceived):
            got += event.data
            talk.client.acknowledge_received_data(event.flow_controlled_length, 1)
        talk.events.clear()
        talk.exchange()
    got += b"".join(event.data for event in talk.find(DataReceived))

    assert got == body


def test_an_answer_in_pieces_ends_although_its_end_comes_alone():
    talk = Talk()
    talk.ask(1)
    talk.exchange()
    talk.server.begin(1, 200, {}, 2)

    for piece in (b"a", b"b"):
        talk.server.send(1, piece, ends=False)
    talk.server.send(1, b"", ends=True)
    talk.answer()

    assert b"".join(event.data for event in talk.find(DataReceived)) == b"ab"
    assert len(talk.find(StreamEnded)) == 1


def test_an_empty_answer_a_reset_a_ping_and_a_goaway_are_what_they_should_be():
    talk = Talk()
    for stream in (1, 3, 5):
        talk.ask(stream)
    talk.client.ping(b"12345678")
    talk.exchange()

    talk.server.begin(1, 204, {"x-a": "b" * 300}, 0)
    talk.server.reset(3, is_refused=True)
    talk.server.go_away(3)
    talk.answer()

    [response] = talk.find(ResponseReceived)
    assert dict(response.headers)[":status"] == "204"
    assert dict(response.headers)["x-a"] == "b" * 300
    assert [event.ping_data for event in talk.find(PingAckReceived)] == [b"12345678"]
    assert [(event.stream_id, event.error_code) for event in talk.find(StreamReset)] == [(3, 7)]
    assert [event.last_stream_id for event in talk.find(ConnectionTerminated)] == [3]
    assert talk.server.is_over


def test_a_client_that_resets_its_stream_is_answered_no_more():
    talk = Talk()
    talk.ask(1)
    talk.exchange()
    talk.client.reset_stream(1)
    talk.exchange()

    talk.server.begin(1, 200, {}, 2)
    talk.server.send(1, b"ok", ends=True)

    assert talk.server.take() == b""


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 9,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + write_frame(1, 4, 1, b"\xff\xff\xff\xff\xff"),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + write_frame(1, 0, 1, b"\x82") + write_frame(0, 0, 1),
    ],
)
def test_what_is_no_http_2_ends_the_connection(sent):
    with pytest.raises(BadRequest):
        Http2(100).receive(sent)


@pytest.mark.parametrize(
    "sent",
    [
        b"x" * 70_000,
        b"POST / HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    ],
)
def test_what_is_too_long_for_http_1_ends_the_connection(sent):
    with pytest.raises(BadRequest):
        Http1().receive(sent)


def open_simulator(folder: Path, **behaviour: int) -> Simulator:
    simulator = Simulator((), folder / "journal.jsonl", Behaviour(**behaviour))
    simulator.gateways = {"plain": GATEWAY}
    return simulator


def send(folder: Path, settings, simulator: Simulator, count: int = 100) -> dict[object, int]:
    with serving_gateways(simulator, folder, settings) as server:
        fanout = Fanout(100)
        found = call_all(fanout, make_calls(server.url, count))
        fanout.close()
    return describe(found)


def test_what_was_accepted_outlives_the_process_and_a_half_written_line(tmp_path, settings):
    simulator = open_simulator(tmp_path)
    send(tmp_path, settings, simulator)
    simulator.close()
    with simulator.ledger.path.open("a") as journal:
        journal.write('{"event":"sent","gateway":"pl')

    heir = open_simulator(tmp_path)
    known = heir.summarize()
    send(tmp_path, settings, heir)
    again = heir.summarize()
    heir.close()

    lines = simulator.ledger.path.read_text().splitlines()
    assert {json.loads(line)["recipient"] for line in lines} == {
        f"recipient-canary-{place}" for place in range(100)
    }
    assert (known["accepted_calls"], known["doubled_recipients"]) == (100, 0)
    assert (again["accepted_calls"], again["doubled_recipients"]) == (200, 100)


def test_a_recipient_is_doubled_by_one_key_and_not_by_two(tmp_path):
    simulator = open_simulator(tmp_path)
    for key in ("k1", "k2", "k1", "k1"):
        simulator.ledger.note("plain", GatewaySend('a"\u00e9', key), NOW)
    simulator.ledger.flush()

    counted = simulator.summarize("plain")
    other = simulator.summarize("another")
    simulator.close()

    assert counted["accepted_calls"] == 4
    assert (counted["distinct_recipients"], counted["doubled_recipients"]) == (2, 1)
    assert counted["most_per_recipient"] == 3
    assert other["accepted_calls"] == 0


def note_all(ledger: GatewayLedger, count: int, at: datetime, first: int = 0) -> None:
    for number in range(first, first + count):
        ledger.note("plain", GatewaySend(f"r{number}", "k"), at)
        ledger.flush()


def test_a_full_journal_forgets_its_oldest_lines_and_says_how_many(tmp_path):
    ledger = GatewayLedger(tmp_path / "sim.gateways.jsonl", limit=4000)
    note_all(ledger, 100, NOW - timedelta(hours=2))
    note_all(ledger, 10, NOW, first=100)

    counted, size = ledger.summarize(), ledger.path.stat().st_size
    ledger.close()
    heir = GatewayLedger(ledger.path, limit=4000)
    note_all(heir, 1, NOW, first=110)
    heir.close()

    lines = [json.loads(line) for line in ledger.path.read_text().splitlines()]
    kept = [line["recipient"] for line in lines[1:]]
    assert size < 4000
    assert counted["accepted_calls"] + counted["forgotten_calls"] == 110
    assert lines[0] == {"event": "forgotten", "counts": {"plain": counted["forgotten_calls"]}}
    assert kept == [f"r{number}" for number in range(counted["forgotten_calls"], 111)]
    assert heir.summarize("plain")["forgotten_calls"] == counted["forgotten_calls"] > 50
    assert heir.summarize("another")["forgotten_calls"] == 0


def test_a_full_journal_keeps_what_the_last_hour_brought(tmp_path):
    ledger = GatewayLedger(tmp_path / "sim.gateways.jsonl", limit=2000)
    note_all(ledger, 10, NOW - timedelta(minutes=61))
    note_all(ledger, 200, NOW - timedelta(minutes=59), first=10)
    note_all(ledger, 40, NOW, first=210)

    counted = ledger.summarize()
    ledger.close()

    assert (counted["forgotten_calls"], counted["accepted_calls"]) == (10, 240)


@pytest.mark.parametrize(
    ("behaviour", "status", "least"),
    [
        ({"decay_percent": 30}, 410, 15),
        ({"payload_percent": 30}, 400, 15),
        ({"vendor_percent": 30}, 503, 15),
        ({"is_refused": True}, 401, 100),
        ({"requests_per_second": 20}, 429, 30),
    ],
)
def test_a_gateway_behaves_as_it_is_told(tmp_path, settings, behaviour, status, least):
    simulator = open_simulator(tmp_path, **behaviour)

    ended = send(tmp_path, settings, simulator)

    summary = simulator.summarize()
    simulator.close()
    assert ended[status] >= least
    assert ended[status] + ended.get(200, 0) == 100
    assert summary["accepted_calls"] == ended.get(200, 0)


def test_a_share_of_recipients_suffers_and_says_so(tmp_path, settings):
    simulator = open_simulator(tmp_path)
    simulator.follow(read_plan({"faults": ["unregistered:recipient=0.3,dialect=plain"], "seed": 7}))

    first = send(tmp_path, settings, simulator)
    again = send(tmp_path, settings, simulator)

    simulator.close()
    assert first == again
    assert 15 <= first[410] <= 45
    assert simulator.book.given["unregistered"] == 2 * first[410]


def test_every_fault_of_an_answers_way_has_its_way():
    wires = {name for name, fault in FAULTS.items() if fault.stage is Stage.WIRE}

    assert wires | {"close_before_acceptance", "silence"} == set(ANSWER_FAULTS)
    assert all(fault.stage is Stage.STREAM for fault in STREAM_FAULTS.values())


def test_an_authority_that_is_kept_is_the_same_afterwards(tmp_path):
    kept = tmp_path / "simulator.authority"

    authorities = {Certificates(kept).authority for _ in range(3)}

    assert len(authorities) == 1
    assert kept.stat().st_mode & 0o777 == 0o600


def test_the_command_serves_gateways_and_says_whom_to_trust(tmp_path):
    journal = tmp_path / "sim.jsonl"
    command = [sys.executable, "manage.py", "simulator", "--gateways", "0", "--journal", journal]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        said = [process.stdout.readline() for _ in range(2)]
        url = said[1].split()[0]
        trusted = tmp_path / "sim.pem"
        with requests.Session() as session:
            session.trust_env = False
            status = session.post(f"{url}/nobody", verify=str(trusted), timeout=5).status_code
        process.terminate()

    assert status == 404
    assert str(trusted) in said[1]
    assert journal.with_suffix(".gateways").read_text() == url
    assert process.returncode == 0
    assert ssl.create_default_context(cafile=str(trusted))
