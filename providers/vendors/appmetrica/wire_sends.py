"""A send and what is answered to it (seed section "Sending a push message", vendor page of
`send-batch`). The message blocks stand in `wire_messages`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from providers.blocks import MAX_LONG, is_clean
from providers.commands import Accepted, Fault, FaultKind, PushPart, SendPush
from providers.fields import gettext_noop
from providers.inbound import Call
from providers.message import AndroidContent, IosContent
from providers.message_fields import Platform
from providers.recipients import IdentifierKind, Targets

from .wire_messages import read_messages, write_messages
from .wire_values import Block, is_number, is_unset, read_body, read_id, refuse

SEND_PATH = "push/v1/send-batch"

MAX_TAG = 255  # not documented; what fits is ours to say
MAX_DEVICES = 250_000  # in all items of one call
MAX_DEVICE_GROUPS = 5  # per item, although there are seven types
MAX_IDENTIFIER = 4096
RECIPIENT_KEYS = ("id_values",)  # counted, never kept, in a record of a call

# The page names no platform for a type; only the error text of google_aid does. Huawei types
# belong to Android phones. A device id of the vendor's own may be either.
IDENTIFIER_KINDS = (
    IdentifierKind("android_push_token", Platform.ANDROID, is_token=True),
    IdentifierKind("ios_push_token", Platform.IOS, is_token=True),
    IdentifierKind("huawei_push_token", Platform.ANDROID, is_token=True),
    IdentifierKind("google_aid", Platform.ANDROID, label=gettext_noop("Google advertising id")),
    IdentifierKind("ios_ifa", Platform.IOS, label=gettext_noop("iOS advertising id (IDFA)")),
    IdentifierKind("huawei_oaid", Platform.ANDROID, label=gettext_noop("Huawei OAID")),
    IdentifierKind("appmetrica_device_id", label=gettext_noop("AppMetrica device id")),
)
KINDS = {kind.name: kind for kind in IDENTIFIER_KINDS}


def write_send(push: SendPush) -> dict[str, Any]:
    request: dict[str, Any] = {"group_id": int(push.group), "tag": push.tag}
    if push.client_key:
        request["client_transfer_id"] = int(write_client_key(push.client_key))
    request["batch"] = [_write_part(part) for part in push.parts]
    return {"push_batch_request": request}


def read_send(call: Call) -> SendPush:
    request = read_body(call.body).take_block("push_batch_request")
    client_key = request.find_number("client_transfer_id")
    push = SendPush(
        group=str(request.take_number("group_id")),
        tag=request.take_text("tag", maximum=MAX_TAG),
        client_key="" if client_key is None else str(client_key),
        parts=tuple(_read_part(item) for item in request.take_blocks("batch")),
    )
    if count_devices(push) > MAX_DEVICES:
        raise refuse(request.at("batch"), f"names more than {MAX_DEVICES} devices")
    return push


def count_devices(push: SendPush) -> int:
    return sum(len(targets.values) for part in push.parts for targets in part.targets)


def write_client_key(key: str) -> str:
    """A key as the vendor's 63-bit number; a key that is none becomes a stable one."""
    if is_number(key) and 0 < int(key) <= MAX_LONG:
        return str(int(key))
    digest = hashlib.sha256(key.encode()).digest()
    return str(int.from_bytes(digest[:8], "big") % MAX_LONG + 1)


def write_accepted(accepted: Accepted) -> dict[str, Any]:
    """The client's id is answered only to a caller who sent one."""
    response = {"transfer_id": int(accepted.transfer)}
    if accepted.client_key:
        response["client_transfer_id"] = int(accepted.client_key)
    return {"push_response": response}


def read_accepted(body: Any) -> Accepted:
    response = body["push_response"]
    client_key = response.get("client_transfer_id")
    key = "" if is_unset(client_key) else read_id(client_key)
    return Accepted(read_id(response["transfer_id"]), key)


def find_faults(push: SendPush) -> tuple[Fault, ...]:
    """What the vendor judges only after it has accepted a send (known: the google_aid case)."""
    found = (fault for part in push.parts for fault in _find_part_faults(part))
    return tuple(dict.fromkeys(found))


def _find_part_faults(part: PushPart) -> Iterator[Fault]:
    blocks = {Platform.ANDROID: part.message.android, Platform.IOS: part.message.ios}
    for targets in part.targets:
        kind = KINDS.get(targets.kind)
        platform = kind.platform if kind else None
        if platform is not None and blocks[platform] is None:
            yield Fault(FaultKind.NO_MESSAGE, platform.value, targets.kind)
    for platform, block in blocks.items():
        if block is not None and not _has_text(block):
            yield Fault(FaultKind.NO_TEXT, platform.value)


def _has_text(block: AndroidContent | IosContent) -> bool:
    # The reference wants a title on iOS too, but the seed's own sample sends none there.
    needs_title = isinstance(block, AndroidContent)
    return bool(block.silent or (block.body and (block.title or not needs_title)))


def _write_part(part: PushPart) -> dict[str, Any]:
    return {
        "messages": write_messages(part.message),
        "devices": [
            {"id_type": targets.kind, "id_values": list(targets.values)} for targets in part.targets
        ],
    }


def _read_part(item: Block) -> PushPart:
    message = read_messages(item.take_block("messages"))
    devices = item.take_blocks("devices")
    if len(devices) > MAX_DEVICE_GROUPS:
        raise refuse(item.at("devices"), f"has more than {MAX_DEVICE_GROUPS} entries")
    return PushPart(message, tuple(_read_targets(entry) for entry in devices))


def _read_targets(entry: Block) -> Targets:
    kind = entry.take_text("id_type")
    if kind not in KINDS:
        raise refuse(entry.at("id_type"), "is no known type")
    values = entry.take_items("id_values")
    if not all(isinstance(value, str) for value in values):
        raise refuse(entry.at("id_values"), "must hold texts only")
    if max(map(len, values)) > MAX_IDENTIFIER or not is_clean("".join(values)):
        raise refuse(entry.at("id_values"), "holds a value that is no identifier")
    return Targets(kind, tuple(values))
