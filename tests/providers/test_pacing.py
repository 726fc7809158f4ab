"""Rates, quotas and waits under a clock that the tests hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.outcomes import Reason
from providers.pacing import (
    Bucket,
    DayQuota,
    Recently,
    find_backoff,
    find_ramped,
    find_reset,
    find_retry_wait,
    read_retry_after,
)

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_a_full_bucket_gives_one_seconds_worth_and_then_waits():
    bucket = Bucket.full(10, now=NOW).take(10, NOW)

    # A burst of 10 at once leaves 90 for the rest of the 10 s: 9 a second.
    assert bucket.find_wait(1, NOW) == pytest.approx(1 / 9)
    assert bucket.find_wait(10, NOW) == pytest.approx(10 / 9)
    assert bucket.find_wait(10, after(1.12)) == 0


def test_a_rate_below_one_a_second_lets_one_call_through():
    bucket = Bucket.full(0.5, now=NOW)

    assert bucket.find_wait(1, NOW) == 0
    assert bucket.take(1, NOW).find_wait(1, NOW) == pytest.approx(1 / 0.45)


def test_more_than_fits_leaves_a_debt():
    bucket = Bucket.full(100, now=NOW).take(1000, NOW)

    assert bucket.find_wait(1, NOW) == pytest.approx(901 / 90)


def test_a_caller_who_had_to_wait_for_its_turn_fills_nothing():
    bucket = Bucket.full(10, now=NOW).take(10, NOW)

    assert bucket.refill(after(-1)).level == 0
    assert bucket.refill(after(-1)).filled_at == NOW


def test_a_clock_that_went_back_stalls_nothing():
    bucket = Bucket.full(10, now=NOW).take(10, NOW)

    back = bucket.take(0, after(-3600))

    assert back.find_wait(10, after(-3600)) == pytest.approx(10 / 9)


@given(
    rate=st.floats(0.1, 1000),
    amounts=st.lists(st.integers(1, 500), min_size=1, max_size=50),
)
def test_the_average_rate_is_never_exceeded(rate, amounts):
    bucket = Bucket.full(rate, now=NOW)
    now = NOW

    for amount in amounts:
        now += timedelta(seconds=bucket.find_wait(amount, now) + 1e-6)
        bucket = bucket.take(amount, now)

    before_the_last = sum(amounts[:-1])
    elapsed = (now - NOW).total_seconds()
    assert before_the_last <= bucket.burst + rate * elapsed + 1e-3 * rate + 1e-6


@pytest.mark.parametrize("counted", [10.0, 60.0])
@given(rate=st.integers(1, 5000), share=st.floats(0.01, 1), pauses=st.lists(st.floats(0, 3)))
def test_any_window_keeps_the_promise(counted, rate, share, pauses):
    bucket, now, taken = Bucket.full(rate, now=NOW, counted=counted), NOW, []
    amount = max(1, int(rate * share))

    for pause in [*pauses, *[0.0] * int(3 * counted)]:
        now += timedelta(seconds=pause)
        now += timedelta(seconds=bucket.find_wait(amount, now) + 1e-6)
        bucket = bucket.take(amount, now)
        taken.append(now)

    window = timedelta(seconds=counted)
    windows = ([at for at in taken if start <= at <= start + window] for start in taken)
    assert max(map(len, windows)) * amount <= counted * rate


def test_who_counts_by_the_minute_is_used_to_within_two_percent():
    bucket, now, amount, count = Bucket.full(10_000, now=NOW, counted=60.0), NOW, 5_000, 0

    while now < NOW + timedelta(minutes=5):
        now += timedelta(seconds=bucket.find_wait(amount, now) + 0.05)  # somebody looks a bit later
        bucket, count = bucket.take(amount, now), count + amount

    assert 0.98 * 10_000 <= count / (now - NOW).total_seconds() <= 1.004 * 10_000


@given(
    most=st.integers(1, 5000),
    wishes=st.lists(st.tuples(st.integers(1, 2000), st.floats(0, 3)), min_size=1, max_size=60),
)
def test_no_seconds_have_more_than_the_most(most, wishes):
    recently, now, taken = Recently(most, 5.0), NOW, []

    for wish, pause in wishes:
        amount = min(wish, most)
        now += timedelta(seconds=pause)
        now += timedelta(seconds=recently.find_wait(amount, now) + 1e-6)
        recently = recently.take(amount, now)
        taken.append((now, amount))

    window = timedelta(seconds=5)
    sums = [sum(n for at, n in taken if start <= at < start + window) for start, _n in taken]
    assert max(sums) <= most


def test_what_was_taken_is_free_again_after_its_seconds_or_a_tenth_later():
    recently = Recently(100, 5.0).take(60, NOW).take(40, after(1))

    assert recently.find_wait(1, after(2)) == pytest.approx(3.1, abs=0.11)
    assert recently.find_wait(60, after(2)) == pytest.approx(3.1, abs=0.11)
    assert recently.find_wait(61, after(2)) == pytest.approx(4.1, abs=0.11)
    assert recently.find_wait(100, after(6.2)) == 0


def test_more_than_the_most_waits_until_nothing_else_was_taken():
    assert Recently(100, 5.0).find_wait(1000, NOW) == 0
    assert Recently(100, 5.0).take(1, NOW).find_wait(1000, NOW) == pytest.approx(5.1, abs=0.11)


def test_a_clock_that_went_back_an_hour_leaves_nothing_behind():
    recently = Recently(100, 5.0).take(100, NOW)

    assert recently.find_wait(100, after(-3600)) == 0
    assert recently.take(1, after(-3600)).find_wait(99, after(-3600)) == 0


def test_a_ramp_up_grows_linearly_from_a_tenth():
    taken, rates = 0.0, []

    for _step in range(10_000):  # of a hundredth of a second
        rate = find_ramped(1000, 100, int(taken))
        rates.append(rate)
        taken += rate * 0.01

    assert rates[0] == 100
    assert rates[5_000] == pytest.approx(550, rel=0.01)
    assert rates[-1] == pytest.approx(1000, rel=0.01)


def test_a_ramp_up_goes_no_further_than_the_rate():
    assert find_ramped(1000, 100, 10**9) == 1000
    assert find_ramped(1000, None, 0) == 1000


def test_a_quota_waits_for_midnight_in_the_vendors_zone():
    quota = DayQuota(limit=2, zone="Europe/Moscow").take(2, NOW)

    assert quota.find_wait(1, NOW) == 9 * 3600
    assert quota.find_wait(1, after(9 * 3600)) == 0
    assert quota.take(1, after(9 * 3600)).used == 1


@pytest.mark.parametrize(
    ("now", "hours"),
    [
        (datetime(2026, 3, 28, 23, 0, tzinfo=UTC), 23),
        (datetime(2026, 10, 24, 22, 0, tzinfo=UTC), 25),
    ],
)
def test_a_day_in_which_clocks_change_is_as_long_as_it_is(now, hours):
    assert find_reset(now, "Europe/Berlin") - now == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("1", 1),
        (" 30 ", 30),
        ("1.5", 1.5),
        ("3600", 3600),
        ("999999999999", 3600),
        ("inf", 3600),
        ("nan", None),
        ("-1", None),
        ("", None),
        ("soon", None),
        ("Fri, 20 Nov 2026 12:01:00 GMT", 60),
        ("Fri, 20 Nov 2026 12:01:00 -0000", 60),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0),
        ("Fri, 20 Nov 2037 12:00:00 GMT", 3600),
        ("Fri, 99 Nov 2026 12:00:00 GMT", None),
    ],
)
def test_retry_after_in_every_form(text, seconds):
    assert read_retry_after(text, NOW) == seconds


@given(st.text())
def test_no_retry_after_breaks_the_reader(text):
    seconds = read_retry_after(text, NOW)

    assert seconds is None or 0 <= seconds <= 3600


@given(tries=st.integers(0, 1000), draw=st.floats(0, 1))
def test_backoff_stays_within_its_bounds(tries, draw):
    assert 0 <= find_backoff(tries, draw, first=10) <= 3600


def test_retries_of_many_do_not_come_at_once():
    random = Random(7)
    waits = [find_retry_wait(Reason.VENDOR, 3, random.random()) for _ in range(1000)]

    busiest = max(sum(second <= wait < second + 1 for wait in waits) for second in range(81))

    assert busiest <= 50


def test_first_waits_depend_on_whose_fault_it_is():
    assert find_retry_wait(Reason.VENDOR, 0, 1.0) == 10
    assert find_retry_wait(Reason.THROTTLED, 0, 1.0) == 60


def test_what_the_vendor_asks_for_is_never_undercut():
    assert 30 <= find_retry_wait(Reason.THROTTLED, 5, 0.9, retry_after=30) <= 31
    assert find_retry_wait(Reason.THROTTLED, 5, 0.0, retry_after=1e9) == 3600


def test_who_asks_for_no_time_is_not_asked_again_and_again():
    waits = [find_retry_wait(Reason.VENDOR, tries, 0.5, retry_after=0.0) for tries in range(10)]

    assert waits == [find_retry_wait(Reason.VENDOR, tries, 0.5) for tries in range(10)]
    assert sum(waits) > 3600
