"""A second person's word: who asks, who gives it, what it holds for, and what makes it void."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from campaigns.dispatch import plan, runs
from campaigns.dispatch.freeze import freeze_transfer
from campaigns.errors import ChangedMeanwhile, Conflict, Forbidden, IllegalMove, Invalid, NotReady
from campaigns.models import (
    Account,
    App,
    AppGroup,
    Approval,
    AuditEntry,
    Campaign,
    Label,
    Message,
    Route,
    Segment,
    Transfer,
)
from campaigns.selectors.approvals import list_asked, list_bypassed, read_standing
from campaigns.selectors.origins import add_origin, list_origin_writers
from campaigns.selectors.signing import PLAIN, describe_signed, digest_campaign
from campaigns.services import approvals, campaigns, rates, waiting
from campaigns.services.audience import create_segment, update_segment
from campaigns.services.templates import TemplateValues, create_template, update_template
from tests import builders

pytestmark = pytest.mark.database
HELLO = {"title": "Hi", "body": "There"}
BODY = {"name": "One", "audience": {"all": True}, "message": HELLO}
SEGMENT = {"field": "device.platform", "op": "eq", "value": "android"}
Status = Campaign.Status
State = Approval.State


@pytest.fixture
def served(app):
    builders.make_route(app, "android")
    for number in range(3):
        builders.make_device(app, f"token-{number}")
    App.objects.filter(pk=app.pk).update(needs_approval=True)
    app.refresh_from_db()
    return app


@pytest.fixture
def make(served, owner, now):
    def create(**body):
        return campaigns.create_campaign(owner, BODY | body, actor="ann", now=now)

    return create


def ask(campaign, now):
    return approvals.request_approval(campaign, actor="ann", now=now)


def approve(campaign, now, actor="bob", version=None):
    version = digest_campaign(fresh(campaign)) if version is None else version
    return approvals.approve_campaign(campaign, version, actor=actor, now=now)


def fresh(campaign):
    related = ("app", "app_group", "group", "message", "scenario")
    return Campaign.objects.select_related(*related).get(pk=campaign.pk)


def launch(campaign, now, **options):
    return campaigns.launch_campaign(campaign, actor="sue", now=now, **options)


def find_refusal(campaign, now):
    """The code with which launching is refused; "" when it is not."""
    try:
        launch(campaign, now)
    except Conflict as refusal:
        return refusal.code
    return ""


def test_what_is_asked_approved_and_launched_goes_out(make, owner, now):
    campaign = make()

    before = find_refusal(campaign, now)
    ask(campaign, now)
    asked = (campaign.status, list_asked(owner).get().digest, find_refusal(campaign, now))
    approve(campaign, now)
    launch(campaign, now)

    assert before == "approval_required"
    assert asked == (Status.IN_REVIEW, "", "approval_required")
    assert fresh(campaign).status == Status.SENDING
    approval = Approval.objects.get()
    assert (approval.state, approval.asked_by, approval.decided_by) == ("approved", "ann", "bob")
    verbs = list(AuditEntry.objects.order_by("pk").values_list("verb", flat=True))
    assert verbs == [
        "create_campaign", "request_approval", "approve_campaign", "launch_campaign",
    ]  # fmt: skip
    assert not list_asked(owner)


@pytest.mark.parametrize("writer", ["ann", "eve"])
def test_who_wrote_any_of_it_cannot_approve(make, owner, now, writer):
    campaign = make()
    campaigns.update_campaign(campaign, owner, {"tag": "x"}, actor="eve", now=now)
    ask(campaign, now)

    with pytest.raises(Forbidden) as refusal:
        approve(campaign, now, actor=writer)

    assert refusal.value.code == "own_work"
    assert Approval.objects.get().state == State.ASKED


@pytest.mark.parametrize("writer", ["ann", "eve", "max"])
def test_who_wrote_what_it_was_copied_from_cannot_approve(
    make, served, owner, stranger, now, writer
):
    values = TemplateValues("Sale", "", HELLO)
    kept = create_template(served.workspace, served, values, actor="eve", now=now)
    update_template(kept, TemplateValues(content={"body": "Hi"}), actor="max", now=now)
    origins = add_origin(add_origin("", make()), kept)
    writers = list_origin_writers(owner, origins)
    begun = campaigns.create_campaign(
        owner, BODY | {"name": "Two"}, actor="sue", now=now, writers=writers
    )
    copy = campaigns.duplicate_campaign(fresh(begun), actor="tom", now=now)

    for campaign in (begun, copy):
        ask(campaign, now)
        with pytest.raises(Forbidden):
            approve(campaign, now, actor=writer)
    approve(copy, now)

    assert copy.written_by == ["tom", "sue", "ann", "eve", "max"]
    assert list_origin_writers(stranger, origins) == []


def test_who_changed_its_segment_meanwhile_cannot_approve(make, served, now):
    by = {"actor": "bob", "now": now}
    segment = create_segment(served, name="Some", expression=SEGMENT, **by)
    late = now + timedelta(minutes=1)
    both = {"combine": {"include": [{"segment": segment.pk}]}}
    campaign = make(audience=both)
    Campaign.objects.filter(pk=campaign.pk).update(created_at=late)
    ask(fresh(campaign), now)
    update_segment(segment, expression={"and": []}, actor="eve", now=late)

    with pytest.raises(Forbidden) as refusal:
        approve(campaign, now, actor="eve")
    approval = approve(campaign, now, actor="bob")  # who made the segment before it was begun

    assert refusal.value.code == "own_work"
    assert approval.state == State.APPROVED


def test_only_what_was_looked_at_is_approved(make, now):
    campaign = make()
    ask(campaign, now)

    for version in ("", "0" * 64):
        with pytest.raises(ChangedMeanwhile):
            approve(campaign, now, version=version)

    assert Approval.objects.get().state == State.ASKED


def test_an_edit_takes_back_what_was_asked_and_what_was_approved(make, owner, now):
    asked, approved = make(), make()
    for campaign in (asked, approved):
        ask(campaign, now)
    approve(approved, now)

    for campaign in (asked, approved):
        campaigns.update_campaign(campaign, owner, {"name": "One"}, actor="ann", now=now)

    assert set(Approval.objects.values_list("state", flat=True)) == {"void"}
    assert [fresh(row).status for row in (asked, approved)] == ["draft", "draft"]
    assert [find_refusal(row, now) for row in (asked, approved)] == ["approval_required"] * 2


def test_it_is_sent_back_with_a_note_and_asked_again(make, now):
    campaign = make()
    ask(campaign, now)

    with pytest.raises(Invalid):
        approvals.send_back_campaign(campaign, " ", actor="bob", now=now)
    approvals.send_back_campaign(campaign, "Too loud", actor="bob", now=now)
    back = (fresh(campaign).status, Approval.objects.get().note)
    ask(campaign, now)

    assert back == ("draft", "Too loud")
    states = list(Approval.objects.order_by("pk").values_list("state", flat=True))
    assert states == ["sent_back", "asked"]


def test_what_was_approved_can_still_be_sent_back_until_it_goes(make, now):
    campaign = make(send_at="2026-11-21T09:00", timezone="UTC")
    ask(campaign, now)
    approve(campaign, now)
    launch(campaign, now)

    approvals.send_back_campaign(campaign, "Stop", actor="bob", now=now)

    assert fresh(campaign).status == Status.DRAFT


def test_who_asks_twice_or_for_nothing_is_told(make, served, now):
    campaign, sent = make(), make()
    ask(campaign, now)
    Campaign.objects.filter(pk=sent.pk).update(status="sent")

    with pytest.raises(Conflict) as twice:
        ask(campaign, now)
    with pytest.raises(IllegalMove):
        ask(sent, now)
    with pytest.raises(NotReady):
        ask(make(message={}), now)
    App.objects.update(needs_approval=False)
    with pytest.raises(Conflict) as nothing:
        ask(make(), now)

    assert (twice.value.code, nothing.value.code) == ("asked_already", "not_needed")


@pytest.mark.parametrize(
    ("above", "code"),
    [(None, "approval_required"), (3, ""), (2, "approval_required"), (0, "approval_required")],
)
def test_a_policy_may_hold_only_above_so_many(make, now, above, code):
    App.objects.update(approval_above=above)

    assert find_refusal(fresh(make()), now) == code


def test_every_app_of_a_group_has_its_own_policy(served, owner, now):
    other = builders.make_app(served.workspace, "other")
    builders.make_route(other, "android")
    builders.make_device(other, "theirs")
    group = AppGroup.objects.create(
        workspace=served.workspace, name="Both", slug="both", group_key="g" * 24
    )
    group.apps.set([served, other])
    body = BODY | {"app_group": "both"}
    campaign = campaigns.create_campaign(owner, body, actor="ann", now=now)

    by_one = find_refusal(campaign, now)
    App.objects.update(needs_approval=False)
    by_none = find_refusal(fresh(campaign), now)

    assert (by_one, by_none) == ("approval_required", "")


def test_going_without_is_kept_with_its_reason_for_one_launch(make, owner, now):
    campaign = make(send_at="2026-11-21T09:00", timezone="UTC")
    launch(campaign, now, may_bypass_approval=True, bypass_reason="Nobody is here")
    shown = list_bypassed(owner, now - timedelta(days=7)).get()
    assert "bypass_approval" in AuditEntry.objects.values_list("verb", flat=True)

    waiting.unschedule_campaign(campaign, actor="sue", now=now)

    assert (shown.note, shown.decided_by) == ("Nobody is here", "sue")
    assert find_refusal(fresh(campaign), now) == "approval_required"


def test_what_was_let_go_without_still_goes_at_its_time(make, now):
    campaign = make(send_at="2026-11-21T09:00", timezone="UTC")
    launch(campaign, now, may_bypass_approval=True)

    plan.start_due(now + timedelta(days=1))

    assert fresh(campaign).status == Status.SENDING


def test_a_test_needs_no_approval(make, owner, served, now):
    device = served.devices.first().pk

    test = campaigns.test_campaign(owner, make(), {"devices": [device]}, actor="ann", now=now)

    assert test.status == Status.SENDING
    assert not Approval.objects.exists()


def test_its_time_and_its_rate_are_part_of_what_was_approved(make, now):
    campaign = make(send_at="2026-11-21T09:00", timezone="UTC")
    ask(campaign, now)
    approve(campaign, now)
    launch(campaign, now)
    later = {"send_at": "2026-11-22T09:00"}

    with pytest.raises(Conflict) as moved:
        waiting.reschedule_campaign(campaign, later, actor="sue", now=now)
    with pytest.raises(Conflict) as paced:
        rates.change_campaign_rate(campaign, 5, actor="sue", now=now)

    assert {moved.value.code, paced.value.code} == {"approval_required"}
    assert read_standing(fresh(campaign)).holds


def test_what_changed_since_does_not_start_at_its_time(make, served, now):
    segment = Segment.objects.create(app=served, name="Android", expression=SEGMENT)
    campaign = make(audience={"segment": segment.pk}, send_at="2026-11-21T09:00", timezone="UTC")
    ask(campaign, now)
    approve(campaign, now)
    launch(campaign, now)
    Segment.objects.update(expression={"and": []})

    plan.start_due(now + timedelta(days=1))

    campaign = fresh(campaign)
    assert campaign.status == Status.FAILED
    assert "has been changed since" in campaign.events.last().note


def test_a_series_pauses_when_it_is_not_what_was_approved_and_goes_on_once_it_is(make, now):
    rule = {"unit": "day", "every": 1}
    campaign = make(send_at="2026-11-21T09:00", timezone="UTC", recurrence=rule)
    ask(campaign, now)
    approve(campaign, now)
    launch(campaign, now)
    runs.run_due(now + timedelta(days=1))
    first = campaign.transfers.count()
    campaign.transfers.update(status="sent", finished_at=now)
    Route.objects.update(options={"channel": "other"})

    runs.run_due(now + timedelta(days=2))
    stopped = fresh(campaign)
    ask(stopped, now)
    approve(stopped, now)
    campaigns.resume_campaign(stopped, actor="sue", now=now + timedelta(days=2))
    runs.run_due(now + timedelta(days=3))

    assert (first, stopped.status) == (1, Status.RECURRING)
    assert campaign.events.get(old="recurring", new="paused").note.startswith(
        "Shop: what was approved"
    )
    assert campaign.transfers.count() == 2


CHANGES = {
    "the text": lambda c: Message.objects.update(content=HELLO | {"body": "Thera"}),
    "a field of a platform": lambda c: Message.objects.update(
        content=HELLO | {"ios": {"badge": 2}}
    ),
    "the audience": lambda c: Campaign.objects.update(audience={"labels": ["vip"]}),
    "the segment": lambda c: Segment.objects.update(expression=SEGMENT | {"value": "ios"}),
    "the segment is gone": lambda c: Segment.objects.all().delete(),
    "an account's address": lambda c: Account.objects.update(base_urls={"api": "https://x.org"}),
    "an account's options": lambda c: Account.objects.update(options={"a": 1}),
    "an account is off": lambda c: Account.objects.update(is_enabled=False),
    "a route's identifiers": lambda c: Route.objects.update(options={"app": "2"}),
    "the order of routes": lambda c: Route.objects.update(platform="ios"),
    "no route": lambda c: Route.objects.all().delete(),
    "the language of who has none": lambda c: App.objects.update(default_language="de"),
    "the languages instead": lambda c: App.objects.update(fallbacks=["fr"]),
    "the zone of who has none": lambda c: App.objects.update(timezone="Asia/Tokyo"),
    "name": lambda c: Campaign.objects.update(name="Two"),
    "tag": lambda c: Campaign.objects.update(tag="t"),
    "only_primary": lambda c: Campaign.objects.update(only_primary=True),
    "send_at": lambda c: Campaign.objects.update(send_at="2026-11-21T09:01"),
    "timezone": lambda c: Campaign.objects.update(timezone="Europe/Berlin"),
    "when_past": lambda c: Campaign.objects.update(when_past="now"),
    "recurrence": lambda c: Campaign.objects.update(recurrence={"unit": "day", "every": 1}),
    "when_missed": lambda c: Campaign.objects.update(when_missed="skip"),
    "grace": lambda c: Campaign.objects.update(grace=901),
    "expires_in": lambda c: Campaign.objects.update(expires_in=60),
    "rate": lambda c: Campaign.objects.update(rate=1),
    "ramp_up": lambda c: Campaign.objects.update(ramp_up=1),
    "policy": lambda c: Campaign.objects.update(policy="at_most_once"),
    "strict": lambda c: Campaign.objects.update(strict=True),
    "is_test": lambda c: Campaign.objects.update(is_test=True),
    "group": lambda c: Campaign.objects.update(group=None),
}


def test_every_column_that_is_signed_is_tried():
    assert set(PLAIN) <= CHANGES.keys()


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_whatever_is_changed_makes_it_void(make, served, now, change):
    segment = Segment.objects.create(app=served, name="Android", expression=SEGMENT)
    campaign = make(audience={"segment": segment.pk}, send_at="2026-11-21T09:00", timezone="UTC")
    ask(campaign, now)
    approve(campaign, now)
    assert read_standing(fresh(campaign)).holds

    change(campaign)

    assert not read_standing(fresh(campaign)).holds


def test_the_apps_name_is_signed_where_a_text_may_say_it(make, now):
    plain, filled = make(), make(message=HELLO | {"template": "liquid"})
    before = [digest_campaign(fresh(campaign)) for campaign in (plain, filled)]

    App.objects.update(name="Store", send_rate=5)

    after = [digest_campaign(fresh(campaign)) for campaign in (plain, filled)]
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, False]


def test_who_is_in_the_audience_is_not_signed_but_which_label_it_is(make, served, now):
    label = Label.objects.create(app=served, name="vip")
    campaign = make(audience={"labels": ["vip"]})
    before = digest_campaign(fresh(campaign))
    builders.make_device(served, "another")
    Account.objects.update(credentials="new", health="bad")
    same = digest_campaign(fresh(campaign))

    label.delete()
    Label.objects.create(app=served, name="vip")

    assert same == before
    assert digest_campaign(fresh(campaign)) != before


def test_a_relative_time_is_signed_as_it_is_written(make, served):
    recent = {"field": "device.last_seen_at", "op": "within_last", "value": "30d"}
    segment = Segment.objects.create(app=served, name="Recent", expression=recent)
    campaign = make(audience={"segment": segment.pk})
    before = digest_campaign(fresh(campaign))
    signed = describe_signed(fresh(campaign))["audience"]

    segment.expression = recent | {"value": "31d"}
    segment.save()

    assert signed == {"segment": {"id": segment.pk, "expression": recent}}
    assert digest_campaign(fresh(campaign)) != before


JSON = st.recursive(
    st.text(max_size=4) | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@pytest.mark.django_db
@given(left=JSON, right=JSON)
def test_no_two_texts_have_one_digest(left, right):
    assume(repr(left) != repr(right) and left != right)
    drafts = [
        Campaign(audience={"expression": value}, message=Message(content={"extras": value}))
        for value in (left, right)
    ]

    digests = {digest_campaign(campaign) for campaign in drafts}

    assert len(digests) == 2


def test_a_draft_of_a_test_goes_to_nobody_else(make, owner, served, now):
    draft = make()  # as tests that were sent again left them once
    Campaign.objects.filter(pk=draft.pk).update(is_test=True)
    draft.refresh_from_db()

    with pytest.raises(Invalid) as refusal:
        campaigns.update_campaign(
            draft, owner, {"audience": {"persons": ["eve"]}}, actor="ann", now=now
        )
    renamed = campaigns.update_campaign(draft, owner, {"name": "Two"}, actor="ann", now=now)

    assert list(refusal.value.fields) == ["audience"]
    assert (renamed.name, renamed.audience) == ("Two", draft.audience)


def test_a_test_grows_by_nobody_who_gets_its_label_later(make, owner, served, now):
    label = Label.objects.create(app=served, name="vip")
    persons = [builders.make_person(served.workspace, name) for name in ("eve", "joe")]
    devices = [builders.make_device(served, person.external_user_id, person=person)
               for person in persons]  # fmt: skip
    label.members.create(person=persons[0])

    test = campaigns.test_campaign(owner, make(), {"labels": ["vip"]}, actor="ann", now=now)
    label.members.create(person=persons[1])
    freeze_transfer(test.transfers.get(), now=now)

    assert test.audience == {"devices": [devices[0].pk]}
    assert test.transfers.get().audience == 1


def test_an_audience_that_grew_in_a_pause_before_it_was_frozen_is_asked_about(make, served, now):
    App.objects.filter(pk=served.pk).update(approval_above=3)
    served.refresh_from_db()
    campaign = fresh(make())
    launch(campaign, now)
    by = {"actor": "sue", "now": now}
    campaigns.pause_campaign(campaign, **by)
    campaigns.resume_campaign(campaign, **by)
    campaigns.pause_campaign(campaign, **by)
    builders.make_device(served, "one more")

    with pytest.raises(Conflict) as refusal:
        campaigns.resume_campaign(fresh(campaign), **by)

    assert refusal.value.code == "approval_required"
    assert fresh(campaign).status == Status.PAUSED
    assert campaign.transfers.get().status == Transfer.Status.PAUSED


def test_a_policy_that_came_in_a_pause_is_met_by_asking_and_resuming(make, served, now):
    App.objects.filter(pk=served.pk).update(needs_approval=False)
    served.refresh_from_db()
    campaign = fresh(make())
    by = {"actor": "sue", "now": now}
    launch(campaign, now)
    campaigns.pause_campaign(campaign, **by)
    App.objects.filter(pk=served.pk).update(needs_approval=True)

    with pytest.raises(Conflict) as refusal:
        campaigns.resume_campaign(fresh(campaign), **by)
    ask(fresh(campaign), now)
    approve(fresh(campaign), now)
    campaigns.resume_campaign(fresh(campaign), **by)

    assert "Ask for one on its page" in refusal.value.message
    assert fresh(campaign).status == Status.SENDING


def test_what_is_paused_in_the_middle_of_sending_needs_nobodys_word(make, served, now):
    campaign = fresh(make())
    ask(campaign, now)
    approve(campaign, now)
    launch(campaign, now)
    campaigns.pause_campaign(campaign, actor="sue", now=now)
    campaign.transfers.update(frozen_at=now)

    with pytest.raises(IllegalMove):
        ask(fresh(campaign), now)

    assert not approvals.is_askable(fresh(campaign))
