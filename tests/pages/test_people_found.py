"""Everybody whom a search finds gets a label or loses it, also those whom no page shows."""

from __future__ import annotations

from itertools import pairwise

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns.models import DeviceMark, Job, Label, LabelMember, Membership, Person
from campaigns.selectors.found_people import Search, find_stretch
from campaigns.services import labels as services
from campaigns.services.erase import start_erasure
from campaigns.services.job_work import drain_jobs, work_on_jobs
from campaigns.services.merges import merge_persons
from tests import builders
from tests.campaigns.test_lookup import find_scans, list_plans

pytestmark = pytest.mark.database
CROWD = 130  # more than a page shows, and more than one way of matching looks at


@pytest.fixture
def label(app):
    return Label.objects.create(app=app, name="VIP")


@pytest.fixture
def crowd(app):
    """So many whose ids begin alike and who share a phone, and others."""
    names = [f"ann-{number:03}" for number in range(CROWD)]
    rows = [
        Person(workspace=app.workspace, external_user_id=name, phone="4930123456") for name in names
    ]
    builders.make_person(app.workspace, "bob")
    persons = Person.objects.bulk_create(rows)
    builders.make_person(app.workspace, "cleo")
    return persons


@pytest.fixture
def page(client, owner):
    client.force_login(owner)
    return client


def ask(client, label, who="ann*", verb="add", **others):
    posted = {"who": who, "label": label.pk, "whom": "found", "verb": verb, **others}
    return client.post(reverse("label_people"), posted)


def list_carriers(label):
    members = LabelMember.objects.filter(label=label).order_by("person__external_user_id")
    return list(members.values_list("person__external_user_id", flat=True))


def test_everybody_found_gets_a_label_and_loses_it(page, label, crowd, monkeypatch):
    monkeypatch.setattr(services, "SPAN", 40)
    shown = page.get(reverse("people"), {"who": "ann*"})

    begun = ask(page, label)
    drain_jobs()
    added = list_carriers(label)
    ask(page, label, who="ann-00", verb="remove")
    drain_jobs()

    first, second = Job.objects.order_by("pk")
    label.refresh_from_db()
    assert len(shown.context["hits"]) == 50
    assert f"All {CROWD} people found" in shown.content.decode()
    assert begun.url == reverse("job", args=[first.pk])
    assert added == [person.external_user_id for person in crowd]
    assert first.counts == {"changed": CROWD, "same": 0, "unknown": 0}
    assert (first.app_id, first.params["search"], first.params["begins"]) == (
        label.app_id, "ann", True,
    )  # fmt: skip
    assert second.counts["changed"] == 10
    assert (len(list_carriers(label)), label.member_count) == (CROWD - 10, CROWD - 10)
    assert b"VIP: everybody whom the search finds by ann*." in page.get(begun.url).content


def test_what_somebody_has_as_a_whole_is_no_beginning(page, app, label, crowd):
    """A phone that more people share than a search looks at."""
    builders.make_person(app.workspace, "4930123456-2")

    ask(page, label, who="+49 30 123456")
    drain_jobs()

    assert list_carriers(label) == [person.external_user_id for person in crowd]
    assert Job.objects.get().params["begins"] is False


def test_owners_of_devices_and_who_took_somebody_over_are_found_too(page, app, label, now):
    persons = [builders.make_person(app.workspace, name) for name in ("ann", "ben", "cleo")]
    for person in persons[:2]:
        device = builders.make_device(app, f"token-{person}", person=person)
        DeviceMark.objects.create(app=app, device=device, kind="alias", name="family")
    builders.make_device(app, "token-9")
    gone = builders.make_person(app.workspace, "family")
    merge_persons(persons[2], gone, actor="owner", now=now)

    ask(page, label, who="family")
    drain_jobs()

    assert list_carriers(label) == ["ann", "ben", "cleo"]


def test_who_is_somebody_elses_is_neither_counted_nor_labelled(client, app, label):
    """People of another app, of another workspace, and a device's alias in another app."""
    other = builders.make_app(app.workspace, "cafe")
    foreign = builders.make_app(builders.make_workspace("rival"), "rival")
    for place, name in ((app, "anna"), (app, "anne"), (other, "annika"), (foreign, "annabel")):
        person = builders.make_person(place.workspace, name)
        device = builders.make_device(place, f"token-{name}", person=person)
        DeviceMark.objects.create(app=place, device=device, kind="alias", name="pal")
    low = builders.make_member("low", app.workspace, app=app, role=Membership.Role.COMPOSER)
    client.force_login(low)

    shown = client.get(reverse("people"), {"who": "ann*"}).content.decode()
    ask(client, label)
    drain_jobs()
    by_beginning = list_carriers(label)
    ask(client, label, who="pal", verb="remove")
    drain_jobs()

    assert "All 2 people found" in shown
    assert by_beginning == ["anna", "anne"]
    assert [job.counts["changed"] for job in Job.objects.order_by("pk")] == [2, 2]


