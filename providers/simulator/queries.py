"""Questions to a simulated vendor over several apps, and devices that say that they are there."""

from __future__ import annotations

from providers.audience_calls import (
    AppGroupRow,
    AppGroupRows,
    CheckIn,
    DeviceRow,
    DevicesFound,
    FindDevices,
    ListAppGroups,
)
from providers.outcomes import Refusal, RefusalKind
from providers.simulator.audiences import find_meant
from providers.simulator.devices import find_devices, show_device
from providers.simulator.memory import Acts, Memory, Visitor


def _find(memory: Memory, visitor: Visitor, command: FindDevices) -> DevicesFound:
    """Devices of the named apps; all apps are one that has no name."""
    apps = command.apps.apps or ("",)
    found = [row for app in apps for row in find_meant(memory, visitor, app, command.audience)]
    shown = tuple(show_device("0", row) for row in found[: command.limit])
    return DevicesFound(len(found), shown)


def _check_in(memory: Memory, visitor: Visitor, command: CheckIn) -> DeviceRow:
    found = find_devices(memory, visitor, command.app, command.kind, command.id)
    for number, row in found.items():
        return show_device(number, row)
    if command.must_exist:
        raise Refusal(RefusalKind.NOT_FOUND, f"There is no device {command.id}.")
    return DeviceRow(id=0, platform="", ids={command.kind: command.id}, is_new=True)


def _list_groups(memory: Memory, visitor: Visitor, command: ListAppGroups) -> AppGroupRows:
    """Every app group that is named exists."""
    return AppGroupRows((AppGroupRow(command.group or "1", "Simulated", ("1",)),))


ACTS: Acts = {FindDevices: _find, CheckIn: _check_in, ListAppGroups: _list_groups}
