"""Failover scenarios that scripts keep: steps, the default one, and whose they are."""

from __future__ import annotations

import pytest
from django.db import transaction

from campaigns.errors import Conflict, Forbidden, Invalid, NotFound
from campaigns.models import ApiKey, AuditEntry, Person, Scenario
from campaigns.services import intake
from campaigns.services.callers import Caller
from campaigns.services.intake_steps import Stairs, find_climbers
from campaigns.services.intake_targets import plan_targets
from campaigns.services.merges import merge_persons
from campaigns.services.scenarios import (
    ScenarioValues,
    create_scenario,
    delete_scenario,
    update_scenario,
)
from providers.commands import PushPart, SendPush
from providers.message import PushMessage
from providers.recipients import PersonKind, Targets
from providers.scenarios import FetchScenario, ListScenarios, SaveScenario, Step
from tests import builders
from tests.compat.conftest import make_key
from tests.compat.small import make_dialect

pytestmark = [pytest.mark.django_db, pytest.mark.database]
PUSH = {"channel": "push", "sender": "", "wait": 600, "price": "0.001"}
SMS = {"channel": "sms", "sender": "41793026700", "wait": None, "price": "0.045"}


@pytest.fixture
def caller(app, now):
    return Caller(make_key(app)[0], make_dialect(), now)


@pytest.fixture
def save(caller, app):
    def save(*steps, **values):
        steps = steps or (Step("push", str(app.pk), 600), Step("sms", "41793026700"))
        return intake.execute(SaveScenario(steps=steps, **values), caller)

    return save


def make(workspace, now, *steps, name="Both", **values):
    given = ScenarioValues(name, list(steps or (PUSH, SMS)), **values)
    return create_scenario(workspace, given, actor="owner", now=now)


def test_what_is_saved_is_fetched_and_listed(save, caller):
    saved = save(name="First push", is_default=True)

    assert intake.execute(FetchScenario(saved.id), caller) == saved
    assert intake.execute(ListScenarios(), caller).rows == (saved,)
    assert intake.execute(ListScenarios(is_default=False), caller).rows == ()
    assert (len(saved.id), saved.id) == (32, saved.id.upper())
    assert [step.wait for step in saved.steps] == [600, None]


def test_a_script_that_changes_a_scenario_leaves_who_runs_it(save):
    saved = save()
    Scenario.objects.update(run_by="vendor")

    changed = save(name="Else", id=saved.id)

    assert (changed.name, Scenario.objects.get().run_by) == ("Else", "vendor")


def test_a_workspace_has_at_most_a_thousand_of_them(save, app):
    rows = [Scenario(workspace=app.workspace, name="One", steps=[SMS]) for _ in range(999)]
    Scenario.objects.bulk_create(rows)
    last = save()

    with pytest.raises(Conflict, match="at most 1000 scenarios"):
        save()

    assert save(name="Else", id=last.id).name == "Else"
    assert Scenario.objects.count() == 1000


def test_a_page_begins_where_the_one_before_has_ended(save, caller):
    ids = [save(name=str(number)).id for number in range(3)]

    pages = [intake.execute(ListScenarios(page, 2), caller).rows for page in range(3)]

    assert [[row.id for row in rows] for rows in pages] == [ids[:2], ids[2:], []]


def test_a_call_that_gives_no_waits_leaves_waits_and_prices(save, caller, app, now):
    own = make(app.workspace, now)

    save(Step("push", str(app.pk)), Step("sms", "x"), id=own.key, name="Changed")

    own.refresh_from_db()
    assert own.name == "Changed"
    assert [(step["wait"], step["price"]) for step in own.steps] == [
        (600, "0.001"),
        (None, "0.045"),
    ]


def test_a_new_step_without_a_wait_waits_an_hour(save, app):
    saved = save(Step("push", str(app.pk)), Step("sms", "x"))

    assert [step.wait for step in saved.steps] == [3600, None]


def test_a_new_default_takes_the_place_of_the_old_one(save):
    old, new = save(is_default=True), save(is_default=True)

    assert list(Scenario.objects.filter(is_default=True).values_list("key", flat=True)) == [new.id]
    assert Scenario.objects.filter(key=old.id, is_default=False).exists()


def test_another_workspace_keeps_its_default(save, now):
    other = make(builders.make_workspace("other"), now, is_default=True)

    save(is_default=True)

    other.refresh_from_db()
    assert other.is_default


@pytest.mark.parametrize("key", ["F" * 32, "?", "\0", "é", "x" * 5000, "foreign"])
def test_a_scenario_that_is_not_theirs_is_not_there(caller, save, now, key):
    foreign = make(builders.make_workspace("other"), now)
    key = foreign.key if key == "foreign" else key

    with pytest.raises(NotFound):
        intake.execute(FetchScenario(key), caller)
    with pytest.raises(NotFound):
        save(id=key)

    foreign.refresh_from_db()
    assert foreign.name == "Both"


