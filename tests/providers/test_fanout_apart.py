"""What holds up no other call of a fan-out: strangers' servers, and connections that are slow to
end."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from providers.fanout import KEPT_FANOUTS, Fanout, close_fanouts, get_fanout
from providers.fanout_pools import ENDING
from providers.outbound import DeviceCall
from providers.outcomes import Reason
from providers.simulator import Behaviour, Simulator
from providers.simulator.gateways import GatewayServer
from tests.gateways import GATEWAY, serving_gateways
from tests.providers.fanning import call_all, describe, make_call, make_calls

LINGERS = struct.pack("ii", 1, 20)  # yes, for so many seconds


@pytest.fixture
def server(tmp_path, settings) -> Iterator[GatewayServer]:
    """A gateway that is believed; counts the connections that are opened to it."""
    simulator = Simulator((), tmp_path / "journal.jsonl")
    simulator.gateways = {"plain": GATEWAY}
    with serving_gateways(simulator, tmp_path, settings) as server:
        yield server
    simulator.close()


class Host:
    """A server of somebody's own, with little room for what it does not read."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self.serve = serve
        self.links: list[socket.socket] = []
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.thread = threading.Thread(target=self._accept)
        self.thread.start()

    def _accept(self) -> None:
        while True:
            try:
                link, _ = self.listener.accept()
            except OSError:
                return
            self.links.append(link)
            self.serve(link)

    def read_all(self) -> None:
        """Until whoever has called is gone."""
        for link in self.links:
            while link.recv(65536):
                pass

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()
        for link in self.links:
            link.close()


def hang_up(link: socket.socket) -> None:
    link.recv(1)
    link.close()


def say_nothing(_link: socket.socket) -> None: ...


def answer_unread(link: socket.socket) -> None:
    link.recv(1)
    link.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")


Open = Callable[[Callable[[socket.socket], None]], Host]


@pytest.fixture
def open_host(server, settings) -> Iterator[Open]:
    hosts: list[Host] = []

    def open_one(serve: Callable[[socket.socket], None]) -> Host:
        hosts.append(Host(serve))
        settings.OUTBOUND_ALLOW = [*settings.OUTBOUND_ALLOW, hosts[-1].url]
        return hosts[-1]

    yield open_one
    for host in hosts:
        host.close()


def give(call: DeviceCall) -> DeviceCall:
    """The same to an address that a browser names and that nobody vouches for."""
    return replace(call, is_address_given=True, is_believed=False)


@pytest.mark.parametrize(
    ("serve", "seconds"), [(hang_up, 20.0), (say_nothing, 1.0)], ids=["lost", "silent"]
)
def test_a_stranger_costs_nobody_else_a_connection(server, open_host, settings, serve, seconds):
    settings.CALL_SECONDS = seconds
    stranger = open_host(serve)
    fanout = Fanout(100)
    call_all(fanout, make_calls(server.url, 10))

    lost = call_all(fanout, [give(make_call(stranger.url))])
    after = call_all(fanout, make_calls(server.url, 10, 10))

    fanout.close()
    assert describe(lost) == {(Reason.NO_ANSWER, None): 1}
    assert describe(after) == {200: 10}
    assert server.opened == 1


def test_strangers_lose_no_connection_by_who_is_believed(server, open_host):
    host = open_host(hang_up)
    fanout = Fanout(100)
    call_all(fanout, [give(call) for call in make_calls(server.url, 10)])

    lost = call_all(fanout, [make_call(host.url)])
    after = call_all(fanout, [give(call) for call in make_calls(server.url, 10, 10)])

    fanout.close()
    assert describe(lost) == {(Reason.NO_ANSWER, None): 1}
    assert describe(after) == {200: 10}
    assert server.opened == 1


def test_strangers_are_called_on_connections_of_their_own(server):
    # So it is with another handle of libcurl's, and the threads that look up names are a handle's.
    server.simulator.behaviour = Behaviour(latency_ms=50)
    fanout = Fanout(100)
    calls = make_calls(server.url, 200)

    found = call_all(fanout, [give(call) if call.place % 2 else call for call in calls])

    fanout.close()
    assert describe(found) == {200: 200}
    assert server.opened == 2


def test_a_wider_fanout_is_so_for_strangers_too(server):
    server.simulator.behaviour = Behaviour(latency_ms=300)
    fanout = Fanout(1)
    call_all(fanout, [give(make_call(server.url))])
    fanout.widen(1000)

    found = call_all(
        fanout, [give(call) for call in make_calls(server.url, 1000, 1)], in_flight=1000
    )

    fanout.close()
    assert describe(found) == {200: 1000}
    assert server.opened > 8


class LingeringSocket(socket.socket):
    """Its end waits until whoever is called has read everything."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGERS)


def list_endings() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == ENDING]


@pytest.fixture
def linger(open_host, monkeypatch) -> Iterator[Callable[[Fanout], None]]:
    """Give a fan-out a connection whose end waits, as that of libcurl's handle does for a name
    that is still looked up."""
    host = open_host(answer_unread)

    def call(fanout: Fanout) -> None:
        with monkeypatch.context() as patch:
            patch.setattr("socket.socket", LingeringSocket)
            found = call_all(fanout, [DeviceCall(0, host.url, (), bytes(60_000))])
        assert describe(found) == {201: 1}

    yield call
    host.read_all()
    for ending in list_endings():
        ending.join(20)
    assert not list_endings()


def test_connections_that_are_slow_to_end_hold_up_no_call(server, open_host, linger):
    host = open_host(hang_up)
    fanout = Fanout(100)
    linger(fanout)
    call_all(fanout, [make_call(host.url)])

    found = call_all(fanout, make_calls(server.url, 10))

    endings = list_endings()
    fanout.close()
    assert describe(found) == {200: 10}
    assert len(endings) == 1


def test_nobody_waits_for_the_end_of_a_fanout(linger):
    fanout = Fanout(100)
    linger(fanout)

    fanout.close()

    assert len(list_endings()) == 1


def test_nobody_waits_for_the_end_of_the_fanout_that_was_not_used_for_longest(server, linger):
    close_fanouts()
    linger(get_fanout(1, account="first"))

    for number in range(KEPT_FANOUTS):
        get_fanout(1, account=str(number))
    endings = list_endings()

    close_fanouts()
    assert len(endings) == 1
