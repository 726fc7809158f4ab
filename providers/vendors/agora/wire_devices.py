"""Binding a device's push token to a user (vendor page "Offline push configuration")."""

from __future__ import annotations

import re
from typing import Any

from providers.audience_calls import DeviceRow, DeviceRows, FetchDevices, SaveDevice
from providers.fields import gettext_noop
from providers.inbound import Call
from providers.message_fields import Platform
from providers.recipients import IdentifierKind, PersonKind

from .wire import read_app
from .wire_values import read_body, read_piece

BINDING_PATH = "users/{user}/push/binding"
DEVICE_KIND = "agora_device_id"
IDENTIFIER_KINDS = (IdentifierKind(DEVICE_KIND, label=gettext_noop("Agora Chat device id")),)
NOTIFIER = "notifier_name"  # a certificate at the push service; kept with the device
MAX_DEVICE, MAX_NOTIFIER, MAX_TOKEN = 255, 255, 4096
_APPLE_TOKEN = re.compile(r"[0-9A-Fa-f]{64,200}")


def write_binding(device: SaveDevice) -> dict[str, Any]:
    return {
        "device_id": device.id,
        NOTIFIER: device.attributes.get(NOTIFIER, ""),
        "device_token": device.token or "",
    }


def read_binding(call: Call) -> SaveDevice:
    """An empty token unbinds a device that is there. The call names no platform: Apple's tokens
    are hexadecimal digits, the other services' are not."""
    body = read_body(call)
    token = body.find_text("device_token", MAX_TOKEN) or ""
    notifier = body.find_text(NOTIFIER, MAX_NOTIFIER)
    return SaveDevice(
        app=read_app(call),
        kind=DEVICE_KIND,
        id=body.take_text("device_id", MAX_DEVICE),
        platform=find_platform(token) if token else None,
        token=token,
        external_user_id=read_piece(call, "user"),
        attributes={NOTIFIER: notifier} if notifier else {},
        must_exist=not token,
    )


def find_platform(token: str) -> Platform:
    return Platform.IOS if _APPLE_TOKEN.fullmatch(token) else Platform.ANDROID


def read_fetch_bindings(call: Call) -> FetchDevices:
    return FetchDevices(read_app(call), PersonKind.EXTERNAL_USER_ID, (read_piece(call, "user"),))


def write_binding_row(row: DeviceRow) -> dict[str, Any]:
    return {
        "device_id": row.ids.get(DEVICE_KIND) or str(row.id),
        "device_token": row.token,
        NOTIFIER: row.attributes.get(NOTIFIER, ""),
    }


def write_bindings(answer: DeviceRow | DeviceRows) -> list[dict[str, Any]]:
    """Devices with a token; one that was just saved is shown without one too."""
    if isinstance(answer, DeviceRow):
        return [write_binding_row(answer)]
    return [write_binding_row(row) for row in answer.rows if row is not None and row.token]


def read_bindings(body: Any) -> tuple[dict[str, str], ...]:
    """Device id, token and notifier of each of a user's devices."""
    names = ("device_id", "device_token", NOTIFIER)
    return tuple({name: str(entry.get(name) or "") for name in names} for entry in body["entities"])
