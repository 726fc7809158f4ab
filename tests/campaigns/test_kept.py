"""What composers keep: templates of messages and groups that get tests."""

from __future__ import annotations

import pytest

from campaigns.errors import Conflict, Invalid
from campaigns.models import AuditEntry, DeviceIdentifier, MessageTemplate, TestGroup
from campaigns.models.audience import hash64
from campaigns.services import templates, testers
from campaigns.services.merges import merge_persons
from campaigns.services.templates import TemplateValues
from campaigns.services.testers import Found
from tests import builders

pytestmark = pytest.mark.database
SALE = {"title": "Sale", "body": "Today only", "android": {"priority": 1}}


@pytest.fixture
def by(now):
    return {"actor": "owner", "now": now}


def test_a_template_is_kept_changed_put_away_and_taken_out(app, owner, by):
    values = TemplateValues("Sale", "For weekends", SALE)
    kept = templates.create_template(app.workspace, app, values, **by)
    kept = templates.update_template(kept, TemplateValues(name="Big sale"), **by)
    offered = list(templates.list_templates(owner, [app], "big"))
    templates.archive_template(kept, **by)
    put_away = list(templates.list_templates(owner, [app]))
    templates.restore_template(kept, **by)

    assert (kept.name, kept.description, kept.content["android"]) == (
        "Big sale", "For weekends", {"priority": 1},
    )  # fmt: skip
    assert (offered, put_away) == ([kept], [])
    assert list(templates.list_templates(owner, [app])) == [kept]
    entries = AuditEntry.objects.filter(target_type="messagetemplate").order_by("pk")
    assert [entry.verb for entry in entries] == [
        "create_template", "update_template", "archive_template", "restore_template",
    ]  # fmt: skip
    assert entries[1].fields == ["name"]


def test_a_template_of_one_app_is_no_template_of_another_and_a_shared_one_is(
    app, owner, colleague, stranger, by
):
    other = builders.make_app(app.workspace, "second")
    own = templates.create_template(app.workspace, app, TemplateValues("Own", "", SALE), **by)
    shared = templates.create_template(app.workspace, None, TemplateValues("All", "", SALE), **by)

    assert list(templates.list_templates(owner, [app])) == [shared, own]
    assert list(templates.list_templates(owner, [other])) == [shared]
    assert list(templates.list_templates(owner, [app, other])) == [shared]
    assert set(MessageTemplate.objects.for_user(colleague)) == {own, shared}
    assert list(MessageTemplate.objects.for_user(stranger)) == []


def test_a_name_is_taken_once_in_its_place(app, by):
    for place in (app, None):
        templates.create_template(app.workspace, place, TemplateValues("Sale", "", SALE), **by)

    for place in (app, None):
        with pytest.raises(Conflict, match="of that name"):
            templates.create_template(app.workspace, place, TemplateValues("Sale"), **by)


@pytest.mark.parametrize(
    ("values", "path"),
    [
        (TemplateValues(""), "name"),
        (TemplateValues("x" * 121), "name"),
        (TemplateValues("A", "x" * 256), "description"),
        (TemplateValues("A", "", {"android": {"priority": 9}}), "message.android.priority"),
        (TemplateValues("A", "", {"web": {"url": "here"}}), "message.web.url"),
        (TemplateValues("A", "", {"titel": "Hi"}), "message.titel"),
    ],
)
def test_what_is_wrong_with_a_template_is_named_by_its_path(app, by, values, path):
    with pytest.raises(Invalid) as refused:
        templates.create_template(app.workspace, app, values, **by)

    assert list(refused.value.fields) == [path]
    assert not MessageTemplate.objects.exists()


@pytest.fixture
def people(app):
    """Ann with two phones, and one phone of nobody."""
    ann = builders.make_person(app.workspace, "ann", email="ann@example.org")
    phones = [builders.make_device(app, f"ann-{n}", person=ann) for n in range(2)]
    return ann, phones, builders.make_device(app, "alone")


@pytest.mark.parametrize("term", ["ann", "ann@example.org", "ann-0"])
def test_a_person_is_found_by_any_id_and_stands_for_all_devices(app, owner, people, term):
    ann, _phones, _alone = people

    assert [found.key for found in testers.find_testers([app], term, owner)] == [f"person:{ann.pk}"]


def test_a_device_is_found_by_its_token_and_number_and_nobody_finds_what_is_not_his(
    app, owner, stranger, people
):
    _ann, _phones, alone = people
    other = builders.make_app(app.workspace, "second")

    for term in ("alone", str(alone.pk)):
        found = testers.find_testers([app], term, owner)
        assert [one.key for one in found] == [f"device:{alone.pk}"]
        assert testers.find_testers([other], term, owner) == []
    assert testers.find_testers([app], "alone", stranger) == []
    assert testers.find_testers([app], "ann", stranger) == []


