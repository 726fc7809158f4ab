"""Answers that are made to break whoever reads them: deep, of other types, with letters and numbers
that nobody keeps. Each vendor's client, over real sockets, makes a clear failure of them.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from campaigns.dispatch.engine import drain
from campaigns.dispatch.verify import check_books
from campaigns.models import Delivery, Exchange
from providers import http
from providers.contract import Dialect
from providers.gateways import GatewayCall, GatewayReply, GatewaySend
from providers.outcomes import Failure, Receipt
from providers.simulator.gateways import GatewayServer
from tests.gateways import JSON, server
from tests.providers.conftest import open_vendor, write_answer
from tests.vendor_cases.accounts import GATEWAYS, OUTBOUND
from tests.vendor_cases.gateway_apps import fill_app, start_transfer
from tests.vendor_cases.test_errors import ask
from tests.vendor_cases.test_wire import each

__all__ = ["open_vendor", "server"]

LEVELS = 1000
TALKERS = [dialect for dialect in OUTBOUND if not dialect.fans_out]
# Names under which some vendor's answer tells something.
NAMES = (
    *("error", "errors", "message", "reason", "code", "status", "name", "details", "timestamp"),
    *("data", "result", "results", "requestError", "push_batch_response", "transfer", "id", "time"),
)


def nest(levels: int, opening: str = "[", closing: str = "]") -> str:
    return opening * levels + closing * levels


def tell(value: str) -> str:
    """The same under every name at once."""
    return "{" + ",".join(f'"{name}":{value}' for name in NAMES) + "}"


# Of a fan-out only the first words are kept: these, with a code that is known.
NO_LETTERS = r"\u0000 \ud800"
FIRST = (
    f'{{"reason": "{NO_LETTERS}", "error": {{"status": "INTERNAL", "message": "{NO_LETTERS}"}}}}'
)
BODIES = {
    "words of no letters": FIRST,
    "deep": nest(LEVELS),
    "as deep as can be read": nest(LEVELS // 2 - 50),
    "deep under names": tell(nest(LEVELS // 3)),
    "deep objects": nest(LEVELS // 3, '{"error":[', "]}"),
    "no letters": tell(f'"{NO_LETTERS}"'),
    "no letters inside": tell(tell(f'"{NO_LETTERS}"')),
    "no letters and no JSON": "a\0b" + "\udcff",
    "moment of no clock": tell("100000000000000000000"),
    "huge number": tell("1" * 4000),
    "larger number": tell("1" * 5000),
    "no number": tell("NaN"),
    "infinite": tell("1e999"),
    "a number": "7",
    "null": "null",
    "nulls": tell("null"),
    "a text": '"text"',
    "texts": tell('"text"'),
    "lists of nothing": tell("[[], null, {}]"),
    "objects": tell(tell("[]")),
    "long text": tell(json.dumps("x" * 50_000)),
}
HOURS = 12  # more than anything is tried again
STATUSES = (200, 400, 429, 500)
CASES = [(status, body) for body in BODIES.values() for status in STATUSES]
# After these others are called all the same.
HARMLESS = [(status, body) for body in BODIES.values() for status in (500, 200, 410)]


def encode(body: str) -> bytes:
    return body.encode("utf-8", "surrogateescape")


def is_keepable(text: str) -> bool:
    return "\0" not in text and text.encode("utf-8", "replace").decode() == text


def list_said(answer: Receipt | Failure) -> list[str]:
    if isinstance(answer, Failure):
        return [answer.message]
    return [answer.reference, json.dumps(answer.raw), *(one.message for one in answer.results)]


@each(TALKERS)
def test_an_answer_that_is_made_to_break_us_is_a_clear_failure(dialect, open_vendor, settings):
    said: list[bytes] = []
    vendor = open_vendor(lambda link, request: link.sendall(said[-1]))
    settings.SANDBOX_URL = vendor.url
    texts: list[str] = []

    for status, body in CASES:
        said.append(write_answer(status, encode(body)))
        with http.recording() as exchanges:
            texts += list_said(ask(dialect, vendor))
        texts += [exchange.response for exchange in exchanges]

    assert len(vendor.requests) >= len(CASES)
    assert [text for text in texts if not is_keepable(text)] == []


def lie_once(server: GatewayServer, dialect: Dialect) -> set[str]:
    """The first calls get the answers that are to be tried, one each; gives who was called."""
    gateway, cases, called = server.simulator.gateways[dialect.key], iter(HARMLESS), set[str]()

    def answer(call: GatewayCall, send: GatewaySend) -> GatewayReply:
        called.add(send.recipient)
        status, body = next(cases, (0, ""))
        return GatewayReply(status, encode(body), JSON) if status else accept(call, send)

    accept = gateway.write_accepted
    server.simulator.gateways[dialect.key] = replace(gateway, write_accepted=answer)
    return called


@pytest.mark.django_db(transaction=True)
@pytest.mark.database
@each(GATEWAYS)
def test_no_answer_for_one_device_stops_the_worker_that_reads_it(app, server, dialect, settings):
    settings.PAUSE_PERCENT = 100
    began = datetime.now(UTC)
    fill_app(app, dialect, server.url, len(HARMLESS), began - timedelta(days=1))
    called = lie_once(server, dialect)
    transfer = start_transfer(app, began)

    for hour in range(HOURS):
        drain(clock=lambda hour=hour: began + timedelta(hours=hour))
        transfer.refresh_from_db()
        if transfer.finished_at is not None:
            break

    assert len(called) == len(HARMLESS)
    assert transfer.finished_at is not None
    assert Delivery.objects.count() == len(HARMLESS)
    assert Exchange.objects.exclude(reason="").exists()
    assert check_books().faults == []
