"""What a device of this gateway is told, read back from its call by the door's own reader."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from providers.gateways import GatewayCall
from providers.json_values import read_json_object
from providers.message import PushMessage
from providers.message_fields import Platform
from providers.vendors.fcm import wire_content, wire_messages, wire_values

LINKS = {Platform.ANDROID: wire_content.DEEPLINK_KEY, Platform.IOS: wire_content.URL_KEY}


def make_token(url: str, name: str) -> str:
    return name


def find_name(recipient: str) -> str:
    return recipient


def read_message(call: GatewayCall) -> PushMessage:
    body = wire_values.read_body(json.loads(call.body))
    message = wire_messages.read_message(body.take_block("message"), call.now)
    blocks = {name.value: _part(message, name, link) for name, link in LINKS.items()}
    return replace(message, **blocks)


def _part(message: PushMessage, platform: Platform, link: str) -> Any:
    """A link goes in the data, where apps find it; here it is a field of its own again."""
    block = getattr(message, platform.value)
    values = read_json_object(block.data) if block and block.data else None
    if not values or link not in values:
        return block
    found = {"data": None, link: values.pop(link)}
    return replace(block, **found | wire_content.read_data(platform, values))
