"""How far a transfer is that goes by its recipients' own clocks: hour by hour."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Min, Sum

from campaigns.models import Batch, Transfer

SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Hour:
    """Recipients who are due at one instant (UTC), in how many time zones; for `changed` of them
    the clocks change right then."""

    at: datetime
    zones: int
    changed: int
    recipients: int
    settled: int

    @property
    def pending(self) -> int:
        """Recipients without an outcome so far."""
        return self.recipients - self.settled


def list_hours(transfer: Transfer) -> tuple[Hour, ...]:
    """The hours of a frozen transfer, the first one first; empty if clocks do not matter to it."""
    if not transfer.wall_clock:
        return ()
    kept = transfer.hours or {}
    batches = Batch.objects.filter(transfer=transfer, local_at__isnull=False)
    rows = batches.order_by("local_at").values_list("local_at")
    hours = []
    for at, recipients, settled in rows.annotate(n=Sum("count"), done=Sum("settled")):
        known = kept.get(at.isoformat(), {})
        zones, changed = known.get("zones", 0), known.get("changed", 0)
        hours.append(Hour(at, zones, changed, recipients, settled))
    return tuple(hours)


def find_next_hour(hours: Sequence[Hour], now: datetime) -> Hour | None:
    """The first hour that is still to come and has somebody who waits for it."""
    return next((hour for hour in hours if hour.at > now and hour.pending), None)


def find_next_starts(ids: Collection[int], now: datetime) -> dict[int, datetime]:
    """When the next recipients of these transfers are due; absent where nobody waits for it."""
    waiting = Batch.objects.filter(
        transfer__in=ids, is_folded=False, state=Batch.State.READY, settled=0, local_at__gt=now
    )
    rows = waiting.order_by().values_list("transfer").annotate(first=Min("local_at"))
    return dict(rows)


def find_seconds_left(
    pending: int, rate: float, hours: Sequence[Hour], now: datetime
) -> float | None:
    """Until everything pending is sent at this pace, and the last hour has come; None when nobody
    can say."""
    waiting = [hour for hour in hours if hour.at > now and hour.pending]
    until_last = (waiting[-1].at - now) / SECOND if waiting else 0.0
    due = pending - sum(hour.pending for hour in waiting)
    if due > 0 and not rate:
        return None
    return max(due / rate if due > 0 else 0.0, until_last) if pending else None
