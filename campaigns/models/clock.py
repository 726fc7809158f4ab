"""Wall clocks: which instant a time on the clock means where the clocks are changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _


def find_instant(wall: datetime, zone: ZoneInfo) -> tuple[datetime, str]:
    """The instant (UTC) of a naive wall clock, and a sentence if the clocks change there.

    An hour that happens twice means its first time; one that is left out, the moment after it.
    """
    first = wall.replace(tzinfo=zone, fold=0)
    second = wall.replace(tzinfo=zone, fold=1)
    before, after = first.astimezone(UTC), second.astimezone(UTC)
    if before == after:
        return before, ""
    if before < after:
        words = _("The clocks go back: %(wall)s happens twice, and the first time is meant.")
        return before, words % {"wall": wall.strftime("%H:%M")}
    instant = _find_change(after, before, zone)
    words = _("The clocks go forward: %(wall)s does not exist that day; it starts at %(start)s.")
    start = instant.astimezone(zone).strftime("%H:%M")
    return instant, words % {"wall": wall.strftime("%H:%M"), "start": start}


def _find_change(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """The second at which the offset of `zone` changes between two instants."""
    old = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
        if middle.astimezone(zone).utcoffset() == old:
            low = middle
        else:
            high = middle
    return high
