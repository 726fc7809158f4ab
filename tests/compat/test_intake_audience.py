"""Who a script's push reaches: labels, expressions, segments, everyone, persons by their ids."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from campaigns.dispatch.freeze import freeze_transfer
from campaigns.errors import Conflict, Invalid, NotFound
from campaigns.models import (
    Batch,
    Label,
    LabelMember,
    RejectedIds,
    Segment,
    Submission,
    Transfer,
)
from campaigns.models.packing import unpack_ids, unpack_texts
from campaigns.services import intake
from campaigns.services.callers import Caller
from providers.audience import And, Condition, Not, Op
from providers.commands import PushPart, SendPush
from providers.message import PushMessage
from providers.recipients import Audience, PersonKind, Targets
from tests import builders
from tests.compat.conftest import make_key
from tests.compat.small import make_dialect

pytestmark = [pytest.mark.django_db, pytest.mark.database]
MESSAGE = PushMessage(title="Hi", body="There")
GERMAN = Condition("device.country", Op.EQ, "DE")


@pytest.fixture
def caller(app):
    return Caller(make_key(app)[0], make_dialect(), datetime.now(UTC))


@pytest.fixture
def people(app):
    """Ann has two devices, the first of them primary, Bo one; Cy none. One device is nobody's."""
    builders.make_route(app, "android")
    persons = {
        name: builders.make_person(app.workspace, name, email=f"{name}@x.org", phone=f"49{number}")
        for number, name in enumerate(("ann", "bo", "cy"))
    }
    rows = (
        ("ann", {"person": persons["ann"], "is_primary": True, "country": "DE"}),
        ("ann-old", {"person": persons["ann"], "country": "FR"}),
        ("bo", {"person": persons["bo"], "is_primary": True, "country": "DE"}),
        ("lone", {"country": "DE"}),
    )
    devices = {name: builders.make_device(app, name, **fields) for name, fields in rows}
    return persons, devices


def send(caller, *parts, **fields):
    accepted = intake.execute(SendPush(parts=parts, **fields), caller)
    transfer = Transfer.objects.get(pk=accepted.transfer)
    freeze_transfer(transfer, now=caller.now)
    return transfer


def name_recipients(transfer, people):
    names = {device.pk: name for name, device in people[1].items()}
    batches = Batch.objects.filter(transfer=transfer)
    return sorted(names[pk] for batch in batches for pk in unpack_ids(batch.recipients))


def make_label(app, name, *persons):
    label = Label.objects.create(app=app, name=name)
    for person in persons:
        LabelMember.objects.create(label=label, person=person)
    return label


def test_an_audience_without_a_condition_is_everyone_of_the_app(workspace, caller, people):
    builders.make_device(builders.make_app(workspace, "other"), "theirs")

    transfer = send(caller, PushPart(MESSAGE, audience=Audience()), app=str(people[1]["bo"].app_id))

    assert name_recipients(transfer, people) == ["ann", "ann-old", "bo", "lone"]
    assert transfer.audience == 4


def test_of_several_labels_persons_who_carry_all_are_meant(app, caller, people):
    ann, bo, _cy = people[0].values()
    make_label(app, "spring", ann, bo)
    make_label(app, "vip", bo)

    both = send(caller, PushPart(MESSAGE, audience=Audience(labels=("spring", "vip"))))
    one = send(caller, PushPart(MESSAGE, audience=Audience(labels=("spring",))))

    assert name_recipients(both, people) == ["bo"]
    assert name_recipients(one, people) == ["ann", "ann-old", "bo"]


def test_labels_expression_and_segments_must_all_hold(app, caller, people):
    ann, _bo, _cy = people[0].values()
    make_label(app, "spring", ann)
    primary = {"field": "device.is_primary", "op": "eq", "value": True}
    segment = Segment.objects.create(app=app, name="First", expression=primary)
    audience = Audience(labels=("spring",), expression=GERMAN, segments=(str(segment.pk),))

    all_of_them = send(caller, PushPart(MESSAGE, audience=audience))
    without_labels = send(caller, PushPart(MESSAGE, audience=replace(audience, labels=())))

    assert name_recipients(all_of_them, people) == ["ann"]
    assert name_recipients(without_labels, people) == ["ann", "bo"]


