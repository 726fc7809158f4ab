"""What a gateway's page says of its answers, held against what becomes of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from tests.vendor_cases.codes import Case, Fate

Rows = list[tuple[str, str]]
ROW = re.compile(r"^\| (.+?) \| (.+) \|$", re.MULTILINE)


def read_rows(page: str) -> Rows:
    """All rows of two cells."""
    return [row for row in ROW.findall(page) if " | " not in row[1]]


def name_fate(fate: Fate) -> str:
    """What happens, in one word."""
    if fate.is_paused:
        return "account"
    if fate.in_doubt:
        return "doubt"
    return fate.end.rpartition(" ")[2] or ("blocked" if fate.is_blocked else "later")


def list_untold(
    rows: Rows, cases: list[Case], words: Mapping[str, str], find: Callable[[Case], str]
) -> list[str]:
    """Cases of which no row says so: one whose first cell has what `find` looks for, and whose
    second has the word for the fate. Both are patterns; a case of which `find` gives "" is not
    looked for."""
    return [
        f"{case.name}: {name_fate(case.fate)}"
        for case in cases
        if (name := find(case))
        and not any(
            re.search(name, first) and re.search(words[name_fate(case.fate)], second)
            for first, second in rows
        )
    ]
