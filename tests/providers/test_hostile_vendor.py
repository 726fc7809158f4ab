"""What a simulated vendor's journal keeps and forgets, and that its port speaks TLS too."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from providers import registry
from providers.commands import FetchStatus
from providers.outcomes import RefusalKind
from providers.receipts import FetchReceipts
from providers.simulator import Behaviour, Simulator, open_server, read_plan
from tests.providers.simulated import PLAIN, Clock
from tests.providers.test_simulator import ask, make_send, refuse, run

LIMIT = 40_000
HOUR = 3600


@pytest.fixture
def bounded(tmp_path: Path, clock: Clock) -> Iterator[Callable[[], Simulator]]:
    """Starts a simulator on the one journal of this test, which is full at 40 kB."""
    started: list[Simulator] = []

    def start_one() -> Simulator:
        path = tmp_path / "journal.jsonl"
        started.append(Simulator(registry.all_dialects(), path, PLAIN, clock, LIMIT))
        return started[-1]

    yield start_one
    for simulator in started:
        simulator.close()


def push(simulator: Simulator, key: str, count: int = 20) -> int:
    """Send through the door, as a caller does; gives the status."""
    ids = [f"{key}-{number}" for number in range(count)]
    recipients = [{"kind": "token", "ids": ids}]
    pushes = [{"message": {"body": "Hi"}, "recipients": recipients}]
    body = {"idempotency_key": key, "tag": "t", "pushes": pushes}
    return ask(simulator, "POST", "/sandbox/v1/push", body).status


def test_a_journal_without_a_bound_forgets_nothing(start, clock):
    simulator = start()
    for number in range(200):
        push(simulator, str(number))
        clock.advance(HOUR)

    assert simulator.vendor.summarize()["accepted_calls"] == 200


def test_a_full_journal_forgets_the_oldest_calls_and_counts_them(bounded, clock):
    simulator = bounded()
    for number in range(200):
        push(simulator, str(number))
        clock.advance(HOUR)

    summary = simulator.vendor.summarize()

    assert simulator.journal.path.stat().st_size < 1.1 * LIMIT
    assert summary["accepted_calls"] + summary["forgotten_calls"] == 200
    assert summary["forgotten_recipients"] == 20 * summary["forgotten_calls"] > 0
    assert min(simulator.vendor.transfers) == 1 + summary["forgotten_calls"]
    assert refuse(simulator, FetchStatus("1")) is RefusalKind.NOT_FOUND


def test_what_is_younger_than_an_hour_is_kept_however_much_it_is(bounded, clock):
    simulator = bounded()
    for number in range(200):
        push(simulator, str(number))
        clock.advance(1)

    size = simulator.journal.path.stat().st_size
    again = push(simulator, "0")

    assert size > 1.5 * LIMIT
    assert again == 200
    assert simulator.vendor.summarize()["replayed_calls"] == 1
    assert simulator.vendor.summarize()["forgotten_calls"] == 0


def test_a_new_process_knows_what_a_full_journal_kept(bounded, clock):
    simulator = bounded()
    simulator.follow(read_plan({"faults": ["error_503:nth=190"], "seed": 7}))
    statuses = []
    for number in range(195):
        statuses.append(push(simulator, str(number)))
        clock.advance(HOUR / 2)

    heir = bounded()
    again = push(heir, "194")

    known = simulator.vendor.summarize()
    assert statuses.count(503) == 1
    assert heir.vendor.summarize() == {**known, "replayed_calls": 1}
    assert heir.book.given == simulator.book.given
    assert heir.book.plan.rules == simulator.book.plan.rules
    assert again == 200
    assert heir.vendor.memory.next_id == 195


def test_a_cursor_outlives_what_is_forgotten(bounded, clock):
    simulator = bounded()
    account = ask_account(simulator)
    seen: list[str] = []
    cursor = ""
    for number in range(120):
        push(simulator, str(number), count=20)
        clock.advance(HOUR)
        page = run(simulator, FetchReceipts(cursor, 1000), account=account)
        seen += [event.reference for event in page.events]
        cursor = page.cursor

    assert simulator.vendor.memory.forgotten["calls"] > 0
    assert len(seen) == 2 * 20 * 121
    assert len(set(seen)) == 20 * 121


def test_a_cursor_of_an_earlier_version_is_a_place(start, clock):
    simulator = start()
    run(simulator, make_send("a", "b"))
    clock.advance(60)

    page = run(simulator, FetchReceipts("3"))

    assert len(page.events) == 1


def ask_account(simulator: Simulator) -> str:
    """What stands for the key that `ask` shows."""
    push(simulator, "first")
    return simulator.vendor.transfers[1].account


def test_a_rewrite_that_was_cut_off_leaves_the_journal_whole(bounded, tmp_path, clock):
    simulator = bounded()
    push(simulator, "1")
    (tmp_path / "journal.new").write_text('{"event":"forgotten","cou')

    heir = bounded()

    assert heir.vendor.summarize()["accepted_calls"] == 1


def test_journals_of_earlier_versions_are_read(tmp_path, start):
    simulator = start(replace(PLAIN, decay_percent=50))
    push(simulator, "1")
    path = tmp_path / "journal.jsonl"
    [line] = [json.loads(text) for text in path.read_text().splitlines()]

    results = start().vendor.transfers[1].list_results()

    assert not {"excuses", "quirks", "is_again"} & set(line)
    assert [result.index for result in results] == line["refused"]


@pytest.fixture
def port(start: Callable[..., Simulator]) -> Iterator[tuple[Simulator, int, str]]:
    """A simulator behind a socket, its port, and its authority's certificate."""
    simulator = start(Behaviour())
    server = open_server(simulator)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield simulator, server.server_address[1], server.certificates.authority
    server.shutdown()
    thread.join()
    server.server_close()


