"""Groups, labels and segments: what changing them does and refuses."""

from __future__ import annotations

import pytest

from campaigns.errors import Conflict, Invalid
from campaigns.models import AuditEntry, Campaign, Group, Label, LabelMember, Message, Person
from campaigns.services import audience, groups
from tests import builders

pytestmark = pytest.mark.database


@pytest.fixture
def by(now):
    return {"actor": "me", "now": now}


@pytest.fixture
def label(app, by):
    return audience.create_label(app, name="vip", **by)


@pytest.fixture
def people(app):
    return Person.objects.bulk_create(
        Person(workspace=app.workspace, external_user_id=name) for name in ("ann", "bob", "cy")
    )


def make_campaign(app, now, body, status="draft"):
    message = Message.objects.create(app=app, content={"title": "Hi", "body": "There"})
    return Campaign.objects.create(
        workspace=app.workspace, app=app, name="One", message=message, status_since=now,
        created_at=now, created_by="owner", audience=body, status=status,
    )  # fmt: skip


def test_a_group_is_made_changed_archived_and_restored(app, by):
    group = groups.create_group(app, name=" News ", **by)
    groups.update_group(group, name="Old news", send_rate=100, **by)
    groups.archive_group(group, **by)
    groups.archive_group(group, **by)

    group.refresh_from_db()
    assert (group.name, group.send_rate, group.archived_at) == ("Old news", 100, by["now"])
    groups.restore_group(group, **by)
    group.refresh_from_db()
    assert group.archived_at is None
    verbs = AuditEntry.objects.order_by("pk").values_list("verb", flat=True)
    assert list(verbs) == ["create", "update", "archive", "restore"]


def test_a_name_that_the_app_has_already_is_a_conflict(app, by, label):
    groups.create_group(app, name="News", **by)

    with pytest.raises(Conflict) as refused:
        groups.create_group(app, name="News", **by)
    with pytest.raises(Conflict):
        audience.create_label(app, name="vip", **by)

    assert list(refused.value.fields) == ["name"]


@pytest.mark.parametrize("rate", [99, 5001, "100", 100.0, True])
def test_a_send_rate_out_of_range_is_refused(app, by, rate):
    with pytest.raises(Invalid) as refused:
        groups.create_group(app, name="News", send_rate=rate, **by)

    assert list(refused.value.fields) == ["send_rate"]


@pytest.mark.parametrize("name", ["", "  ", "x" * 256, "a\0", None, 5])
def test_a_name_that_is_none_is_refused(app, by, name):
    with pytest.raises(Invalid):
        groups.create_group(app, name=name, **by)


def test_the_default_group_stays(app, by):
    general = Group.objects.get(app=app, name="General")

    with pytest.raises(Conflict):
        groups.archive_group(general, **by)
    with pytest.raises(Conflict):
        groups.update_group(general, name="Other", **by)


def test_members_are_counted_and_unknown_ids_named(label, owner, people, by):
    added = audience.add_members(label, ["ann", "bob", "zoe", "ann"], principal=owner, **by)
    again = audience.add_members(label, ["bob", "cy"], principal=owner, **by)
    removed = audience.remove_members(label, ["ann", "zoe"], principal=owner, **by)

    assert (added.changed, added.member_count, added.unknown) == (2, 2, ("zoe",))
    assert (again.changed, again.member_count) == (1, 3)
    assert (removed.changed, removed.member_count, removed.unknown) == (1, 2, ("zoe",))
    assert LabelMember.objects.filter(label=label).count() == label.member_count == 2


def test_members_can_be_added_and_removed_by_a_search(label, owner, people, by):
    search = Person.objects.filter(external_user_id__contains="b")

    added = audience.add_members(label, search, principal=owner, **by)
    removed = audience.remove_members(label, Person.objects.all(), principal=owner, **by)

    assert (added.changed, removed.changed, removed.member_count) == (1, 1, 0)


def test_persons_of_other_apps_and_workspaces_are_unknown(app, label, colleague, stranger, by):
    second = builders.make_app(app.workspace, slug="second")
    seen = Person.objects.create(workspace=app.workspace, external_user_id="seen")
    unseen = Person.objects.create(workspace=app.workspace, external_user_id="unseen")
    builders.make_device(app, "t1", person=seen)
    builders.make_device(second, "t2", person=unseen)

    result = audience.add_members(label, ["seen", "unseen"], principal=colleague, **by)
    foreign = audience.add_members(label, ["seen"], principal=stranger, **by)

    assert (result.changed, result.unknown) == (1, ("unseen",))
    assert foreign.unknown == ("seen",)


@pytest.mark.parametrize("who", [[], "ann", None, [1], ["a\0"], ["a"] * 20_001])
def test_ids_that_are_none_are_refused_in_words(label, owner, by, who):
    with pytest.raises(Invalid) as refused:
        audience.add_members(label, who, principal=owner, **by)

    assert list(refused.value.fields) == ["persons"]


def test_a_label_that_a_campaign_needs_keeps_its_name(app, label, by):
    campaign = make_campaign(app, by["now"], {"labels": ["vip"]})

    with pytest.raises(Conflict):
        audience.update_label(label, name="best", **by)
    with pytest.raises(Conflict):
        audience.delete_label(label, **by)

    Campaign.objects.filter(pk=campaign.pk).delete()
    assert audience.update_label(label, name="best", description="Ours", **by).name == "best"
    audience.delete_label(label, **by)
    assert not Label.objects.exists()


def test_a_segment_is_checked_when_it_is_saved(app, by):
    good = {"field": "device.country", "op": "eq", "value": "DE"}
    segment = audience.create_segment(app, name="Germans", expression=good, **by)

    with pytest.raises(Invalid):
        audience.update_segment(segment, expression={"field": "x"}, **by)
    with pytest.raises(Invalid):
        audience.create_segment(app, name="Bad", expression={}, **by)

    changed = audience.update_segment(segment, name="Others", expression={"not": good}, **by)
    assert (changed.name, changed.expression) == ("Others", {"not": good})


def test_a_segment_that_a_campaign_uses_stays(app, by):
    segment = audience.create_segment(app, name="All", expression={"and": []}, **by)
    campaign = make_campaign(app, by["now"], {"segment": segment.pk})

    with pytest.raises(Conflict):
        audience.delete_segment(segment, **by)

    Campaign.objects.filter(pk=campaign.pk).delete()
    audience.delete_segment(segment, **by)
