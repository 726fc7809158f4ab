"""What scripts plan ahead at a simulated vendor, and records that only their dialect knows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from providers.commands import Accepted, Done
from providers.outcomes import Refusal, RefusalKind
from providers.schedules import (
    BindRecords,
    DropRecord,
    DropSchedule,
    FetchRecord,
    FetchSchedule,
    ListRecords,
    ListSchedules,
    RecordRow,
    RecordRows,
    SaveRecord,
    SaveSchedule,
    ScheduleRow,
    ScheduleRows,
    SendRecord,
)
from providers.simulator.memory import Acts, Memory, Visitor
from providers.simulator.paging import cut_numbered_page
from providers.simulator.rows import Row, Shelf
from providers.simulator.sends import send


def _find_row(memory: Memory, shelf: Shelf, name: str) -> Row:
    row = memory.rows.find(shelf, name)
    if row is None:
        raise Refusal(RefusalKind.NOT_FOUND, f"There is no {shelf[0]} {name}.")
    return row


def _find_number(memory: Memory, shelf: Shelf) -> str:
    return str(1 + max(map(int, memory.rows.list(shelf)), default=0))


def _save_schedule(memory: Memory, visitor: Visitor, command: SaveSchedule) -> ScheduleRow:
    shelf = visitor.name_shelf("schedule", command.app)
    known = _find_row(memory, shelf, command.id) if command.id else {}
    name = command.id or _find_number(memory, shelf)
    is_enabled = known.get("is_enabled", True)
    made = [_save_record(memory, visitor, record).id for record in command.records]
    kinds = [record.kind for record in command.records]
    row = {
        "at": memory.now().isoformat(),
        "records": [],
        **known,
        "name": command.name or known.get("name", ""),
        "body": {**known.get("body", {}), **command.body},
        "is_enabled": is_enabled if command.is_enabled is None else command.is_enabled,
    }
    row["records"] = [*row["records"], *zip(kinds, made, strict=True)]
    memory.rows.keep(shelf, name, row)
    shown = _show_schedule(memory, visitor, command.app, name)
    if not command.id:
        _take_pushes(memory, visitor, shown, command)
    return shown


def _take_pushes(
    memory: Memory, visitor: Visitor, row: ScheduleRow, command: SaveSchedule | None
) -> None:
    """What is planned is taken at once, for its time; what comes again is not sent here."""
    plan = visitor.dialect.plan_schedule
    made = plan(row) if plan else command
    if made is None or made.push is None or not made.push.parts or not row.is_enabled:
        return
    if made.recurrence is not None:
        return
    apps = (made.apps.apps if made.apps else ()) or (made.app,)
    for app in apps:
        send(memory, visitor, replace(made.push, app=app))


def _bind(memory: Memory, visitor: Visitor, command: BindRecords) -> ScheduleRow:
    shelf = visitor.name_shelf("schedule")
    row = _find_row(memory, shelf, command.schedule)
    for record in command.records:
        _find_row(memory, visitor.name_shelf("record", "", command.kind), record)
    others = [item for item in row["records"] if item[0] != command.kind]
    bound = [*others, *((command.kind, record) for record in command.records)]
    memory.rows.keep(shelf, command.schedule, {**row, "records": bound})
    shown = _show_schedule(memory, visitor, "", command.schedule)
    _take_pushes(memory, visitor, shown, None)
    return shown


def _show_schedule(memory: Memory, visitor: Visitor, app: str, name: str) -> ScheduleRow:
    row = _find_row(memory, visitor.name_shelf("schedule", app), name)
    records = tuple(
        _show_record(number, found)
        for kind, number in row["records"]
        if (found := memory.rows.find(visitor.name_shelf("record", app, kind), number))
    )
    return ScheduleRow(
        id=name,
        name=row["name"],
        body=row["body"],
        is_enabled=row["is_enabled"],
        created_at=datetime.fromisoformat(row["at"]),
        records=records,
    )


def _fetch_schedule(memory: Memory, visitor: Visitor, command: FetchSchedule) -> ScheduleRow:
    return _show_schedule(memory, visitor, command.app, command.id)


def _list_schedules(memory: Memory, visitor: Visitor, command: ListSchedules) -> ScheduleRows:
    rows = list(memory.rows.list(visitor.name_shelf("schedule", command.app)))
    page = cut_numbered_page(rows, command.page, command.size)
    shown = tuple(_show_schedule(memory, visitor, command.app, name) for name in page)
    return ScheduleRows(shown, len(rows), command.page, command.size)


def _drop_schedule(memory: Memory, visitor: Visitor, command: DropSchedule) -> Done:
    shelf = visitor.name_shelf("schedule", command.app)
    _find_row(memory, shelf, command.id)
    memory.rows.drop(shelf, command.id)
    return Done()


def _save_record(memory: Memory, visitor: Visitor, command: SaveRecord) -> RecordRow:
    shelf = visitor.name_shelf("record", command.app, command.kind)
    now = memory.now().isoformat()
    number = command.id or _find_known(memory, shelf, command)
    known = _find_row(memory, shelf, number) if number else {"archived": False}
    name = number or _find_number(memory, shelf)
    is_archived = known["archived"] if command.is_archived is None else command.is_archived
    row = {
        "created": now,
        **known,
        "body": known.get("body", {}) if command.body is None else dict(command.body),
        "archived": is_archived,
        "updated": now,
    }
    memory.rows.keep(shelf, name, row)
    return _show_record(name, row)


def _find_known(memory: Memory, shelf: Shelf, command: SaveRecord) -> str:
    if not command.key or command.body is None:
        return ""
    return next(iter(_list_named(memory, shelf, command.key, (command.body[command.key],))), "")


def _list_named(memory: Memory, shelf: Shelf, key: str, values: tuple[str, ...]) -> list[str]:
    rows = memory.rows.list(shelf)
    return [name for name, row in rows.items() if row["body"].get(key) in values]


def _show_record(name: str, row: Mapping[str, Any]) -> RecordRow:
    return RecordRow(
        id=name,
        body=row["body"],
        is_archived=row["archived"],
        created_at=datetime.fromisoformat(row["created"]),
        updated_at=datetime.fromisoformat(row["updated"]),
    )


def _fetch_record(memory: Memory, visitor: Visitor, command: FetchRecord) -> RecordRow:
    shelf = visitor.name_shelf("record", command.app, command.kind)
    number = command.id
    if command.key:
        number = next(iter(_list_named(memory, shelf, command.key, (command.value,))), "")
    return _show_record(number, _find_row(memory, shelf, number))


def _send_record(memory: Memory, visitor: Visitor, command: SendRecord) -> Accepted:
    shelf = visitor.name_shelf("record", command.app, command.kind)
    return send(memory, visitor, command.read(_find_row(memory, shelf, command.id)["body"]))


def _list_records(memory: Memory, visitor: Visitor, command: ListRecords) -> RecordRows:
    shelf = visitor.name_shelf("record", command.app, command.kind)
    rows = [item for item in memory.rows.list(shelf).items() if _is_wanted(item[1], command)]
    page = cut_numbered_page(rows, command.page, command.size)
    shown = tuple(_show_record(name, row) for name, row in page)
    return RecordRows(shown, len(rows), command.page, command.size)


def _is_wanted(row: Mapping[str, Any], command: ListRecords) -> bool:
    if command.is_archived not in (None, row["archived"]):
        return False
    return command.search.lower() in json.dumps(row["body"], ensure_ascii=False).lower()


def _drop_record(memory: Memory, visitor: Visitor, command: DropRecord) -> RecordRows:
    shelf = visitor.name_shelf("record", command.app, command.kind)
    names = [command.id]
    if command.key:
        names = _list_named(memory, shelf, command.key, command.values)
        if len(names) < len(command.values):
            raise Refusal(RefusalKind.NOT_FOUND, "There is no such record.")
    rows = tuple(_show_record(name, _find_row(memory, shelf, name)) for name in names)
    memory.rows.drop(shelf, *names)
    return RecordRows(rows, len(rows))


ACTS: Acts = {
    SendRecord: _send_record,
    SaveSchedule: _save_schedule,
    BindRecords: _bind,
    FetchSchedule: _fetch_schedule,
    ListSchedules: _list_schedules,
    DropSchedule: _drop_schedule,
    SaveRecord: _save_record,
    FetchRecord: _fetch_record,
    ListRecords: _list_records,
    DropRecord: _drop_record,
}
