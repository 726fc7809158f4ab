"""Recurring campaigns, their times, and verbs that come too late, over the native API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.dispatch import runs
from campaigns.models import Campaign, Occurrence
from tests import builders

pytestmark = pytest.mark.database
FIRST = (datetime.now(UTC) + timedelta(days=7)).replace(hour=9, minute=0, second=0, microsecond=0)
BODY = {
    "name": "Digest", "audience": {"all": True}, "message": {"title": "Hi", "body": "There"},
    "send_at": f"{FIRST:%Y-%m-%dT%H:%M}", "timezone": "UTC",
    "recurrence": {"unit": "day", "every": 2},
}  # fmt: skip


@pytest.fixture
def served(app):
    for platform in ("android", "ios", "web"):
        builders.make_route(app, platform)
    builders.make_device(app, "one")
    return app


@pytest.fixture
def address(client, served):
    """Of a launched series."""
    made = client.post("/api/v1/campaigns/", BODY)
    assert made.status_code == 201, made.json()
    address = f"/api/v1/campaigns/{made.json()['id']}/"
    assert client.post(f"{address}launch/").json()["status"] == "recurring"
    return address


def test_a_series_shows_its_rule_and_its_next_times(client, address):
    shown = client.get(address).json()
    upcoming = client.get(f"{address}upcoming/").json()["results"]

    assert shown["recurrence"] == {"unit": "day", "every": 2}
    assert (shown["when_missed"], shown["grace"]) == ("run_late", 900)
    assert shown["due_at"] == upcoming[0]["due_at"]
    assert [row["local"] for row in upcoming] == [
        f"{FIRST + timedelta(days=number):%Y-%m-%dT09:00}" for number in (0, 2, 4, 6, 8)
    ]


def test_every_time_is_listed_with_its_transfers_and_counters(client, address):
    runs.run_due(FIRST + timedelta(days=2))
    campaign = Campaign.objects.get()
    transfer = campaign.transfers.get()

    listed = client.get(f"{address}occurrences/").json()

    missed, fired = listed["results"]
    assert (missed["state"], missed["reason"], missed["transfers"]) == (
        "missed", "no_scheduler", [],
    )  # fmt: skip
    assert (fired["state"], fired["transfers"]) == ("fired", [transfer.pk])
    assert fired["counters"]["audience"] == 0
    assert listed["next"] is None
    shown = client.get(f"/api/v1/transfers/{transfer.pk}/").json()
    assert shown["occurrence"] == fired["id"]


def test_times_are_listed_in_pages(client, address):
    runs.run_due(FIRST + timedelta(days=8))

    first = client.get(f"{address}occurrences/?limit=3").json()
    second = client.get(first["next"]).json()

    assert len(first["results"]) == 3
    assert [row["state"] for row in second["results"]] == ["missed", "fired"]


def test_a_campaign_that_waits_is_moved_and_taken_back(client, address):
    later = f"{FIRST + timedelta(days=3):%Y-%m-%dT%H:%M}"

    moved = client.post(f"{address}reschedule/", {"send_at": later, "timezone": "Asia/Tokyo"})
    back = client.post(f"{address}unschedule/")

    assert (moved.json()["send_at"], moved.json()["timezone"]) == (later, "Asia/Tokyo")
    assert (back.status_code, back.json()["status"]) == (200, "draft")


def test_the_rule_is_changed_without_a_time_and_a_time_without_the_rule(client, address):
    client.post(f"{address}unschedule/")

    client.patch(address, {"recurrence": {"unit": "week", "weekdays": ["sun"]}})
    later = f"{FIRST + timedelta(days=3):%Y-%m-%dT%H:%M}"
    shown = client.patch(address, {"send_at": later}).json()

    assert shown["recurrence"] == {"unit": "week", "weekdays": ["sun"]}
    assert (shown["send_at"], shown["timezone"]) == (later, "UTC")


def test_a_series_becomes_a_campaign_sent_once(client, address):
    client.post(f"{address}unschedule/")

    shown = client.patch(address, {"recurrence": None}).json()

    assert (shown["recurrence"], shown["send_at"]) == (None, BODY["send_at"])
    assert client.post(f"{address}launch/").json()["status"] == "scheduled"


@pytest.mark.parametrize("verb", ["launch", "pause", "resume", "cancel", "unschedule"])
@pytest.mark.parametrize("status", ["sent", "cancelled", "failed"])
def test_a_verb_on_what_is_finished_is_a_conflict_in_words(client, address, verb, status):
    Campaign.objects.update(status=status)

    refused = client.post(f"{address}{verb}/")

    assert refused.status_code == 409
    assert refused.json()["code"] == "illegal_move"
    assert refused.json()["message"].endswith(".")


def test_what_is_finished_is_not_moved(client, address):
    Campaign.objects.update(status="sent")

    refused = client.post(f"{address}reschedule/", {"send_at": BODY["send_at"]})

    assert (refused.status_code, refused.json()["code"]) == (409, "illegal_move")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("policy", "maybe", "at_least_once, at_most_once"),
        ("when_missed", "burst", "run_late, skip"),
        ("grace", -1, "0"),
        ("grace", 43_201, "43200"),
        ("recurrence", {"unit": "year"}, "day, week, month"),
        ("recurrence", {"unit": "week", "weekdays": ["someday"]}, "mon, tue"),
    ],
)
def test_words_that_do_not_exist_are_refused_with_those_that_do(
    client, served, field, value, words
):
    refused = client.post("/api/v1/campaigns/", BODY | {field: value})

    assert refused.status_code == 400
    [[path, sentence]] = refused.json()["fields"].items()
    assert path.startswith(field)
    assert words in sentence


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"send_at": None}, "send_at"),
        ({"send_at": f"{FIRST:%Y-%m-%dT%H:%MZ}", "timezone": None}, "send_at"),
        ({"recurrence": {"unit": "day", "until": "2020-01-01"}}, "recurrence"),
        ({"recurrence": ["day"]}, "recurrence"),
    ],
)
def test_a_series_that_cannot_begin_is_refused(client, served, change, path):
    refused = client.post("/api/v1/campaigns/", BODY | change)

    assert refused.status_code == 400
    assert list(refused.json()["fields"]) == [path]


def test_a_test_of_a_series_is_sent_once(client, address):
    test = client.post(f"{address}test/", {"audience": {"all": True}}).json()

    assert (test["status"], test["recurrence"]) == ("sending", None)
    assert not Occurrence.objects.exists()


def test_somebody_elses_times_do_not_exist(foreign, address):
    assert foreign.get(f"{address}occurrences/").status_code == 404
    assert foreign.get(f"{address}upcoming/").status_code == 404
    assert foreign.post(f"{address}reschedule/", {"send_at": BODY["send_at"]}).status_code == 404
