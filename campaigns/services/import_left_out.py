"""What rows of an import come to, and the file of those that are left out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from campaigns.models import Import, Job
from campaigns.services.cells import write_csv
from campaigns.services.import_book import Placed, Verdict
from campaigns.services.import_rows import RowFault
from campaigns.services.import_text import Row
from campaigns.services.jobs import append_file

REJECTED = "rejected"


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


def _list_cells(row: Row, fault: RowFault, columns: Sequence[str]) -> list[Any]:
    if isinstance(fault, ErasedRow):
        return []  # its line is told, and no word of it
    if row.fault:
        return [row.raw]
    return [_write_cell(row.values.get(column)) for column in columns]


def _write_cell(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else json.dumps(value)