def test_the_app_of_a_push_must_be_the_keys(save, now):
    foreign = builders.make_app(builders.make_workspace("other"))

    with pytest.raises(Invalid) as caught:
        save(Step("push", str(foreign.pk)), Step("sms", "x"))

    assert caught.value.field == "steps.0.sender"


def test_a_key_that_only_reads_cannot_save(app, now):
    key, _text = make_key(app, scopes=[ApiKey.Scope.READ])
    caller = Caller(key, make_dialect(), now)

    with pytest.raises(Forbidden):
        intake.execute(SaveScenario(steps=(Step("sms", "x"),)), caller)


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("steps", []),
        ("steps", [PUSH] + [SMS] * 5),
        ("steps", "push"),
        ("steps.0", [1]),
        ("steps.0.channel", [{**SMS, "channel": "viber"}]),
        ("steps.0.channel", [{**SMS, "channel": ["push"]}]),
        ("steps.1.channel", [{**SMS, "wait": 60}, PUSH]),
        ("steps.0.wait", [{**PUSH, "wait": 59}, SMS]),
        ("steps.0.wait", [{**PUSH, "wait": 172_801}, SMS]),
        ("steps.0.wait", [{**PUSH, "wait": True}, SMS]),
        ("steps.0.wait", [{**PUSH, "wait": None}, SMS]),
        ("steps.1.sender", [PUSH, {**SMS, "sender": "1" * 17}]),
        ("steps.1.sender", [PUSH, {**SMS, "sender": "a\0"}]),
        ("steps.1.price", [PUSH, {**SMS, "price": "-1"}]),
        ("steps.1.price", [PUSH, {**SMS, "price": "NaN"}]),
        ("steps.1.price", [PUSH, {**SMS, "price": "1e9"}]),
        ("steps.1.price", [PUSH, {**SMS, "price": 0.5}]),
        ("steps.1.extra", [PUSH, {**SMS, "extra": 1}]),
    ],
)
def test_a_wrong_step_is_told_by_its_path(app, now, path, steps):
    with pytest.raises(Invalid) as caught:
        create_scenario(app.workspace, ScenarioValues("Both", steps), actor="owner", now=now)

    assert path in caught.value.fields
    assert not Scenario.objects.exists()


@pytest.mark.parametrize("wait", [60, 172_800])
def test_the_shortest_and_the_longest_wait_are_taken(app, now, wait):
    scenario = make(app.workspace, now, {**PUSH, "wait": wait}, {**SMS, "wait": 5})

    assert [step["wait"] for step in scenario.steps] == [wait, None]


def test_every_change_is_in_the_audit_log(app, now):
    scenario = make(app.workspace, now)

    update_scenario(scenario, ScenarioValues("Else", [PUSH, SMS]), actor="owner", now=now)
    update_scenario(scenario, ScenarioValues("Else", [PUSH, SMS]), actor="owner", now=now)
    delete_scenario(scenario, actor="owner", now=now)

    kept = AuditEntry.objects.filter(target_type="scenario").order_by("pk")
    assert [(row.verb, row.fields) for row in kept] == [
        ("create", ["name", "steps"]), ("update", ["name"]), ("delete", []),
    ]  # fmt: skip


@pytest.fixture
def stranger(workspace, now):
    """A key of the same workspace for another app only."""
    other = builders.make_app(workspace, "other")
    return Caller(make_key(other)[0], make_dialect(), now), other


def test_a_key_changes_no_scenario_of_an_app_that_it_does_not_reach(save, stranger):
    saved = save(name="Theirs")
    caller, other = stranger
    steps = (Step("push", str(other.pk), 600), Step("sms", "41793026700"))

    with pytest.raises(Forbidden):
        intake.execute(SaveScenario(steps=steps, id=saved.id, name="Mine"), caller)

    assert Scenario.objects.get().name == "Theirs"


def test_a_key_takes_the_place_of_no_default_that_it_does_not_reach(save, stranger):
    saved = save(is_default=True)
    caller, other = stranger
    steps = (Step("push", str(other.pk), 600), Step("sms", "41793026700"))

    with pytest.raises(Forbidden):
        intake.execute(SaveScenario(steps=steps, is_default=True), caller)

    assert Scenario.objects.get(is_default=True).key == saved.id


def test_a_name_of_somebody_merged_makes_nobody_new(app, caller, now):
    keep, gone = (builders.make_person(app.workspace, name) for name in ("", "gone"))
    merge_persons(keep, gone, actor="owner", now=now)
    targets = Targets(PersonKind.EXTERNAL_USER_ID, ("gone",))
    push = SendPush(parts=(PushPart(PushMessage(body="Hi"), (targets,)),))
    steps = Stairs(steps=[{"channel": "sms"}], addresses=[{"sms": "+49 170 1234567"}])

    with transaction.atomic():
        climbers = find_climbers(plan_targets(push, app, caller), steps, app, caller)

    assert [person.pk for person in climbers.persons] == [keep.pk]
    assert list(Person.objects.values_list("external_user_id", "phone")) == [("", "491701234567")]
