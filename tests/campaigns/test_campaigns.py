"""From the native API's JSON to a campaign that starts, or to every reason why it cannot."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.dispatch import plan
from campaigns.errors import ChangedMeanwhile, Conflict, IllegalMove, Invalid, NotReady
from campaigns.models import (
    AppGroup,
    AuditEntry,
    Campaign,
    Device,
    Group,
    Message,
    Segment,
    Transfer,
)
from campaigns.services import campaigns, transfers
from campaigns.services.campaign_values import write_campaign
from campaigns.services.preflight import find_problems
from tests import builders

pytestmark = pytest.mark.database
HELLO = {"title": "Hi", "body": "There"}


@pytest.fixture
def served(app):
    for platform in ("android", "ios", "web"):
        builders.make_route(app, platform)
    for number in range(3):
        builders.make_device(app, f"token-{number}")
    return app


@pytest.fixture
def make(served, owner, now):
    def create(**body):
        whole = {"name": "One", "audience": {"all": True}, "message": HELLO} | body
        return campaigns.create_campaign(owner, whole, actor="owner", now=now)

    return create


def launch(campaign, now, **options):
    return campaigns.launch_campaign(campaign, actor="owner", now=now, **options)


def find_codes(campaign, now):
    return [problem.code for problem in find_problems(campaign, now=now) if problem.is_blocking]


def test_a_draft_holds_all_that_the_body_says(make, served, now):
    group = Group.objects.create(app=served, name="News")

    campaign = make(
        app="shop", group="News", tag="spring", only_primary=True, rate=50, expires_in=3600,
        policy="at_most_once", strict=True, send_at="2026-11-21T09:00", timezone="Europe/Berlin",
        message={**HELLO, "ios": {"badge": 1}, "translations": {"de": {"title": "Na"}}},
    )  # fmt: skip

    saved = Campaign.objects.get(pk=campaign.pk)
    assert (saved.app, saved.group, saved.tag, saved.status) == (served, group, "spring", "draft")
    assert saved.due_at == now.replace(day=21, hour=8)
    assert saved.message.read().translations["de"].title == "Na"
    assert (saved.policy, saved.rate, saved.expires_in) == ("at_most_once", 50, 3600)
    assert saved.created_by == "owner"


def test_the_least_body_is_enough(served, owner, now):
    body = {"audience": {"all": True}, "message": HELLO}

    campaign = campaigns.create_campaign(owner, body, actor="owner", now=now)

    assert (campaign.name, campaign.app, campaign.group.name) == ("Hi", served, "General")
    assert AuditEntry.objects.get().verb == "create_campaign"


def test_every_wrong_value_is_named_in_one_answer(make):
    with pytest.raises(Invalid) as refusal:
        make(
            rate="fast", strict=1, policy="maybe", expires_in=0, colour="red", group="None such",
            audience={"all": True, "labels": []}, send_at="soon",
            message={"title": 5, "android": {"priority": 9}},
        )  # fmt: skip

    assert set(refusal.value.fields) == {
        "rate", "strict", "policy", "expires_in", "colour", "group", "audience", "send_at",
        "message.title", "message.android.priority",
    }  # fmt: skip
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"app": "unknown"}, "app"),
        ({"app": True}, "app"),
        ({"app": "shop", "app_group": "both"}, "app"),
        ({"app_group": "unknown"}, "app_group"),
        ({"group": 2**60}, "group"),
        ({"group": "Old"}, "group"),
        ({"audience": {"segment": 999}}, "audience.segment"),
        ({"audience": {"labels": ["nobody"]}}, "audience.labels"),
        ({"message": "Hello"}, "message"),
        ({"message": {"body": "Hi", "web": {"icon": "icon.png"}}}, "message.web.icon"),
        ({"message": {"ios": {"url": "javascript:alert(1)"}}}, "message.ios.url"),
        (
            {"message": {"ios": {"attachments": [{"file_url": "a.mp4"}]}}},
            "message.ios.attachments",
        ),
        ({"tag": "a" * 129}, "tag"),
        ({"send_at": "2026-11-20T11:59"}, "send_at"),
    ],
)
def test_what_does_not_exist_is_refused_with_its_field(make, served, now, body, field):
    Group.objects.create(app=served, name="Old", archived_at=now)

    with pytest.raises(Invalid) as refusal:
        make(**body)

    assert list(refusal.value.fields) == [field]


def test_an_app_of_somebody_else_does_not_exist(served, stranger, now):
    body = {"app": "shop", "audience": {"all": True}, "message": HELLO}

    with pytest.raises(Invalid) as refusal:
        campaigns.create_campaign(stranger, body, actor="stranger", now=now)

    assert "app" in refusal.value.fields


def test_who_reaches_several_apps_must_name_one(make, served):
    builders.make_app(served.workspace, slug="second")

    with pytest.raises(Invalid) as refusal:
        make()

    assert list(refusal.value.fields) == ["app"]


def test_a_change_keeps_what_it_does_not_name(make, owner, now):
    campaign = make(tag="spring", send_at="2026-11-21T09:00")
    later = now + timedelta(days=3)

    campaigns.update_campaign(campaign, owner, {"name": "Two"}, actor="owner", now=later)

    campaign.refresh_from_db()
    assert (campaign.name, campaign.tag, campaign.send_at) == ("Two", "spring", "2026-11-21T09:00")
    assert write_campaign(campaign)["message"] == HELLO
    assert AuditEntry.objects.latest("pk").fields == ["name"]


def test_what_has_been_launched_is_no_longer_changed(make, owner, now):
    campaign = make()
    launch(campaign, now)

    with pytest.raises(Conflict):
        campaigns.update_campaign(campaign, owner, {"name": "Two"}, actor="owner", now=now)


def test_a_copy_is_a_new_draft_with_a_message_of_its_own(make, now):
    campaign = launch(make(send_at="2026-11-21T09:00"), now)

    copy = campaigns.duplicate_campaign(campaign, actor="colleague", now=now)

    assert (copy.status, copy.send_at, copy.due_at) == ("draft", "", None)
    assert copy.message_id != campaign.message_id
    assert copy.message.content == campaign.message.content


def test_a_launch_without_a_time_makes_a_transfer_at_once(make, now):
    campaign = launch(make(tag="spring"), now)

    transfer = Transfer.objects.get(campaign=campaign)
    assert (campaign.status, transfer.status, transfer.tag) == ("sending", "accepted", "spring")
    assert "launch_campaign" in AuditEntry.objects.values_list("verb", flat=True)


def test_a_launch_with_a_later_time_only_schedules(make, now):
    campaign = launch(make(send_at="2026-11-21T09:00"), now)

    assert campaign.status == "scheduled"
    assert not Transfer.objects.exists()


def test_a_scheduled_campaign_starts_when_its_time_has_come(make, now):
    campaign = launch(make(send_at="2026-11-21T09:00"), now)

    plan.start_due(now + timedelta(hours=20))
    before = campaign.transfers.count()
    plan.start_due(now + timedelta(hours=21))

    campaign.refresh_from_db()
    assert (before, campaign.status, campaign.transfers.count()) == (0, "sending", 1)


def test_what_no_longer_holds_at_its_time_fails_in_words(make, now):
    campaign = launch(make(send_at="2026-11-21T09:00"), now)
    Group.objects.update(archived_at=now)

    plan.start_due(now + timedelta(hours=21))

    campaign.refresh_from_db()
    assert campaign.status == "failed"
    assert "General is archived" in campaign.events.last().note


def test_an_app_group_makes_a_transfer_per_app(make, served, now):
    second = builders.make_app(served.workspace, slug="second")
    builders.make_route(second, "android")
    AppGroup.objects.create(
        workspace=served.workspace, name="Both", slug="both", group_key="k"
    ).apps.add(served, second)  # fmt: skip

    campaign = launch(make(app_group="both"), now)

    assert campaign.app is None
    assert {transfer.app for transfer in campaign.transfers.all()} == {served, second}


def test_of_two_who_launch_at_once_the_second_is_told(make, now):
    campaign = make()
    late = Campaign.objects.get(pk=campaign.pk)
    launch(campaign, now)

    with pytest.raises(ChangedMeanwhile):
        launch(late, now)

    assert Transfer.objects.count() == 1


def test_an_empty_audience_cannot_be_launched_and_says_why(make, now):
    Device.objects.all().delete()

    with pytest.raises(NotReady) as refusal:
        launch(make(), now)

    assert refusal.value.code == "empty_audience"
    assert "Nobody is in this audience" in refusal.value.fields["audience"]


def test_a_time_that_has_passed_since_cannot_be_launched(make, now):
    campaign = make(send_at="2026-11-20T13:00")

    assert find_codes(campaign, now + timedelta(hours=2)) == ["past_schedule"]


@pytest.mark.parametrize(
    ("message", "code"),
    [({"title": "Hi"}, "no_text"), ({"title": "Hi", "body": "я" * 4000}, "payload_too_big")],
)
def test_a_message_that_cannot_go_cannot_be_launched(make, now, message, code):
    assert find_codes(make(message=message), now) == [code]


def test_a_segment_that_was_deleted_since_is_told(make, served, now):
    segment = Segment.objects.create(app=served, name="All", expression={"and": []})
    campaign = make(audience={"segment": segment.pk})
    segment.delete()

    assert find_codes(campaign, now) == ["audience_gone", "empty_audience"]


def test_a_group_that_was_archived_since_is_named(make, now):
    campaign = make()
    Group.objects.update(archived_at=now)

    assert find_codes(Campaign.objects.get(pk=campaign.pk), now) == ["group_archived"]


def test_the_queue_of_an_app_has_an_end(make, served, now):
    group = served.groups.get()
    Transfer.objects.bulk_create(
        Transfer(app=served, group=group, status_since=now, due_at=now, created_at=now)
        for _ in range(50)
    )

    assert find_codes(make(), now) == ["queue_full"]
    # What is planned for later stands in no queue.
    Transfer.objects.filter(pk=Transfer.objects.last().pk).update(due_at=now + timedelta(hours=1))
    assert find_codes(make(), now) == []


def test_strict_refuses_what_a_route_would_drop(make, now):
    message = {**HELLO, "extras": {"appmetrica": {"a": 1}}}

    assert find_codes(make(message=message, strict=True), now) == ["lossy"]
    assert find_codes(make(message=message), now) == []


def test_an_app_that_needs_approval_is_launched_only_by_who_may_bypass_it(make, served, now):
    type(served).objects.update(needs_approval=True)
    campaign = Campaign.objects.get(pk=make().pk)

    with pytest.raises(Conflict) as refusal:
        launch(campaign, now)
    launch(campaign, now, may_bypass_approval=True)

    assert refusal.value.code == "approval_required"
    assert campaign.status == "sending"


def test_pause_resume_and_cancel_take_the_transfers_along(make, now):
    campaign = launch(make(), now)
    seen = []
    for verb in (
        campaigns.pause_campaign, campaigns.resume_campaign, campaigns.cancel_campaign
    ):  # fmt: skip
        verb(campaign, actor="owner", now=now)
        seen.append((campaign.status, campaign.transfers.get().status))

    assert seen == [("paused", "paused"), ("sending", "accepted"), ("cancelled", "cancelled")]


def test_a_transfer_that_has_ended_stays_as_it_is_when_its_campaign_is_cancelled(make, now):
    campaign = launch(make(), now)
    transfer = campaign.transfers.get()
    transfer.move_to("sending", actor="worker", now=now)
    transfer.move_to("sent", actor="worker", now=now)

    campaigns.cancel_campaign(campaign, actor="owner", now=now)

    assert campaign.transfers.get().status == "sent"


def test_a_transfer_can_be_stopped_alone(make, now):
    transfer = launch(make(), now).transfers.get()

    transfers.pause_transfer(transfer, actor="owner", now=now)
    transfers.resume_transfer(transfer, actor="owner", now=now)
    transfers.cancel_transfer(transfer, actor="owner", now=now)

    assert [event.new for event in transfer.events.all()][-3:] == [
        "paused", "accepted", "cancelled",
    ]  # fmt: skip
    with pytest.raises(IllegalMove):
        transfers.resume_transfer(transfer, actor="owner", now=now)


def test_a_paused_campaign_of_which_a_part_goes_on_can_be_paused_again(make, now):
    campaign = launch(make(), now)
    campaigns.pause_campaign(campaign, actor="owner", now=now)

    transfers.resume_transfer(campaign.transfers.get(), actor="ann", now=now)
    campaign.refresh_from_db()
    resumed = (campaign.status, campaign.events.last().actor)
    campaigns.pause_campaign(campaign, actor="owner", now=now)

    assert resumed == ("sending", "ann")
    assert campaign.transfers.get().status == "paused"


def test_a_paused_series_stays_paused_when_its_run_goes_on(make, now):
    campaign = launch(make(), now)
    Campaign.objects.update(status="paused", recurrence={"unit": "day"})
    transfer = campaign.transfers.get()
    transfers.pause_transfer(transfer, actor="owner", now=now)

    transfers.resume_transfer(transfer, actor="owner", now=now)

    assert (Campaign.objects.get().status, transfer.status) == ("paused", "accepted")


def test_a_test_goes_to_a_few_devices_as_a_campaign_of_its_own(make, served, owner, now):
    campaign = make(send_at="2026-11-21T09:00")
    device = served.devices.first()

    test = campaigns.test_campaign(
        owner, campaign, {"devices": [device.pk]}, actor="owner", now=now
    )

    assert (test.is_test, test.status, test.name) == (True, "sending", "Test of One")
    assert test.transfers.get().is_test
    campaign.refresh_from_db()
    assert campaign.status == "draft"


def test_a_test_to_many_is_refused(make, served, owner, now):
    for number in range(3, 11):
        builders.make_device(served, f"token-{number}")

    with pytest.raises(Invalid) as refusal:
        campaigns.test_campaign(owner, make(), {"all": True}, actor="owner", now=now)

    assert "audience" in refusal.value.fields
    assert Campaign.objects.count() == 1
