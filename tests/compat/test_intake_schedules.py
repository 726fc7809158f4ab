"""Pushes that a script plans ahead: made once, replaced as a whole, gone when they are dropped."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from campaigns.dispatch import freeze, runs
from campaigns.errors import Conflict, Forbidden, Invalid, NotFound
from campaigns.models import (
    Campaign,
    Label,
    Message,
    Planned,
    ScriptSchedule,
    Segment,
    Submission,
    Transfer,
)
from campaigns.services import access, intake, intake_schedules
from campaigns.services.callers import Caller
from campaigns.services.campaigns import cancel_campaign
from campaigns.services.transfers import cancel_transfer
from providers.commands import PushPart, SendPush
from providers.message import PushMessage
from providers.outcomes import Refusal
from providers.recipients import AppChoice, Audience, Targets
from providers.schedules import (
    BindRecords,
    DropSchedule,
    FetchSchedule,
    ListSchedules,
    SaveRecord,
    SaveSchedule,
)
from tests import builders
from tests.compat.conftest import make_key
from tests.compat.planning import PLAIN, PLANNING, make_schedule

pytestmark = [pytest.mark.django_db, pytest.mark.database]
HOUR = timedelta(hours=1)
PARTS = (PushPart(PushMessage(title="Hi", body="There")),)


@pytest.fixture
def caller(app, now):
    builders.make_device(app, "one")
    return Caller(make_key(app)[0], PLAIN, now)


@pytest.fixture
def planner(caller):
    return replace(caller, dialect=PLANNING)


def make_save(now, **fields):
    values = {"name": "Later", "push": SendPush(parts=PARTS, due_at=now + HOUR), "body": {"a": 1}}
    return SaveSchedule(**values | fields)


def make_series(now, **fields):
    push = SendPush(parts=PARTS, wall_clock="2026-11-20T13:00")
    return make_save(now, push=push, recurrence={"unit": "day"}, timezone="UTC", **fields)


def later(caller, moment):
    return replace(caller, now=moment)


def test_a_push_of_later_waits_as_a_transfer_and_is_listed_once_it_is_due(caller, app, now):
    body = {"trigger": {"b": [1, None], "a": "é"}, "0": ""}

    made = intake.execute(make_save(now, body=body), caller)
    before = intake.execute(FetchSchedule(made.id), caller)
    after = intake.execute(FetchSchedule(made.id), later(caller, now + HOUR))

    transfer = Transfer.objects.get()
    assert before.body == body
    assert (transfer.app, transfer.due_at, transfer.status) == (app, now + HOUR, "accepted")
    assert (made.name, made.is_enabled, made.created_at, before.transfers) == (
        "Later", True, now, (),
    )  # fmt: skip
    assert after.transfers == (str(transfer.pk),)
    assert int(made.id) < 2**53


def test_a_push_at_recipients_own_hour_is_due_where_the_first_has_it(caller, now):
    push = SendPush(parts=PARTS, wall_clock="2026-11-22T09:00", expires_in=60)

    intake.execute(make_save(now, push=push), caller)

    transfer = Transfer.objects.get()
    assert (transfer.wall_clock, transfer.due_at.isoformat()) == (
        "2026-11-22T09:00", "2026-11-21T19:00:00+00:00",
    )  # fmt: skip


@pytest.mark.parametrize("hours", [-1, 0, 24 * 367])
def test_a_time_that_has_passed_or_is_out_of_reach_is_refused(caller, now, hours):
    push = SendPush(parts=PARTS, due_at=now + hours * HOUR)

    with pytest.raises(Invalid):
        intake.execute(make_save(now, push=push), caller)

    assert not ScriptSchedule.objects.exists()


def test_what_comes_again_is_a_campaign_that_recurs(caller, app, now):
    made = intake.execute(make_series(now), caller)

    runs.run_due(now + HOUR)
    told = intake.execute(FetchSchedule(made.id), later(caller, now + HOUR))

    campaign = Campaign.objects.get()
    assert (campaign.app, campaign.status, campaign.audience) == (app, "recurring", {"all": True})
    assert campaign.group.name == "Plain"
    assert told.transfers == (str(campaign.transfers.get().pk),)


@pytest.mark.parametrize(
    ("kind", "field"), [("email", "person.email"), ("google_aid", "device.id.google_aid")]
)
def test_ids_of_a_recurring_push_are_looked_up_at_each_run(caller, now, kind, field):
    parts = (PushPart(PARTS[0].message, (Targets(kind, ("a", "b")),)),)
    push = SendPush(parts=parts, wall_clock="2026-11-20T13:00")

    intake.execute(replace(make_series(now), push=push), caller)

    condition = {"field": field, "op": "in", "value": ["a", "b"]}
    assert Campaign.objects.get().audience == {"expression": {"or": [condition]}}


def test_a_recurring_push_goes_to_labels_segments_and_ids_at_once(caller, app, now):
    german = {"field": "device.country", "op": "eq", "value": "DE"}
    segment = Segment.objects.create(app=app, name="German", expression=german)
    Label.objects.create(app=app, name="vip")
    alone = Audience(segments=(str(segment.pk),))
    both = Audience(labels=("vip",), segments=(str(segment.pk),))
    targets = (Targets("external_user_id", ("ann",)),)

    for parts in (
        (PushPart(PARTS[0].message, audience=alone),),
        (PushPart(PARTS[0].message, targets, both),),
    ):
        push = SendPush(parts=parts, wall_clock="2026-11-20T13:00")
        intake.execute(replace(make_series(now), push=push), caller)
    runs.run_due(now + HOUR)

    audiences = list(Campaign.objects.order_by("pk").values_list("audience", flat=True))
    person = {"field": "person.external_user_id", "op": "in", "value": ["ann"]}
    label = {"field": "person.label", "op": "eq", "value": "vip"}
    assert audiences == [
        {"segment": segment.pk}, {"expression": {"and": [{"or": [person]}, label, german]}},
    ]  # fmt: skip
    assert Transfer.objects.count() == 2


def test_a_recurring_push_to_what_is_not_there_is_refused(caller, now):
    for audience in (Audience(labels=("none",)), Audience(segments=("99",))):
        push = SendPush(
            parts=(PushPart(PARTS[0].message, audience=audience),), wall_clock="2026-11-20T13:00"
        )
        with pytest.raises(NotFound):
            intake.execute(replace(make_series(now), push=push), caller)

    assert not Campaign.objects.exists()


@pytest.mark.parametrize(
    ("rule", "zone", "wall"),
    [
        ({"unit": "year"}, "UTC", "2026-11-20T13:00"),
        ({"unit": "day"}, "Mars/Olympus", "2026-11-20T13:00"),
        ({"unit": "day"}, "recipient", "2026-11-20T13:00"),
        ({"unit": "day"}, "UTC", ""),
        ({"unit": "day"}, "UTC", "tomorrow"),
    ],
)
def test_a_rule_that_makes_no_series_is_refused(caller, now, rule, zone, wall):
    push = SendPush(parts=PARTS, wall_clock=wall)

    with pytest.raises(Invalid):
        intake.execute(make_save(now, push=push, recurrence=rule, timezone=zone), caller)

    assert not Campaign.objects.exists()


def test_a_change_replaces_what_was_planned_and_leaves_nothing_of_it(caller, now):
    made = intake.execute(make_save(now, body={"a": 1, "b": 2}), caller)
    other = SendPush(parts=PARTS, due_at=now + 2 * HOUR)

    changed = intake.execute(make_save(now, id=made.id, name="", push=other, body={"b": 3}), caller)

    assert (changed.id, changed.name, changed.body) == (made.id, "Later", {"a": 1, "b": 3})
    assert Transfer.objects.get().due_at == now + 2 * HOUR
    assert Message.objects.count() == Submission.objects.count() == Planned.objects.count() == 1


def test_what_is_due_goes_and_a_change_plans_beside_it(caller, now):
    made = intake.execute(make_save(now), caller)
    due = later(caller, now + HOUR)
    other = SendPush(parts=PARTS, due_at=now + 2 * HOUR)

    intake.execute(make_save(now, id=made.id, push=other), due)

    assert sorted(Transfer.objects.values_list("status", "due_at")) == [
        ("accepted", now + HOUR), ("accepted", now + 2 * HOUR),
    ]  # fmt: skip


def test_a_change_at_the_instant_at_which_a_worker_begins_is_refused(caller, now):
    made = intake.execute(make_save(now), caller)
    transfer = Transfer.objects.get()
    freeze.freeze_step(transfer, "worker", now + HOUR)
    other = SendPush(parts=PARTS, due_at=now + 2 * HOUR)

    with pytest.raises(Conflict):
        intake.execute(make_save(now, id=made.id, push=other), caller)

    assert Transfer.objects.get() == transfer


def test_a_worker_that_comes_after_a_change_finds_nothing_to_begin(caller, now):
    made = intake.execute(make_save(now), caller)
    transfer = Transfer.objects.get()
    intake.execute(DropSchedule(made.id), caller)

    is_begun = freeze.freeze_step(transfer, "worker", now + HOUR)

    assert not is_begun


def test_a_change_makes_the_run_that_is_due_before_it_ends_the_series(caller, now):
    made = intake.execute(make_series(now), caller)
    first = Campaign.objects.get()
    due = later(caller, now + HOUR)

    intake.execute(make_series(now, id=made.id), due)
    runs.run_due(now + HOUR)
    told = intake.execute(FetchSchedule(made.id), due)

    second = Campaign.objects.exclude(pk=first.pk).get()
    first.refresh_from_db()
    assert (first.status, second.status) == ("cancelled", "recurring")
    assert Transfer.objects.count() == len(told.transfers) == 1
    assert second.due_at == now + 25 * HOUR


def test_a_schedule_that_is_switched_off_plans_nothing(caller, now):
    made = intake.execute(make_save(now), caller)

    off = intake.execute(make_save(now, id=made.id, push=None, is_enabled=False), caller)
    with pytest.raises(Invalid):
        intake.execute(make_save(now, id=made.id, push=None, is_enabled=True), caller)
    on = intake.execute(make_save(now, id=made.id, is_enabled=True), caller)
    never = intake.execute(make_save(now, is_enabled=False), caller)

    assert (off.is_enabled, on.is_enabled, never.is_enabled) == (False, True, False)
    assert Transfer.objects.count() == 1


def test_a_change_without_a_push_leaves_what_was_planned(caller, now):
    made = intake.execute(make_save(now), caller)
    planned = Transfer.objects.get()

    intake.execute(make_save(now, id=made.id, push=None, name="New"), caller)

    assert Transfer.objects.get() == planned
    assert ScriptSchedule.objects.get().name == "New"


def test_a_dropped_schedule_takes_back_what_waits_and_leaves_what_was_made(caller, now):
    one, series = (intake.execute(make(now), caller) for make in (make_save, make_series))
    runs.run_due(now + HOUR)
    late = later(caller, now + HOUR)

    for made in (one, series):
        intake.execute(DropSchedule(made.id), late)

    assert not ScriptSchedule.objects.exists()
    assert Campaign.objects.get().status == "cancelled"
    assert set(Transfer.objects.values_list("status", flat=True)) == {"accepted"}
    assert Transfer.objects.count() == 2
    with pytest.raises(NotFound):
        intake.execute(FetchSchedule(one.id), late)


def test_what_an_operator_has_cancelled_is_not_made_and_not_listed(caller, now):
    one, series = (intake.execute(make(now), caller) for make in (make_save, make_series))
    cancel_transfer(Transfer.objects.get(), actor="owner", now=now)
    cancel_campaign(Campaign.objects.get(), actor="owner", now=now)
    runs.run_due(now + HOUR)
    late = later(caller, now + HOUR)

    told = [intake.execute(FetchSchedule(made.id), late) for made in (one, series)]

    assert [row.transfers for row in told] == [(), ()]


def test_a_schedule_of_several_apps_makes_one_transfer_for_each(caller, workspace, now):
    key = make_wide_key(workspace)
    apps = [builders.make_app(workspace, slug) for slug in ("two", "three")]
    group = workspace.app_groups.create(name="Both", slug="both", group_key="a" * 24)
    group.apps.set(apps)
    wide = replace(caller, key=key)
    choices = {
        "all": AppChoice(is_all=True),
        "named": AppChoice(apps=(str(apps[0].pk),)),
        "group": AppChoice(groups=(str(group.pk),)),
        "but": AppChoice(is_all=True, not_apps=(str(apps[1].pk),)),
        "but group": AppChoice(is_all=True, not_groups=(str(group.pk),)),
        "group but": AppChoice(groups=(str(group.pk),), not_apps=(str(apps[1].pk),)),
    }

    told = {}
    for name, choice in choices.items():
        intake.execute(make_save(now, name=name, apps=choice), wide)
        told[name] = list(
            Transfer.objects.filter(planned__schedule__name=name)
            .order_by("app__slug").values_list("app__slug", flat=True)
        )  # fmt: skip

    assert told == {
        "all": ["shop", "three", "two"], "named": ["two"], "group": ["three", "two"],
        "but": ["shop", "two"], "but group": ["shop"], "group but": ["two"],
    }  # fmt: skip


def make_wide_key(workspace):
    return access.issue_key(workspace, name="Wide", actor="owner", now=datetime.now(UTC))[0]


@pytest.mark.parametrize(
    ("choice", "field"),
    [
        (AppChoice(), "apps"),
        (AppChoice(apps=("99",)), "app_ids"),
        (AppChoice(is_all=True, not_apps=("x",)), "app_ids"),
        (AppChoice(groups=("99",)), "app_groups"),
        (AppChoice(is_all=True, not_groups=("99",)), "app_groups"),
    ],
)
def test_a_choice_that_leaves_no_app_makes_nothing(caller, now, choice, field):
    with pytest.raises(Refusal) as told:
        intake.execute(make_save(now, apps=choice), caller)

    assert told.value.field == field
    assert not ScriptSchedule.objects.exists()


def test_a_schedule_is_planned_of_what_it_keeps(planner, now):
    made = intake.execute(make_schedule(now + HOUR, "One", "Two"), planner)

    parts = Transfer.objects.get().parts.order_by("number")
    assert [part.message.content["body"] for part in parts] == ["One", "Two"]
    assert [record.body for record in made.records] == [{"text": "One"}, {"text": "Two"}]


def test_what_is_bound_anew_is_planned_anew(planner, now):
    made = intake.execute(make_schedule(now + HOUR, "One"), planner)
    other = intake.execute(SaveRecord(kind="text", body={"text": "Two"}), planner)

    bound = intake.execute(BindRecords(made.id, "text", (other.id,)), planner)

    assert [record.id for record in bound.records] == [other.id]
    assert Transfer.objects.get().parts.get().message.content["body"] == "Two"


def test_nothing_that_is_bound_elsewhere_or_not_there_is_bound(planner, now):
    first = intake.execute(make_schedule(now + HOUR, "One"), planner)
    second = intake.execute(make_schedule(now + HOUR, "Two"), planner)
    stranger = replace(planner, key=make_key(make_other_app())[0])
    foreign = intake.execute(SaveRecord(kind="text", body={"text": "X"}), stranger)
    wrong = [(second.records[0].id,), (foreign.id,), ("99",), ("x",), ("",)]

    for records in wrong:
        with pytest.raises(Invalid):
            intake.execute(BindRecords(first.id, "text", records), planner)

    with pytest.raises(NotFound):
        intake.execute(BindRecords("99", "text", ()), planner)
    assert Transfer.objects.count() == 2


def make_other_app():
    return builders.make_app(builders.make_workspace("other"), "theirs")


def test_a_change_of_a_bound_record_follows_until_it_is_due(planner, now):
    made = intake.execute(make_schedule(now + HOUR, "One"), planner)
    change = SaveRecord(kind="text", id=made.records[0].id, body={"text": "Mended"})

    intake.execute(change, planner)
    early = Transfer.objects.get().parts.get().message.content["body"]
    intake.execute(replace(change, body={"text": "Late"}), later(planner, now + HOUR))
    late = Transfer.objects.get().parts.get().message.content["body"]

    assert (early, late) == ("Mended", "Mended")


def test_a_record_that_is_put_away_is_not_sent_until_it_is_taken_out_again(planner, now):
    made = intake.execute(make_schedule(now + HOUR, "One"), planner)
    record = made.records[0].id

    counts = []
    for is_archived in (True, False):
        change = SaveRecord(kind="text", id=record, body=None, is_archived=is_archived)
        intake.execute(change, planner)
        counts.append(Transfer.objects.count())

    assert counts == [0, 1]


def test_what_an_operator_has_cancelled_is_not_planned_again_by_a_record(planner, now):
    made = intake.execute(make_schedule(now + HOUR, "One"), planner)
    cancel_transfer(Transfer.objects.get(), actor="owner", now=now)

    change = SaveRecord(kind="text", id=made.records[0].id, body={"text": "Mended"})
    intake.execute(change, planner)

    assert Transfer.objects.get().status == "cancelled"


def test_who_may_not_send_changes_no_text_of_what_is_planned(planner, app, now):
    made = intake.execute(make_schedule(now + HOUR, "One"), planner)
    composer = replace(planner, key=make_key(app, scopes=["compose"])[0])
    change = SaveRecord(kind="text", id=made.records[0].id, body={"text": "Mine"})

    with pytest.raises((Forbidden, NotFound)):
        intake.execute(change, composer)

    assert Transfer.objects.get().parts.get().message.content["body"] == "One"


def test_a_key_without_the_scope_plans_nothing(app, caller, now):
    reader = replace(caller, key=make_key(app, scopes=["read", "compose"])[0])

    with pytest.raises(Forbidden):
        intake.execute(make_save(now), reader)


@pytest.mark.parametrize("make", [make_save, make_series])
def test_where_approval_is_needed_a_key_must_be_allowed_to_go_without(app, caller, now, make):
    app.needs_approval = True
    app.save()

    with pytest.raises(Forbidden):
        intake.execute(make(now), caller)

    assert not ScriptSchedule.objects.exists()


def test_what_belongs_to_others_is_not_there(caller, now):
    made = intake.execute(make_save(now), caller)
    shared = intake.execute(make_save(now, apps=AppChoice(is_all=True)), caller)
    sibling = make_key(builders.make_app(caller.key.workspace, "sibling"))[0]
    foreign = make_key(make_other_app())[0]
    tongue = replace(caller, dialect=replace(PLAIN, key="other"))
    strangers = [replace(caller, key=key) for key in (sibling, foreign)]

    for stranger in (*strangers, tongue):
        listed = intake.execute(ListSchedules(), stranger)
        assert (listed.rows, listed.total) == ((), 0)
        for pk in (made.id, shared.id):
            for command in (FetchSchedule(pk), DropSchedule(pk), make_save(now, id=pk)):
                with pytest.raises(NotFound):
                    intake.execute(command, stranger)

    assert Transfer.objects.count() == 2


def test_schedules_are_listed_by_pages(caller, app, now):
    made = [intake.execute(make_save(now), caller).id for _number in range(3)]

    first = intake.execute(ListSchedules(size=2), caller)
    second = intake.execute(ListSchedules(app=str(app.pk), page=2, size=2), caller)

    assert [row.id for row in (*first.rows, *second.rows)] == made
    assert (first.total, second.page, second.size) == (3, 2, 2)


def test_only_so_many_may_wait(caller, now, monkeypatch):
    monkeypatch.setattr(intake_schedules, "MAX_WAITING", 2)
    for _number in range(2):
        intake.execute(make_save(now), caller)

    with pytest.raises(Invalid):
        intake.execute(make_save(now), caller)
    once_due = later(caller, now + HOUR)
    intake.execute(make_save(now + HOUR), once_due)

    assert ScriptSchedule.objects.count() == 3


def test_only_so_many_that_plan_nothing_are_kept(planner, now, monkeypatch):
    monkeypatch.setattr(intake_schedules, "MAX_IDLE", 1)
    intake.execute(make_schedule(now + HOUR), planner)

    with pytest.raises(Invalid):
        intake.execute(make_schedule(now + HOUR), planner)