def test_one_port_speaks_plainly_and_over_tls(port, tmp_path):
    _simulator, number, authority = port
    trusted = tmp_path / "authority.pem"
    trusted.write_text(authority)

    with requests.Session() as session:
        session.trust_env = False
        plain = session.get(f"http://127.0.0.1:{number}/_faults", timeout=5)
        secret = [
            session.get(f"https://localhost:{number}/_faults", timeout=5, verify=str(trusted))
            for _ in range(2)
        ]

    assert [answer.status_code for answer in (plain, *secret)] == [200, 200, 200]


@pytest.mark.parametrize(
    ("fault", "words"), [("tls_expired", "certificate has expired"), ("tls_error", "SSL")]
)
def test_a_bad_handshake_is_what_it_is_called(port, tmp_path, fault, words):
    simulator, number, authority = port
    trusted = tmp_path / "authority.pem"
    trusted.write_text(authority)
    simulator.follow(read_plan({"faults": [f"{fault}:nth=1"]}))

    with requests.Session() as session:
        session.trust_env = False
        url = f"https://localhost:{number}/_faults"
        with pytest.raises(requests.exceptions.SSLError, match=words):
            session.get(url, timeout=5, verify=str(trusted))
        second = session.get(url, timeout=5, verify=str(trusted))

    assert second.status_code == 200
    assert simulator.book.given == {fault: 1}


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ("Host: evil.example", b"", 403),
        ("Host: 127.0.0.1.evil.example", b"", 403),
        ("Host: [", b"", 403),
        ("Origin: null", b"{}", 403),
        ("Content-Length: x", b"", 400),
        ("Content-Length: -1", b"", 400),
        ("Content-Length: 99999999999999999999", b"", 400),
        ("Host: localhost", b"[" * 100_000, 400),
        ("Host: localhost", b'{"seed": ' + b"9" * 5000 + b"}", 400),
    ],
)
def test_whatever_asks_for_other_faults_is_answered_and_the_plan_stays(port, headers, body, status):
    simulator, number, _authority = port
    length = "" if "Length" in headers else f"Content-Length: {len(body)}\r\n"

    with socket.create_connection(("127.0.0.1", number), timeout=5) as link:
        link.sendall(f"PUT /_faults HTTP/1.1\r\n{headers}\r\n{length}\r\n".encode() + body)
        answer = link.recv(4096).decode()

    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert not simulator.book.plan.rules
