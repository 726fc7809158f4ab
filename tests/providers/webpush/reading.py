"""What a browser is told, opened by a library that is not ours, with keys that only it holds."""

from __future__ import annotations

import json
from dataclasses import replace

from providers.gateways import GatewayCall
from providers.message import PushMessage
from providers.vendors.webpush import wire_messages
from providers.vendors.webpush.wire_sends import MAX_TTL_SECONDS
from tests.providers.webpush.browsers import Browser

BROWSER = Browser()  # its keys are those of all, as each opens what it is sent alike


def make_token(url: str, name: str) -> str:
    return replace(BROWSER, endpoint=f"{url}/e/{name}").token


def find_name(recipient: str) -> str:
    return recipient.rpartition("/")[2]


def read_message(call: GatewayCall) -> PushMessage:
    """With what the service is told in headers; the longest life there is, is none of its own."""
    message = wire_messages.read_message(json.loads(BROWSER.read(call.body)))
    life = int(call.headers["ttl"])
    assert message.web is not None
    web = replace(
        message.web,
        time_to_live=None if life == MAX_TTL_SECONDS else life,
        urgency=call.headers.get("urgency"),
    )
    return replace(message, web=web)
