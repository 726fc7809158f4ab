"""Devices that a simulated vendor knows, with their tags and aliases."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from providers.audience_calls import (
    DeviceDay,
    DeviceDays,
    DeviceRow,
    DeviceRows,
    DropDevice,
    FetchDeviceDays,
    FetchDevices,
    SaveDevice,
    SaveDevices,
)
from providers.commands import Done
from providers.outcomes import Refusal, RefusalKind
from providers.recipients import TOKEN_KIND, PersonKind
from providers.simulator.memory import Acts, Memory, Visitor

Row = dict[str, Any]


def list_devices(memory: Memory, visitor: Visitor, app: str) -> dict[str, Row]:
    """All devices of an app, or of the account, by their numbers."""
    return memory.rows.list(visitor.name_shelf("device", app))


def find_devices(
    memory: Memory, visitor: Visitor, app: str, kind: str, name: str
) -> dict[str, Row]:
    """The devices that an id means: one, or all of a person's."""
    devices = list_devices(memory, visitor, app)
    return {number: row for number, row in devices.items() if _is_named(row, kind, name)}


def _is_named(row: Row, kind: str, name: str) -> bool:
    if kind == PersonKind.EXTERNAL_USER_ID:
        return bool(row["external_user_id"] == name)
    return row["ids"].get(kind) == name or (kind == TOKEN_KIND and row["token"] == name)


def keep_device(memory: Memory, visitor: Visitor, app: str, number: str, row: Row) -> None:
    memory.rows.keep(visitor.name_shelf("device", app), number, row)


def show_device(number: str, row: Row, *, is_new: bool = False) -> DeviceRow:
    return DeviceRow(
        id=int(number),
        platform=row["platform"],
        token=row["token"],
        transport=row["transport"],
        ids=row["ids"],
        external_user_id=row["external_user_id"],
        values=row["values"],
        attributes=row["attributes"],
        tags=tuple(row["tags"]),
        alias=row["alias"],
        is_new=is_new,
        last_seen_at=datetime.fromisoformat(row["seen"]),
    )


def _save(memory: Memory, visitor: Visitor, command: SaveDevice) -> DeviceRow:
    found = find_devices(memory, visitor, command.app, command.kind, command.id)
    if not found and command.must_exist:
        raise Refusal(RefusalKind.NOT_FOUND, f"There is no device {command.id}.")
    now = memory.now().isoformat()
    number, row = next(iter(found.items()), (_find_number(memory, visitor, command), None))
    changed = _change(row or _make_row(now), command)
    keep_device(memory, visitor, command.app, number, {**changed, "seen": now})
    return show_device(number, {**changed, "seen": now}, is_new=row is None)


def _find_number(memory: Memory, visitor: Visitor, command: SaveDevice) -> str:
    known = list_devices(memory, visitor, command.app)
    return str(1 + max(map(int, known), default=0))


def _make_row(now: str) -> Row:
    return {
        "platform": "",
        "token": "",
        "transport": "",
        "external_user_id": "",
        "alias": "",
        "ids": {},
        "values": {},
        "attributes": {},
        "tags": [],
        "created": now,
    }


def _change(row: Row, command: SaveDevice) -> Row:
    own = {
        name: getattr(command, name)
        for name in ("platform", "transport", "token", "external_user_id", "alias")
        if getattr(command, name) is not None
    }
    ids = {command.kind: command.id} if command.kind and command.id else {}
    tags = row["tags"] if command.tags is None else list(command.tags)
    tags = list(dict.fromkeys((*tags, *command.add_tags)))
    return {
        **row,
        **own,
        "ids": {**row["ids"], **ids},
        "values": {**row["values"], **command.values},
        "attributes": {**row["attributes"], **command.attributes},
        "tags": [tag for tag in tags if tag not in command.remove_tags],
    }


def _save_many(memory: Memory, visitor: Visitor, command: SaveDevices) -> DeviceRows:
    rows: list[DeviceRow | None] = []
    faults = {}
    for place, device in enumerate(command.devices):
        try:
            rows.append(_save(memory, visitor, device))
        except Refusal as refusal:
            rows.append(None)
            faults[place] = refusal.message
    return DeviceRows(tuple(rows), faults)


def _fetch(memory: Memory, visitor: Visitor, command: FetchDevices) -> DeviceRows:
    rows: list[DeviceRow | None] = []
    for name in command.ids:
        found = find_devices(memory, visitor, command.app, command.kind, name)
        shown = [show_device(number, row) for number, row in found.items()]
        rows += shown if shown or command.kind in tuple(PersonKind) else [None]
    return DeviceRows(tuple(rows))


def _drop(memory: Memory, visitor: Visitor, command: DropDevice) -> Done:
    found = find_devices(memory, visitor, command.app, command.kind, command.id)
    if not found:
        raise Refusal(RefusalKind.NOT_FOUND, f"There is no device {command.id}.")
    memory.rows.drop(visitor.name_shelf("device", command.app), *found)
    return Done()


def _fetch_days(memory: Memory, visitor: Visitor, command: FetchDeviceDays) -> DeviceDays:
    new: Counter[tuple[Any, str]] = Counter()
    seen: Counter[tuple[Any, str]] = Counter()
    for row in list_devices(memory, visitor, command.app).values():
        new[datetime.fromisoformat(row["created"]).date(), row["platform"]] += 1
        seen[datetime.fromisoformat(row["seen"]).date(), row["platform"]] += 1
    days = sorted(new.keys() | seen.keys())
    return DeviceDays(
        tuple(
            DeviceDay(day, platform, new[day, platform], seen[day, platform])
            for day, platform in days
            if command.date_from <= day <= command.date_to
        )
    )


ACTS: Acts = {
    SaveDevice: _save,
    SaveDevices: _save_many,
    FetchDevices: _fetch,
    DropDevice: _drop,
    FetchDeviceDays: _fetch_days,
}