def test_who_is_wide_in_two_workspaces_labels_people_of_the_labels_alone(page, app, owner, label):
    second = builders.make_workspace("second")
    Membership.objects.create(user=owner, workspace=second, role=Membership.Role.ADMIN)
    for place in (app.workspace, second):
        builders.make_person(place, f"ann-{place.slug}")

    ask(page, label)
    drain_jobs()

    assert list_carriers(label) == ["ann-acme"]


def test_it_is_cancelled_between_two_steps_and_what_is_done_stays(page, label, crowd, monkeypatch):
    monkeypatch.setattr(services, "SPAN", 40)

    begun = ask(page, label)
    work_on_jobs("worker")
    page.post(reverse("cancel_job", args=[Job.objects.get().pk]))
    drain_jobs()

    job = Job.objects.get()
    assert job.status == "cancelled"
    assert 0 < len(list_carriers(label)) == job.counts["changed"] < CROWD
    assert b"Looked through" in page.get(begun.url).content


@pytest.mark.parametrize(("who", "name"), [("anna*", "anna"), ("+49 30 123456", "zoe")])
def test_a_search_that_named_somebody_who_is_erased_meanwhile_labels_nobody_else(
    page, owner, label, now, who, name
):
    workspace = label.app.workspace
    for known in (name, "anna-2", "erased", "erased-2"):
        builders.make_person(workspace, known, phone="4930123456" if known == name else "")
    ask(page, label, who=who)
    labelling = Job.objects.filter(pk=Job.objects.get().pk)

    labelling.update(status="draft")  # nobody has come to it
    start_erasure(owner, workspace, [name.encode()], kind="external_user_id", actor="o", now=now)
    drain_jobs()
    labelling.update(status="waiting")
    drain_jobs()

    job = labelling.get()
    assert list_carriers(label) == []
    assert (job.params["search"], job.status) == ("erased", "failed")
    assert "has been erased" in job.note


def test_who_is_called_as_erasures_call_people_is_found(page, app, label):
    builders.make_person(app.workspace, "erased-2")

    ask(page, label, who="erased*")
    drain_jobs()

    assert list_carriers(label) == ["erased-2"]


def test_of_more_than_are_counted_the_page_says_so(page, label, crowd, monkeypatch):
    monkeypatch.setattr("campaigns.selectors.lookup.MOST_COUNTED", 100)

    shown = page.get(reverse("people"), {"who": "ann*"}).content.decode()
    shared = page.get(reverse("people"), {"who": "4930123456"}).content.decode()

    assert "100 and more found, the first 50 are shown" in shown
    assert "these are 100 people and more" in shown
    assert "Everybody found: 100 and more" in shown
    assert "Everybody found: 100 and more" in shared


@pytest.mark.parametrize("who", ["zoe*", "", "x" * 5_000, "a\0b"])
def test_a_search_that_finds_nobody_begins_nothing(page, label, crowd, who):
    answer = ask(page, label, who=who)

    assert answer.url == reverse("people")
    assert not Job.objects.exists()


def test_the_page_of_a_label_leads_to_everybody_found(page, label, crowd):
    found = page.get(reverse("label", args=[label.pk]), {"who": "ann*"}).content.decode()
    shown = page.get(reverse("people"), {"who": "ann*", "label": label.pk}).content.decode()

    assert f"{reverse('people')}?who=ann%2A&amp;label={label.pk}" in found
    assert f'<option value="{label.pk}" selected>VIP</option>' in shown
    assert 'name="whom" value="found"' in shown
    assert shown.split('value="found"')[1].split(">")[0].strip().endswith("checked")


def test_a_stretch_reads_no_big_table_from_end_to_end(app, crowd):
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # small tables are scanned unless it is forbidden
            cursor.execute("SET enable_seqscan = off")
    searches = [
        Search(text, begins, app.workspace_id, [app.pk])
        for text, begins in (("ann", True), ("a@b.org", False), ("4930123456", False))
    ]

    with CaptureQueriesContext(connection) as asked:
        found = [
            [find_stretch(one, *ends) for ends in pairwise((0, crowd[5].pk, crowd[-1].pk))]
            for one in searches
        ]

    plans = list_plans(asked.captured_queries)
    assert [[len(stretch) for stretch in one] for one in found] == [[6, 124], [0, 0], [6, 124]]
    assert [found for plan in plans if (found := find_scans(plan))] == []
