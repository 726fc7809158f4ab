"""Long lists page by page, the newest first: what `pages/older.html` leads through."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from campaigns.selectors.newest import list_newest
from campaigns.selectors.row_ids import read_id


def read_page(
    request: HttpRequest, rows: QuerySet[Any], size: int
) -> tuple[list[Any], dict[str, Any]]:
    """The rows of the page that is asked for by `before`, and what its template needs besides."""
    before = read_id(request.GET.get("before", ""))
    found = list_newest(rows, size + 1, before=before or None)
    has_more = len(found) > size
    return found[:size], {
        "before": found[size - 1].pk if has_more else "",
        "is_first": not before,
    }
