"""What a device of this gateway is told, read back from its call."""

from __future__ import annotations

import json
from dataclasses import replace
from math import ceil

from providers.gateways import GatewayCall
from providers.message import PushMessage
from providers.vendors.apns import wire_content

MINUTE = 60
# An attachment is fetched by the app's extension, which this lets run.
IMPLIED = {"ios.mutable_content": "ios.attachments"}


def make_token(url: str, name: str) -> str:
    return name.encode().hex().zfill(64)


def find_name(recipient: str) -> str:
    return bytes.fromhex(recipient).lstrip(b"\0").decode()


def read_message(call: GatewayCall) -> PushMessage:
    """Its end is a moment, read as the whole minutes from the call until then."""
    ios = wire_content.read_payload(json.loads(call.body))
    end = int(call.headers.get("apns-expiration", "0"))
    left = ceil((end - call.now.timestamp()) / MINUTE) * MINUTE if end else None
    collapse_id = call.headers.get("apns-collapse-id")
    return PushMessage(ios=replace(ios, collapse_id=collapse_id, expiration=left))
