"""Cells of files that people open in a spreadsheet: nothing in them is run as a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from typing import Any

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


# Where the list separator is no comma, a spreadsheet begins another cell inside of ours, at any of
# these, and heeds no quotation mark around the whole.
INNER_START = re.compile(r"""([;\t\r\n][ "]*)(?=[=+\-@])""")
INNER_DISARMED = re.compile(r"""([;\t\r\n][ "]*)'(?=[=+\-@])""")


def disarm(cell: Any) -> Any:
    """A text that a spreadsheet would take for a formula, as a whole or from a semicolon, tab or
    line end on, gets an apostrophe before it."""
    if not isinstance(cell, str):
        return "" if cell is None else cell
    inner = INNER_START.sub(r"\1'", cell)
    return "'" + inner if cell.startswith(FORMULA_STARTS) else inner


def rearm(cell: str) -> str:
    """A cell as it was before `disarm`."""
    if "'" not in cell:
        return cell
    if cell.startswith("'") and cell[1:].startswith(FORMULA_STARTS):
        cell = cell[1:]
    return INNER_DISARMED.sub(r"\1", cell)


def write_csv(rows: Iterable[Iterable[Any]]) -> bytes:
    """Lines of a file, disarmed."""
    text = io.StringIO()
    csv.writer(text).writerows([disarm(cell) for cell in row] for row in rows)
    return text.getvalue().encode(errors="replace")
