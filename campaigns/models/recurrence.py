"""When a campaign comes again: a rule of days at one hour of the wall clock. Plain values.

The rule is the JSON of docs/api.md, `{"unit": "week", "every": 2, "weekdays": ["mon"]}`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any, Literal
from zoneinfo import ZoneInfo

from dateutil.rrule import DAILY, MONTHLY, WEEKLY, rrule
from django.utils.translation import gettext as _

from campaigns.models.clock import find_instant

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LAST = "last"
MAX_RUNS = 1000
MAX_YEAR = 9000
# By unit: what rrule calls it, and the largest number of them between two runs.
UNITS: dict[str, tuple[Literal[1, 2, 3], int]] = {
    "day": (DAILY, 366),
    "week": (WEEKLY, 52),
    "month": (MONTHLY, 24),
}
FIELDS = frozenset({"unit", "every", "weekdays", "day", "until", "runs"})
UPCOMING = 5
# Rules of zones change at short notice: an instant that is off by less is the same time.
SAME_TIME = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Upcoming:
    """One time to come: the instant in UTC, and a sentence if the clocks change at that hour."""

    due_at: datetime
    note: str


@dataclass(frozen=True, slots=True)
class Series:
    """A rule that begins at a wall clock in a zone: the first run is the first day that fits.

    `until` is the last day included; `runs` counts the days that fit, whatever became of them.
    A day of the month that a month has not is its last day.
    """

    first: datetime
    zone: ZoneInfo
    unit: str
    every: int = 1
    weekdays: tuple[str, ...] = ()
    day: int | str | None = None
    until: date | None = None
    runs: int | None = None

    def find_next(self, after: datetime) -> datetime | None:
        """The first instant behind `after`, None when the series is over."""
        found = next(self.list_upcoming(after, 1), None)
        return found.due_at if found else None

    def list_upcoming(self, after: datetime, limit: int = UPCOMING) -> Iterator[Upcoming]:
        """The next times behind an instant."""
        return islice(self._list_behind(after), limit)

    def split_due(self, first: datetime, now: datetime) -> tuple[list[datetime], datetime | None]:
        """The times from `first`, which is one, up to `now`, and the one behind them, if any."""
        if first > now:
            return [], first
        due = [first]
        for found in self._list_behind(first + SAME_TIME):
            if found.due_at > now:
                return due, found.due_at
            due.append(found.due_at)
        return due, None

    def find_gap(self, due_at: datetime) -> timedelta:
        """From one run to the next, or to the one that would be next had the series no end."""
        endless = Series(self.first, self.zone, self.unit, self.every, self.weekdays, self.day)
        following = endless.find_next(due_at)
        return following - due_at if following else timedelta.max

    def _list_behind(self, after: datetime) -> Iterator[Upcoming]:
        # A day early: near a change of the clocks an instant may fall on the day after its wall.
        known = after.astimezone(self.zone).date() - timedelta(days=1)
        for wall in self._list_walls():
            if wall.date() < known:
                continue
            instant, note = find_instant(wall, self.zone)
            if instant > after:
                yield Upcoming(instant, note)

    def _list_walls(self) -> Iterator[datetime]:
        frequency, _most = UNITS[self.unit]
        last = datetime.combine(self.until, self.first.time()) if self.until else None
        return iter(
            rrule(
                frequency,
                dtstart=self.first,
                interval=self.every,
                until=last,
                count=None if last else self.runs,
                **self._choose_days(),
            )
        )

    def _choose_days(self) -> dict[str, Any]:
        if self.unit == "week":
            names = self.weekdays or (WEEKDAYS[self.first.weekday()],)
            return {"byweekday": [WEEKDAYS.index(name) for name in names]}
        if self.unit == "month":
            day = self.day or self.first.day
            if day == LAST:
                return {"bymonthday": -1}
            # The last that exists of the days up to it: the 31st is the 30th in April.
            return {"bymonthday": range(min(int(day), 28), int(day) + 1), "bysetpos": -1}
        return {}


def make_series(rule: Mapping[str, Any], send_at: str, timezone: str) -> Series:
    """The series of a stored campaign, whose values have been checked."""
    until = rule.get("until")
    return Series(
        first=datetime.fromisoformat(send_at),
        zone=ZoneInfo(timezone),
        unit=rule["unit"],
        every=rule.get("every", 1),
        weekdays=tuple(rule.get("weekdays", ())),
        day=rule.get("day"),
        until=date.fromisoformat(until) if until else None,
        runs=rule.get("runs"),
    )


def find_rule_faults(rule: Any) -> dict[str, str]:
    """What is wrong with a rule, by field (`weekdays`); "" is the rule itself."""
    if not isinstance(rule, Mapping):
        return {"": _('Expected an object such as {"unit": "day"}.')}
    faults = {str(name): _("Unknown field.") for name in rule if name not in FIELDS}
    if rule.get("unit") not in tuple(UNITS):
        return faults | {"unit": _("One of %(known)s.") % {"known": ", ".join(UNITS)}}
    checks = {
        "every": _is_count(rule.get("every", 1), UNITS[rule["unit"]][1]),
        "weekdays": _are_weekdays(rule.get("weekdays", WEEKDAYS)),
        "day": _is_month_day(rule.get("day", LAST)),
        "until": _is_date(rule.get("until", "2026-11-20")),
        "runs": _is_count(rule.get("runs", 1), MAX_RUNS),
    }
    expected = _list_expected(rule["unit"])
    faults |= {name: expected[name] for name, is_good in checks.items() if not is_good}
    return _find_clashes(rule) | faults


def _list_expected(unit: str) -> dict[str, str]:
    number = _("A whole number from 1 to %(most)d.")
    return {
        "every": number % {"most": UNITS[unit][1]},
        "weekdays": _("A list of %(known)s, each once.") % {"known": ", ".join(WEEKDAYS)},
        "day": _('A day from 1 to 31, or "last".'),
        "until": _("A day such as 2027-06-30."),
        "runs": number % {"most": MAX_RUNS},
    }


def _find_clashes(rule: Mapping[str, Any]) -> dict[str, str]:
    """Fields that have no meaning beside the others."""
    clashes = {}
    if "weekdays" in rule and rule["unit"] != "week":
        clashes["weekdays"] = _("Only a rule by weeks has weekdays.")
    if "day" in rule and rule["unit"] != "month":
        clashes["day"] = _("Only a rule by months has a day.")
    if "until" in rule and "runs" in rule:
        clashes["runs"] = _("Name the last day or a number of runs, not both.")
    return clashes


def _is_count(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


def _are_weekdays(value: Any) -> bool:
    names = list(value) if isinstance(value, list | tuple) else []
    known = [name for name in names if isinstance(name, str) and name in WEEKDAYS]
    return bool(names) and len(known) == len(names) == len(set(known))


def _is_month_day(value: Any) -> bool:
    return value == LAST or _is_count(value, 31)


def _is_date(value: Any) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).year < MAX_YEAR
    except ValueError:
        return False
