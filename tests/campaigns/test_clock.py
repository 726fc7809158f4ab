"""A wall clock means one instant in every zone; where that is no matter of course, it is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import example, given
from hypothesis import strategies as st

from campaigns.dispatch.local_hours import GRACE, LocalHours
from campaigns.models.clock import (
    find_first_instant,
    find_instant,
    find_last_instant,
    list_zone_names,
)

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)

zones = st.sampled_from(sorted(list_zone_names()))
walls = st.datetimes(datetime(2024, 1, 1), datetime(2036, 1, 1)).map(
    lambda moment: moment.replace(microsecond=0)
)


def read_clock(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


@st.composite
def changes(draw: st.DrawFn) -> tuple[str, datetime]:
    """A zone and a wall clock around a change of its clocks, in so far as it has any."""
    name, day = draw(zones), draw(walls)
    zone, step = ZoneInfo(name), timedelta(hours=1)
    at = day.replace(tzinfo=UTC)
    offset = at.astimezone(zone).utcoffset()
    for _hour in range(200 * 24):
        at += step
        if at.astimezone(zone).utcoffset() != offset:
            break
    near = draw(st.integers(-7200, 7200))
    return name, read_clock(at, zone) + timedelta(seconds=near)


def check_instant(name: str, wall: datetime) -> None:
    """The instant reads as the wall clock, or the note says why it cannot; it is the first that
    does, or the first after the gap."""
    zone = ZoneInfo(name)
    instant, note = find_instant(wall, zone)
    shown = read_clock(instant, zone)
    earlier = read_clock(instant - SECOND, zone)
    if "does not exist" in note:
        assert earlier < wall < shown
    else:
        assert shown == wall
        # No change moves clocks by anything but whole tens of minutes, or by more than 3 hours.
        later = {read_clock(instant + timedelta(minutes=n), zone) for n in range(10, 190, 10)}
        assert ("happens twice" in note) == (wall in later)
    assert find_first_instant(wall) <= instant <= find_last_instant(wall) + DAY * bool(note)


@given(zones, walls)
@example("Europe/Berlin", datetime(2028, 2, 29, 9, 0))
@example("Asia/Kathmandu", datetime(2027, 1, 1, 0, 0))
def test_a_wall_clock_comes_back_from_its_instant_in_every_zone(name: str, wall: datetime) -> None:
    check_instant(name, wall)


@given(changes())
@example(("Europe/Berlin", datetime(2027, 3, 28, 2, 30)))
@example(("Europe/Berlin", datetime(2027, 10, 31, 2, 30)))
@example(("Australia/Lord_Howe", datetime(2026, 10, 4, 2, 10)))
@example(("Africa/Casablanca", datetime(2026, 2, 15, 2, 30)))
@example(("Pacific/Apia", datetime(2011, 12, 30, 12, 0)))
def test_around_a_change_of_the_clocks_it_comes_back_or_the_note_says_why(
    place: tuple[str, datetime],
) -> None:
    check_instant(*place)


@given(zones, walls, st.integers(-3 * 86_400, 3 * 86_400))
def test_an_hour_that_is_past_comes_again_on_the_next_day_that_has_it(
    name: str, wall: datetime, seconds: int
) -> None:
    planned, _note = find_instant(wall, ZoneInfo(name))
    start = planned + timedelta(seconds=seconds)
    hour = LocalHours(wall, "UTC", when_past="tomorrow", start=start).find_hour(name)

    assert hour.due_at is not None
    assert hour.is_past == (planned < start - GRACE)
    assert hour.due_at >= start - GRACE
    if hour.is_past:
        assert hour.due_at < start + DAY + timedelta(hours=3)
    if not hour.note:
        assert read_clock(hour.due_at, ZoneInfo(name)).time() == wall.time()
