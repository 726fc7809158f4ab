"""The simulator behind a socket: what happens before a call is read and after it is answered."""

from __future__ import annotations

import select
import socket
import ssl
import sys
from contextlib import suppress
from functools import cached_property
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from providers.simulator.answers import SpoiltReply
from providers.simulator.control import PREFIX
from providers.simulator.door import BACKLOG, Door
from providers.simulator.simulator import Simulator
from providers.simulator.sockets import reset, send_reply
from providers.simulator.tls import HANDSHAKE, NO_HANDSHAKE, Certificates

LOOK = 256  # bytes of a call that are looked at before it is read
IDLE_SECONDS = 120
LONGEST_LENGTH = 8  # digits of a Content-Length: no route takes more


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = BACKLOG
    simulator: Simulator
    door: Door

    def prepare(self, simulator: Simulator, listener: socket.socket) -> None:
        self.socket.close()
        self.socket = listener
        self.server_address = listener.getsockname()
        self.simulator = simulator
        self.door = Door(listener)
        self.idle: set[socket.socket] = set()
        self.server_activate()

    @cached_property
    def certificates(self) -> Certificates:
        return Certificates()

    def get_request(self) -> tuple[socket.socket, Any]:
        if not self.door.is_open:
            self.door.wait_open()
            raise ConnectionAbortedError("what called meanwhile was not let in")
        return super().get_request()

    def close_door(self, reply: SpoiltReply) -> None:
        """Shut or clog the door, and end every connection that waits for a call."""
        assert reply.door is not None  # noqa: S101 the caller has looked
        act = self.door.shut if reply.door.name == "connect_refused" else self.door.clog
        act(reply.door.find_number("seconds"))
        for link in list(self.idle):
            with suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)

    def shutdown(self) -> None:
        self.simulator.closing.set()
        self.door.reopen()
        super().shutdown()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller who left, or was made to leave, is no error of ours."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def open_server(simulator: Simulator, sock: socket.socket | None = None) -> ThreadingHTTPServer:
    """A server on `sock`, or on a free loopback port. Call `serve_forever`, later `shutdown`.

    The socket may be bound and listening already, so that a supervisor can keep it open while
    it replaces the process behind it. TLS is spoken to whoever begins with a handshake.
    """
    listener = sock or socket.create_server(("127.0.0.1", 0))
    server = _Server(("127.0.0.1", 0), _Handler, bind_and_activate=False)
    server.prepare(simulator, listener)
    return server


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS
    server: _Server
    request: socket.socket

    def setup(self) -> None:
        self.request.settimeout(IDLE_SECONDS)
        if self.request.recv(1, socket.MSG_PEEK) == bytes([HANDSHAKE]):
            self._shake_hands()
        super().setup()

    def _shake_hands(self) -> None:
        fault = self.server.simulator.judge_connection(is_handshake=True)
        if fault == "tls_error":
            self.request.sendall(NO_HANDSHAKE)
            raise ConnectionAbortedError("no handshake")
        certificates = self.server.certificates
        context = certificates.expired if fault == "tls_expired" else certificates.good
        self.request = context.wrap_socket(self.request, server_side=True)

    def finish(self) -> None:
        super().finish()
        if isinstance(self.request, ssl.SSLSocket):
            self.request.close()  # the server knows only the socket below it

    def handle_one_request(self) -> None:
        if self._is_let_in():
            super().handle_one_request()
        else:
            self.close_connection = True

    def _is_let_in(self) -> bool:
        """Wait for a call; False if it is turned away before a byte of it is read."""
        if isinstance(self.request, ssl.SSLSocket):
            return True  # what is below TLS cannot be looked at; the handshake was judged
        self.server.idle.add(self.request)
        try:
            select.select([self.request], [], [], IDLE_SECONDS)
            line = self.request.recv(LOOK, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        finally:
            self.server.idle.discard(self.request)
        target = line.split(b" ")[1:2]
        if not target or target[0].startswith(PREFIX.encode()):
            return bool(line)
        dialect = target[0].split(b"/")[1:2] or [b""]
        if self.server.simulator.judge_connection(dialect[0].decode("latin-1")):
            reset(self.request)
            return False
        return True

    def respond(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        length = headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > LONGEST_LENGTH:
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        body = self.rfile.read(int(length))
        reply = self.server.simulator.answer(self.command, self.path, headers, body)
        if isinstance(reply, SpoiltReply) and reply.door is not None:
            self.server.close_door(reply)
        closes = self.close_connection or not self.server.door.is_open
        sleep = self.server.simulator.closing.wait
        self.close_connection = not send_reply(self.request, reply, sleep=sleep, closes=closes)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = respond  # noqa: N815 http.server's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 http.server's name
        """Say nothing: the journal is the record."""
