"""What waits for its time is moved or taken back, until it has begun."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.dispatch import plan, runs
from campaigns.errors import ChangedMeanwhile, IllegalMove, Invalid, NotReady
from campaigns.models import AppGroup, AuditEntry, Campaign
from campaigns.selectors.upcoming import list_next_times
from campaigns.services import campaigns, waiting
from tests import builders

pytestmark = pytest.mark.database
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
BODY = {"audience": {"all": True}, "message": {"title": "Hi", "body": "There"}}


@pytest.fixture
def launch(app, owner, now):
    for platform in ("android", "ios", "web"):
        builders.make_route(app, platform)
    builders.make_device(app, "one")

    def launch(**body):
        whole = {"send_at": "2026-11-21T09:00", "timezone": "UTC", **BODY, **body}
        campaign = campaigns.create_campaign(owner, whole, actor="owner", now=now)
        return campaigns.launch_campaign(campaign, actor="owner", now=now)

    return launch


def move(campaign, now, send_at="2026-11-22T09:00", **body):
    body = {"send_at": send_at, **body}
    return waiting.reschedule_campaign(campaign, body, actor="owner", now=now)


def test_a_scheduled_campaign_is_moved_and_starts_at_its_new_time(launch, now):
    campaign = move(launch(), now)

    plan.start_due(now + DAY)
    before = Campaign.objects.get().status
    plan.start_due(now + 2 * DAY)

    assert (before, Campaign.objects.get().status) == ("scheduled", "sending")
    assert campaign.events.last().new == "sending"
    assert "2026-11-22 09:00 UTC" in campaign.events.order_by("pk")[1].note
    assert AuditEntry.objects.filter(
        verb="reschedule_campaign", fields=["send_at", "timezone"]
    ).exists()


def test_a_new_zone_moves_the_instant(launch, now):
    campaign = move(launch(), now, timezone="Asia/Tokyo")

    assert (campaign.timezone, campaign.due_at.hour) == ("Asia/Tokyo", 0)


def test_each_recipients_own_hour_stays_theirs_when_it_is_moved(launch, now):
    campaign = move(launch(timezone="recipient"), now)

    assert (campaign.timezone, campaign.send_at) == ("recipient", "2026-11-22T09:00")
    assert [item.local for item in list_next_times(campaign, now)] == ["2026-11-22T09:00"]


def test_a_series_is_moved_with_its_rule_and_what_is_left_of_it(launch, now):
    campaign = launch(recurrence={"unit": "day", "runs": 3})
    runs.run_due(now + 21 * HOUR)
    campaign.refresh_from_db()

    move(campaign, now + 22 * HOUR, send_at="2026-11-25T18:00")

    assert campaign.recurrence == {"unit": "day", "runs": 2}
    assert campaign.due_at == now.replace(day=25, hour=18)


def test_a_series_that_is_moved_twice_loses_no_run(launch, now):
    campaign = launch(recurrence={"unit": "day", "runs": 5})
    runs.run_due(now + 21 * HOUR)
    campaign.refresh_from_db()
    move(campaign, now + 22 * HOUR, send_at="2026-11-25T18:00")

    move(campaign, now + 23 * HOUR, send_at="2026-11-26T18:00")

    assert campaign.recurrence == {"unit": "day", "runs": 4}


def test_a_series_that_is_moved_onto_a_settled_time_does_not_send_it_again(launch, now):
    campaign = launch(recurrence={"unit": "day"})
    runs.run_due(now + 21 * HOUR)
    campaign.transfers.update(finished_at=now)
    campaign.refresh_from_db()

    move(campaign, now, send_at="2026-11-21T09:00")
    runs.run_due(now + 21 * HOUR)

    campaign.refresh_from_db()
    assert campaign.transfers.count() == 1
    assert campaign.due_at == now.replace(day=22, hour=9)


def test_a_series_that_was_moved_onto_a_settled_time_can_be_paused_over_it(launch, now):
    campaign = launch(recurrence={"unit": "day"})
    runs.run_due(now + 21 * HOUR)
    campaign.transfers.update(finished_at=now)
    campaign = move(Campaign.objects.get(), now, send_at="2026-11-21T09:00")
    campaigns.pause_campaign(campaign, actor="owner", now=now)

    campaigns.resume_campaign(campaign, actor="owner", now=now + 2 * DAY)

    assert [row.state for row in campaign.occurrences.order_by("due_at")] == ["fired", "skipped"]
    assert campaign.status == "recurring"


def test_a_campaign_that_is_taken_back_is_a_draft_that_does_not_start(launch, now):
    campaign = waiting.unschedule_campaign(launch(), actor="owner", now=now)

    plan.start_due(now + 5 * DAY)

    assert Campaign.objects.get().status == campaign.status == "draft"
    assert AuditEntry.objects.filter(verb="unschedule_campaign").exists()


def test_a_series_is_taken_back_changed_and_goes_on_with_its_runs(launch, owner, now):
    campaign = launch(recurrence={"unit": "day"})
    runs.run_due(now + 21 * HOUR)
    campaign.transfers.update(finished_at=now)
    campaign = waiting.unschedule_campaign(Campaign.objects.get(), actor="owner", now=now)
    later = now + 22 * HOUR

    body = {"recurrence": {"unit": "week"}, "send_at": "2026-11-23T09:00"}
    campaigns.update_campaign(campaign, owner, body, actor="owner", now=later)
    campaigns.launch_campaign(campaign, actor="owner", now=later)
    runs.run_due(now + 3 * DAY)

    assert [row.due_at.day for row in campaign.occurrences.order_by("due_at")] == [21, 23]
    assert campaign.transfers.count() == 2


def test_a_series_is_not_taken_back_while_a_run_is_sent(launch, now):
    campaign = launch(recurrence={"unit": "day"})
    runs.run_due(now + 21 * HOUR)
    campaign.refresh_from_db()

    with pytest.raises(NotReady, match="being sent"):
        waiting.unschedule_campaign(campaign, actor="owner", now=now)

    assert Campaign.objects.get().status == "recurring"


def test_a_campaign_with_runs_stays_with_its_apps(launch, owner, now):
    campaign = launch(recurrence={"unit": "day"})
    builders.make_app(campaign.workspace, slug="second")
    runs.run_due(now + 21 * HOUR)
    campaign.transfers.update(finished_at=now)
    draft = waiting.unschedule_campaign(Campaign.objects.get(), actor="owner", now=now)

    with pytest.raises(Invalid) as refusal:
        campaigns.update_campaign(draft, owner, {"app": "second"}, actor="owner", now=now)

    assert list(refusal.value.fields) == ["app"]


@pytest.mark.parametrize("verb", [move, waiting.unschedule_campaign])
def test_the_scheduler_may_be_faster(launch, now, verb):
    campaign = launch()
    plan.start_due(now + DAY)
    options = {} if verb is move else {"actor": "owner"}

    with pytest.raises(ChangedMeanwhile):
        verb(campaign, now=now, **options)

    assert Campaign.objects.get().status == "sending"


@pytest.mark.parametrize("status", ["draft", "sending", "paused", "sent", "cancelled", "failed"])
def test_only_what_waits_has_a_time_to_change(launch, now, status):
    campaign = launch()
    Campaign.objects.update(status=status)
    campaign.refresh_from_db()

    with pytest.raises(IllegalMove, match="waits for its time"):
        move(campaign, now)
    with pytest.raises(IllegalMove, match="waits for its time"):
        waiting.unschedule_campaign(campaign, actor="owner", now=now)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "send_at"),
        ({"send_at": None}, "send_at"),
        ({"send_at": 5}, "send_at"),
        ({"send_at": "2026-11-20T11:00"}, "send_at"),
        ({"send_at": "2026-11-22T09:00", "timezone": "Mars/Olympus"}, "timezone"),
        ({"send_at": "2026-11-22T09:00", "name": "Other"}, "name"),
    ],
)
def test_a_time_that_cannot_be_meant_is_named(launch, now, body, field):
    with pytest.raises(Invalid) as refusal:
        waiting.reschedule_campaign(launch(), body, actor="owner", now=now)

    assert list(refusal.value.fields) == [field]


def test_apps_of_several_zones_need_one_to_be_named(launch, app, now):
    tokyo = builders.make_app(app.workspace, slug="tokyo", timezone="Asia/Tokyo")
    builders.make_route(tokyo, "android")
    both = AppGroup.objects.create(workspace=app.workspace, name="B", slug="both", group_key="k")
    both.apps.add(app, tokyo)
    campaign = launch(app_group="both", send_at="2026-11-21T09:00Z", timezone=None)

    with pytest.raises(Invalid) as refusal:
        move(campaign, now)

    assert list(refusal.value.fields) == ["timezone"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"send_at": f"2026-12-20T09:00:00.{'0' * 60}"}, "send_at"),
        ({"send_at": "2026-12-20T09:00", "timezone": "localtime"}, "timezone"),
        ({"send_at": "2026-12-20T09:00", "timezone": "Factory"}, "timezone"),
    ],
)
def test_what_cannot_be_kept_or_means_another_hour_elsewhere_is_no_new_time(
    launch, now, body, field
):
    campaign = launch()

    with pytest.raises(Invalid) as caught:
        waiting.reschedule_campaign(campaign, body, actor="owner", now=now)

    assert list(caught.value.fields) == [field]


@pytest.mark.parametrize("rule", [None, {"unit": "day"}], ids=["once", "series"])
def test_nothing_but_a_pause_is_ended_by_going_on(launch, owner, now, rule):
    body = {"send_at": "2026-11-21T09:00", "timezone": "UTC", "recurrence": rule, **BODY}
    draft = campaigns.create_campaign(owner, body, actor="owner", now=now)
    waits = launch(recurrence=rule)

    for campaign in (draft, waits):
        with pytest.raises(IllegalMove, match="Only a paused campaign can go on"):
            campaigns.resume_campaign(campaign, actor="owner", now=now)

    statuses = Campaign.objects.order_by("pk").values_list("status", flat=True)
    assert list(statuses) == ["draft", "recurring" if rule else "scheduled"]
    assert not draft.events.exists()
