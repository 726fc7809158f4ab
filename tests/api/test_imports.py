"""Imports and exports as scripts make them."""

from __future__ import annotations

import csv

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import AuditEntry, Import, Job, Label, LabelMember, Person, Segment
from campaigns.services.job_work import drain_jobs
from tests import builders
from tests.api.conftest import make_client

pytestmark = pytest.mark.database
UPLOAD = "/api/v1/imports/?source=CRM&name=people.csv"
PEOPLE = "user_id,mail,plan\nann,ann@example.org,pro\nbob,nowhere,\n"


def send(client, text, address=UPLOAD, kind="text/csv"):
    return client.generic("POST", address, text, kind)


def test_a_file_is_checked_and_applied(client, app):
    sent = send(client, PEOPLE).json()
    address = f"/api/v1/imports/{sent['id']}/"
    mapping = sent["mapping"] | {"plan": "person.custom.plan:text"}

    checking = client.post(f"{address}check/", {"mapping": mapping}).json()
    drain_jobs()
    checked = client.get(address).json()
    nobody_yet = Person.objects.count()
    left_out = client.get(f"{address}rejected/")
    applying = client.post(f"{address}apply/").json()
    drain_jobs()
    applied = client.get(address).json()

    assert (sent["state"], sent["columns"]) == ("uploaded", ["user_id", "mail", "plan"])
    assert sent["mapping"] == {"user_id": "person.external_user_id", "mail": "person.email"}
    assert (checking["state"], checked["state"]) == ("checking", "checked")
    assert (nobody_yet, checked["counts"]) == (0, applied["counts"])
    assert (checked["counts"]["new"], checked["counts"]["rejected"]) == (1, 1)
    [row] = csv.DictReader(b"".join(left_out.streaming_content).decode().splitlines())
    assert (row["line"], row["column"], row["mail"]) == ("3", "mail", "nowhere")
    assert (applying["state"], applied["state"]) == ("applying", "applied")
    assert Person.objects.get().attributes == {"plan": "pro"}
    assert AuditEntry.objects.filter(target_type="import", verb="download_rejected").count() == 1


def test_what_changed_between_the_dry_run_and_the_import_is_left_out_with_its_reason(
    client, app, owner
):
    sent = send(client, "user_id,platform,token\nann,android,token-that-moves\n").json()
    address = f"/api/v1/imports/{sent['id']}/"
    client.post(f"{address}check/")
    drain_jobs()
    before = client.get(f"{address}rejected/")
    bob = builders.make_person(app.workspace, "bob")
    builders.make_device(app, "token-that-moves", person=bob)
    client.post(f"{address}apply/")
    drain_jobs()
    browser = Client()
    browser.force_login(owner)

    files = [client.get(f"{address}rejected/{query}") for query in ("", "?since=true")]
    page = browser.get(reverse("import", args=[sent["id"]]))

    assert before.status_code == 404
    for file in files:
        [row] = csv.DictReader(b"".join(file.streaming_content).decode().splitlines())
        assert (row["line"], "belongs to somebody else" in row["reason"]) == ("2", True)
    [why] = page.context["why"]["rows"]
    assert (page.context["left_out_since"], why.words in page.content.decode()) == (1, True)


def test_lines_of_json_and_labels_by_name(client, app):
    builders.make_person(app.workspace, "ann")
    Label.objects.create(app=app, name="vip")
    sent = send(client, '{"user_id": "ann"}\n', kind="application/x-ndjson").json()
    address = f"/api/v1/imports/{sent['id']}/check/"

    refused = client.post(address, {"verb": "add", "labels": ["no"]})
    checked = client.post(address, {"verb": "add", "labels": ["vip"]}).json()

    assert (refused.status_code, set(refused.json()["fields"])) == (400, {"labels"})
    assert (checked["verb"], checked["labels"]) == ("add", ["vip"])


