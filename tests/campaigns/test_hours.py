"""Before a send at recipients' own hours: who gets it when, and what an operator should know."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.models import App, Campaign
from campaigns.selectors.audience import count_zones, read_audience
from campaigns.services import campaigns
from campaigns.services.hours import forecast_campaign, list_hour_lines
from campaigns.services.preflight import find_problems
from tests import builders

pytestmark = pytest.mark.database

ZONES = ["Europe/Berlin", "Europe/Paris", "Asia/Tokyo", "America/New_York", "Mars/Olympus", ""]


@pytest.fixture
def peopled(app):
    """An app of Berlin with a device in each zone, one of them with its person's."""
    App.objects.filter(pk=app.pk).update(timezone="Europe/Berlin")
    app.refresh_from_db()
    for platform in ("android", "ios", "web"):
        builders.make_route(app, platform)
    ann = builders.make_person(app.workspace, timezone="Asia/Tokyo")
    for number, zone in enumerate(ZONES):
        builders.make_device(app, f"t{number}", timezone=zone)
    builders.make_device(app, "hers", person=ann)
    return app


@pytest.fixture
def make(peopled, owner, now):
    def create(send_at, timezone="recipient", **fields):
        body = {
            "audience": {"all": True}, "message": {"body": "Hi"}, "send_at": send_at,
            "timezone": timezone, **fields,
        }  # fmt: skip
        return campaigns.create_campaign(owner, body, actor="owner", now=now)

    return create


def find_sentences(campaign, now):
    problems = find_problems(campaign, now=now)
    assert not any(problem.is_blocking for problem in problems)
    return {problem.code: problem.sentence for problem in problems}


def test_recipients_are_counted_by_their_own_zone_else_their_persons(peopled):
    zones = count_zones(peopled, read_audience(peopled, {"all": True}, principal=None))

    assert zones == {
        "Europe/Berlin": 1, "Europe/Paris": 1, "Asia/Tokyo": 2, "America/New_York": 1, "": 2,
    }  # fmt: skip


def test_counting_zones_takes_two_queries(peopled, django_assert_num_queries):
    audience = read_audience(peopled, {"all": True}, principal=None)

    with django_assert_num_queries(2):
        count_zones(peopled, audience)


def test_the_forecast_says_how_many_are_due_when(make, now):
    campaign = make("2026-11-21T09:00")

    lines = list_hour_lines(forecast_campaign(campaign, now))

    assert [(line.at, line.recipients, line.zones) for line in lines] == [
        (datetime(2026, 11, 21, 0, 0, tzinfo=UTC), 2, 1),
        (datetime(2026, 11, 21, 8, 0, tzinfo=UTC), 4, 2),
        (datetime(2026, 11, 21, 14, 0, tzinfo=UTC), 1, 1),
    ]


def test_who_has_no_known_zone_is_counted_with_the_hour_of_the_app(make, now):
    sentences = find_sentences(make("2026-11-21T09:00"), now)

    assert sentences == {
        "unknown_zones": "2 recipients have no known time zone and get it at 09:00 Europe/Berlin."
    }


@pytest.mark.parametrize(
    ("when_past", "end"),
    [
        ("tomorrow", "they get it at that hour of the next day."),
        ("now", "they get it at once, whatever time it is there."),
        ("skip", "they do not get it."),
    ],
)
def test_where_the_hour_is_past_what_happens_is_told(make, now, when_past, end):
    sentences = find_sentences(make("2026-11-20T09:00", when_past=when_past), now)

    assert sentences["hour_passed"] == (
        f"That hour is past for 6 recipients in 3 time zones; {end}"
    )


def test_a_change_of_the_clocks_is_told_with_its_zones(make, now):
    sentences = find_sentences(make("2027-03-28T02:30"), now)

    assert sentences["clocks_change"] == (
        "The clocks go forward: 02:30 does not exist that day; it starts at 03:00. "
        "This is so for 4 recipients in Europe/Berlin, Europe/Paris."
    )


def test_a_change_of_the_clocks_in_the_one_zone_of_a_campaign_is_told(make, now):
    sentences = find_sentences(make("2027-03-28T02:30", "Europe/Berlin"), now)

    assert sentences == {
        "clocks_change": "The clocks go forward: 02:30 does not exist that day; it starts at 03:00."
    }


def test_a_draft_whose_hour_has_passed_everywhere_cannot_be_launched(make, now):
    campaign = make("2026-11-21T09:00")

    codes = [problem.code for problem in find_problems(campaign, now=now + timedelta(hours=33))]

    assert codes[0] == "past_schedule"


def test_a_launch_in_the_middle_of_the_day_starts_at_once(make, now):
    campaign = make("2026-11-20T09:00", when_past="skip")

    campaigns.launch_campaign(campaign, actor="owner", now=now)

    transfer = campaign.transfers.get()
    assert campaign.status == Campaign.Status.SENDING
    assert (transfer.wall_clock, transfer.due_at) == ("2026-11-20T09:00", now)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"when_past": "later"}, "when_past"),
        ({"when_past": 1}, "when_past"),
        ({"timezone": "Recipient"}, "timezone"),
        ({"send_at": "2026-11-21T09:00Z"}, "timezone"),
        ({"send_at": None}, "send_at"),
        ({"send_at": "2026-11-19T23:00"}, "send_at"),
        ({"send_at": "2027-11-23T09:00"}, "send_at"),
        ({"send_at": "2026-11-31T09:00"}, "send_at"),
        ({"expires_in": 0}, "expires_in"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_field(make, fields, field):
    whole = {"send_at": "2026-11-21T09:00", "timezone": "recipient"} | fields

    with pytest.raises(campaigns.Invalid) as refusal:
        make(**whole)

    assert list(refusal.value.fields) == [field]


def test_what_expires_is_measured_by_the_fullest_hour(make, now):
    # Seven recipients, four of them at one hour: at one a second that hour takes four seconds.
    tight = make("2026-11-21T09:00", rate=1, expires_in=3)
    roomy = make("2026-11-21T09:00", rate=1, expires_in=5)

    codes = [
        {problem.code for problem in find_problems(campaign, now=now)}
        for campaign in (tight, roomy)
    ]

    assert [("expires_too_soon" in found) for found in codes] == [True, False]


def test_a_series_names_one_zone(make):
    with pytest.raises(campaigns.Invalid) as refusal:
        make("2026-11-21T09:00", recurrence={"unit": "day"})

    assert list(refusal.value.fields) == ["timezone"]


def test_a_copy_keeps_what_happens_where_the_hour_is_past(make, now):
    campaign = make("2026-11-21T09:00", when_past="skip")

    copy = campaigns.duplicate_campaign(campaign, actor="owner", now=now)

    assert (copy.when_past, copy.send_at) == ("skip", "")
