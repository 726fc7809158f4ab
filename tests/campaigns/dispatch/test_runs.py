"""Runs of recurring campaigns: once each, or said to be missed; never in a burst."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random

import pytest
from django.db import IntegrityError
from django.db.models import Min

from campaigns.dispatch import folds, plan, runs
from campaigns.errors import ChangedMeanwhile, IllegalMove
from campaigns.models import Campaign, Group, Occurrence, Transfer
from campaigns.services import campaigns
from campaigns.services.preflight import find_problems
from tests import builders
from tests.campaigns.dispatch.boundaries import Boundaries, passes

pytestmark = pytest.mark.database
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def recur(make_campaign, app, now):
    """A launched series, each day at 13:00 UTC from the day of `now` (12:00) on."""
    builders.make_device(app, "one")

    def recur(rule=None, send_at="2026-11-20T13:00", **fields):
        campaign = make_campaign(
            recurrence={"unit": "day", **(rule or {})}, send_at=send_at, timezone="UTC",
            due_at=now + HOUR, **fields,
        )  # fmt: skip
        return campaigns.launch_campaign(campaign, actor="owner", now=now)

    return recur


def finish(campaign, now):
    """Settle whatever is under way."""
    for transfer in campaign.transfers.filter(finished_at__isnull=True):
        transfer.move_to("cancelled", actor="test", now=now, finished_at=now)
    folds.follow_transfers(campaign, now)


def tell(campaign):
    """Every occurrence as `20 fired`, with its reason."""
    rows = campaign.occurrences.order_by("due_at")
    return [f"{row.due_at.day} {row.state} {row.reason}".strip() for row in rows]


def test_each_time_makes_a_transfer_of_its_own(recur, now):
    campaign = recur()

    for day in range(3):
        runs.run_due(now + HOUR + day * DAY)
        finish(campaign, now + 2 * HOUR + day * DAY)

    campaign.refresh_from_db()
    assert tell(campaign) == ["20 fired", "21 fired", "22 fired"]
    assert campaign.status == "recurring"
    assert campaign.due_at == now + HOUR + 3 * DAY
    assert [transfer.name for transfer in campaign.transfers.order_by("pk")] == [
        "Spring 2026-11-20 13:00", "Spring 2026-11-21 13:00", "Spring 2026-11-22 13:00",
    ]  # fmt: skip


def test_nothing_is_fired_before_its_time_or_twice(recur, now):
    campaign = recur()

    taken = [runs.run_due(now + HOUR + timedelta(seconds=late)) for late in (-1, 0, 1, 2)]

    assert taken == [0, 1, 0, 0]
    assert campaign.transfers.count() == 1


@pytest.mark.parametrize("shift", [HOUR, -HOUR])
def test_a_zone_whose_rules_have_changed_since_neither_loses_nor_doubles_a_run(recur, now, shift):
    campaign = recur()
    Campaign.objects.update(due_at=now + HOUR + shift)

    for hour in range(60):
        runs.run_due(now + hour * HOUR)
        finish(campaign, now + hour * HOUR)

    times = [row.due_at - now for row in campaign.occurrences.order_by("due_at")]
    assert times == [HOUR + shift, HOUR + DAY, HOUR + 2 * DAY]


def test_a_series_ends_as_sent_after_its_last_run(recur, now):
    campaign = recur({"runs": 2})
    runs.run_due(now + HOUR)
    transfer = campaign.transfers.get()
    transfer.move_to("sending", actor="test", now=now)
    transfer.move_to("sent", actor="test", now=now, finished_at=now)

    runs.run_due(now + HOUR + DAY)
    campaign.refresh_from_db()
    between = campaign.status
    finish(campaign, now + 2 * HOUR + DAY)

    campaign.refresh_from_db()
    assert (between, campaign.status, campaign.due_at) == ("recurring", "sent", None)


def test_a_scheduler_that_was_dead_for_two_hours_sends_late_and_says_so(recur, now):
    campaign = recur()

    runs.run_due(now + 3 * HOUR)

    assert tell(campaign) == ["20 fired late"]
    assert campaign.transfers.count() == 1


def test_a_scheduler_that_was_dead_for_two_hours_leaves_out_what_must_not_be_late(recur, now):
    campaign = recur(when_missed="skip")

    runs.run_due(now + 3 * HOUR)
    runs.run_due(now + HOUR + DAY)

    assert tell(campaign) == ["20 missed no_scheduler", "21 fired"]


@pytest.mark.parametrize(("seconds", "reason"), [(900, ""), (901, "late")])
def test_a_little_late_is_in_time(recur, now, seconds, reason):
    campaign = recur()

    runs.run_due(now + HOUR + timedelta(seconds=seconds))

    assert campaign.occurrences.get().reason == reason


def test_missed_runs_never_fire_in_a_burst(recur, now):
    campaign = recur()

    for minute in range(0, 300, 10):
        runs.run_due(now + 5 * DAY + 2 * HOUR + timedelta(minutes=minute))

    assert tell(campaign)[:5] == [f"{day} missed no_scheduler" for day in range(20, 25)]
    assert tell(campaign)[5:] == ["25 fired late"]
    assert campaign.transfers.count() == 1


def test_a_late_run_never_comes_right_before_the_next(recur, now):
    campaign = recur()

    runs.run_due(now + 23 * HOUR)
    runs.run_due(now + 25 * HOUR)

    assert tell(campaign) == ["20 missed no_scheduler", "21 fired"]


def test_a_run_is_left_out_while_the_one_before_it_is_being_sent(recur, now):
    campaign = recur()
    runs.run_due(now + HOUR)

    runs.run_due(now + HOUR + DAY)

    assert tell(campaign) == ["20 fired", "21 skipped still_running"]


def test_what_passed_while_it_was_paused_is_not_made_up_for(recur, now):
    campaign = recur()
    campaigns.pause_campaign(campaign, actor="owner", now=now)
    taken = runs.run_due(now + 2 * DAY)

    campaigns.resume_campaign(campaign, actor="owner", now=now + 2 * DAY)
    runs.run_due(now + 2 * DAY + HOUR)

    assert taken == 0
    assert tell(campaign) == ["20 skipped paused", "21 skipped paused", "22 fired"]


def test_pausing_a_series_pauses_the_run_under_way_too(recur, now):
    campaign = recur()
    runs.run_due(now + HOUR)

    campaigns.pause_campaign(Campaign.objects.get(), actor="owner", now=now)
    paused = campaign.transfers.get().status
    campaigns.resume_campaign(Campaign.objects.get(), actor="owner", now=now)

    campaign.refresh_from_db()
    assert (paused, campaign.transfers.get().status) == ("paused", "accepted")
    assert campaign.status == "recurring"


def test_cancelling_a_series_ends_it_and_its_run(recur, now):
    campaign = recur()
    runs.run_due(now + HOUR)

    campaigns.cancel_campaign(Campaign.objects.get(), actor="owner", now=now)
    runs.run_due(now + HOUR + DAY)

    assert campaign.transfers.get().status == "cancelled"
    assert tell(campaign) == ["20 fired"]


def test_what_stands_against_a_run_pauses_the_series_and_says_why(recur, now):
    campaign = recur()
    Group.objects.update(archived_at=now)
    Campaign.objects.update(group=Group.objects.first())

    runs.run_due(now + HOUR)

    campaign.refresh_from_db()
    assert campaign.status == "paused"
    assert "archived" in campaign.events.last().note
    assert tell(campaign) == ["20 skipped not_ready"]


def test_a_run_that_the_engine_has_paused_pauses_the_series(recur, now):
    campaign = recur()
    runs.run_due(now + HOUR)
    campaign.transfers.get().move_to("paused", actor="dispatch", now=now)

    folds.follow_transfers(campaign, now)

    campaign.refresh_from_db()
    assert campaign.status == "paused"


def test_a_series_of_which_every_run_was_missed_has_failed(recur, now):
    campaign = recur({"runs": 2}, when_missed="skip")

    runs.run_due(now + 9 * DAY)

    campaign.refresh_from_db()
    assert campaign.status == "failed"
    assert "None of its runs" in campaign.events.last().note


def test_the_end_is_found_even_when_the_last_time_was_left_out(recur, now):
    campaign = recur({"runs": 2})
    runs.run_due(now + HOUR)
    runs.run_due(now + HOUR + DAY)
    transfer = campaign.transfers.get()
    transfer.move_to("sending", actor="test", now=now)
    transfer.move_to("sent", actor="test", now=now, finished_at=now)

    runs.run_due(now + HOUR + DAY)

    campaign.refresh_from_db()
    assert campaign.status == "sent"


def test_a_draft_that_is_launched_later_begins_with_its_next_time(make_campaign, app, now):
    builders.make_device(app, "one")
    campaign = make_campaign(
        recurrence={"unit": "day"}, send_at="2026-11-01T13:00", timezone="UTC",
        due_at=now - 19 * DAY,
    )  # fmt: skip

    campaigns.launch_campaign(campaign, actor="owner", now=now)

    assert (campaign.status, campaign.due_at) == ("recurring", now + HOUR)


def test_a_series_that_is_over_cannot_be_launched(make_campaign, app, now):
    builders.make_device(app, "one")
    campaign = make_campaign(
        recurrence={"unit": "day", "runs": 2}, send_at="2026-11-01T13:00", timezone="UTC",
        due_at=now - 19 * DAY,
    )  # fmt: skip

    problems = find_problems(campaign, now=now)

    assert [(item.code, item.field) for item in problems] == [("past_schedule", "recurrence")]


def test_the_database_refuses_a_second_occurrence_of_one_time(recur, now):
    campaign = recur()
    runs.run_due(now + HOUR)
    seen = Occurrence.objects.get()

    with pytest.raises(IntegrityError):
        Occurrence.objects.create(
            campaign=campaign, due_at=seen.due_at, state="fired", settled_at=now
        )


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_a_clock_that_jumps_fires_each_time_once(recur, now, jump):
    campaign = recur()
    before = [now + timedelta(minutes=minute) for minute in range(0, 61, 5)]
    after = [moment + jump + HOUR for moment in before]
    back = [now + timedelta(minutes=minute) for minute in range(0, 24 * 60, 30)]

    for moment in (*before, *after, *back):
        runs.run_due(moment)

    assert tell(campaign) == ["20 fired"]
    assert campaign.transfers.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_scheduler_that_dies_anywhere_leaves_each_time_to_the_next(recur, now):
    campaign = recur({"runs": 200})
    died = 0

    for day in range(200):
        due_at = now + HOUR + day * DAY
        has_lived = passes(Boundaries(day + 1), partial(runs.run_due, due_at))
        half = Occurrence.objects.filter(due_at=due_at, transfers__isnull=True)
        assert not half.exists(), f"place {day + 1}"
        runs.run_due(due_at)
        finish(campaign, due_at)
        died += not has_lived
        if has_lived:
            break

    assert died > 10
    assert campaign.transfers.count() == campaign.occurrences.count() == died + 1
    assert set(campaign.occurrences.values_list("state", flat=True)) == {"fired"}


@pytest.mark.parametrize("policy", ["run_late", "skip"])
def test_a_campaign_sent_once_follows_the_policy_too(schedule, now, policy):
    campaign = schedule(due_at=now, when_missed=policy)

    plan.start_due(now + 2 * HOUR)

    campaign.refresh_from_db()
    assert campaign.status == {"run_late": "sending", "skip": "failed"}[policy]
    assert "No scheduler was running" in campaign.events.last().note


def test_a_start_that_was_moved_meanwhile_is_left_alone(schedule, now):
    campaign = schedule(due_at=now)
    seen = Campaign.objects.get()
    Campaign.objects.update(due_at=now + DAY)

    with pytest.raises(ChangedMeanwhile):
        plan.start_campaign(seen, actor="scheduler", now=now)

    campaign.refresh_from_db()
    assert campaign.status == "scheduled"
    assert not Transfer.objects.exists()


def test_a_campaign_sent_once_does_not_become_a_series(schedule, now):
    with pytest.raises(IllegalMove):
        schedule().move_to("recurring", actor="owner", now=now)


SERIES = (
    ("Europe/Berlin", "02:30", {"unit": "day"}),
    ("America/New_York", "01:15", {"unit": "day", "every": 2}),
    ("Australia/Lord_Howe", "02:00", {"unit": "week", "weekdays": ["sun", "tue"]}),
    ("UTC", "09:00", {"unit": "month", "day": 31}),
)


def list_moments(start, random):
    """When the scheduler looks, through a year: often, late, after days, an hour off."""
    moment = start
    while moment < start + timedelta(days=366):
        dead = random.choices((timedelta(minutes=5), 2 * HOUR, 60 * HOUR), (900, 9, 1))[0]
        moment += dead
        yield moment + random.choices((timedelta(), HOUR, -HOUR), (60, 1, 1))[0]


@pytest.mark.chaos
def test_a_year_of_schedules_fires_or_tells_every_time(make_campaign, app, capsys):
    """R19: the clocks change, a day is added, the scheduler dies, jumps, and has a twin."""
    builders.make_device(app, "one")
    start = datetime(2028, 1, 1, tzinfo=UTC)
    series = [
        campaigns.launch_campaign(
            make_campaign(
                recurrence={**rule, "until": "2028-12-28"}, timezone=zone, due_at=start,
                send_at=f"2028-01-02T{hour}",
            ),
            actor="owner", now=start,
        )
        for zone, hour, rule in SERIES
    ]  # fmt: skip

    due_at = start
    for moment in list_moments(start, Random(19)):
        if moment >= due_at:
            for _scheduler in range(2):
                runs.run_due(moment)
            Transfer.objects.filter(finished_at__isnull=True).update(finished_at=moment)
            waiting = Campaign.objects.filter(status="recurring")
            due_at = waiting.aggregate(first=Min("due_at"))["first"] or moment

    rows = Occurrence.objects.order_by("campaign_id", "due_at")
    settled = {
        campaign.pk: [row.due_at for row in rows if row.campaign_id == campaign.pk]
        for campaign in series
    }
    states = Counter(row.reason or row.state for row in rows)
    fired = rows.filter(state="fired").count()
    doubled = Transfer.objects.filter(occurrence__isnull=False).count() - fired
    with capsys.disabled():
        print(f"\nR19: {len(rows)} times of a leap year: {dict(states)}, {doubled} doubled")
    assert settled == {
        campaign.pk: [found.due_at for found in campaign.series.list_upcoming(start, 400)]
        for campaign in series
    }
    assert doubled == 0
    assert states["late"] > 0
    assert states["no_scheduler"] > 0
    assert set(Campaign.objects.values_list("status", flat=True)) == {"sent"}
