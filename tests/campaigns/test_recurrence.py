"""A rule of days becomes instants, whatever the clocks and the calendar do."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.models.clock import find_instant
from campaigns.models.recurrence import LAST, WEEKDAYS, Series, find_rule_faults, make_series

BERLIN = ZoneInfo("Europe/Berlin")
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def make(first, zone="Europe/Berlin", **rule):
    return make_series(rule, first, zone)


def list_days(series, count=5):
    return [
        f"{found.due_at.astimezone(series.zone):%m-%d}"
        for found in islice(series.list_upcoming(LONG_AGO, count), count)
    ]


@pytest.mark.parametrize(
    ("first", "rule", "days"),
    [
        ("2026-11-20T09:00", {"unit": "day"}, ["11-20", "11-21", "11-22"]),
        ("2026-11-20T09:00", {"unit": "day", "every": 10}, ["11-20", "11-30", "12-10"]),
        ("2026-11-20T09:00", {"unit": "week"}, ["11-20", "11-27", "12-04"]),
        (
            "2026-11-18T09:00",
            {"unit": "week", "weekdays": ["fri", "mon"]},
            ["11-20", "11-23", "11-27"],
        ),
        (
            "2026-11-18T09:00",
            {"unit": "week", "every": 2, "weekdays": ["mon"]},
            ["11-30", "12-14", "12-28"],
        ),
        ("2026-11-20T09:00", {"unit": "month"}, ["11-20", "12-20", "01-20"]),
        ("2026-11-20T09:00", {"unit": "month", "day": 1}, ["12-01", "01-01", "02-01"]),
        ("2027-01-31T09:00", {"unit": "month"}, ["01-31", "02-28", "03-31", "04-30"]),
        ("2027-01-01T09:00", {"unit": "month", "day": LAST}, ["01-31", "02-28", "03-31"]),
        ("2027-01-15T09:00", {"unit": "month", "day": 30}, ["01-30", "02-28", "03-30"]),
        ("2028-01-29T09:00", {"unit": "month"}, ["01-29", "02-29", "03-29"]),
        ("2028-02-29T09:00", {"unit": "month", "every": 12}, ["02-29", "02-28", "02-28"]),
        ("2028-02-28T09:00", {"unit": "day"}, ["02-28", "02-29", "03-01"]),
    ],
)
def test_the_days_of_a_rule(first, rule, days):
    series = make(first, **rule)

    assert list_days(series, len(days)) == days


@pytest.mark.parametrize("end", [{"runs": 3}, {"until": "2026-11-22"}])
def test_a_series_ends_after_its_last_day_or_its_number_of_runs(end):
    series = make("2026-11-20T09:00", unit="day", **end)

    assert list_days(series) == ["11-20", "11-21", "11-22"]
    assert series.find_next(datetime(2026, 11, 22, 8, 0, tzinfo=UTC)) is None


def test_the_hour_on_the_wall_stays_when_the_clocks_change():
    series = make("2026-10-24T09:00", unit="day", runs=3)

    times = [found.due_at.hour for found in series.list_upcoming(LONG_AGO)]

    assert times == [7, 8, 8]


def test_an_hour_that_the_clocks_leave_out_is_the_moment_after_it_and_no_day_is_lost():
    series = make("2026-03-28T02:30", unit="day", runs=3)

    found = list(series.list_upcoming(LONG_AGO))

    assert [item.due_at for item in found] == [
        datetime(2026, 3, 28, 1, 30, tzinfo=UTC),
        datetime(2026, 3, 29, 1, 0, tzinfo=UTC),
        datetime(2026, 3, 30, 0, 30, tzinfo=UTC),
    ]
    assert ["02:30 does not exist" in item.note for item in found] == [False, True, False]


def test_an_hour_that_happens_twice_comes_once():
    series = make("2026-10-25T02:30", unit="day")
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)

    found = list(series.list_upcoming(LONG_AGO, 2))

    assert found[0].due_at == first
    assert "happens twice" in found[0].note
    assert series.find_next(first) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_a_day_that_a_zone_leaves_out_whole_still_has_its_run():
    series = make("2011-12-29T09:00", "Pacific/Apia", unit="day", runs=3)

    times = [found.due_at for found in series.list_upcoming(LONG_AGO)]

    assert times == [
        datetime(2011, 12, 29, 19, 0, tzinfo=UTC),
        datetime(2011, 12, 30, 10, 0, tzinfo=UTC),  # 30 December was left out: its next moment
        datetime(2011, 12, 30, 19, 0, tzinfo=UTC),
    ]


rules = st.fixed_dictionaries({"unit": st.just("day"), "every": st.integers(1, 40)}) | (
    st.fixed_dictionaries(
        {
            "unit": st.just("week"),
            "every": st.integers(1, 5),
            "weekdays": st.lists(st.sampled_from(WEEKDAYS), min_size=1, unique=True),
        }
    )
    | st.fixed_dictionaries(
        {
            "unit": st.just("month"),
            "every": st.integers(1, 13),
            "day": st.integers(1, 31) | st.just(LAST),
        }
    )
)
HOURS = st.datetimes(datetime(2024, 1, 1), datetime(2026, 12, 31)).map(
    lambda moment: moment.replace(second=0, microsecond=0)
)
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"]


def is_day(series: Series, day: date) -> bool:
    """Whether a day fits, said once more and in another way: by looking at the day itself."""
    start = series.first.date()
    if series.unit == "day":
        return (day - start).days % series.every == 0
    if series.unit == "week":
        monday, other = day - timedelta(days=day.weekday()), start - timedelta(days=start.weekday())
        is_week = (monday - other).days // 7 % series.every == 0
        return is_week and WEEKDAYS[day.weekday()] in series.weekdays
    months = (day.year - start.year) * 12 + day.month - start.month
    length = calendar.monthrange(day.year, day.month)[1]
    wanted = length if series.day == LAST else min(int(series.day or 0), length)
    return months % series.every == 0 and day.day == wanted


@given(rules, HOURS, st.sampled_from(ZONES))
def test_exactly_the_days_that_fit_come_in_order(rule, first, zone):
    series = make(first.isoformat(), zone, **rule)
    days = (first.date() + timedelta(days=number) for number in range(800))

    expected = [
        find_instant(datetime.combine(day, first.time()), ZoneInfo(zone))[0]
        for day in days
        if is_day(series, day)
    ]
    found = [item.due_at for item in series.list_upcoming(LONG_AGO, len(expected))]

    assert found == expected
    assert found == sorted(set(found))


@given(rules, HOURS, st.sampled_from(ZONES))
def test_walking_from_one_time_to_the_next_leaves_none_out(rule, first, zone):
    series = make(first.isoformat(), zone, **rule)
    listed = [item.due_at for item in series.list_upcoming(LONG_AGO, 6)]

    walked = [series.find_next(LONG_AGO)]
    while len(walked) < 6:
        walked.append(series.find_next(walked[-1]))

    assert walked == listed
    assert series.split_due(listed[1], listed[4]) == (listed[1:5], listed[5])


@pytest.mark.parametrize(
    ("rule", "fields"),
    [
        ([], [""]),
        ({}, ["unit"]),
        ({"unit": "year"}, ["unit"]),
        ({"unit": ["day"]}, ["unit"]),
        ({"unit": "day", "every": 0}, ["every"]),
        ({"unit": "day", "every": True}, ["every"]),
        ({"unit": "week", "every": 53}, ["every"]),
        ({"unit": "day", "weekdays": ["mon"]}, ["weekdays"]),
        ({"unit": "week", "weekdays": []}, ["weekdays"]),
        ({"unit": "week", "weekdays": ["mon", "mon"]}, ["weekdays"]),
        ({"unit": "week", "weekdays": ["monday"]}, ["weekdays"]),
        ({"unit": "week", "weekdays": [["mon"]]}, ["weekdays"]),
        ({"unit": "week", "day": 1}, ["day"]),
        ({"unit": "month", "day": 32}, ["day"]),
        ({"unit": "month", "day": "first"}, ["day"]),
        ({"unit": "day", "until": "soon"}, ["until"]),
        ({"unit": "day", "until": 2027}, ["until"]),
        ({"unit": "day", "runs": 1001}, ["runs"]),
        ({"unit": "day", "runs": 3, "until": "2027-01-01"}, ["runs"]),
        ({"unit": "day", "colour": "red"}, ["colour"]),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused_with_its_field(rule, fields):
    assert list(find_rule_faults(rule)) == fields
