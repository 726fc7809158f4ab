"""A time on a form becomes one instant, or a sentence."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from campaigns.errors import Invalid
from campaigns.models.clock import find_instant
from campaigns.services.schedule import plan_schedule

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def plan(send_at, timezone=""):
    return plan_schedule(send_at, timezone, default_zone="Europe/Berlin", now=NOW)


def test_no_time_means_at_once():
    assert plan("").due_at is None


def test_a_wall_clock_is_read_in_the_apps_zone():
    schedule = plan("2026-03-02T09:00")

    assert schedule.due_at == datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    assert (schedule.timezone, schedule.note) == ("Europe/Berlin", "")


def test_a_named_zone_wins_over_the_apps():
    schedule = plan("2026-03-02T09:00", "Asia/Tokyo")

    assert schedule.due_at == datetime(2026, 3, 2, 0, 0, tzinfo=UTC)


def test_an_instant_with_an_offset_needs_no_zone():
    schedule = plan("2026-03-02T09:00+03:00")

    assert schedule.due_at == datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
    assert schedule.timezone == ""


def test_an_hour_that_the_clocks_leave_out_moves_to_the_moment_after_it():
    schedule = plan("2026-03-29T02:30")

    assert schedule.due_at == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    assert "02:30 does not exist" in schedule.note
    assert "03:00" in schedule.note


def test_a_gap_of_half_an_hour_is_found_too():
    wall = datetime(2026, 10, 4, 2, 10)

    instant, note = find_instant(wall, ZoneInfo("Australia/Lord_Howe"))

    assert instant == datetime(2026, 10, 3, 15, 30, tzinfo=UTC)
    assert "02:30" in note


def test_an_hour_that_happens_twice_means_its_first_time():
    schedule = plan("2026-10-25T02:30")

    assert schedule.due_at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert "happens twice" in schedule.note


def test_a_recipients_own_hour_begins_in_the_first_zone_and_ends_in_the_last():
    schedule = plan("2026-03-02T09:00", "recipient")

    assert schedule.due_at == datetime(2026, 3, 1, 19, 0, tzinfo=UTC)
    assert schedule.last_at == datetime(2026, 3, 2, 21, 0, tzinfo=UTC)
    assert (schedule.send_at, schedule.timezone) == ("2026-03-02T09:00", "recipient")


def test_a_recipients_own_hour_may_be_past_where_the_day_began():
    schedule = plan("2026-03-01T09:00", "recipient")

    assert schedule.due_at < NOW < schedule.last_at


@pytest.mark.parametrize(
    ("send_at", "timezone", "field"),
    [
        ("2026-02-28T09:00", "", "send_at"),
        ("2027-04-01T09:00", "", "send_at"),
        ("tomorrow", "", "send_at"),
        ("2026-13-01T09:00", "", "send_at"),
        ("0001-01-01T00:00+14:00", "", "send_at"),
        ("9999-12-31T23:59-12:00", "", "send_at"),
        ("2026-03-02T09:00", "Mars/Olympus", "timezone"),
        ("2026-03-02T09:00Z", "recipient", "timezone"),
        ("2026-02-28T23:59", "recipient", "send_at"),
        ("2027-03-03T02:01", "recipient", "send_at"),
        ("2026-03-02T09:00Z", "Europe/Berlin", "timezone"),
        ("", "Mars/Olympus", "timezone"),
        ("", "recipient", "send_at"),
    ],
)
def test_a_time_that_cannot_be_meant_is_refused_with_its_field(send_at, timezone, field):
    with pytest.raises(Invalid) as refusal:
        plan(send_at, timezone)

    assert list(refusal.value.fields) == [field]
