"""What a simulated vendor keeps of persons. Everybody who is named exists there."""

from __future__ import annotations

from datetime import datetime

from providers.audience_calls import FetchPerson, PersonRow, SavePerson, merge_patch
from providers.simulator.memory import Acts, Memory, Visitor
from providers.simulator.rows import Row


def _save(memory: Memory, visitor: Visitor, command: SavePerson) -> PersonRow:
    row = _find(memory, visitor, command)
    changed = {
        **row,
        "values": {**row["values"], **command.values},
        "attributes": merge_patch(row["attributes"], command.attributes),
        "updated": memory.now().isoformat(),
    }
    memory.rows.keep(visitor.name_shelf("person", command.app), command.person, changed)
    return _show(command.person, changed)


def _find(memory: Memory, visitor: Visitor, command: SavePerson | FetchPerson) -> Row:
    """What is kept of a person; of one who is named for the first time there is nothing yet."""
    shelf, now = visitor.name_shelf("person", command.app), memory.now().isoformat()
    number = 1 + len(memory.rows.list(shelf))
    new = {"id": number, "values": {}, "attributes": {}, "created": now, "updated": now}
    return memory.rows.find(shelf, command.person) or new


def _show(name: str, row: Row) -> PersonRow:
    return PersonRow(
        id=row["id"],
        person=name,
        created_at=datetime.fromisoformat(row["created"]),
        updated_at=datetime.fromisoformat(row["updated"]),
        values=row["values"],
        attributes=row["attributes"],
    )


def _fetch(memory: Memory, visitor: Visitor, command: FetchPerson) -> PersonRow:
    return _show(command.person, _find(memory, visitor, command))


ACTS: Acts = {SavePerson: _save, FetchPerson: _fetch}
