"""Ids that a dialect expects of us: made when a device without one is told about."""

from __future__ import annotations

import secrets
from collections.abc import Collection

from campaigns.models import App, Device, DeviceIdentifier
from campaigns.models.audience import hash64
from providers.contract import Dialect
from providers.recipients import IdentifierKind


def give_ids(app: App, devices: Collection[Device], dialect: Dialect) -> bool:
    """Give these devices, whose identifiers are loaded, an id of each kind that is ours to make;
    True when one lacked any."""
    missing = [
        _make_id(app, device, kind)
        for kind in dialect.identifier_kinds
        if kind.is_ours
        for device in devices
        if kind.platform in (None, device.platform)
        and all(held.kind != kind.name for held in device.identifiers.all())
    ]
    # Who makes one at the same moment is second: a device has one id of a kind.
    DeviceIdentifier.objects.bulk_create(missing, ignore_conflicts=True)
    return bool(missing)


def _make_id(app: App, device: Device, kind: IdentifierKind) -> DeviceIdentifier:
    value = "".join(secrets.choice(kind.letters) for _place in range(kind.length))
    return DeviceIdentifier(
        app=app, device=device, kind=kind.name, value=value, value_hash=hash64(value)
    )
