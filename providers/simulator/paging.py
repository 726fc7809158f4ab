"""Pages of a simulated vendor's lists, by cursor or by number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from providers.outcomes import Refusal, RefusalKind

Item = TypeVar("Item")


def cut_page(items: Sequence[Item], limit: int, cursor: str) -> tuple[Sequence[Item], str]:
    """Items after `cursor` ("" = from the first) and the cursor behind them, "" at the end.

    Raises `Refusal`.
    """
    if cursor and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 10):
        raise Refusal(RefusalKind.INVALID, "This cursor was never given.", field="cursor")
    start = int(cursor or 0)
    end = start + limit
    return items[start:end], str(end) if end < len(items) else ""


def cut_numbered_page(items: Sequence[Item], page: int, size: int) -> Sequence[Item]:
    """The page of that number, counted from 1."""
    return items[(page - 1) * size : page * size]
