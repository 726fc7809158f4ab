"""What calls about devices do: registering them, telling about them, forgetting them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.errors import Conflict, Invalid, NotFound, OverCap, Refused
from campaigns.models import ApiKey, App, Device
from campaigns.models.bulk import IdList
from campaigns.selectors.devices import find_kind, list_of_persons, match_devices
from campaigns.selectors.erased import ERASED
from campaigns.services import device_calls, tags
from campaigns.services.access import is_guest
from campaigns.services.callers import Acts, Caller, find_app
from campaigns.services.device_answers import describe_devices
from campaigns.services.device_guests import refuse_takeover
from campaigns.services.device_marks import MAX_TAGS
from campaigns.services.device_rows import DeviceRow, find_row_fault
from campaigns.services.devices import forget_device, register_devices
from campaigns.services.locks import Lock, lock_app
from campaigns.services.seen import mark_seen
from providers import audience_calls as calls
from providers.commands import Done
from providers.contract import Cap, Dialect
from providers.recipients import PersonKind

Scope = ApiKey.Scope
# What a fault of a row is over, as `Dialect.caps` calls it.
OVER = {
    "too_many_tags": Cap.TAGS_PER_DEVICE,
    "tag_too_long": Cap.TAG_BYTES,
    "alias_too_long": Cap.ALIAS_BYTES,
}


def _save_device(command: calls.SaveDevice, caller: Caller) -> calls.DeviceRow:
    app = find_app(command.app, caller)
    saved = _save(app, [command], caller)
    [row] = saved.rows
    if row is None:
        raise _explain_fault(saved.faults[0])
    if is_guest(caller.key):
        # Nobody but the device itself calls without a key.
        mark_seen(app, row.id, caller.now)
    return row


def _save_devices(command: calls.SaveDevices, caller: Caller) -> calls.DeviceRows:
    app = find_app(command.app, caller)
    most = caller.dialect.caps.get(Cap.DEVICES_PER_CALL)
    if most is not None and len(command.devices) > most:
        words = _("At most %(maximum)s devices at a time.") % {"maximum": most}
        raise OverCap(words, subject=Cap.DEVICES_PER_CALL)
    return _save(app, command.devices, caller)


def _save(app: App, devices: Sequence[calls.SaveDevice], caller: Caller) -> calls.DeviceRows:
    """Save each on its own; what is wrong with one is told by its place."""
    caps = caller.dialect.caps
    with transaction.atomic():
        lock_app(app, Lock.REGISTER)
        known = _find_known(app, devices, caller.dialect)
        read = [
            device_calls.read_row(device, found, caller.dialect)
            for device, found in zip(devices, known, strict=True)
        ]
        rows = {place: row for place, row in enumerate(read) if isinstance(row, DeviceRow)}
        if is_guest(caller.key):
            for place, row in rows.items():
                refuse_takeover(app, row, known[place])
        tags.refuse_crowded_tags(app, _list_tags(rows.values()), caps)
        done = register_devices(
            app,
            list(rows.values()),
            max_tags=caps.get(Cap.TAGS_PER_DEVICE, MAX_TAGS),
            actor=caller.actor,
            now=caller.now,
        )
        told = describe_devices(app, done.devices, caller, new=done.new)
    faults = {place: row for place, row in enumerate(read) if isinstance(row, str)}
    places = list(rows)
    faults |= {places[one.index]: one.reason for one in done.rejected}
    ids = dict(zip(places, done.devices, strict=True))
    answers = tuple(told.get(ids.get(place, 0)) for place in range(len(devices)))
    return calls.DeviceRows(answers, dict(sorted(faults.items())))


def _find_known(
    app: App, devices: Sequence[calls.SaveDevice], dialect: Dialect
) -> list[Device | None]:
    """The device that each one names by its kind of id, if it is there."""
    by_kind: dict[str, set[str]] = defaultdict(set)
    for device in devices:
        if device.kind and device.id:
            by_kind[device.kind].add(device.id)
    ids = {
        (name, value): pk
        for name, values in by_kind.items()
        for value, pk in match_devices(app, find_kind(dialect, name), values).items()
    }
    known = Device.objects.filter(app=app).in_bulk(set(ids.values()))
    return [known.get(ids.get((device.kind, device.id), 0)) for device in devices]


def _list_tags(rows: Iterable[DeviceRow]) -> dict[str, set[int]]:
    """The devices that get each tag, by our ids; new ones by numbers of their own below 0."""
    devices: dict[str, set[int]] = defaultdict(set)
    for number, row in enumerate(row for row in rows if not find_row_fault(row)):
        for name in (*(row.tags or ()), *row.add_tags):
            devices[name].add(row.device or -1 - number)
    return devices


def _explain_fault(fault: str) -> Refused:
    if fault == "conflict":
        words = _("The ids belong to two devices, or to one of another platform.")
        return Conflict(words, code=fault)
    if fault == "not_found":
        return NotFound(_("There is no such device."))
    if fault == ERASED:
        words = _("This belonged to somebody who was erased, so it cannot be kept.")
        return Conflict(words, code=fault)
    if fault in OVER:
        words = _("This is over what a device may carry here.")
        return OverCap(words, subject=OVER[fault])
    name = fault.removeprefix("invalid_")
    words = _("This is no %(name)s that can be stored.") % {"name": name}
    return Invalid(words, code=fault, fields={name: words})


def _fetch_devices(command: calls.FetchDevices, caller: Caller) -> calls.DeviceRows:
    app = find_app(command.app, caller)
    if command.kind in set(PersonKind):
        ids: list[int] = list_of_persons(app, PersonKind(command.kind), command.ids)
    else:
        found = match_devices(app, find_kind(caller.dialect, command.kind), command.ids)
        ids = [found.get(value, 0) for value in command.ids]
    told = describe_devices(app, ids, caller)
    return calls.DeviceRows(tuple(told.get(pk) for pk in ids))


def _drop_device(command: calls.DropDevice, caller: Caller) -> Done:
    app = find_app(command.app, caller)
    found = match_devices(app, find_kind(caller.dialect, command.kind), [command.id])
    devices = Device.objects.filter(app=app, pk__in=IdList(found.values()))
    device = devices.select_related("app__workspace").first()
    if device is None:
        raise NotFound(_("There is no such device."), subject=command.id)
    forget_device(device, actor=caller.actor, now=caller.now)
    return Done()


ACTS: Acts = {
    calls.SaveDevice: (Scope.AUDIENCE, _save_device),
    calls.SaveDevices: (Scope.AUDIENCE, _save_devices),
    calls.FetchDevices: (Scope.READ, _fetch_devices),
    calls.DropDevice: (Scope.AUDIENCE, _drop_device),
}
