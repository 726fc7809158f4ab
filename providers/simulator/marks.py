"""Tags and aliases of devices at a simulated vendor."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from providers.audience_calls import (
    ChangeTag,
    CountTags,
    DeviceRows,
    DropAlias,
    FetchAlias,
    ListTags,
    TagCounts,
)
from providers.commands import Done
from providers.message_fields import Platform
from providers.simulator.devices import Row, find_devices, keep_device, list_devices, show_device
from providers.simulator.memory import Acts, Memory, Visitor


def _list_of(
    memory: Memory, visitor: Visitor, app: str, platforms: Iterable[Platform]
) -> dict[str, Row]:
    wanted = set(platforms)
    devices = list_devices(memory, visitor, app)
    return {
        number: row for number, row in devices.items() if not wanted or row["platform"] in wanted
    }


def _change_all(
    memory: Memory,
    visitor: Visitor,
    app: str,
    devices: dict[str, Row],
    change: Callable[[Row], dict[str, Any]],
) -> None:
    for number, row in devices.items():
        keep_device(memory, visitor, app, number, {**row, **change(row)})


def _list_tags(memory: Memory, visitor: Visitor, command: ListTags) -> TagCounts:
    devices = list_devices(memory, visitor, command.app).values()
    tags = sorted({tag for row in devices for tag in row["tags"]})
    return _count(memory, visitor, CountTags(command.app, tuple(tags)))


def _count(memory: Memory, visitor: Visitor, command: CountTags) -> TagCounts:
    platforms = [command.platform] if command.platform else []
    devices = _list_of(memory, visitor, command.app, platforms).values()
    return TagCounts({tag: sum(tag in row["tags"] for row in devices) for tag in command.tags})


def _change_tag(memory: Memory, visitor: Visitor, command: ChangeTag) -> Done:
    app, tag = command.app, command.tag

    def take(row: Row) -> dict[str, Any]:
        return {"tags": [other for other in row["tags"] if other != tag]}

    def give(row: Row) -> dict[str, Any]:
        return {"tags": [*take(row)["tags"], tag]}

    if command.is_dropped:
        _change_all(memory, visitor, app, _list_of(memory, visitor, app, command.platforms), take)
    for names, change in ((command.add, give), (command.remove, take)):
        for name in names:
            found = find_devices(memory, visitor, app, command.kind, name)
            _change_all(memory, visitor, app, found, change)
    return Done()


def _fetch_alias(memory: Memory, visitor: Visitor, command: FetchAlias) -> DeviceRows:
    devices = _list_of(memory, visitor, command.app, command.platforms)
    return DeviceRows(
        tuple(
            show_device(number, row)
            for number, row in devices.items()
            if row["alias"] == command.alias
        )
    )


def _drop_alias(memory: Memory, visitor: Visitor, command: DropAlias) -> Done:
    devices = _list_of(memory, visitor, command.app, command.platforms)
    carried = {number: row for number, row in devices.items() if row["alias"] == command.alias}
    _change_all(memory, visitor, command.app, carried, lambda row: {"alias": ""})
    return Done()


ACTS: Acts = {
    ListTags: _list_tags,
    CountTags: _count,
    ChangeTag: _change_tag,
    FetchAlias: _fetch_alias,
    DropAlias: _drop_alias,
}
