"""Devices (vendor page "Device API"; its own clients' models). Changes answer the bare text
`success`, labelled as JSON.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC
from typing import Any

from providers.audience_calls import (
    DeviceRow,
    DeviceRows,
    DropDevice,
    FetchDevices,
    SaveDevice,
    SaveDevices,
)
from providers.inbound import Call, Reply
from providers.message_fields import Platform

from .wire_errors import Code, write_error
from .wire_messages import PLATFORMS
from .wire_targets import MAX_ID, MAX_IDS, MAX_NAME, REGISTRATION_ID
from .wire_values import Block, read_body, refuse_missing, refuse_type, refuse_value

DEVICE_PATH = "v4/devices/{registration_id}"
STATUS_PATH = "v4/devices/status"
TOKENS_PATH = "v4/devices/token/registration_id"

MAX_TOKENS = 500  # what the vendor's own tests probe
MAX_TOKEN = 4096
MAX_TAGS = 100  # per device
TIME_FORM = "%Y-%m-%d %H:%M:%S"


def read_fetch_device(call: Call) -> FetchDevices:
    return FetchDevices("", REGISTRATION_ID, (take_id(call),))


def take_id(call: Call) -> str:
    text = call.path["registration_id"]
    if len(text) > MAX_ID or "\0" in text:
        raise refuse_value(REGISTRATION_ID, "is none")
    return text


def write_device(devices: DeviceRows) -> Reply:
    """Tags and alias; a device that is not there is an unknown error to the vendor."""
    row = next(iter(devices.rows), None)
    if row is None:
        return Reply(400, write_error(Code.UNKNOWN, "There is no such registration_id."))
    return Reply(200, {"tags": sorted(row.tags), "alias": row.alias})


def read_save_device(call: Call) -> SaveDevice:
    """Tags to add and to remove, or "" for none at all; an alias, "" for none."""
    body = read_body(call.body)
    alias = body.find_text("alias", MAX_NAME)
    if body.values.get("tags") == "":
        return _save(call, tags=(), alias=alias)
    tags = body.find_block("tags")
    if tags is None and alias is None:
        raise refuse_missing("tags")
    add, remove = (_read_tags(tags, name) for name in ("add", "remove"))
    return _save(call, add_tags=add, remove_tags=remove, alias=alias)


def _save(call: Call, **values: Any) -> SaveDevice:
    return SaveDevice(app="", kind=REGISTRATION_ID, id=take_id(call), must_exist=True, **values)


def _read_tags(tags: Block | None, name: str) -> tuple[str, ...]:
    names = () if tags is None else tags.find_texts(name, MAX_TAGS)
    if tags is not None and any(len(tag.encode()) > MAX_NAME for tag in names):
        raise refuse_type(tags.at(name), f"has a tag over {MAX_NAME} bytes")
    return names


def read_drop_device(call: Call) -> DropDevice:
    return DropDevice("", REGISTRATION_ID, take_id(call))


def read_statuses(call: Call) -> FetchDevices:
    ids = read_body(call.body).find_texts("registration_ids", MAX_IDS)
    if not ids:
        raise refuse_missing("registration_ids")
    return FetchDevices("", REGISTRATION_ID, ids)


def write_statuses(devices: DeviceRows, ids: Iterable[str]) -> list[dict[str, Any]]:
    """One per id that was asked about; who is not known was never online."""
    pairs = zip(ids, devices.rows, strict=True)
    return [_write_status(text, row) for text, row in pairs]


def _write_status(text: str, row: DeviceRow | None) -> dict[str, Any]:
    status: dict[str, Any] = {"regid": text, "online": bool(row and row.is_online)}
    if row is not None and row.last_seen_at is not None:
        status["last_online_time"] = row.last_seen_at.astimezone(UTC).strftime(TIME_FORM)
    return status


def read_tokens(call: Call) -> SaveDevices:
    """Tokens of one platform; each becomes a device with an id of ours, or is one already."""
    body = read_body(call.body)
    platform = body.take_text("platform")
    if platform not in PLATFORMS:
        raise refuse_value("platform", f"is one of {', '.join(PLATFORMS)}")
    tokens = body.find_texts("tokens", MAX_TOKENS)
    if not tokens:
        raise refuse_missing("tokens")
    if any(len(token) > MAX_TOKEN for token in tokens):
        raise refuse_type("tokens", f"has a token over {MAX_TOKEN} characters")
    body.find_flag("apns_production")
    known = PLATFORMS[platform]
    return SaveDevices("", tuple(_save_token(known, token) for token in tokens))


def _save_token(platform: Platform, token: str) -> SaveDevice:
    return SaveDevice(
        app="",
        kind=REGISTRATION_ID,
        id=make_registration_id(platform, token),
        platform=platform,
        token=token,
    )


def make_registration_id(platform: Platform, token: str) -> str:
    """20 hex digits; the same for the same token, so that a repeated call makes no second one."""
    words = f"{platform.value}:{token}".encode()
    return hashlib.blake2b(words, digest_size=10).hexdigest()


def write_tokens(devices: DeviceRows, tokens: Iterable[str]) -> dict[str, Any]:
    """One entry per token: its registration id, or why it was not taken."""
    pairs = zip(tokens, devices.rows, strict=True)
    return {
        "results": [
            _write_token(token, row, devices.faults.get(index, ""))
            for index, (token, row) in enumerate(pairs)
        ]
    }


def _write_token(token: str, row: DeviceRow | None, fault: str) -> dict[str, Any]:
    if row is None:
        code = int(Code.BAD_VALUE)
        return {"token": token, "is_new": False, "code": code, "message": fault}
    registration_id = row.ids.get(REGISTRATION_ID, "")
    return {
        "token": token,
        "registration_id": registration_id,
        "is_new": row.is_new,
        "code": 0,
        "message": "success",
    }
