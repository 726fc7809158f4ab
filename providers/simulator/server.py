"""The simulator's HTTP side. Every dialect has its own base path, `/<dialect key>/`.

`Simulator.answer` turns a request into a reply without a socket; `open_server` puts it behind
one. A stage of the answer is a function of its own, so that a worse vendor can replace it.
"""

from __future__ import annotations

import hashlib
import json
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from providers.commands import SendPush
from providers.contract import Call, Dialect, Reply, Route
from providers.outcomes import Refusal, RefusalKind
from providers.pacing import Bucket
from providers.routing import find_route
from providers.simulator.behaviour import Behaviour
from providers.simulator.journal import Journal
from providers.simulator.vendor import Clock, SimulatedVendor

BEHAVIOUR_HEADER = "x-simulate"
REFUSED_KEY = "refused"
SUMMARY_PATH = "/_journal/summary"


@dataclass(frozen=True, slots=True)
class Visit:
    """One request that found its route; `account` stands for the key that it showed."""

    dialect: Dialect
    route: Route
    call: Call
    account: str
    behaviour: Behaviour


class Simulator:
    """Many vendors in one process, each as good as `behaviour` says."""

    def __init__(
        self,
        dialects: Iterable[Dialect],
        journal: Path,
        behaviour: Behaviour | None = None,
        clock: Clock = lambda: datetime.now(UTC),
    ) -> None:
        self.dialects = {dialect.key: dialect for dialect in dialects if dialect.routes}
        self.journal = Journal(journal)
        self.behaviour = behaviour or Behaviour()
        self.clock = clock
        self.vendor = SimulatedVendor(self.journal, clock)
        self.buckets: dict[tuple[str, str], Bucket] = {}
        self.calls = 0

    def close(self) -> None:
        self.journal.close()

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """The reply to one request; `headers` in lower case."""
        url = urlsplit(target)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        if url.path == SUMMARY_PATH:
            return Reply(200, self.vendor.summarize(query.get("dialect", ""), query.get("tag", "")))
        key, _, path = url.path.lstrip("/").partition("/")
        dialect = self.dialects.get(key)
        if dialect is None:
            return Reply(404, {"error": f"No vendor answers at /{key}/."})
        try:
            route, pieces = find_route(dialect.routes, method, path)
            if len(body) > route.max_bytes:
                raise Refusal(RefusalKind.TOO_LARGE, f"At most {route.max_bytes} bytes.")
            call = Call(_parse_body(body), pieces, query, headers)
            return self.serve(self.admit(dialect, route, call))
        except Refusal as refusal:
            return write_refusal(dialect, refusal)

    def admit(self, dialect: Dialect, route: Route, call: Call) -> Visit:
        """Who calls, and whether the vendor lets the call in now; raises `Refusal`."""
        behaviour = self.behaviour.change(_read_wishes(call))
        time.sleep(behaviour.latency_ms / 1000)
        credentials = dialect.authenticate(call) if dialect.authenticate else None
        key = credentials.key if credentials else ""
        if behaviour.is_refused or key == REFUSED_KEY:
            raise Refusal(RefusalKind.UNAUTHENTICATED, "Invalid push credentials")
        # The journal must not hold a key, and need not: a stand-in tells accounts apart.
        account = hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:12]
        visit = Visit(dialect, route, call, account, behaviour)
        self._pace(visit)
        self._stumble(visit)
        return visit

    def serve(self, visit: Visit) -> Reply:
        """Read the command, do it, write the result; raises `Refusal`."""
        command = visit.route.read(visit.call)
        if isinstance(command, SendPush):
            _check_send(visit, command)
        result = self.vendor.execute(visit.dialect, visit.account, command, visit.behaviour)
        return visit.route.write(result)

    def _pace(self, visit: Visit) -> None:
        rate = visit.behaviour.requests_per_second
        if not rate:
            return
        with self.vendor.lock:
            now, key = self.clock(), (visit.dialect.key, visit.account)
            bucket = self.buckets.get(key)
            if bucket is None or bucket.rate != rate:
                bucket = Bucket.full(rate, now=now)
            wait = bucket.find_wait(1, now)
            if wait:
                raise Refusal(
                    RefusalKind.THROTTLED,
                    f"At most {rate} calls per second.",
                    retry_after=max(1.0, round(wait)),
                )
            self.buckets[key] = bucket.take(1, now)

    def _stumble(self, visit: Visit) -> None:
        """A failing vendor fails any call, and another try of the same call may pass."""
        with self.vendor.lock:
            self.calls += 1
            number = self.calls
        if visit.behaviour.draw("vendor", number)[0] * 100 < visit.behaviour.vendor_percent:
            raise Refusal(RefusalKind.UNAVAILABLE, "Temporarily unavailable", retry_after=1.0)


def _check_send(visit: Visit, push: SendPush) -> None:
    """Caps, and calls that are refused as malformed however often they are tried."""
    count = sum(len(targets.values) for part in push.parts for targets in part.targets)
    if count > visit.route.max_recipients:
        raise Refusal(
            RefusalKind.TOO_LARGE, f"At most {visit.route.max_recipients} recipients per call."
        )
    first = push.parts[0].targets[0].values[0] if count else ""
    if visit.behaviour.draw("payload", first)[0] * 100 < visit.behaviour.payload_percent:
        raise Refusal(RefusalKind.INVALID, "The message is malformed")


def _parse_body(body: bytes) -> Any:
    if not body:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(RefusalKind.MALFORMED, "The body is no JSON.") from None


def _read_wishes(call: Call) -> Mapping[str, Any]:
    try:
        wishes = json.loads(call.headers.get(BEHAVIOUR_HEADER, "{}"))
    except ValueError:
        return {}
    return wishes if isinstance(wishes, dict) else {}


def write_refusal(dialect: Dialect, refusal: Refusal) -> Reply:
    """A refusal in the vendor's own shape."""
    if dialect.write_refusal is None:
        return Reply(400, {"error": refusal.message})
    reply = dialect.write_refusal(refusal)
    if refusal.retry_after is not None and "Retry-After" not in reply.headers:
        headers = {**reply.headers, "Retry-After": f"{refusal.retry_after:g}"}
        return Reply(reply.status, reply.body, reply.content_type, headers)
    return reply


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    simulator: Simulator


def open_server(simulator: Simulator, sock: socket.socket | None = None) -> ThreadingHTTPServer:
    """A server on `sock`, or on a free loopback port. Call `serve_forever`, later `shutdown`.

    The socket may be bound and listening already, so that a supervisor can keep it open while
    it replaces the process behind it.
    """
    listener = sock or socket.create_server(("127.0.0.1", 0))
    server = _Server(("127.0.0.1", 0), _Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    server.server_address = listener.getsockname()
    server.simulator = simulator
    server.server_activate()
    return server


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body in one packet
    timeout = 120
    server: _Server

    def respond(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        reply = self.server.simulator.answer(self.command, self.path, headers, body)
        self.write(reply)

    def write(self, reply: Reply) -> None:
        content = reply.body
        if not isinstance(content, str):
            content = json.dumps(content, separators=(",", ":"))
        encoded = content.encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(encoded)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(encoded)
        self.wfile.flush()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = respond  # noqa: N815 http.server's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 http.server's name
        """Say nothing: the journal is the record."""