def test_a_number_is_ours_only_where_nobody_has_it_as_an_id(app, owner, people):
    _ann, _phones, alone = people
    number = str(alone.pk)
    other = builders.make_app(app.workspace, "second")
    theirs = builders.make_person(app.workspace, number)

    elsewhere = testers.find_testers([app], number, owner)
    builders.make_device(app, "theirs", person=theirs)
    builders.make_device(other, "also theirs", person=theirs)
    words = (number, f"device {number}", f"person {theirs.pk}")
    found = [[one.key for one in testers.find_testers([app], word, owner)] for word in words]

    assert elsewhere == []
    assert found == [[f"person:{theirs.pk}"], [f"device:{number}"], [f"person:{theirs.pk}"]]
    assert [one.key for one in testers.find_testers([app, other], number, owner)] == found[0]


def test_the_number_of_somebody_merged_is_no_user_id(app, owner, by):
    keep, gone = (builders.make_person(app.workspace, name) for name in ("keep", "gone"))
    builders.make_device(app, "kept", person=keep)
    number = gone.pk
    merge_persons(keep, gone, **by)

    found = [testers.find_testers([app], f"{kind}{number}", owner) for kind in ("person ", "")]
    theirs = builders.make_person(app.workspace, str(number))
    builders.make_device(app, "theirs", person=theirs)

    assert [[one.key for one in some] for some in found] == [[f"person:{keep.pk}"], []]
    assert testers.find_testers([app], str(number), owner) == [Found(person=theirs)]


def test_a_word_that_is_ids_of_several_is_refused_with_what_to_write(app, owner, people):
    ann, _phones, alone = people
    DeviceIdentifier.objects.create(
        app=app, device=alone, kind="google_aid", value="ann", value_hash=hash64("ann")
    )

    with pytest.raises(Invalid) as refused:
        testers.find_testers([app], "ann", owner)

    words = refused.value.fields["testers"]
    assert f"person {ann.pk} (ann), device {alone.pk} (Android)" in words
    assert f"Write which, as in person {ann.pk}." in words
    assert testers.find_testers([app], f"device {alone.pk}", owner) == [Found(device=alone)]


def test_a_number_that_is_a_person_s_and_a_device_s_is_refused_with_a_sign(app, owner, people):
    bo = builders.make_person(app.workspace, "bo", pk=77_000)
    builders.make_device(app, "of bo", person=bo)
    device = builders.make_device(app, "of a stranger", pk=77_000)

    with pytest.raises(Invalid, match="person 77000"):
        testers.find_testers([app], "#77000", owner)

    assert testers.find_testers([app], "77000", owner) == [Found(device=device)]
    assert testers.find_testers([app], "Person #77000", owner) == [Found(person=bo)]


def test_testers_are_written_as_what_means_them_alone(app, owner, people):
    ann, _phones, alone = people
    twin = builders.make_person(app.workspace, "", email="ann@example.org", phone="491701234567")
    last = builders.make_person(app.workspace, "", email="ann@example.org")
    for person in (twin, last):
        builders.make_device(app, f"of {person.pk}", person=person)
    group = [Found(person=ann), Found(person=twin), Found(person=last), Found(device=alone)]

    written = [testers.name_tester(app, one, owner) for one in group]

    assert written == ["ann", "491701234567", f"person {last.pk}", f"device {alone.pk}"]
    assert [testers.find_testers([app], word, owner) for word in written] == [
        [one] for one in group
    ]


def test_a_test_group_means_its_devices_and_all_of_its_persons(app, owner, people, by):
    ann, phones, alone = people
    found = [Found(person=ann), Found(device=alone)]

    group = testers.save_test_group(TestGroup(app=app), "Team", found, **by)
    testers.save_test_group(group, "Desk", found[:1], **by)

    assert group.name == "Desk"
    assert testers.list_recipients(app, found) == [*(phone.pk for phone in phones), alone.pk]
    assert testers.list_found(group) == found[:1]
    testers.delete_test_group(group, **by)
    verbs = AuditEntry.objects.filter(target_type="testgroup").order_by("pk")
    assert list(verbs.values_list("verb", flat=True)) == [
        "create_test_group", "update_test_group", "delete_test_group",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "count", "path"), [("", 1, "name"), ("Team", 0, "testers"), ("Team", 11, "testers")]
)
def test_a_test_group_needs_a_name_and_one_to_ten_testers(app, owner, by, name, count, path):
    found = [Found(device=builders.make_device(app, str(n))) for n in range(count)]

    with pytest.raises(Invalid) as refused:
        testers.save_test_group(TestGroup(app=app), name, found, **by)

    assert list(refused.value.fields) == [path]
    assert not TestGroup.objects.exists()


def test_no_row_of_another_app_becomes_a_tester(app, owner, people):
    other = builders.make_app(app.workspace, "second")
    ann, _phones, alone = people

    for key in (f"device:{alone.pk}", f"person:{ann.pk}", "device:x", "label:1", "device:"):
        with pytest.raises(Invalid, match="no device or person"):
            testers.find_keyed(other, [key], owner)
