"""Cells of files that people open in a spreadsheet: nothing in them is run as a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def disarm(cell: Any) -> Any:
    """A text that a spreadsheet would take for a formula gets an apostrophe before it."""
    if isinstance(cell, str) and cell.startswith(FORMULA_STARTS):
        return "'" + cell
    return "" if cell is None else cell


def rearm(cell: str) -> str:
    """A cell as it was before `disarm`."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA_STARTS) else cell


def write_csv(rows: Iterable[Iterable[Any]]) -> bytes:
    """Lines of a file, disarmed."""
    text = io.StringIO()
    csv.writer(text).writerows([disarm(cell) for cell in row] for row in rows)
    return text.getvalue().encode(errors="replace")
