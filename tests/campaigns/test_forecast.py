"""What a send will take, by the limits and rates that hold for it, and what is said about it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.models import Account, App, Campaign, Device, Group, Throttle
from campaigns.services.forecast import Reach, count_reach, forecast_send
from campaigns.services.preflight import find_problems
from campaigns.services.review import review_campaign
from campaigns.services.unreached import narrow_reach
from providers.pacing import find_ramp_seconds
from tests import builders
from tests.campaigns.test_campaigns import make, served

__all__ = ["make", "served"]
pytestmark = pytest.mark.database
AUDIENCE = 10_000


@pytest.fixture
def forecast(make, served, now):
    """What a campaign with these fields takes for 10,000 devices of one platform."""

    def forecast(languages=1, due_at=None, **fields):
        campaign = Campaign.objects.get(pk=make(**fields).pk)
        campaign.due_at = due_at
        app = App.objects.get()
        return forecast_send(campaign, [Reach(app, {"android": AUDIENCE}, languages)], now=now)

    return forecast


def test_a_small_send_takes_no_time(make, now):
    campaign = make()

    forecast = forecast_send(campaign, count_reach(campaign), now=now)

    assert (forecast.recipients, forecast.calls, forecast.seconds) == (3, 1, 0.0)


def test_a_call_carries_what_the_vendor_takes_and_each_language_is_called_for_apart(forecast):
    assert forecast().calls == AUDIENCE / 250
    assert forecast(languages=3).calls == AUDIENCE / 250 + 2


def test_a_rate_makes_calls_small_and_the_send_long(forecast):
    result = forecast(rate=100)

    assert result.calls == 100
    # A second's worth at once, then nine tenths of the rate.
    assert result.seconds == pytest.approx((AUDIENCE - 100) / 90)


@pytest.mark.parametrize(
    ("model", "fields", "seconds"),
    [
        (Account, {"limits": {"requests_per_second": 1}}, (40 - 1) / 0.9),
        (Account, {"limits": {"recipients_per_second": 200}}, (AUDIENCE - 200) / 180),
        (App, {"send_rate": 500}, (AUDIENCE - 500) / 450),
        (Group, {"send_rate": 1000}, (AUDIENCE - 1000) / 900),
    ],
)
def test_every_limit_counts(forecast, model, fields, seconds):
    model.objects.update(**fields)

    assert forecast().seconds == pytest.approx(seconds)


def test_a_ramp_up_takes_longer(forecast):
    slow = forecast(rate=100, ramp_up=60).seconds

    assert slow == pytest.approx(60 + (AUDIENCE - 3300) / 100)


def test_a_ramp_up_that_ends_early_takes_what_its_beginning_takes():
    # 10 a second grow to 100 in 90 s: after 10 s it is 20 a second, and 150 are sent.
    assert find_ramp_seconds(100, 90, 150) == pytest.approx(10)
    assert find_ramp_seconds(100, 90, 0) == 0


def test_a_quota_that_is_too_small_is_told_with_what_is_left(forecast, served, now):
    account = Account.objects.get()
    Account.objects.update(limits={"requests_per_day": 15})
    Throttle.objects.create(account=account, app_id=0, day=now.date(), day_used=10)

    today, tomorrow = forecast(), forecast(due_at=now + timedelta(days=1))

    assert today.short == (
        "It takes about 40 calls of Sandbox, and 5 of the day's 15 are left; the rest waits for "
        "the next day.",
    )
    # 5 today, 15, 15 and 5 on the three days after it, of which noon today is half a day away.
    assert today.seconds == pytest.approx((0.5 + 2) * 86_400)
    assert "15 of the day's 15 are left" in tomorrow.short[0]


def test_enough_calls_are_no_reason_to_say_anything(forecast):
    Account.objects.update(limits={"requests_per_day": 40})

    assert forecast().short == ()


def test_a_lifetime_shorter_than_the_sending_is_told(make, served, now):
    for number in range(3, 50):
        builders.make_device(served, f"token-{number}")

    problems = find_problems(make(rate=1, expires_in=10), now=now)

    assert [(item.code, item.is_blocking) for item in problems] == [("expires_too_soon", False)]
    assert "0:0" in problems[0].sentence


def test_a_quota_that_is_too_small_blocks_nothing(make, served, now):
    Account.objects.update(limits={"requests_per_day": 1})
    for number in range(300):
        builders.make_device(served, f"more-{number}")

    problems = find_problems(make(), now=now)

    assert [(item.code, item.is_blocking) for item in problems] == [("day_quota", False)]


def test_a_send_takes_as_long_as_those_take_whom_it_is_sent_to(make, served, now):
    person = builders.make_person(served.workspace, opted_out_at=now)
    for number in range(9):
        device = builders.make_device(served, f"more-{number}", "ios")
        Device.objects.filter(pk=device.pk).update(
            token_state="disabled" if number < 5 else "active", person=None if number else person
        )
    Device.objects.filter(token="more-8").update(person=person)
    campaign = make(rate=1)

    of_sent = review_campaign(campaign, now=now).forecast

    # Three, and nine without five dead tokens and one who opted out.
    assert (of_sent.recipients, of_sent.seconds) == (6, pytest.approx((6 - 1) / 0.9))


@pytest.mark.parametrize(
    ("sent", "platforms"),
    [
        (20, {"android": 7, "ios": 3}),
        (10, {"android": 7, "ios": 3}),
        (9, {"android": 7, "ios": 2}),
        (1, {"android": 1, "ios": 0}),
        (0, {"android": 0, "ios": 0}),
    ],
)
def test_who_gets_nothing_is_taken_evenly_from_platforms_that_are_served(app, sent, platforms):
    reach = Reach(app, {"android": 7, "web": 90, "ios": 3}, 1)

    assert narrow_reach(reach, sent, {"android", "ios"}).platforms == platforms
