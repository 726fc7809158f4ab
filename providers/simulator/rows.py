"""What callers keep with a vendor: labels, devices, plans. On disk before it is answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from providers.simulator.journal import Journal

Shelf = tuple[str, ...]  # what is kept, then whose it is: ("label", dialect, app)
Row = dict[str, Any]


class Rows:
    """Plain JSON objects by shelf and name, in the order in which they were first kept."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.shelves: dict[Shelf, dict[str, Row]] = {}

    def list(self, shelf: Shelf) -> dict[str, Row]:
        return dict(self.shelves.get(shelf, {}))

    def find(self, shelf: Shelf, name: str) -> Row | None:
        return self.shelves.get(shelf, {}).get(name)

    def keep(self, shelf: Shelf, name: str, row: Row) -> None:
        self.change(shelf, {name: row})

    def drop(self, shelf: Shelf, *names: str) -> None:
        self.change(shelf, dict.fromkeys(names))

    def change(self, shelf: Shelf, rows: Mapping[str, Row | None]) -> None:
        """Keep rows under their names; None takes one out."""
        if rows:
            line = {"shelf": shelf, "rows": rows}
            self.journal.append("rows", line)
            self.apply(line)

    def apply(self, line: Mapping[str, Any]) -> None:
        """Remember a line that an earlier process has written."""
        rows = self.shelves.setdefault(tuple(line["shelf"]), {})
        for name, row in line["rows"].items():
            if row is None:
                rows.pop(name, None)
            else:
                rows[name] = row

    def list_lines(self) -> Iterator[dict[str, Any]]:
        """All of it, as journal lines."""
        for shelf, rows in self.shelves.items():
            if rows:
                yield {"event": "rows", "shelf": shelf, "rows": rows}