def test_what_runs_is_cancelled_and_what_is_wrong_is_named(client, app, settings):
    sent = send(client, PEOPLE).json()
    address = f"/api/v1/imports/{sent['id']}/"
    wrong = client.post(f"{address}check/", {"mapping": {"plan": "person.shoe"}})
    early = client.post(f"{address}apply/")
    client.post(f"{address}check/")
    cancelled = client.post(f"{address}cancel/").json()
    settings.MAX_IMPORT_BYTES = 10
    answers = [
        send(client, PEOPLE),
        send(client, "a\nb\n", "/api/v1/imports/"),
        send(client, "a\nb\n", "/api/v1/imports/?source=x&colour=red"),
        send(client, "a\nb\n", kind="application/pdf"),
        client.generic("POST", UPLOAD, "a\nb\n", "text/csv", HTTP_IDEMPOTENCY_KEY="k"),
    ]

    assert (wrong.status_code, set(wrong.json()["fields"])) == (400, {"plan"})
    assert (early.status_code, early.json()["code"]) == (409, "not_ready")
    assert cancelled["state"] == "cancelled"
    assert [answer.status_code for answer in answers] == [413, 400, 400, 415, 400]


def test_an_export_is_a_job_with_a_file(client, app):
    ann = builders.make_person(app.workspace, "ann")
    builders.make_device(app, "anns", person=ann)
    label = Label.objects.create(app=app, name="vip")
    LabelMember.objects.create(label=label, person=ann)
    segment = Segment.objects.create(
        app=app, name="All", expression={"field": "device.platform", "op": "exists"}
    )
    bodies = [
        {"what": "people"},
        {"what": "devices", "app": app.slug, "format": "jsonl"},
        {"what": "segment", "segment": segment.pk},
        {"what": "label", "label": label.pk},
    ]

    begun = [client.post("/api/v1/exports/", body).json() for body in bodies]
    drain_jobs()

    shown = client.get("/api/v1/exports/").json()["results"]
    assert [(job["status"], job["counts"]) for job in shown] == [("done", {"rows": 1})] * 4
    for job, body in zip(begun, bodies, strict=True):
        file = client.get(f"/api/v1/jobs/{job['id']}/files/{body.get('format', 'csv')}/")
        assert b"ann" in b"".join(file.streaming_content)


def test_a_stranger_and_a_reader_get_nothing(client, app, foreign):
    sent = send(client, PEOPLE).json()
    address = f"/api/v1/imports/{sent['id']}/"
    reader = make_client(app.workspace, scopes=["read"])
    segment = Segment.objects.create(app=app, name="All", expression={})
    client.post("/api/v1/exports/", {"what": "people"})

    strange = [
        foreign.get(address),
        foreign.post(f"{address}check/"),
        foreign.post(f"{address}apply/"),
        foreign.post(f"{address}cancel/"),
        foreign.get(f"{address}rejected/"),
    ]
    seen = [foreign.get(f"/api/v1/{name}/").json()["results"] for name in ("imports", "exports")]
    label = Label.objects.create(app=app, name="vip")
    bodies = [{"what": "segment", "segment": segment.pk}, {"what": "label", "label": label.pk}]
    taken = [foreign.post("/api/v1/exports/", body).status_code for body in bodies]
    read = [
        send(reader, PEOPLE), reader.post(f"{address}check/"), reader.get(f"{address}rejected/"),
        reader.post("/api/v1/exports/", {"what": "people"}),
    ]  # fmt: skip

    assert {answer.status_code for answer in strange} == {404}
    assert (seen, taken) == ([[], []], [400, 400])
    assert {answer.status_code for answer in read} == {403}
    assert (Import.objects.count(), Job.objects.filter(kind="export").count()) == (1, 1)


def test_a_key_for_one_app_takes_no_whole_workspace(app):
    narrow = make_client(app.workspace, apps=[app])

    answer = narrow.post("/api/v1/exports/", {"what": "people"})

    assert answer.status_code == 403
