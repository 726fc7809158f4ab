"""Where the fan-out does not go: inner addresses, names that change, addresses that are none."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Iterator

import pytest

from providers import http_session
from providers.fanout import Fanout
from providers.fanout_pools import KEPT_CONNECTIONS
from providers.outbound import DeviceAnswer, DeviceCall
from providers.outcomes import Failure, Reason
from tests.installation import wait_for
from tests.providers.conftest import write_answer

SECRET = "s3cr3t/with+signs=="


class Canary:
    """A listener that nobody may reach; counts who does."""

    def __init__(self) -> None:
        self.reached = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._count)
        self.thread.start()

    def _count(self) -> None:
        while True:
            try:
                link, _ = self.listener.accept()
            except OSError:
                return
            self.reached += 1
            link.close()

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


@pytest.fixture
def canary(settings) -> Iterator[Canary]:
    settings.OUTBOUND_ALLOW = ["https://allowed.example"]
    settings.SANDBOX_URL = ""
    canary = Canary()
    yield canary
    canary.close()


def make_call(url: str, *headers: str, place: int = 0) -> DeviceCall:
    return DeviceCall(place, url, headers or (f"authorization: bearer {SECRET}",), b"{}")


def call_all(*calls: DeviceCall) -> list[tuple[DeviceCall, DeviceAnswer | Failure]]:
    fanout = Fanout(len(calls))
    found = []
    for call in calls:
        fanout.submit(call)
    while fanout.in_flight:
        found += fanout.poll(1)
    fanout.close()
    return found


def fail(url: str, *headers: str) -> Failure:
    [(_, failure)] = call_all(make_call(url, *headers))
    assert isinstance(failure, Failure)
    return failure


def test_an_address_is_called_as_it_stands(open_vendor):
    """What was checked of it is what is called: no dots are taken out of its path."""
    vendor = open_vendor(lambda link, request: link.sendall(write_answer(200, b"{}")))
    path = "/push/../a/./b/%2E%2E/c"

    [(_call, answer)] = call_all(make_call(f"{vendor.url}{path}"))

    assert isinstance(answer, DeviceAnswer)
    assert vendor.requests[0].startswith(f"POST {path} HTTP".encode())


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "0.0.0.0",
        "2130706433",
        "0x7f000001",
        "127.1",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[::ffff:0:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[fec0::1]",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "168.63.129.16",
        "[fd00::1]",
        "[fe80::1]",
        "224.0.0.1",
    ],
)
def test_an_inner_address_is_never_dialled(canary, host):
    failure = fail(f"https://{host}:{canary.port}/3/device/a")

    assert (failure.reason, failure.is_permanent) == (Reason.CREDENTIAL, True)
    assert failure.was_sent is False
    assert "PUSHADMIN_OUTBOUND_ALLOW" in failure.message
    assert canary.reached == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",  # no TLS, and not allowed
        "http://push.example/",
        "https://user:pass@127.0.0.1:{port}/",
        "https://allowed.example@127.0.0.1:{port}/",
        "https://127.0.0.1:{port}\\@allowed.example/",
        "https://127.0.0.1:{port}#@allowed.example/",
        "HTTPS://127.0.0.1:{port}/",
        "https:///127.0.0.1:{port}/",
        "https:127.0.0.1:{port}/",
        "https://127.0.0.1:{port}0000/",
        "https://127.0.0.1:{port} /",
        "https://127.0.0.1:{port}/\r\nX: 1",
        "https://127.0.0.1:{port}/\u00e9",
        "https://127.0.0.1:{port}/\0",
        "file:///etc/passwd",
        "gopher://127.0.0.1:{port}/",
        "rtsp://127.0.0.1:{port}/",
        "no address",
        "",
    ],
)
def test_what_is_no_public_address_is_a_fault_of_the_account(canary, url):
    failure = fail(url.format(port=canary.port))

    assert (failure.reason, failure.is_permanent) == (Reason.CREDENTIAL, True)
    assert failure.was_sent is False
    assert canary.reached == 0


def test_a_proxy_of_the_environment_is_not_used(canary, monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")

    failure = fail("https://no-such-host.invalid/")

    assert (failure.reason, failure.was_sent) == (Reason.VENDOR, False)
    assert canary.reached == 0


def test_the_address_that_is_dialled_is_the_one_that_is_judged(canary, monkeypatch):
    # However a name resolves, and whenever: the judge sees what the socket is opened for.
    judged = []
    check = http_session.check_address

    def watch(address: str, port: int) -> None:
        judged.append((address, port))
        check(address, port)

    monkeypatch.setattr("providers.fanout_slots.check_address", watch)

    failure = fail(f"https://localhost:{canary.port}/")

    assert failure.reason is Reason.CREDENTIAL
    assert {port for _, port in judged} == {canary.port}
    assert {address for address, _ in judged} <= {"127.0.0.1", "::1"}
    assert canary.reached == 0


def test_a_name_that_leads_elsewhere_meanwhile_is_judged_again(canary, monkeypatch):
    # The first look at the name is public, the next is not: each is refused or dialled by itself.
    verdicts = iter([None, http_session.check_address])
    monkeypatch.setattr("socket.socket", refuse_to_dial)

    def judge(address: str, port: int) -> None:
        verdict = next(verdicts)
        if verdict:
            verdict(address, port)

    monkeypatch.setattr("providers.fanout_slots.check_address", judge)
    url = f"https://127.0.0.1:{canary.port}/"
    failures = [fail(url), fail(url)]

    assert [failure.reason for failure in failures] == [Reason.VENDOR, Reason.CREDENTIAL]
    assert canary.reached == 0


def refuse_to_dial(*args: int) -> socket.socket:
    raise OSError("no network in a test")


def test_a_thousand_calls_to_nobody_end_together(settings):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
    settings.OUTBOUND_ALLOW = [url]

    found = call_all(*(make_call(url, place=place) for place in range(1000)))

    failures = [failure for _, failure in found]
    assert {call.place for call, _ in found} == set(range(1000))
    assert {(failure.reason, failure.was_sent) for failure in failures} == {(Reason.VENDOR, False)}
    assert {failure.message for failure in failures} == {
        "The vendor cannot be reached (COULDNT_CONNECT)."
    }
    assert len({id(failure) for failure in failures}) == 1000


@pytest.mark.parametrize(
    "header", ["a: b\r\nx: y", "a: \0", "a: \u20ac", f"authorization: {SECRET}\n"]
)
def test_a_header_that_is_more_than_one_is_never_sent(canary, settings, header):
    url = f"https://127.0.0.1:{canary.port}"
    settings.OUTBOUND_ALLOW = [url]

    failure = fail(url, header)

    assert (failure.reason, failure.was_sent) == (Reason.CREDENTIAL, False)
    assert SECRET not in f"{failure!r} {failure.message}"
    assert canary.reached == 0


class Strangers:
    """Servers of one port each, which keep every connection open."""

    def __init__(self, count: int) -> None:
        self.open: set[socket.socket] = set()
        self.selector = selectors.DefaultSelector()
        self.listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
        for listener in self.listeners:
            self.selector.register(listener, selectors.EVENT_READ, self._accept)
        self.urls = [f"http://127.0.0.1:{one.getsockname()[1]}" for one in self.listeners]
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        while not self.is_over.is_set():
            for key, _events in self.selector.select(0.05):
                key.data(key.fileobj)

    def _accept(self, listener: socket.socket) -> None:
        link, _ = listener.accept()
        self.open.add(link)
        self.selector.register(link, selectors.EVENT_READ, self._answer)

    def _answer(self, link: socket.socket) -> None:
        if link.recv(65536):
            link.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
            return
        self.selector.unregister(link)
        self.open.remove(link)
        link.close()

    def close(self) -> None:
        self.is_over.set()
        self.thread.join()
        for opened in (*self.listeners, *self.open):
            opened.close()
        self.selector.close()


def test_connections_to_strangers_are_not_all_kept(settings):
    strangers = Strangers(KEPT_CONNECTIONS * 2)
    settings.OUTBOUND_ALLOW = strangers.urls
    fanout = Fanout(100)
    for place, url in enumerate(strangers.urls):
        fanout.submit(make_call(url, place=place))

    statuses = []
    while fanout.in_flight:
        statuses += [answer.status for _call, answer in fanout.poll(1)]
    wait_for("the end of the others", lambda: len(strangers.open) <= KEPT_CONNECTIONS)

    kept = len(strangers.open)
    fanout.close()
    strangers.close()
    assert statuses == [201] * len(strangers.urls)
    assert kept == KEPT_CONNECTIONS
