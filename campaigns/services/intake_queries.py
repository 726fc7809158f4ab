"""What calls that look for things do: devices of an audience, one that is there, app groups."""

from __future__ import annotations

from django.utils.translation import gettext as _

from campaigns.errors import NotFound
from campaigns.models import ApiKey, App, AppGroup, Device
from campaigns.selectors.audience import select_all
from campaigns.selectors.devices import find_kind, match_devices
from campaigns.selectors.row_ids import read_id
from campaigns.services.app_choices import choose_apps
from campaigns.services.callers import Acts, Caller, find_app
from campaigns.services.intake_audience import write_audience
from campaigns.services.seen import mark_seen
from providers.audience_calls import (
    AppGroupRow,
    AppGroupRows,
    CheckIn,
    DeviceRow,
    DevicesFound,
    FindDevices,
    ListAppGroups,
)

Scope = ApiKey.Scope
MAX_DEVICES = 5_000


def _find_devices(command: FindDevices, caller: Caller) -> DevicesFound:
    count = 0
    rows: list[DeviceRow] = []
    for app in choose_apps(command.apps, caller):
        meant = select_all(app, write_audience(app, command.audience, caller.dialect))
        count += meant.count()
        left = min(command.limit, MAX_DEVICES) - len(rows)
        found = meant.select_related("person").prefetch_related("identifiers").order_by("pk")
        rows += [_describe_device(device) for device in found[:left]]
    return DevicesFound(count, tuple(rows))


def _describe_device(device: Device) -> DeviceRow:
    person = device.person
    return DeviceRow(
        id=device.pk,
        platform=device.platform,
        token=device.token,
        transport=device.transport,
        ids={row.kind: row.value for row in device.identifiers.all()},
        external_user_id=person.external_user_id if person else "",
        values={
            "language": device.language or (person.language if person else ""),
            "country": device.country or (person.country if person else ""),
            "timezone": device.timezone or (person.timezone if person else ""),
        },
        attributes=device.attributes,
        last_seen_at=device.last_seen_at,
    )


def _check_in(command: CheckIn, caller: Caller) -> DeviceRow:
    app = find_app(command.app, caller)
    found = match_devices(app, find_kind(caller.dialect, command.kind), [command.id])
    device = Device.objects.filter(app=app, pk__in=found.values()).first()
    if device is not None:
        mark_seen(app, device.pk, caller.now)
        return DeviceRow(
            id=device.pk, platform=device.platform, ids={command.kind: command.id}, is_online=True
        )
    if command.must_exist:
        raise NotFound(_("There is no such device."))
    return DeviceRow(id=0, platform="", ids={command.kind: command.id}, is_new=True)


def _list_app_groups(command: ListAppGroups, caller: Caller) -> AppGroupRows:
    groups = AppGroup.objects.for_user(caller.key).order_by("pk")
    if command.group:
        groups = groups.filter(pk=read_id(command.group))
    rows = tuple(_describe_group(group, caller) for group in groups)
    if command.group and not rows:
        raise NotFound(_("There is no such app group."))
    return AppGroupRows(rows)


def _describe_group(group: AppGroup, caller: Caller) -> AppGroupRow:
    apps = App.objects.for_user(caller.key).filter(app_groups=group).order_by("pk")
    ids = apps.values_list("pk", flat=True)
    return AppGroupRow(str(group.pk), group.name, tuple(str(pk) for pk in ids))


ACTS: Acts = {
    FindDevices: (Scope.READ, _find_devices),
    CheckIn: (Scope.AUDIENCE, _check_in),
    ListAppGroups: (Scope.READ, _list_app_groups),
}
