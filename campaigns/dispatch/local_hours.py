"""When each recipient's own clock reaches the hour of a transfer."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import F, QuerySet

from campaigns.models import Device, Transfer, WhenPast
from campaigns.models.bulk import GatherIds, read_ids
from campaigns.models.clock import find_instant, list_zone_names, load_zone

# Who reached the hour so shortly before the start still gets it at once: what starts a moment
# late, or while the hour is young, puts nobody off to the next day.
GRACE = timedelta(minutes=15)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ZoneHour:
    """The hour in one zone. `due_at` is None where it is too late to be sent at all; `note` is a
    sentence when the clocks change there and then."""

    due_at: datetime | None
    is_past: bool = False
    note: str = ""


class LocalHours:
    """Instants (UTC) of one naive wall clock by time zone, each zone worked out once.

    `start` is when the send begins: what lies before it, by more than the grace, is past, and
    `when_past` decides. `fallback` is the zone of those who have none that is known.
    """

    def __init__(self, wall: datetime, fallback: str, *, when_past: str, start: datetime) -> None:
        self.wall = wall
        self.fallback = find_known_zone(fallback) or "UTC"
        self.when_past = when_past
        self.start = start
        self._known: dict[str, ZoneHour] = {}

    def find_hour(self, zone: str) -> ZoneHour:
        """The hour in a zone; "" is that of those who have none."""
        if zone not in self._known:
            self._known[zone] = self._find_hour(load_zone(zone or self.fallback))
        return self._known[zone]

    def _find_hour(self, zone: ZoneInfo) -> ZoneHour:
        instant, note = find_instant(self.wall, zone)
        if not self._is_past(instant):
            return ZoneHour(instant, note=note)
        if self.when_past == WhenPast.SKIP:
            return ZoneHour(None, is_past=True)
        if self.when_past == WhenPast.NOW:
            return ZoneHour(self.start, is_past=True)
        return self._find_next_day(zone, self.start - instant)

    def _is_past(self, instant: datetime) -> bool:
        return instant < self.start - GRACE

    def _find_next_day(self, zone: ZoneInfo, late: timedelta) -> ZoneHour:
        """The same hour of the first day on which it is not past: the wall clock moves, so a
        change of the clocks in between does not shift it."""
        wall = self.wall + DAY * max(1, late // DAY)
        instant, note = find_instant(wall, zone)
        while self._is_past(instant):
            wall += DAY
            instant, note = find_instant(wall, zone)
        return ZoneHour(instant, is_past=True, note=note)


def find_known_zone(*names: str | None) -> str:
    """The first name that is a time zone: a recipient's own, then the person's; "" if none is."""
    return next((name for name in names if name and name in list_zone_names()), "")


@dataclass(slots=True)
class _Placed:
    zones: set[str] = field(default_factory=set)
    changed: int = 0


class PlacedHours:
    """Puts recipients of a chunk to their hours, and remembers what is shown of it later."""

    def __init__(self, hours: LocalHours) -> None:
        self.hours = hours
        self.unknown = 0
        self.placed: dict[datetime, _Placed] = defaultdict(_Placed)
        self.zones: dict[int, str] = {}  # by recipient, "" for those who have none

    def read(self, devices: QuerySet[Device]) -> None:
        """Look up the zones of a chunk's devices. A query of its own: grouped by zone and by all
        else that tells recipients apart, they would hardly be groups any more."""
        rows = devices.order_by().values("timezone", "person__timezone")
        for row in rows.annotate(ids=GatherIds("pk")):
            zone = find_known_zone(row["timezone"], row["person__timezone"])
            self.zones |= dict.fromkeys(read_ids(row["ids"]), zone)

    def split(self, members: Mapping[int, int]) -> dict[datetime | None, dict[int, int]]:
        """Recipients with their cohorts by due time; None: it is too late to send to them."""
        names = {pk: self.zones.get(pk, "") for pk in members}
        hours = {zone: self._place(zone, count) for zone, count in Counter(names.values()).items()}
        split: dict[datetime | None, dict[int, int]] = defaultdict(dict)
        for pk, cohort in members.items():
            split[hours[names[pk]]][pk] = cohort
        return split

    def _place(self, zone: str, count: int) -> datetime | None:
        hour = self.hours.find_hour(zone)
        if not zone:
            self.unknown += count
        if hour.due_at is not None:
            placed = self.placed[hour.due_at]
            placed.zones.add(zone or self.hours.fallback)
            placed.changed += count if hour.note else 0
        return hour.due_at


def read_local_hours(transfer: Transfer) -> PlacedHours | None:
    """For a transfer that goes by its recipients' own clocks, else None."""
    if not transfer.wall_clock:
        return None
    campaign = transfer.campaign
    return PlacedHours(
        LocalHours(
            datetime.fromisoformat(transfer.wall_clock),
            transfer.app.timezone,
            when_past=campaign.when_past if campaign else WhenPast.TOMORROW,
            start=transfer.due_at,
        )
    )


def keep_hours(transfer: Transfer, hours: PlacedHours) -> dict[str, Any]:
    """Count a chunk's unknown zones; gives the cursor's hours with the chunk's added.

    Runs in the transaction that writes the chunk.
    """
    if hours.unknown:
        rows = Transfer.objects.filter(pk=transfer.pk)
        rows.update(unknown_zones=F("unknown_zones") + hours.unknown)
    kept: dict[str, Any] = dict(transfer.freeze_cursor.get("hours", {}))
    for due_at, placed in hours.placed.items():
        key = due_at.isoformat()
        old = kept.get(key, {"zones": [], "changed": 0})
        zones = sorted(placed.zones.union(old["zones"]))
        kept[key] = {"zones": zones, "changed": old["changed"] + placed.changed}
    return {"hours": kept}
