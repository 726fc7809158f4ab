"""Why rows of an import are left out, counted by reason as it goes on: in the cursor of its job."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from campaigns.models import Job
from campaigns.services.import_left_out import Outcome

TALLY = "why"  # in the cursor
MOST_REASONS = 100
LONGEST = 500  # letters of a reason that is counted by itself
NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Reason:
    """What is wrong with a column, "" for the whole row: in how many rows, and on which line
    first."""

    column: str
    words: str
    rows: int
    first: int


@dataclass(frozen=True, slots=True)
class Tally:
    """The reasons of so many `rows`, the most frequent first; `others` have one that is not among
    them, too."""

    rows: int = 0
    others: int = 0
    reasons: tuple[Reason, ...] = ()


def read_tally(job: Job) -> Tally:
    """What has been counted so far; nothing where an earlier version has begun."""
    kept = job.cursor.get(TALLY)
    if kept is None:
        return Tally()
    reasons = sorted((Reason(*one) for one in kept["reasons"]), key=lambda one: -one.rows)
    return Tally(kept["rows"], kept["others"], tuple(reasons))


def count_reasons(cursor: Mapping[str, Any], outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """What the next cursor holds, with the rows of another chunk."""
    kept = cursor.get(TALLY) or {"rows": 0, "others": 0, "reasons": []}
    reasons = {(column, _blur(words)): [column, words, *rest]
               for column, words, *rest in kept["reasons"]}  # fmt: skip
    rows, others = kept["rows"], kept["others"]
    for outcome in outcomes:
        if outcome.fault is not None:
            parts = [(_clean(column), _clean(words)) for column, words in outcome.fault.parts]
            rows += 1
            counted = [_count(reasons, outcome.row.line, *part) for part in parts]
            others += not all(counted)
    return {"rows": rows, "others": others, "reasons": [*reasons.values()]}


def _count(reasons: dict[tuple[str, str], list[Any]], line: int, column: str, words: str) -> bool:
    """Whether it could be counted by itself."""
    key = column, _blur(words)
    if key in reasons:
        known = reasons[key]
        known[1] = words if known[1] == words else key[1]
        known[2] += 1
        return True
    if len(reasons) >= MOST_REASONS or len(words) > LONGEST:
        return False
    reasons[key] = [column, words, 1, line]
    return True


def _blur(words: str) -> str:
    """Without numbers: of lines and of devices, which are others in each row."""
    return NUMBER.sub("…", words)


def _clean(text: str) -> str:
    """In one line, as the file has it."""
    return " ".join(text.split())
