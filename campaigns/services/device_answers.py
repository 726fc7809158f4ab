"""Devices as a dialect is told about them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta

from campaigns.models import App, Device, DeviceMark, DeviceSession
from campaigns.selectors.devices import load_devices
from campaigns.services.callers import Caller
from campaigns.services.device_ids import give_ids
from campaigns.services.device_rows import COLUMNS
from providers.audience_calls import DeviceRow

ONLINE = timedelta(seconds=DeviceSession.ONLINE_SECONDS)
NONE: frozenset[int] = frozenset()


def describe_devices(
    app: App, ids: Iterable[int], caller: Caller, *, new: Collection[int] = NONE
) -> dict[int, DeviceRow]:
    """The app's devices of these ids, by our ids, each with the ids that its dialect expects."""
    wanted = {pk for pk in ids if pk}
    devices = load_devices(app, wanted)
    if give_ids(app, devices.values(), caller.dialect):
        devices = load_devices(app, wanted)
    return {
        pk: _describe_device(device, caller, is_new=pk in new) for pk, device in devices.items()
    }


def _describe_device(device: Device, caller: Caller, *, is_new: bool) -> DeviceRow:
    session: DeviceSession | None = getattr(device, "session", None)
    pulled = session.pulled_at if session else None
    marks = [(mark.kind, mark.name) for mark in device.marks.all()]
    return DeviceRow(
        id=device.pk,
        platform=device.platform,
        token=device.token,
        transport=device.transport,
        ids={held.kind: held.value for held in device.identifiers.all()},
        external_user_id=device.person.external_user_id if device.person else "",
        values={name: getattr(device, name) for name in COLUMNS},
        attributes=device.attributes,
        tags=tuple(sorted(name for kind, name in marks if kind == DeviceMark.Kind.TAG)),
        alias="".join(name for kind, name in marks if kind == DeviceMark.Kind.ALIAS),
        is_new=is_new,
        is_online=pulled is not None and pulled >= caller.now - ONLINE,
        last_seen_at=device.last_seen_at,
    )
