"""A real server on a loopback port that answers what a test wants, however badly."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from providers import registry
from providers.http_session import VendorSession
from providers.simulator import Behaviour, Simulator
from tests.providers.simulated import PLAIN, Clock

Talk = Callable[[socket.socket, bytes], None]


class LoopbackVendor:
    """Accepts connections one after the other; `talk` gets each with the request's bytes."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.requests: list[bytes] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                request = _read_request(connection)
                self.requests.append(request)
                try:
                    self.talk(connection, request)
                except OSError:
                    continue

    def close(self) -> None:
        # Closing alone does not wake a thread that waits in accept().
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


def _read_request(connection: socket.socket) -> bytes:
    content = b""
    while b"\r\n\r\n" not in content:
        chunk = connection.recv(65536)
        if not chunk:
            return content
        content += chunk
    head, _, body = content.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").lower().split("\r\n")
    length = next((int(line[15:]) for line in lines if line.startswith("content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def write_answer(status: int, body: bytes = b"{}", **headers: str) -> bytes:
    """A whole HTTP/1.1 answer, after which the connection is closed."""
    lines = [f"HTTP/1.1 {status} Word", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.fixture
def open_vendor(settings) -> Iterator[Callable[[bytes | Talk], LoopbackVendor]]:
    """Opens a vendor whose origin the settings allow."""
    vendors: list[LoopbackVendor] = []

    def open_one(answer: bytes | Talk) -> LoopbackVendor:
        talk = answer if callable(answer) else lambda link, request: link.sendall(answer)
        vendors.append(LoopbackVendor(talk))
        settings.OUTBOUND_ALLOW = [vendor.url for vendor in vendors]
        return vendors[-1]

    yield open_one
    for vendor in vendors:
        vendor.close()


@pytest.fixture
def session() -> Iterator[VendorSession]:
    with VendorSession() as session:
        yield session


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def start(tmp_path, clock) -> Iterator[Callable[..., Simulator]]:
    """Starts a simulator on the one journal of this test, like a process after a crash."""
    started: list[Simulator] = []

    def start_one(behaviour: Behaviour = PLAIN) -> Simulator:
        path = tmp_path / "journal.jsonl"
        started.append(Simulator(registry.all_dialects(), path, behaviour, clock))
        return started[-1]

    yield start_one
    for simulator in started:
        simulator.close()
