"""Lengths of time as expressions write them, `30d` or `12h`, and the instants that they come to."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from providers.audience import Op

MAX_DAYS = 3650
UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1)}
MOST = {unit: timedelta(days=MAX_DAYS) // length for unit, length in UNITS.items()}
_SPAN = re.compile(r"([1-9][0-9]{0,4})([dh])")


def read_span(value: Any) -> tuple[int, str] | None:
    """How many of which unit; None for what is no length of time, or too long a one."""
    found = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if found is None or int(found[1]) > MOST[found[2]]:
        return None
    return int(found[1]), found[2]


def find_span_fault(value: Any) -> str:
    """What is wrong with a length of time, as a sentence, or ""."""
    if read_span(value) is not None:
        return ""
    words = _(
        "The value is a whole number of days or hours such as 30d or 12h, at most %(days)dd or"
        " %(hours)dh."
    )
    return words % {"days": MOST["d"], "hours": MOST["h"]}


def say_span(value: Any) -> str:
    """A length of time for people: `30 days`; what is none as it is written."""
    span = read_span(value)
    if span is None:
        return str(value)
    count, unit = span
    if unit == "h":
        return ngettext("%(count)d hour", "%(count)d hours", count) % {"count": count}
    return ngettext("%(count)d day", "%(count)d days", count) % {"count": count}


def find_instant(op: str, value: Any, now: datetime) -> datetime:
    """The instant that a condition with a relative op reaches to, or ends at, seen from `now`."""
    span = read_span(value)
    if span is None:
        raise ValueError(value)
    count, unit = span
    length = count * UNITS[unit]
    return now + length if op == Op.WITHIN_NEXT else now - length
