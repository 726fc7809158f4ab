"""The apps of a simulated vendor's callers: every app that is named exists."""

from __future__ import annotations

from providers.audience_calls import AppRow, AppRows, ListApps
from providers.inbound import DoorApp
from providers.simulator.memory import Acts, Memory, Visitor

NAME = "simulated"


def _list(memory: Memory, visitor: Visitor, command: ListApps) -> AppRows:
    dialect, slug = visitor.dialect, command.app or NAME
    identifiers = dialect.door_identifiers(DoorApp(id=1, slug=slug, workspace=NAME))
    platforms = tuple(sorted(dialect.platforms))
    row = AppRow(id="1", name=slug, slug=slug, identifiers=identifiers, platforms=platforms)
    return AppRows((row,))


ACTS: Acts = {ListApps: _list}
