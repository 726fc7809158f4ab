"""Exports: every row once, nothing a spreadsheet would run, and back in as it was."""

from __future__ import annotations

import csv
import json
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import Max, Min
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns.errors import Invalid
from campaigns.models import AuditEntry, Counter, Device, Job, Label, LabelMember, Person, Segment
from campaigns.services import export_rows, exports
from campaigns.services.job_work import drain_jobs, work_on_jobs
from campaigns.services.jobs import read_file
from tests import builders
from tests.campaigns.importing import NOW, apply, check, count, upload
from tests.campaigns.test_reports import deliver, make_part, make_transfer, settle

pytestmark = pytest.mark.database


@pytest.fixture
def people(app):
    """Ann with two devices and a label, Bob with neither, Eve of another app."""
    ann = builders.make_person(
        app.workspace, "ann", email="=cmd|'/c calc'!A1", language="de", attributes={"plan": "pro"}
    )
    bob = builders.make_person(app.workspace, "bob")
    eve = builders.make_person(app.workspace, "eve")
    builders.make_device(builders.make_app(app.workspace, "other"), "eves-token", person=eve)
    for number in range(2):
        builders.make_device(app, f"anns-token-{number}", person=ann, country="DE")
    LabelMember.objects.create(label=Label.objects.create(app=app, name="vip"), person=ann)
    return ann, bob, eve


def export(what, of, form="csv"):
    job = exports.start_export(what, of, form=form, actor="owner", now=NOW)
    drain_jobs()
    job.refresh_from_db()
    return job, b"".join(read_file(job, form)).decode()


def test_people_of_an_app_leave_and_their_formulas_are_harmless(app, people):
    job, text = export("people", app)

    [row] = csv.DictReader(text.splitlines())
    assert (row["external_user_id"], row["labels"], row["opted_out"]) == ("ann", "vip", "false")
    assert row["email"] == "'=cmd|'/c calc'!A1"
    assert json.loads(row["attributes"]) == {"plan": "pro"}
    assert (job.status, job.counts) == ("done", {"rows": 1})
    assert AuditEntry.objects.filter(verb="start_export", target_id=str(job.pk)).exists()


def test_how_far_it_has_looked_and_what_it_has_written_are_told_apart(client, app, people):
    client.force_login(builders.make_member("cleo", app.workspace, role="composer"))
    other = Device.objects.exclude(app=app).get()
    builders.make_device(other.app, "eves-second")
    other.delete()
    bounds = Device.objects.aggregate(first=Min("pk"), last=Max("pk"))
    looked = bounds["last"] - bounds["first"] + 1

    job, text = export("devices", app)
    addresses = (reverse("jobs"), reverse("job", args=[job.pk]))
    pages = [client.get(address).content.decode() for address in addresses]

    assert (job.done, job.total) == (looked, looked)
    assert looked > job.counts["rows"] == len(text.splitlines()) - 1 == 2
    assert all(f"Looked through {looked} of {looked}</span>" in page for page in pages)
    assert "<span>Rows written</span>" in pages[1]


def test_everybody_of_a_workspace_leaves_by_lines_of_json(app, people, monkeypatch):
    monkeypatch.setattr(export_rows, "SPAN", 1)
    monkeypatch.setattr(exports, "SPAN", 1)

    _job, text = export("people", app.workspace, "jsonl")

    rows = [json.loads(line) for line in text.splitlines()]
    assert [row["external_user_id"] for row in rows] == ["ann", "bob", "eve"]


def test_how_many_recipients_a_file_will_have_is_known_at_its_first_step(app, monkeypatch):
    monkeypatch.setattr(exports, "SPAN", 2)
    transfer = make_transfer(app)
    part = make_part(transfer)
    devices = [builders.make_device(app, f"token-{number}").pk for number in range(3)]
    deliver(part, settle(part, 3), devices)
    Counter.objects.create(part=part, platform="android", outcome="sent", count=3)

    job = exports.start_export("recipients", transfer, actor="owner", now=NOW)
    steps = [exports.export_step(job, NOW)]
    job.cursor, job.done = steps[0].cursor, steps[0].done
    steps.append(exports.export_step(job, NOW))

    assert [(step.done, step.total, step.is_last) for step in steps] == [
        (2, 3, False),
        (3, 3, True),
    ]


