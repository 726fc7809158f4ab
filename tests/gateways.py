"""Simulated gateways for tests: a server over real sockets, and a gateway that is no vendor's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from providers import registry
from providers.fanout import close_fanouts
from providers.gateways import Gateway, GatewayCall, GatewayReply, GatewaySend
from providers.outcomes import HTTP_STATUS, Refusal, RefusalKind
from providers.simulator import Simulator
from providers.simulator.gateways import GatewayServer, open_gateways
from providers.simulator.gateways import server as gateway_server
from providers.simulator.gateways.http2 import Http2
from providers.simulator.gateways.requests import Request
from providers.simulator.tls import Certificates

JSON = {"content-type": "application/json"}


@cache
def make_certificates() -> Certificates:
    """One authority for all tests of a process."""
    return Certificates()


@contextmanager
def serving_gateways(
    simulator: Simulator, folder: Path, settings: Any, streams: int = 100
) -> Iterator[GatewayServer]:
    """Gateways of a simulator, which this installation trusts and may reach: `server.url`."""
    certificates = make_certificates()
    authority = folder / "authority.pem"
    authority.write_text(certificates.authority)
    server = open_gateways(simulator, certificates=certificates, streams=streams)
    settings.OUTBOUND_CA = str(authority)
    settings.OUTBOUND_ALLOW = [*settings.OUTBOUND_ALLOW, server.url]
    server.start()
    try:
        yield server
    finally:
        close_fanouts()
        server.stop()


@pytest.fixture
def server(tmp_path: Path, settings: Any) -> Iterator[GatewayServer]:
    """Every vendor's gateway, well behaved."""
    simulator = Simulator(registry.all_dialects(), tmp_path / "journal.jsonl")
    with serving_gateways(simulator, tmp_path, settings) as server:
        yield server
    simulator.close()


@pytest.fixture
def most(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many streams a connection held whenever something came in. What is begun above what it
    takes, perhaps before it could say so, is refused (RFC 9113, 5.1.2)."""
    found: list[int] = []

    class Strict(Http2):
        def __init__(self, streams: int) -> None:
            super().__init__(streams)
            self.most = streams

        def receive(self, data: bytes) -> list[Request]:
            requests = super().receive(data)
            for stream in sorted(self.streams)[self.most :]:
                self.reset(stream, is_refused=True)
            found.append(len(self.streams))
            return [request for request in requests if request.stream in self.streams]

    monkeypatch.setattr(gateway_server, "Http2", Strict)
    return found


def _read(call: GatewayCall) -> GatewaySend | GatewayReply:
    if call.path == "/hello":
        shown = {"certificate": call.certificate, "query": call.query, "headers": call.headers}
        return GatewayReply(200, json.dumps(shown).encode(), JSON)
    try:
        recipient = json.loads(call.body)["to"]
    except (ValueError, LookupError, TypeError):
        raise Refusal(RefusalKind.MALFORMED, "The body names nobody.") from None
    return GatewaySend(recipient, call.headers.get("x-key", ""))


def _write_accepted(call: GatewayCall, send: GatewaySend) -> GatewayReply:
    body = json.dumps({"id": send.recipient}).encode()
    return GatewayReply(200, body, {**JSON, "x-id": send.recipient})


def _write_dead(call: GatewayCall, send: GatewaySend, since: datetime) -> GatewayReply:
    body = {"error": "dead", "since": since.isoformat()}
    return GatewayReply(410, json.dumps(body).encode(), JSON)


def _write_refusal(call: GatewayCall, refusal: Refusal) -> GatewayReply:
    body = {"error": refusal.kind.value, "message": refusal.message}
    return GatewayReply(HTTP_STATUS[refusal.kind], json.dumps(body).encode(), JSON)


GATEWAY = Gateway(
    read=_read, write_accepted=_write_accepted, write_dead=_write_dead, write_refusal=_write_refusal
)
