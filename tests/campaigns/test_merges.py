"""Two persons become one and two again: what goes over, who is meant by the old id."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.dispatch.resolve import find_devices, find_kind
from campaigns.errors import Conflict, NotFound
from campaigns.models import AuditEntry, Device, Label, LabelMember, Person, PersonMerge
from campaigns.selectors.audience import read_audience, select_devices
from campaigns.selectors.devices import list_of_persons
from campaigns.selectors.lookup import find_matches
from campaigns.services.audience import add_members, register_devices
from campaigns.services.device_rows import DeviceRow
from campaigns.services.merges import merge_persons, plan_merge, unmerge
from campaigns.services.suppressions import Entry, Place, Terms, add_suppressions
from providers.recipients import PersonKind
from tests import builders

pytestmark = pytest.mark.database


@pytest.fixture
def ann(workspace):
    return builders.make_person(
        workspace, "ann", email="ann@example.org", country="DE", attributes={"plan": "pro"}
    )


@pytest.fixture
def anna(workspace, now):
    return builders.make_person(
        workspace, "anna", email="anna@example.org", phone="49170", opted_out_at=now,
        opt_out_reason="asked", attributes={"plan": "free", "vip": True},
    )  # fmt: skip


@pytest.fixture
def phones(app, ann, anna):
    """One phone of Ann's and two of Anna's, both with a primary one."""
    first = builders.make_device(app, "t1", person=ann, is_primary=True)
    second = builders.make_device(app, "t2", person=anna, is_primary=True)
    return [first, second, builders.make_device(app, "t3", person=anna)]


@pytest.fixture
def labels(app, ann, anna, owner, now):
    """Both are readers, Anna is a fan."""
    made = {name: Label.objects.create(app=app, name=name) for name in ("Readers", "Fans")}
    for name, who in (("Readers", ["ann", "anna"]), ("Fans", ["anna"])):
        add_members(made[name], who, principal=owner, actor="o", now=now)
    return made


def describe(app):
    """Everything about persons that a merge may touch."""
    persons = Person.objects.order_by("pk").values(
        "pk", "external_user_id", "email", "phone", "country", "attributes", "opted_out_at",
        "opt_out_reason", "created_at",
    )  # fmt: skip
    devices = Device.objects.order_by("pk").values("pk", "person_id", "is_primary")
    members = LabelMember.objects.order_by("label_id", "person_id").values("label", "person")
    counts = Label.objects.order_by("pk").values("name", "member_count")
    return [list(rows) for rows in (persons, devices, members, counts)]


def test_a_preview_tells_what_moves_and_what_clashes(app, ann, anna, phones, labels):
    before = describe(app)

    plan = plan_merge(ann, anna)

    assert (plan.devices, plan.labels, plan.alias) == (2, ("Fans", "Readers"), "anna")
    assert plan.filled == ("phone", "attributes.vip")
    assert plan.conflicts == (
        ("email", "ann@example.org", "anna@example.org"), ("attributes.plan", "pro", "free"),
    )  # fmt: skip
    assert plan.opts_out
    assert describe(app) == before


def test_all_goes_over_and_comes_back(app, ann, anna, phones, labels, now):
    before = describe(app)

    merge = merge_persons(ann, anna, actor="owner", now=now)
    again = merge_persons(ann, anna, actor="owner", now=now + timedelta(hours=1))
    [person], devices, members, counts = describe(app)
    unmerge(merge, actor="owner", now=now)

    assert again == merge
    assert (person["email"], person["phone"]) == ("ann@example.org", "49170")
    assert person["attributes"] == {"plan": "pro", "vip": True}
    assert (person["opted_out_at"], person["opt_out_reason"]) == (now, "asked")
    assert {device["person_id"] for device in devices} == {ann.pk}
    assert [device["is_primary"] for device in devices] == [True, False, False]
    assert len(members) == 2
    assert {row["name"]: row["member_count"] for row in counts} == {"Readers": 1, "Fans": 1}
    assert describe(app) == before
    verbs = AuditEntry.objects.filter(target_type="person").order_by("pk")
    assert list(verbs.values_list("verb", flat=True)) == ["merge", "unmerge"]
    assert "49170" not in str(list(verbs.values_list("fields", flat=True)))


def test_the_old_id_means_the_one_who_was_kept(app, ann, anna, phones, owner, now):
    merge_persons(ann, anna, actor="owner", now=now)
    row = DeviceRow(platform="android", token="new", external_user_id="anna")
    label = Label.objects.create(app=app, name="Late")
    mine = {device.pk for device in phones}

    [new] = register_devices(app, [row], actor="key", now=now).devices
    audience = read_audience(app, {"persons": ["anna"]}, principal=None)
    kind = find_kind(None, PersonKind.EXTERNAL_USER_ID.value)
    resolved = list(find_devices(app, kind, ["anna", "ann", "nobody"]))
    added = add_members(label, ["anna", "nobody"], principal=owner, actor="o", now=now)

    mine.add(new)
    assert Device.objects.get(pk=new).person_id == ann.pk
    assert not Person.objects.filter(external_user_id="anna").exists()
    assert {device.pk for device in select_devices(app, audience)} == mine
    assert set(resolved) == {(name, pk) for name in ("ann", "anna") for pk in mine}
    assert set(list_of_persons(app, PersonKind.EXTERNAL_USER_ID, ["anna"])) == mine
    assert (added.changed, added.unknown) == (1, ("nobody",))
    assert [match.pk for match in find_matches("anna", owner)] == [ann.pk]
    assert [match.pk for match in find_matches(f"person {anna.pk}", owner)] == [ann.pk]


def test_what_has_changed_since_stays(app, ann, anna, phones, now):
    merge = merge_persons(ann, anna, actor="owner", now=now)
    Device.objects.filter(pk=phones[1].pk).update(person=builders.make_person(ann.workspace, "bo"))
    Person.objects.filter(pk=ann.pk).update(phone="123", attributes={"plan": "pro", "vip": False})

    unmerge(merge, actor="owner", now=now)

    ann.refresh_from_db()
    assert (ann.phone, ann.attributes) == ("123", {"plan": "pro", "vip": False})
    owners = Device.objects.order_by("pk").values_list("person__external_user_id", flat=True)
    assert list(owners) == ["ann", "bo", "anna"]


def test_merges_are_taken_back_from_the_last(app, ann, anna, phones, owner, now):
    cleo = builders.make_person(ann.workspace, "cleo")
    first = merge_persons(ann, anna, actor="owner", now=now)
    second = merge_persons(cleo, ann, actor="owner", now=now)
    first.refresh_from_db()

    with pytest.raises(Conflict) as too_early:
        unmerge(first, actor="owner", now=now)
    found = [match.pk for name in ("ann", "anna") for match in find_matches(name, owner)]
    unmerge(second, actor="owner", now=now)
    first.refresh_from_db()
    unmerge(first, actor="owner", now=now)
    with pytest.raises(NotFound):
        unmerge(first, actor="owner", now=now)

    assert too_early.value.code == "merged_again"
    assert found == [cleo.pk, cleo.pk]
    assert Person.objects.count() == 3
    assert PersonMerge.objects.filter(undone_at__isnull=True).count() == 0


def test_what_cannot_be_merged_is_refused_and_nothing_moves(app, ann, anna, phones, stranger, now):
    far = builders.make_person(stranger.memberships.get().workspace, "far")
    bob = builders.make_person(ann.workspace, "bob")
    terms = Terms(reason="legal")
    add_suppressions(
        Place(ann.workspace), [Entry("external_user_id", "bob")], terms, actor="o", now=now
    )
    before = describe(app)
    codes = []

    for gone in (ann, far, bob):
        with pytest.raises(Conflict) as refused:
            merge_persons(ann, gone, actor="owner", now=now)
        codes.append(refused.value.code)

    assert codes == ["same_person", "two_workspaces", "suppressed"]
    assert describe(app) == before


def test_an_id_that_somebody_has_taken_is_not_given_back(app, ann, anna, now):
    merge = merge_persons(ann, anna, actor="owner", now=now)
    builders.make_person(ann.workspace, "anna")

    with pytest.raises(Conflict) as refused:
        unmerge(merge, actor="owner", now=now)

    merge.refresh_from_db()
    assert (refused.value.code, merge.undone_at) == ("taken", None)
