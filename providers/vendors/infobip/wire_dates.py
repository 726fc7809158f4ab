"""Moments as the vendor writes them: `2026-11-20T09:00:00.000+0000`.

Its old SDK parses them by column, so exactly three digits of milliseconds and an offset without a
colon (wire facts, section 1). Read is what any of its clients writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from .wire_values import Block, refuse


def write_date(moment: datetime) -> str:
    """In UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "+0000")


def read_date(text: Any) -> datetime:
    """Raises ValueError. Without an offset it is UTC."""
    if not isinstance(text, str) or "T" not in text:
        raise ValueError("no moment")
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def find_date(block: Block, name: str) -> datetime | None:
    """A moment of a call; raises `Refusal`."""
    text = block.find_text(name)
    return None if text is None else _read(text, block.at(name))


def find_query_date(query: Mapping[str, str], name: str) -> datetime | None:
    """A moment among the parameters, where a plus sign may have become a blank."""
    text = query.get(name, "").strip().replace(" ", "+")
    return _read(text, name) if text else None


def _read(text: str, path: str) -> datetime:
    try:
        return read_date(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise refuse(path, "must look like 2026-11-20T09:00:00.000+0000") from None
