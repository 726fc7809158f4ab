"""A dialect's call about one device as the row that is registered, or why it cannot be one."""

from __future__ import annotations

from typing import Any

from campaigns.models import Device
from campaigns.selectors.devices import DEVICE_KIND, find_kind
from campaigns.services.device_rows import COLUMNS, DeviceRow
from campaigns.services.tags import Caps
from providers.audience_calls import SaveDevice
from providers.contract import Cap, Dialect
from providers.recipients import IdentifierKind


def read_row(device: SaveDevice, found: Device | None, dialect: Dialect) -> DeviceRow | str:
    """The row, or a reason code; `found` is the device that the call names."""
    kind = find_kind(dialect, device.kind) if device.kind else None
    must_exist = device.must_exist or (kind is not None and kind.name == DEVICE_KIND)
    if found is None and must_exist:
        return "not_found"
    if set(device.values) - set(COLUMNS):
        return "invalid_values"
    fault = _find_length_fault(device, dialect.caps)
    if fault:
        return fault
    return DeviceRow(
        platform=_find_platform(device, kind, found),
        **_read_identity(device, kind, found),
        **_read_person(device),
        attributes=device.attributes,
        columns=device.values,
        transport=device.transport or "",
        tags=device.tags,
        add_tags=device.add_tags,
        remove_tags=device.remove_tags,
        alias=device.alias,
    )


def _find_length_fault(device: SaveDevice, caps: Caps) -> str:
    named = (*(device.tags or ()), *device.add_tags)
    if any(_is_long(name, Cap.TAG_BYTES, caps) for name in named):
        return "tag_too_long"
    return "alias_too_long" if _is_long(device.alias or "", Cap.ALIAS_BYTES, caps) else ""


def _is_long(name: str, cap: Cap, caps: Caps) -> bool:
    return cap in caps and len(name.encode("utf-8", "surrogatepass")) > caps[cap]


def _find_platform(device: SaveDevice, kind: IdentifierKind | None, found: Device | None) -> str:
    if device.platform is not None:
        return device.platform.value
    if found is not None:
        return found.platform
    return kind.platform.value if kind and kind.platform else ""


def _read_identity(
    device: SaveDevice, kind: IdentifierKind | None, found: Device | None
) -> dict[str, Any]:
    token = device.token or ""
    if kind is not None and kind.is_token and device.token is None:
        token = device.id
    is_kept = kind is not None and not kind.is_token and kind.name != DEVICE_KIND
    return {
        "device": found.pk if found else 0,
        "token": token,
        "drops_token": device.token == "",
        "ids": {device.kind: device.id} if is_kept and device.id else {},
    }


def _read_person(device: SaveDevice) -> dict[str, Any]:
    name = device.external_user_id
    return {"external_user_id": name or "", "drops_person": name == ""}
