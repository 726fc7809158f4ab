"""What the texts of a report's question mean: days, zones, filters. Plain Python."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from operator import eq, ge, gt, le, lt, ne
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from providers.audience import And, Condition, Expression, Not, Op, Or
from providers.outcomes import Refusal, RefusalKind
from providers.reports import Cell, ReportField

Cells = Mapping[ReportField, Cell]

# Far enough from both ends of the calendar that every zone has every day.
FIRST_DAY, LAST_DAY = date(1970, 1, 2), date(9999, 12, 30)

_COMPARE: dict[Op, Callable[[Any, Any], bool]] = {
    Op.EQ: eq,
    Op.NE: ne,
    Op.GT: gt,
    Op.GTE: ge,
    Op.LT: lt,
    Op.LTE: le,
    Op.IN: lambda text, values: text in values,
    Op.CONTAINS: lambda text, part: part in text,
    Op.STARTS_WITH: lambda text, start: text.startswith(start),
    Op.EXISTS: lambda text, wanted: bool(text) is wanted,
}


def is_true(expression: Expression, cells: Cells) -> bool:
    """Whether a filter holds; a group may be named by its id or its name."""
    match expression:
        case And(terms):
            return all(is_true(term, cells) for term in terms)
        case Or(terms):
            return any(is_true(term, cells) for term in terms)
        case Not(term):
            return not is_true(term, cells)
        case Condition(name, op, value):
            cell = cells[ReportField(name.rpartition(".")[2])]
            value = value if isinstance(value, tuple | bool) else str(value)
            combine = all if op is Op.NE else any
            return combine(_COMPARE[op](text, value) for text in {cell.id or cell.name, cell.name})


def list_fields(expression: Expression | None) -> frozenset[ReportField]:
    """The fields that a filter looks at."""
    match expression:
        case None:
            return frozenset()
        case And(terms) | Or(terms):
            return frozenset().union(*(list_fields(term) for term in terms))
        case Not(term):
            return list_fields(term)
        case Condition(name):
            return frozenset({ReportField(name.rpartition(".")[2])})


def read_zone(text: str) -> tzinfo:
    """A zone from an IANA name or an offset such as `+03:00`; "" is UTC. Raises `Refusal`."""
    offset = re.fullmatch(r"([+-])([01]\d|2[0-3]):([0-5]\d)", text)
    if not offset:
        return _find_named_zone(text) if text else UTC
    sign, hours, minutes = offset.groups()
    delta = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-delta if sign == "-" else delta)


def _find_named_zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError) as error:
        raise Refusal(
            RefusalKind.INVALID, f"There is no time zone {name!r}.", field="timezone"
        ) from error


def read_day(text: str, now: datetime, zone: tzinfo) -> date:
    """A day from `today`, `yesterday`, `7daysAgo` or `2026-11-20`; raises `Refusal`.

    Days before 1970 and the last of the calendar are the nearest that every zone has.
    """
    today = now.astimezone(zone).date()
    ago = re.fullmatch(r"(\d{1,5})daysAgo", text)
    if ago:
        return max(FIRST_DAY, today - timedelta(days=int(ago[1])))
    words = {"today": today, "yesterday": today - timedelta(days=1)}
    try:
        day = words.get(text) or date.fromisoformat(text)
    except ValueError:
        raise Refusal(RefusalKind.INVALID, f"{text} is no day.", field="date") from None
    return min(max(day, FIRST_DAY), LAST_DAY)