def test_only_primary_devices_of_an_audience(caller, people):
    part = PushPart(MESSAGE, audience=Audience(expression=GERMAN), only_primary=True)

    assert name_recipients(send(caller, part), people) == ["ann", "bo"]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (PersonKind.EXTERNAL_USER_ID, ("ann", "cy", "nobody")),
        (PersonKind.EMAIL, ("ann@x.org", "cy@x.org", "nobody@x.org")),
        (PersonKind.PHONE, ("490", "492", "499")),
    ],
)
def test_a_person_is_all_devices_of_the_app_and_the_rest_is_skipped(caller, people, kind, values):
    part = PushPart(MESSAGE, (Targets(kind, values),))

    transfer = send(caller, part)

    rejected = RejectedIds.objects.get(part__transfer=transfer)
    assert name_recipients(transfer, people) == ["ann", "ann-old"]
    assert (rejected.kind, unpack_texts(rejected.ids)) == (kind, list(values[1:]))
    assert transfer.audience == 4


def test_only_the_primary_device_of_a_person(caller, people):
    targets = Targets(PersonKind.EXTERNAL_USER_ID, ("ann", "bo"))

    transfer = send(caller, PushPart(MESSAGE, (targets,), only_primary=True))

    assert name_recipients(transfer, people) == ["ann", "bo"]


def test_a_person_of_the_same_name_elsewhere_is_somebody_else(caller, people):
    elsewhere = builders.make_workspace("elsewhere")
    stranger = builders.make_person(elsewhere, "ann")
    builders.make_device(builders.make_app(elsewhere), "stranger", person=stranger)

    transfer = send(caller, PushPart(MESSAGE, (Targets(PersonKind.EXTERNAL_USER_ID, ("ann",)),)))

    assert name_recipients(transfer, people) == ["ann", "ann-old"]


def test_ids_that_no_database_can_hold_are_nobodys(caller, people):
    values = ("an\0n", "", "x" * 400)

    transfer = send(caller, PushPart(MESSAGE, (Targets(PersonKind.EMAIL, values),)))

    assert RejectedIds.objects.get(part__transfer=transfer).count == 3


@pytest.mark.parametrize(
    ("audience", "field", "subject"),
    [
        (Audience(labels=("spring", "gone")), "audience.labels", "gone"),
        (Audience(segments=("77",)), "audience.segments", "77"),
        (Audience(segments=("first",)), "audience.segments", "first"),
    ],
)
def test_what_the_app_has_not_is_named_in_the_refusal(app, caller, audience, field, subject):
    make_label(app, "spring")

    with pytest.raises(NotFound) as refused:
        intake.execute(SendPush(parts=(PushPart(MESSAGE, audience=audience),)), caller)

    assert (refused.value.field, refused.value.subject) == (field, subject)
    assert not Submission.objects.exists()


def test_an_expression_that_means_nothing_is_refused(caller):
    wrong = And((GERMAN, Not(Condition("device.colour", Op.EQ, "red"))))
    part = PushPart(MESSAGE, audience=Audience(expression=wrong))

    with pytest.raises(Invalid) as refused:
        intake.execute(SendPush(parts=(part,)), caller)

    assert refused.value.field == "audience.expression.and[1].not"


def test_parts_of_ids_and_of_audiences_stand_side_by_side(caller, people):
    named = PushPart(MESSAGE, (Targets(PersonKind.EXTERNAL_USER_ID, ("bo",)),))
    described = PushPart(MESSAGE, audience=Audience(expression=GERMAN))

    transfer = send(caller, named, described, named)

    assert name_recipients(transfer, people) == ["ann", "bo", "bo", "bo", "lone"]


@pytest.mark.parametrize(
    "other",
    [
        {"audience": Audience(labels=("spring",))},
        {"audience": Audience(expression=GERMAN)},
        {"audience": Audience(), "only_primary": True},
        {"targets": (Targets(PersonKind.EMAIL, ("a@x.org",)),)},
        {"targets": (Targets(PersonKind.EMAIL, ("a@x.org",), ids=("m-1",)),)},
    ],
)
def test_the_same_key_for_other_people_is_a_conflict(app, caller, other):
    make_label(app, "spring")
    first = SendPush(parts=(PushPart(MESSAGE, audience=Audience()),), client_key="k-1")
    accepted = intake.execute(first, caller)

    with pytest.raises(Conflict):
        intake.execute(replace(first, parts=(PushPart(MESSAGE, **other),)), caller)

    assert intake.execute(first, caller) == accepted
