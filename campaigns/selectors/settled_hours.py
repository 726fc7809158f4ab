"""Days and hours of the day as the stretches of time that reports count for them.

Reports count by whole hours of UTC, and an hour belongs to the day and hour in which it begins on
the clocks of a zone: also where these are half an hour off.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo

HOUR = timedelta(hours=1)
LONGEST = timedelta(days=367)  # for which hours of the day are told apart
FOREVER = datetime(9999, 1, 1, tzinfo=UTC)
Stretch = tuple[datetime, datetime]


def find_stretches(
    days: tuple[date | None, date | None],
    hour: int | None,
    zone: tzinfo,
    since: datetime,
    until: datetime,
) -> tuple[Stretch, ...] | None:
    """The stretches of some days, of one hour of each day if that is asked for, for a transfer
    that there is `since` some time, and with nothing after the hour of `until`; None where neither
    is asked for."""
    first, last = days
    if first is None and last is None and hour is None:
        return None
    begin = _find_hour(since)
    start = max(begin, _find_midnight(first, zone)) if first else begin
    end = _find_midnight(last + timedelta(days=1), zone) if last else FOREVER
    if hour is None:
        return ((start, end),) if start < end else ()
    end = min(end, _find_hour(until) + HOUR, start + LONGEST)
    return list_hours(start, end, hour, zone)


def _find_hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _find_midnight(day: date, zone: tzinfo) -> datetime:
    """The first whole hour of UTC that begins in a day."""
    moment = datetime.combine(day, time(), zone).astimezone(UTC)
    whole = moment.replace(minute=0)
    return whole if whole == moment else whole + HOUR


def list_hours(start: datetime, end: datetime, hour: int, zone: tzinfo) -> tuple[Stretch, ...]:
    """The whole hours of UTC that begin in one hour of the day on the clocks of a zone."""
    begun = (start + number * HOUR for number in range(max(0, (end - start) // HOUR)))
    return tuple((at, at + HOUR) for at in begun if at.astimezone(zone).hour == hour)