def test_members_of_a_segment_are_those_it_means(app, people):
    builders.make_device(app, "another", platform="ios")
    expression = {"field": "device.country", "op": "eq", "value": "DE"}
    segment = Segment.objects.create(app=app, name="Germans", expression=expression)

    _job, text = export("segment", segment)

    rows = list(csv.DictReader(text.splitlines()))
    assert [row["token"] for row in rows] == ["anns-token-0", "anns-token-1"]


def test_a_segment_of_relative_times_leaves_as_it_was_when_it_was_asked_for(app):
    for token, age in {"in": 11, "out": 13}.items():
        builders.make_device(app, token, last_seen_at=NOW - timedelta(hours=age))
    expression = {"field": "device.last_seen_at", "op": "within_last", "value": "12h"}
    segment = Segment.objects.create(app=app, name="Recent", expression=expression)

    _job, text = export("segment", segment)

    assert [row["token"] for row in csv.DictReader(text.splitlines())] == ["in"]


def test_who_carries_a_label_leaves_with_labels_of_its_app_alone(app, people, monkeypatch):
    monkeypatch.setattr(export_rows, "SPAN", 1)
    monkeypatch.setattr(exports, "SPAN", 1)
    _ann, bob, eve = people
    vip = Label.objects.get(name="vip")
    other = Label.objects.create(app=eve.devices.get().app, name="theirs")
    for label, person in ((vip, eve), (other, eve), (other, bob)):
        LabelMember.objects.create(label=label, person=person)

    job, text = export("label", vip)

    rows = list(csv.DictReader(text.splitlines()))
    assert [(row["external_user_id"], row["labels"]) for row in rows] == [
        ("ann", "vip"),
        ("eve", "vip"),
    ]
    assert (job.app, job.counts, job.params["name"]) == (app, {"rows": 2}, "vip")


def test_a_label_that_nobody_carries_is_an_empty_file_and_one_that_is_gone_none(app):
    label = Label.objects.create(app=app, name="vip")
    _job, text = export("label", label)
    begun = exports.start_export("label", label, actor="owner", now=NOW)
    label.delete()
    drain_jobs()
    begun.refresh_from_db()

    assert text.splitlines() == [",".join(export_rows.PERSON_HEADING)]
    assert (begun.status, begun.note) == ("failed", "There is no such label any more.")


def test_what_was_exported_comes_back_and_changes_nothing(app, people):
    Person.objects.filter(external_user_id="ann").update(email="ann@example.org")
    for what in ("people", "devices"):
        _job, text = export(what, app)

        one = apply(check(upload(app, text)))

        rows = 1 if what == "people" else 2
        assert count(one.apply_job) == {"rows": rows, "unchanged": rows}


def test_a_step_costs_the_same_at_the_end_as_at_the_beginning(app, monkeypatch):
    monkeypatch.setattr(export_rows, "SPAN", 10)
    monkeypatch.setattr(exports, "SPAN", 10)
    monkeypatch.setattr(exports, "STRETCHES", 1)  # as slow a machine as there can be
    first = min(builders.make_device(app, f"token-{number}").pk for number in range(60))
    job = exports.start_export("devices", app, actor="owner", now=NOW)
    work_on_jobs("one")
    job.refresh_from_db()
    if job.cursor["after"] < first:  # ids begin where earlier tests have left them
        Job.objects.filter(pk=job.pk).update(cursor={**job.cursor, "after": first - 1})
    costs = []

    while True:
        with CaptureQueriesContext(connection) as asked:
            work_on_jobs("one")
        job.refresh_from_db()
        if job.status == Job.Status.DONE:
            break
        costs.append(len(asked))

    assert len(costs) >= 4
    assert len(set(costs)) == 1
    assert job.counts == {"rows": Device.objects.count()}


def test_a_file_of_another_kind_is_refused(app):
    with pytest.raises(Invalid, match="csv, jsonl"):
        exports.start_export("people", app, form="xlsx", actor="owner", now=NOW)
