"""Labels of persons at a simulated vendor."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from providers.audience_calls import (
    ChangeMembers,
    CreateLabel,
    DeleteLabel,
    FetchLabel,
    FetchMember,
    LabelRow,
    LabelRows,
    ListLabels,
    ListMembers,
    MemberRow,
    MemberRows,
    MembersChanged,
)
from providers.commands import Done
from providers.outcomes import Refusal, RefusalKind
from providers.simulator.memory import Acts, Memory, Visitor
from providers.simulator.paging import cut_page


def list_members(memory: Memory, visitor: Visitor, app: str, label: str) -> list[str]:
    """Persons who carry a label, oldest first; raises `Refusal` where there is no such label."""
    _find_label(memory, visitor, app, label)
    return list(memory.rows.list(visitor.name_shelf("member", app, label)))


def _find_label(memory: Memory, visitor: Visitor, app: str, name: str) -> dict[str, Any]:
    row = memory.rows.find(visitor.name_shelf("label", app), name)
    if row is None:
        raise Refusal(RefusalKind.NOT_FOUND, f"There is no label {name}.")
    return row


def _create(memory: Memory, visitor: Visitor, command: CreateLabel) -> LabelRow:
    shelf = visitor.name_shelf("label", command.app)
    if memory.rows.find(shelf, command.name) is not None:
        raise Refusal(RefusalKind.CONFLICT, f"There is a label {command.name} already.")
    row = {"description": command.description, "at": memory.now().isoformat()}
    memory.rows.keep(shelf, command.name, row)
    return _show(memory, visitor, command.app, command.name)


def _show(memory: Memory, visitor: Visitor, app: str, name: str) -> LabelRow:
    row = _find_label(memory, visitor, app, name)
    count = len(memory.rows.list(visitor.name_shelf("member", app, name)))
    return LabelRow(name, row["description"], count, datetime.fromisoformat(row["at"]))


def _fetch(memory: Memory, visitor: Visitor, command: FetchLabel) -> LabelRow:
    return _show(memory, visitor, command.app, command.name)


def _list(memory: Memory, visitor: Visitor, command: ListLabels) -> LabelRows:
    names = list(memory.rows.list(visitor.name_shelf("label", command.app)))
    page, cursor = cut_page(names, command.limit, command.cursor)
    return LabelRows(tuple(_show(memory, visitor, command.app, name) for name in page), cursor)


def _delete(memory: Memory, visitor: Visitor, command: DeleteLabel) -> Done:
    members = list_members(memory, visitor, command.app, command.name)
    memory.rows.drop(visitor.name_shelf("member", command.app, command.name), *members)
    memory.rows.drop(visitor.name_shelf("label", command.app), command.name)
    return Done()


def _change(memory: Memory, visitor: Visitor, command: ChangeMembers) -> MembersChanged:
    carried = set(list_members(memory, visitor, command.app, command.label))
    at = memory.now().isoformat()
    rows: dict[str, dict[str, Any] | None] = {
        person: {"at": at} for person in command.add if person not in carried
    }
    rows |= {person: None for person in command.remove if person in carried}
    memory.rows.change(visitor.name_shelf("member", command.app, command.label), rows)
    return MembersChanged((*command.add, *command.remove))


def _fetch_member(memory: Memory, visitor: Visitor, command: FetchMember) -> MemberRow:
    shelf = visitor.name_shelf("member", command.app, command.label)
    row = memory.rows.find(shelf, command.person)
    if row is None:
        raise Refusal(RefusalKind.NOT_FOUND, f"{command.person} is not in {command.label}.")
    return MemberRow(command.person, datetime.fromisoformat(row["at"]))


def _list_members(memory: Memory, visitor: Visitor, command: ListMembers) -> MemberRows:
    _find_label(memory, visitor, command.app, command.label)
    rows = memory.rows.list(visitor.name_shelf("member", command.app, command.label))
    page, cursor = cut_page(list(rows.items()), command.limit, command.cursor)
    members = tuple(MemberRow(name, datetime.fromisoformat(row["at"])) for name, row in page)
    return MemberRows(members, cursor)


ACTS: Acts = {
    CreateLabel: _create,
    FetchLabel: _fetch,
    ListLabels: _list,
    DeleteLabel: _delete,
    ChangeMembers: _change,
    FetchMember: _fetch_member,
    ListMembers: _list_members,
}
