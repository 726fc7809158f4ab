"""Report groups at a simulated vendor."""

from __future__ import annotations

from dataclasses import replace

from providers.commands import (
    ArchiveGroup,
    CreateGroup,
    Done,
    FetchGroup,
    GroupRow,
    GroupRows,
    ListGroups,
    RestoreGroup,
    UpdateGroup,
)
from providers.contract import Dialect
from providers.outcomes import Refusal, RefusalKind
from providers.simulator.memory import Acts, Memory, Visitor

DEFAULT_SEND_RATE = 5000


def find_group(memory: Memory, dialect: Dialect, number: str) -> GroupRow:
    """Raises `Refusal`."""
    group = memory.groups.get((dialect.key, number))
    if group is None:
        raise Refusal(RefusalKind.NOT_FOUND, f"There is no group {number}.")
    return group


def _create(memory: Memory, visitor: Visitor, command: CreateGroup) -> GroupRow:
    dialect = visitor.dialect
    _refuse_taken_name(memory, dialect, command.app, command.name)
    number = str(1 + sum(key[0] == dialect.key for key in memory.groups))
    rate = command.send_rate or DEFAULT_SEND_RATE
    return memory.keep_group(dialect, GroupRow(number, command.app, command.name, rate))


def _list(memory: Memory, visitor: Visitor, command: ListGroups) -> GroupRows:
    rows = [row for key, row in memory.groups.items() if key[0] == visitor.dialect.key]
    return GroupRows(tuple(row for row in rows if row.app == command.app))


def _fetch(memory: Memory, visitor: Visitor, command: FetchGroup) -> GroupRow:
    return find_group(memory, visitor.dialect, command.group)


def _update(memory: Memory, visitor: Visitor, command: UpdateGroup) -> GroupRow:
    dialect = visitor.dialect
    group = find_group(memory, dialect, command.group)
    _refuse_taken_name(memory, dialect, group.app, command.name, but=group.id)
    rate = command.send_rate or group.send_rate
    return memory.keep_group(dialect, replace(group, name=command.name, send_rate=rate))


def _archive(memory: Memory, visitor: Visitor, command: ArchiveGroup | RestoreGroup) -> Done:
    group = find_group(memory, visitor.dialect, command.group)
    is_archived = isinstance(command, ArchiveGroup)
    memory.keep_group(visitor.dialect, replace(group, is_archived=is_archived))
    return Done()


def _refuse_taken_name(
    memory: Memory, dialect: Dialect, app: str, name: str, but: str = ""
) -> None:
    for (key, number), row in memory.groups.items():
        if (key, row.app, row.name) == (dialect.key, app, name) and number != but:
            raise Refusal(RefusalKind.CONFLICT, f"There is a group {name} already.")


ACTS: Acts = {
    CreateGroup: _create,
    ListGroups: _list,
    FetchGroup: _fetch,
    UpdateGroup: _update,
    ArchiveGroup: _archive,
    RestoreGroup: _archive,
}
