"""What rows of an import come to, and the file of those that are left out."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from campaigns.models import Import, Job
from campaigns.services.cells import rearm, write_csv
from campaigns.services.import_book import Placed, Verdict
from campaigns.services.import_rows import RowFault
from campaigns.services.import_text import Row
from campaigns.services.jobs import append_file

REJECTED = "rejected"
FIRST_CELL = 4  # after line, what, column and reason
STARS = frozenset('*"')


class ErasedRow(RowFault):
    """It names somebody who was erased."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one row of a chunk came to, with its place in the chunk."""

    index: int
    row: Row
    verdict: Verdict
    placed: Placed | None = None
    fault: RowFault | None = None


def count_left_out(job: Job | None) -> int:
    """How many rows there are in its file of those that were left out: of an import itself, those
    that something had changed for since the dry run."""
    if job is None:
        return 0
    return int(job.cursor["since"]) if "since" in job.cursor else sum_left_out(job.counts)


def sum_left_out(counts: Mapping[str, int]) -> int:
    """Rows that are neither written nor the same already."""
    return counts.get(Verdict.CONFLICTING.value, 0) + counts.get(Verdict.REJECTED.value, 0)


def keep_left_out(job: Job, one: Import, outcomes: Sequence[Outcome], *, is_first: bool) -> None:
    """The rows that are left out, as they are in the file, and why."""
    out = [outcome for outcome in outcomes if outcome.fault is not None]
    if not out:
        return
    columns = one.shape["columns"]
    heading = [["line", "what", "column", "reason", *columns]] if is_first else []
    append_file(job, REJECTED, write_csv([*heading, *_list_rejected(out, columns)]))


def _list_rejected(outcomes: Sequence[Outcome], columns: Sequence[str]) -> Iterator[list[Any]]:
    for outcome in outcomes:
        fault = outcome.fault
        if fault is None:
            continue
        row = outcome.row
        told = [_write_lines(texts) for texts in zip(*fault.parts, strict=True)]
        yield [row.line, outcome.verdict.value, *told, *_list_cells(row, fault, columns)]


def _write_lines(texts: Iterable[str]) -> str:
    """Texts as lines of one cell, an empty one among them too."""
    return "\n".join(" ".join(text.split()) for text in texts)


def read_reasons(columns: str, reasons: str) -> Iterator[tuple[str, str]]:
    """The columns of a row in this file with what is wrong with each."""
    return zip(rearm(columns).split("\n"), rearm(reasons).split("\n"), strict=False)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row of this file: its line, and the columns with what is wrong with each."""

    line: str
    reasons: tuple[tuple[str, str], ...]


def read_left_out(text: str, *, is_cut: bool) -> tuple[list[LeftOut], int]:
    """The rows of the file, or of its beginning, and how many named somebody erased since."""
    rows = list(_list_rows(text))
    if is_cut:
        rows = rows[:-1]  # it ends anywhere
    whole = [row for row in rows if not _is_struck(row)]
    read = [LeftOut(row[0], tuple(read_reasons(row[2], row[3]))) for row in whole]
    return read, len(rows) - len(whole)


def _list_rows(text: str) -> Iterator[list[str]]:
    reader = csv.reader(text.splitlines(keepends=True)[1:])
    with suppress(csv.Error):  # where it is cut or struck out it may be no CSV
        yield from reader


def _is_struck(row: Sequence[str]) -> bool:
    """Whether an erasure has left stars of what we say of a row, or of its beginning."""
    if len(row) < FIRST_CELL or not row[0].isdecimal():
        return True
    return any(set(line) <= STARS and line for line in "\n".join(row[:FIRST_CELL]).split("\n"))


def _list_cells(row: Row, fault: RowFault, columns: Sequence[str]) -> list[Any]:
    if isinstance(fault, ErasedRow):
        return []  # its line is told, and no word of it
    if row.fault:
        return [row.raw]
    return [_write_cell(row.values.get(column)) for column in columns]


def _write_cell(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else json.dumps(value)
