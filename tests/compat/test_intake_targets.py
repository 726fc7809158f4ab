"""Targets that a script follows one by one: ids, counts of devices, duplicates."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns.dispatch.freeze import freeze_transfer
from campaigns.dispatch.prune import prune
from campaigns.errors import Invalid
from campaigns.models import Submission, TrackedTarget, Transfer
from campaigns.services import intake, intake_targets
from campaigns.services.callers import Caller
from providers.audience import Condition, Op
from providers.commands import PushPart, SendPush, SendPushes
from providers.message import PushMessage
from providers.recipients import Audience, PersonKind, Targets
from tests import builders
from tests.compat.conftest import make_key
from tests.compat.small import make_dialect

pytestmark = [pytest.mark.django_db, pytest.mark.database]
MESSAGE = PushMessage(title="Hi", body="There")
USER = PersonKind.EXTERNAL_USER_ID
PEOPLE = ("ann", "bo", "nobody")


@pytest.fixture
def caller(app, now):
    return Caller(make_key(app)[0], make_dialect(), now)


@pytest.fixture
def people(app):
    """Ann has two devices, the second of them primary, Bo one."""
    builders.make_route(app, "android")
    ann, bo = (builders.make_person(app.workspace, name) for name in PEOPLE[:2])
    builders.make_device(app, "ann-1", person=ann)
    builders.make_device(app, "ann-2", person=ann, is_primary=True)
    builders.make_device(app, "bo-1", person=bo, is_primary=True)


def make_push(*parts, **fields):
    return SendPush(parts=parts, is_tracked=True, **fields)


def name(*values, ids=(), **fields):
    return PushPart(MESSAGE, (Targets(USER, values, ids=ids),), **fields)


def freeze(accepted, now):
    transfer = Transfer.objects.get(pk=accepted.transfer)
    freeze_transfer(transfer, now=now)
    return transfer


def test_each_target_has_an_id_and_a_count_of_devices(caller, people):
    push = make_push(name(*PEOPLE, ids=("m-1", "", "m-3")))

    ann, bo, nobody = intake.execute(push, caller).targets

    assert (ann.id, ann.kind, ann.value, ann.count) == ("m-1", USER.value, "ann", 2)
    assert (bo.value, bo.count, len(bo.id)) == ("bo", 1, 20)
    assert (nobody.id, nobody.count) == ("m-3", 0)
    assert not any(target.is_duplicate for target in (ann, bo, nobody))


def test_a_route_for_texts_does_not_stand_against_a_push_to_single_people(caller, app, people):
    for text in ("sms", "email"):
        builders.make_route(app, text)

    [ann] = intake.execute(make_push(name("ann")), caller).targets

    assert ann.count == 2


def test_what_is_kept_names_submission_part_and_place(caller, people):
    push = make_push(name("ann", ids=("m-1",)), name("bo", ids=("m-2",)))

    accepted = intake.execute(push, caller)

    first, second = TrackedTarget.objects.order_by("number")
    parts = list(Transfer.objects.get(pk=accepted.transfer).parts.order_by("number"))
    assert [row.part for row in (first, second)] == parts
    assert [(row.number, row.answered) for row in (first, second)] == [(0, "m-1"), (1, "m-2")]
    assert first.submission == Submission.objects.get()
    assert (first.workspace, first.door) == (caller.key.workspace, caller.dialect.key)


def test_only_primary_devices_are_counted_where_only_they_are_meant(caller, people):
    (target,) = intake.execute(make_push(name("ann", only_primary=True)), caller).targets

    assert target.count == 1


def test_an_audience_is_one_target(app, caller, people):
    described = Audience(expression=Condition("device.is_primary", Op.EQ, True))
    parts = (
        PushPart(MESSAGE, audience=described, id="m-1"),
        PushPart(MESSAGE, audience=Audience()),
    )

    first, second = intake.execute(make_push(*parts), caller).targets

    assert (first.id, first.kind, first.value, first.count) == ("m-1", "", "", 2)
    assert (second.count, len(second.id)) == (3, 20)


def test_an_id_that_was_used_is_a_duplicate_and_not_sent_to(caller, people, now):
    intake.execute(make_push(name("ann", ids=("m-1",))), caller)
    push = make_push(name("ann", "bo", "bo", ids=("m-1", "m-2", "m-2")))

    accepted = intake.execute(push, caller)

    assert [(target.id, target.is_duplicate) for target in accepted.targets] == [
        ("m-1", True), ("m-2", False), ("m-2", True),
    ]  # fmt: skip
    assert freeze(accepted, now).audience == 1


def test_an_audience_whose_id_was_used_is_sent_to_nobody(caller, people, now):
    part = PushPart(MESSAGE, audience=Audience(), id="m-1")
    intake.execute(make_push(part), caller)

    accepted = intake.execute(make_push(part, name("bo")), caller)

    assert [target.is_duplicate for target in accepted.targets] == [True, False]
    assert freeze(accepted, now).audience == 1


def test_an_id_is_somebody_elses_in_another_workspace_and_another_dialect(caller, people):
    push = make_push(name("ann", ids=("m-1",)))
    elsewhere = builders.make_app(builders.make_workspace("elsewhere"))
    callers = (
        caller,
        replace(caller, dialect=make_dialect("other")),
        replace(caller, key=make_key(elsewhere)[0]),
    )

    answers = [intake.execute(push, who).targets for who in callers]

    assert [target.is_duplicate for (target,) in answers] == [False] * 3
    assert TrackedTarget.objects.filter(answered="m-1").count() == 3


def test_of_two_at_the_same_instant_one_is_the_duplicate(caller, people, monkeypatch):
    push = make_push(name("ann", "bo", ids=("m-1", "m-2")))
    intake.execute(make_push(name("ann", ids=("m-1",))), caller)
    look, blind = intake_targets._find_used, [set()]

    monkeypatch.setattr(
        intake_targets, "_find_used", lambda *asked: blind.pop() if blind else look(*asked)
    )
    accepted = intake.execute(push, caller)

    assert [target.is_duplicate for target in accepted.targets] == [True, False]
    assert Transfer.objects.count() == Submission.objects.count() == 2
    assert not blind


def test_the_same_call_again_is_told_the_same(caller, people):
    intake.execute(make_push(name("ann", ids=("m-1",))), caller)
    push = make_push(name("ann", "bo", "nobody", ids=("m-1", "", "m-3")), client_key="k-1")

    first, second = intake.execute(push, caller), intake.execute(push, caller)

    assert first == second
    assert [target.is_duplicate for target in second.targets] == [True, False, False]


def test_several_pushes_answer_their_own_targets(caller, people):
    pushes = (make_push(name("ann")), make_push(name("bo", ids=("m-2",))))
    call = SendPushes(pushes, client_key="bulk-1")

    answer, again = intake.execute(call, caller), intake.execute(call, caller)

    assert [len(entry.targets) for entry in answer.entries] == [1, 1]
    assert answer.entries[1].targets[0].id == "m-2"
    assert answer == again


@pytest.mark.parametrize("part", [name("a\0b"), name("ann", ids=("x" * 201,)), name("x" * 4097)])
def test_what_no_column_holds_is_refused(caller, part):
    with pytest.raises(Invalid) as refused:
        intake.execute(make_push(part), caller)

    assert refused.value.field == "targets"


def test_a_dry_run_keeps_no_ids(caller, people):
    push = make_push(name("ann", ids=("m-1",)), is_dry_run=True)

    (target,) = intake.execute(push, caller).targets

    assert (target.id, target.count) == ("m-1", 2)
    assert not TrackedTarget.objects.exists()


def test_many_targets_cost_no_more_queries_than_one(caller, people):
    def count_queries(*values):
        with CaptureQueriesContext(
            connection,
        ) as asked:
            intake.execute(make_push(name(*values)), caller)
        return sum("INSERT INTO" not in query["sql"] for query in asked)

    intake.execute(make_push(name("ann")), caller)  # whatever is made at the first call

    assert count_queries(*(f"u-{number}" for number in range(500))) == count_queries("u-0")


def test_targets_are_forgotten_with_receipts(caller, people, now):
    intake.execute(make_push(name("ann")), caller)
    long = timedelta(days=settings.KEEP_RECEIPTS_DAYS)

    kept = prune(now + long)["tracked"]
    gone = prune(now + long + timedelta(seconds=1))["tracked"]

    assert (kept, gone) == (0, 1)
