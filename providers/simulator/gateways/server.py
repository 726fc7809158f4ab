"""Gateways behind a socket: TLS, HTTP/2 or 1.1, answers at once, late, badly or never."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections import defaultdict
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from providers.simulator.gateways.desk import Desk, Verdict, Visitor
from providers.simulator.gateways.faulty import ANSWER_FAULTS
from providers.simulator.gateways.http1 import Http1
from providers.simulator.gateways.http2 import Http2
from providers.simulator.gateways.requests import BadRequest, Connection
from providers.simulator.plan import GivenFault
from providers.simulator.simulator import Simulator
from providers.simulator.tls import NO_HANDSHAKE, Certificates

BACKLOG = 1024
HANDSHAKE_SECONDS = 10.0
STREAMS = 100  # calls that a connection takes at once, like gateways do


class GatewayServer:
    """One loop in a thread of its own. `url` is where it answers."""

    def __init__(
        self,
        simulator: Simulator,
        listener: socket.socket,
        certificates: Certificates,
        streams: int,
    ) -> None:
        self.simulator = simulator
        self.listener = listener
        self.address = listener.getsockname()
        self.certificates = certificates
        self.streams = streams
        self.desk = Desk(simulator)
        self.links: set[Link] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, name="gateways", daemon=True)
        self.opened = 0  # connections

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.address[1]}"

    @cached_property
    def contexts(self) -> tuple[ssl.SSLContext, ssl.SSLContext]:
        """The good one and the expired one."""
        return self.certificates.open_for_gateways()

    def start(self) -> None:
        self.listener.listen(BACKLOG)
        self.listener.setblocking(False)
        self.thread.start()

    def stop(self) -> None:
        """End every connection and the thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.listener.close()

    def spawn(self, work: Any) -> None:
        """Let something go on beside the other calls."""
        task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def close_door(self, door: GivenFault) -> None:
        """Refuse every connection for so long, or let it hang, and end those that there are."""
        self.accepting.cancel()
        if door.name == "connect_refused":
            self.listener.close()
        for link in list(self.links):
            link.transport.close()
        self.loop.call_later(door.find_number("seconds"), self._open_door)

    def _open_door(self) -> None:
        if self.listener.fileno() < 0:
            self.listener = socket.create_server(self.address[:2], backlog=BACKLOG)
            self.listener.setblocking(False)
        self.accepting = self.loop.create_task(self._accept())

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.accepting = self.loop.create_task(self._accept())
        self.loop.run_forever()
        for link in list(self.links):
            link.transport.abort()
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    async def _accept(self) -> None:
        while True:
            link, _ = await self.loop.sock_accept(self.listener)
            self.opened += 1
            self.spawn(self._greet(link))

    async def _greet(self, link: socket.socket) -> None:
        fault = self.simulator.judge_connection(is_handshake=True)
        if fault == "tls_error":
            await self.loop.sock_sendall(link, NO_HANDSHAKE)
            link.close()
            return
        with suppress(OSError, ssl.SSLError, asyncio.TimeoutError):
            await self.loop.connect_accepted_socket(
                lambda: Link(self),
                link,
                ssl=self.contexts[fault == "tls_expired"],
                ssl_handshake_timeout=HANDSHAKE_SECONDS,
            )


class Link(asyncio.Protocol):
    """One connection."""

    transport: Any
    connection: Connection

    def __init__(self, server: GatewayServer) -> None:
        self.server = server
        self.desk = server.desk
        self.visitor = Visitor()
        self.highest = 0  # stream that was taken
        self.is_leaving = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.server.links.add(self)
        tls: ssl.SSLObject = transport.get_extra_info("ssl_object")
        self.connection = (
            Http2(self.server.streams) if tls.selected_alpn_protocol() == "h2" else Http1()
        )
        subject: Any = (tls.getpeercert() or {}).get("subject", ())
        names = (pair[0][1] for pair in subject if pair[0][0] == "commonName")
        self.visitor.certificate = next(names, "")
        if self.server.simulator.judge_connection():
            self.transport.abort()
        else:
            self.flush()

    def connection_lost(self, error: Exception | None) -> None:
        self.server.links.discard(self)

    def data_received(self, data: bytes) -> None:
        try:
            requests = self.connection.receive(data)
        except BadRequest:
            self.transport.abort()
            return
        now = datetime.now(UTC)
        later: dict[float, list[tuple[int, Verdict]]] = defaultdict(list)
        for request in requests:
            if self.is_leaving:
                break  # what came after was told to go elsewhere
            verdict = self.desk.judge(request, now, self.visitor)
            if verdict.stream is None or self._take_stream(request.stream, verdict.stream.name):
                self.highest = max(self.highest, request.stream)
                later[verdict.delay].append((request.stream, verdict))
        self.server.simulator.ledger.flush()
        for delay, verdicts in later.items():
            if delay:
                self.server.loop.call_later(delay, self._give, verdicts)
            else:
                self._give(verdicts)
        self.flush()

    def _take_stream(self, stream: int, fault: str) -> bool:
        """Let a stream suffer its fault; whether it is answered all the same."""
        match fault:
            case "stream_reset" | "stream_refused":
                self.connection.reset(stream, is_refused=fault == "stream_refused")
                return False
            case "goaway":
                self.connection.reset(stream, is_refused=True)
                self.connection.go_away(self.highest)
            case "goaway_after":
                self.connection.go_away(max(self.highest, stream))
        self.is_leaving = True
        return fault == "goaway_after"

    def flush(self) -> None:
        """Write what is to be written; end the connection once all is said on it."""
        out = self.connection.take()
        if out:
            self.transport.write(out)
        if self.connection.is_over:
            self.transport.close()

    def _give(self, verdicts: list[tuple[int, Verdict]]) -> None:
        if self not in self.server.links:
            return
        for stream, verdict in verdicts:
            self._give_one(stream, verdict)
        self.flush()

    def _give_one(self, stream: int, verdict: Verdict) -> None:
        if verdict.wire is not None:
            self.server.spawn(ANSWER_FAULTS[verdict.wire.name](self, stream, verdict))
        elif verdict.reply is not None:
            self.answer(stream, verdict)
        if verdict.door is not None:
            self.flush()
            self.server.close_door(verdict.door)

    def answer(self, stream: int, verdict: Verdict) -> None:
        """The whole answer at once."""
        reply = verdict.reply
        assert reply is not None  # noqa: S101 the callers have looked
        self.connection.begin(stream, reply.status, reply.headers, len(reply.body))
        if reply.body:
            self.connection.send(stream, reply.body, ends=True)


def open_gateways(
    simulator: Simulator,
    listener: socket.socket | None = None,
    certificates: Certificates | None = None,
    streams: int = STREAMS,
) -> GatewayServer:
    """A server on `listener`, or on a free loopback port. Call `start`, later `stop`."""
    opened = listener or socket.create_server(("127.0.0.1", 0))
    return GatewayServer(simulator, opened, certificates or Certificates(), streams)
