"""When a campaign starts: a wall clock in a time zone, or an instant with an offset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from campaigns.errors import Invalid
from campaigns.models.clock import (
    RECIPIENT_ZONE,
    find_first_instant,
    find_instant,
    find_last_instant,
    list_zone_names,
)
from campaigns.models.recurrence import Upcoming, find_rule_faults, make_series

MAX_AHEAD = timedelta(days=366)
MAX_SEND_AT = 40  # characters; fractions of a second could go on for ever


@dataclass(frozen=True, slots=True)
class Schedule:
    """`due_at` is the instant in UTC, None for "as soon as it is launched".

    `send_at` and `timezone` are kept as they were given (the zone filled in); `note` is a sentence
    for people when the clocks change at that hour, else "". At each recipient's own hour, `due_at`
    is when the first zone on earth reaches it and `last_at` when the last one does. With a
    `recurrence` it is the first time of a series, and `upcoming` the first few.
    """

    send_at: str = ""
    timezone: str = ""
    due_at: datetime | None = None
    note: str = ""
    last_at: datetime | None = None
    recurrence: dict[str, Any] | None = None
    upcoming: tuple[Upcoming, ...] = ()


def plan_schedule(send_at: str, timezone: str, *, default_zone: str, now: datetime) -> Schedule:
    """Find the instant that `send_at` means; "" is at once.

    `send_at` is `2026-11-20T09:00` in `timezone` (IANA, else `default_zone`; or `recipient`), or
    carries an offset and then stands without a zone. Raises Invalid with the field: malformed,
    past, over a year.
    """
    if not send_at:
        return _plan_now(timezone)
    moment = _parse_moment(send_at)
    if moment.tzinfo is not None:
        schedule = _plan_instant(send_at, moment, timezone)
    elif timezone == RECIPIENT_ZONE:
        schedule = _plan_local(send_at, moment)
    else:
        schedule = _plan_wall_clock(send_at, moment, timezone or default_zone)
    _check_bounds(schedule, now)
    return schedule


def plan_series(schedule: Schedule, rule: Any, *, now: datetime) -> Schedule:
    """The schedule with its rule of recurrence (docs/api.md), None for a campaign sent once.

    Raises Invalid with a sentence per wrong field of the rule.
    """
    if rule is None:
        return schedule
    if schedule.timezone == RECIPIENT_ZONE:
        words = _("A recurring campaign goes by one time zone; name it.")
        raise Invalid(words, fields={"timezone": words})
    if not schedule.timezone or schedule.due_at is None:
        words = _("A recurring campaign needs a first time on the clock, without an offset.")
        raise Invalid(words, fields={"send_at": words})
    whole = _drop_nulls(rule)
    faults = find_rule_faults(whole)
    if faults:
        paths = {f"recurrence.{name}".rstrip("."): words for name, words in faults.items()}
        raise Invalid(next(iter(faults.values())), fields=paths)
    series = make_series(whole, schedule.send_at, schedule.timezone)
    upcoming = tuple(series.list_upcoming(now))
    if not upcoming:
        words = _("No day fits this rule before it ends.")
        raise Invalid(words, fields={"recurrence": words})
    first = upcoming[0]
    return replace(
        schedule, due_at=first.due_at, note=first.note, recurrence=whole, upcoming=upcoming
    )


def _drop_nulls(rule: Any) -> Any:
    if not isinstance(rule, Mapping):
        return rule
    return {name: value for name, value in rule.items() if value is not None}


def _plan_now(timezone: str) -> Schedule:
    if timezone == RECIPIENT_ZONE:
        words = _("Each recipient's own time needs a time: write send_at, or name no time zone.")
        raise Invalid(words, fields={"send_at": words})
    if timezone:
        find_zone(timezone)
    return Schedule(timezone=timezone)


def _plan_instant(send_at: str, moment: datetime, timezone: str) -> Schedule:
    if timezone:
        words = _("send_at carries an offset already; leave the time zone away, or the offset.")
        raise Invalid(words, fields={"timezone": words})
    return Schedule(send_at, "", moment.astimezone(UTC))


def _plan_local(send_at: str, wall: datetime) -> Schedule:
    return Schedule(
        send_at, RECIPIENT_ZONE, find_first_instant(wall), last_at=find_last_instant(wall)
    )


def _plan_wall_clock(send_at: str, wall: datetime, timezone: str) -> Schedule:
    due_at, note = find_instant(wall, find_zone(timezone))
    return Schedule(send_at, timezone, due_at, note)


def find_zone(name: str) -> ZoneInfo:
    """The IANA time zone of that name; raises Invalid."""
    if name not in list_zone_names():
        words = _("%(name)s is no IANA time zone such as Europe/Berlin.") % {"name": name}
        raise Invalid(words, fields={"timezone": words})
    return ZoneInfo(name)


def _parse_moment(text: str) -> datetime:
    if len(text) > MAX_SEND_AT:
        words = _("At most %(most)d characters.") % {"most": MAX_SEND_AT}
        raise Invalid(words, fields={"send_at": words})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        words = _("Write the time as 2026-11-20T09:00, or with an offset as 2026-11-20T09:00Z.")
        raise Invalid(words, fields={"send_at": words}) from error
    # Near the ends of the calendar an offset cannot be applied.
    if not 1970 < moment.year < 9999:
        words = _("The year %(year)s is out of reach.") % {"year": moment.year}
        raise Invalid(words, fields={"send_at": words})
    return moment


def _check_bounds(schedule: Schedule, now: datetime) -> None:
    due_at = schedule.due_at or now
    words = ""
    if (schedule.last_at or due_at) <= now:
        words = _("This time has passed already; choose a later one.")
    elif due_at - now > MAX_AHEAD:
        words = _("A campaign can be scheduled at most one year ahead.")
    if words:
        raise Invalid(words, fields={"send_at": words})
