"""Labels in pages and over the API: made, renamed, archived, deleted, filled in bulk."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from campaigns.models import (
    App,
    AuditEntry,
    Campaign,
    Job,
    Label,
    LabelMember,
    Membership,
    Segment,
)
from campaigns.selectors.audience import read_audience, select_devices
from campaigns.services import labels as services
from campaigns.services.audience import update_label
from campaigns.services.job_work import drain_jobs
from campaigns.services.jobs import read_file
from tests import builders
from tests.pages.test_pages import make_campaign

pytestmark = pytest.mark.database
GERMANS = {"field": "device.country", "op": "eq", "value": "DE"}
VIP = {"labels": ["VIP"]}


@pytest.fixture
def label(app):
    return Label.objects.create(app=app, name="VIP")


@pytest.fixture
def people(app):
    """Three of the app, two of them in Germany with two devices each; ann carries an e-mail."""
    persons = [
        builders.make_person(app.workspace, name, email=f"{name}@example.org")
        for name in ("ann", "ben", "cleo")
    ]
    for number, person in enumerate([*persons, *persons[:2]]):
        country = "FR" if person is persons[2] else "DE"
        builders.make_device(app, f"t{number}", person=person, country=country)
    return persons


@pytest.fixture
def page(client, owner):
    client.force_login(owner)
    return client


def list_carriers(label):
    members = LabelMember.objects.filter(label=label).order_by("person__external_user_id")
    return list(members.values_list("person__external_user_id", flat=True))


def test_a_label_is_made_renamed_archived_restored_and_deleted(page, app):
    made = page.post(reverse("new_label"), {"app": app.pk, "name": "VIP", "description": "Gold"})
    label = Label.objects.get()
    page.post(reverse("label", args=[label.pk]), {"name": "Very", "description": ""})
    page.post(reverse("label_archive", args=[label.pk]))
    archive = page.get(reverse("labels") + "?archived=1").content
    offered = page.get(reverse("labels")).content
    taken = page.post(reverse("new_label"), {"app": app.pk, "name": "Very"})
    page.post(reverse("label_restore", args=[label.pk]))
    label.refresh_from_db()
    deleted = page.post(reverse("label_delete", args=[label.pk]))

    assert made.url == f"/labels/{label.pk}/"
    assert (label.name, label.description, label.archived_at) == ("Very", "", None)
    assert (b"Very" in archive, b"Very" in offered) == (True, False)
    assert (taken.status_code, b"archived one" in taken.content) == (422, True)
    assert (deleted.url, Label.objects.exists()) == ("/labels/", False)
    verbs = list(AuditEntry.objects.order_by("pk").values_list("verb", flat=True))
    assert verbs == ["create", "update", "archive", "restore", "delete"]


@pytest.mark.parametrize(
    "audience",
    [VIP, {"combine": {"include": [{"all": True}], "exclude": [VIP]}}],
    ids=["alone", "combined"],
)
def test_what_a_campaign_names_is_neither_renamed_nor_deleted(page, app, label, audience):
    campaign = make_campaign(app)
    Campaign.objects.update(audience=audience, name="Autumn")
    address = reverse("label", args=[label.pk])

    renamed = page.post(address, {"name": "Gold", "description": ""})
    deleted = page.post(reverse("label_delete", args=[label.pk]), follow=True)

    label.refresh_from_db()
    assert (renamed.status_code, label.name) == (422, "VIP")
    assert b'value="Gold"' in renamed.content
    assert b"It is still used, by Autumn." in deleted.content
    assert reverse("campaign", args=[campaign.pk]).encode() in page.get(address).content


def test_an_archived_label_is_not_offered_but_means_what_it_meant(page, app, label, people, now):
    LabelMember.objects.create(label=label, person=people[0])
    campaign = make_campaign(app)
    Campaign.objects.update(audience=VIP)
    services.archive_label(label, actor="ann", now=now)

    fresh = page.get(reverse("compose")).context["composition"].audience.fields["labels"]
    kept = page.get(reverse("edit", args=[campaign.pk])).context["composition"].audience
    meant = select_devices(app, read_audience(app, VIP, principal=None))

    assert [name for name, _words in fresh.choices] == []
    assert [name for name, _words in kept.fields["labels"].choices] == ["VIP"]
    assert meant.count() == 2


def test_a_segment_is_added_and_removed_once_for_each_person(page, app, label, people):
    segment = Segment.objects.create(app=app, name="Germans", expression=GERMANS)
    address = reverse("label_members", args=[label.pk])
    Label.objects.update(member_count=7)  # a figure that went wrong

    begun = page.post(address, {"by": "segment", "segment": segment.pk, "verb": "add"})
    drain_jobs()
    label.refresh_from_db()
    added, count = list_carriers(label), label.member_count
    page.post(address, {"by": "segment", "segment": segment.pk, "verb": "remove"})
    drain_jobs()

    label.refresh_from_db()
    job = Job.objects.order_by("pk").first()
    assert begun.url == reverse("job", args=[job.pk])
    assert (added, count) == (["ann", "ben"], 2)
    assert job.counts == {"changed": 2, "same": 0, "unknown": 0}
    assert (list_carriers(label), label.member_count) == ([], 0)
    assert {"add_members", "remove_members"} <= set(AuditEntry.objects.values_list("verb", flat=1))


def test_a_job_goes_on_where_its_last_step_was(app, label, people, monkeypatch, now):
    monkeypatch.setattr(services, "SPAN", 1)
    segment = Segment.objects.create(app=app, name="All", expression={"and": []})

    job = services.change_by_segment(label, services.BulkVerb.ADD, segment, actor="ann", now=now)
    drain_jobs()

    job.refresh_from_db()
    label.refresh_from_db()
    assert (job.status, label.member_count) == ("done", 3)
    assert job.counts == {"changed": 3, "same": 2, "unknown": 0}


def test_a_segment_of_relative_times_means_those_of_when_it_was_asked_for(app, label, now):
    for name, age in {"new": 11, "old": 13}.items():
        person = builders.make_person(app.workspace, name)
        seen = now - timedelta(hours=age)
        builders.make_device(app, name, person=person, last_seen_at=seen)
    expression = {"field": "device.last_seen_at", "op": "within_last", "value": "12h"}
    segment = Segment.objects.create(app=app, name="Recent", expression=expression)

    services.change_by_segment(label, services.BulkVerb.ADD, segment, actor="ann", now=now)
    drain_jobs()

    assert list_carriers(label) == ["new"]


def test_pasted_ids_of_any_kind_are_added_and_the_unknown_are_given_back(page, label, people):
    ids = f"ann\r\nzoe\r\nemail,cleo@example.org\r\nperson,{people[1].pk}\r\nphone,49301\r\n\r\nann"
    address = reverse("label_members", args=[label.pk])

    page.post(address, {"by": "ids", "kind": "external_user_id", "ids": ids, "verb": "add"})
    drain_jobs()
    job = Job.objects.get()
    label.refresh_from_db()
    file = page.get(reverse("job_file", args=[job.pk, "unknown"]))

    assert (list_carriers(label), label.member_count) == (["ann", "ben", "cleo"], 3)
    assert job.counts == {"changed": 3, "same": 0, "unknown": 2, "repeated": 1}
    assert b"".join(file.streaming_content) == b"zoe\nphone,49301\n"
    assert not list(read_file(job, "input"))


def test_what_a_list_names_twice_is_counted_so_that_the_figures_are_its_lines(page, label, people):
    ids = ("ann", "ben", "ann", "nobody", "", "external_user_id,ben", "nobody")
    address = reverse("label_members", args=[label.pk])

    page.post(address, {"verb": "add", "by": "ids", "kind": "external_user_id",
                        "ids": "\n".join(ids)})  # fmt: skip
    drain_jobs()

    job = Job.objects.get()
    shown = page.get(reverse("job", args=[job.pk])).content.decode()
    assert job.counts == {"changed": 2, "same": 0, "unknown": 1, "repeated": 3}
    assert "Lines that name somebody again, of 2,000 at a time" in shown


def test_nobody_is_found_whom_the_operator_does_not_see(client, app, label, people):
    other = App.objects.create(workspace=app.workspace, name="Other", slug="other")
    hidden = builders.make_person(app.workspace, "dora")
    builders.make_device(other, "t9", person=hidden)
    low = builders.make_member("low", app.workspace, app=app, role=Membership.Role.COMPOSER)
    client.force_login(low)

    address = reverse("label_members", args=[label.pk])
    form = {"by": "ids", "kind": "external_user_id", "ids": "ann\ndora", "verb": "add"}
    client.post(address, form)
    drain_jobs()
    client.post(reverse("label_person", args=[label.pk]), {"person": hidden.pk})

    assert list_carriers(label) == ["ann"]
    assert b"".join(read_file(Job.objects.get(), "unknown")) == b"dora\n"


def test_what_is_typed_wrongly_is_shown_again(page, app, label, stranger):
    foreign = Membership.objects.get(user=stranger).workspace
    theirs = Segment.objects.create(
        app=App.objects.create(workspace=foreign, name="X", slug="x"), name="S", expression=GERMANS
    )
    address = reverse("label_members", args=[label.pk])

    answers = [
        page.post(reverse("new_label"), {"app": app.pk, "name": " ", "description": "kept words"}),
        page.post(reverse("label", args=[label.pk]), {"name": "", "description": "kept words"}),
        page.post(address, {"by": "segment", "segment": theirs.pk}),
        page.post(address, {"by": "ids", "kind": "nonsense", "ids": "kept words"}),
        page.post(address, {"by": "ids", "kind": "phone", "ids": ""}),
    ]

    assert [answer.status_code for answer in answers] == [422] * 5
    assert [b"kept words" in answer.content for answer in answers] == [
        True,
        True,
        False,
        True,
        False,
    ]
    assert not Job.objects.exists()


def test_a_person_is_searched_added_and_removed_at_once(page, label, people):
    address = reverse("label", args=[label.pk])
    found = page.get(address, {"who": "ann@example.org"}).content
    page.post(reverse("label_person", args=[label.pk]), {"person": people[0].pk, "verb": "add"})
    shown = page.get(address).content
    added = list_carriers(label)
    page.post(reverse("label_person", args=[label.pk]), {"person": people[0].pk, "verb": "remove"})

    assert b"Add ann" in found
    assert reverse("person", args=[people[0].pk]).encode() in shown
    assert (added, list_carriers(label)) == (["ann"], [])


def test_members_are_paged_by_their_ids(page, app, label):
    persons = [builders.make_person(app.workspace, f"p{number:02}") for number in range(51)]
    LabelMember.objects.bulk_create(LabelMember(label=label, person=one) for one in persons)
    address = reverse("label", args=[label.pk])

    first = page.get(address)
    second = page.get(address, {"after": first.context["after"]})

    assert first.context["after"] == persons[49].pk
    assert [member.person for member in second.context["members"]] == [persons[50]]
    assert second.context["after"] == ""


def test_an_upload_for_a_label_adds_and_removes_its_people(page, app, label, people):
    new = page.get(reverse("new_import"), {"label": label.pk, "verb": "remove"})

    assert new.context["label"] == label
    assert (new.context["verb"], new.context["apps"]) == ("remove", [app])


def test_a_rename_leaves_a_count_alone_that_changed_meanwhile(app, label, now):
    Label.objects.update(member_count=5)

    update_label(label, name="Gold", actor="ann", now=now)

    label.refresh_from_db()
    assert (label.name, label.member_count) == ("Gold", 5)
