"""Wall clocks: which instant a time on the clock means where the clocks are changed."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

RECIPIENT_ZONE = "recipient"  # in the place of a zone's name: each recipient's own
# Files beside the zones' own: where this machine stands, which no other host knows, and nowhere.
NO_ZONES = frozenset({"localtime", "posixrules", "Factory"})
# No zone is further ahead of UTC or further behind it: there a wall clock is first and last read.
FARTHEST_AHEAD = timedelta(hours=14)
FARTHEST_BEHIND = timedelta(hours=12)


@cache
def list_zone_names() -> frozenset[str]:
    """Every IANA name that this machine knows; read from disk once."""
    return frozenset(zoneinfo.available_timezones()) - NO_ZONES


@cache
def load_zone(name: str) -> ZoneInfo:
    """A zone that is known; all of them stay loaded, where Python itself keeps eight."""
    return ZoneInfo(name)


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


def find_first_instant(wall: datetime) -> datetime:
    """When a naive wall clock is reached first on earth."""
    return wall.replace(tzinfo=UTC) - FARTHEST_AHEAD


def find_last_instant(wall: datetime) -> datetime:
    """When a naive wall clock is reached last on earth."""
    return wall.replace(tzinfo=UTC) + FARTHEST_BEHIND
