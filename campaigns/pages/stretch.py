"""A part of a list that stands beside others on a page: so many at a time, and how to go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from campaigns.selectors.row_ids import read_id


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some of the rows; `pages/stretch.html` says which of how many, and leads to the others."""

    rows: list[Any]
    count: int
    start: int
    first_link: str
    next_link: str

    @property
    def first(self) -> int:
        """The place of the first row, from 1."""
        return self.start + 1

    @property
    def last(self) -> int:
        """The place of the last one."""
        return self.start + len(self.rows)


def read_stretch(
    request: HttpRequest, name: str, rows: Sequence[Any] | QuerySet[Any], size: int
) -> Stretch:
    """The rows from the place that the parameter `name` says."""
    count = rows.count() if isinstance(rows, QuerySet) else len(rows)
    start = read_id(request.GET.get(name, ""))
    start = start if start < count else 0
    following = start + size
    return Stretch(
        list(rows[start:following]),
        count,
        start,
        _link(request, name, "") if start else "",
        _link(request, name, str(following)) if following < count else "",
    )


def _link(request: HttpRequest, name: str, value: str) -> str:
    query = request.GET.copy()
    query.pop(name, None)
    if value:
        query[name] = value
    return f"?{query.urlencode()}"
