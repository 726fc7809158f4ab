"""Erasing a person: no column of any table holds what was known of them, and the books hold."""

from __future__ import annotations

import json
import zlib
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection, models
from django.db.models import F
from rest_framework.test import APIClient

from campaigns.dispatch import resolve
from campaigns.dispatch.engine import drain
from campaigns.dispatch.freeze import freeze_transfer
from campaigns.dispatch.plan import start_campaign
from campaigns.dispatch.verify import check_books
from campaigns.errors import IllegalMove
from campaigns.models import (
    Account,
    App,
    Attempt,
    AuditEntry,
    Batch,
    Campaign,
    Correction,
    Delivery,
    Device,
    Exchange,
    Job,
    JobPiece,
    Label,
    Message,
    Occurrence,
    Part,
    Person,
    PersonMerge,
    ScriptRecord,
    ScriptSchedule,
    Segment,
    Submission,
    Suppression,
    TargetChunk,
    Tombstone,
    TrackedTarget,
    Transfer,
    VendorLabel,
    VendorLabelMember,
    WaitingEvent,
    kept,
)
from campaigns.models.audience import hash64
from campaigns.models.packing import pack_texts
from campaigns.services import job_work, personal
from campaigns.services.access import issue_key
from campaigns.services.erase import ERASE, sift, start_erasure
from campaigns.services.erase_tables import TABLES
from campaigns.services.job_work import drain_jobs, work_on_jobs
from campaigns.services.jobs import cancel_job, start_job
from campaigns.services.suppressions import Entry, Place, Terms, add_suppressions
from campaigns.services.tombstones import lift_tombstones
from providers import vault
from tests import builders
from tests.campaigns.dispatch.conftest import CONTENT, routed  # noqa: F401 a fixture
from tests.vendor_cases.conftest import simulator  # noqa: F401 a fixture

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
MARKER = "Xq7markerZ"
USER, MAIL, TOKEN, AID = (
    f"{MARKER}-user",
    f"{MARKER}@x.example",
    f"{MARKER}:tok/en=",
    f"aid {MARKER}",
)
ALIAS, NAME, OLD = f"{MARKER}-alias", f"Anna {MARKER}", f"{MARKER}-before"
TEXTUAL = (
    models.CharField, models.TextField, models.JSONField, models.BinaryField,
    models.GenericIPAddressField,
)  # fmt: skip


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def place(routed: App, simulator: Any) -> App:  # noqa: F811
    account = Account.objects.get()
    account.credentials = vault.encrypt({"api_key": "good"})
    account.save()
    return routed


def grep(marker: str) -> list[str]:
    """`table.column` of whatever holds the marker, compressed or not."""
    found = []
    with connection.cursor() as cursor:
        for table in sorted(connection.introspection.table_names(cursor)):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            names = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                found += [f"{table}.{name}" for name, value in zip(names, row, strict=True)
                          if holds(value, marker)]  # fmt: skip
    return sorted(set(found))


def holds(value: Any, marker: str) -> bool:
    if isinstance(value, bytes | memoryview):
        raw = bytes(value)
        with suppress(zlib.error):  # else it is as it is written
            raw = zlib.decompress(raw)
        return marker.encode() in raw
    return marker.casefold() in json.dumps(value, default=str).casefold()


def test_every_text_of_every_table_is_accounted_for():
    """Whoever adds a column says what becomes of it; docs/privacy.md shows the same table."""
    fates = {
        name: [field for fate in kinds for field in fate.fields]
        for name, kinds in personal.FATES.items()
    }
    columns: dict[str, set[str]] = {}
    for model in apps.get_models(include_auto_created=True):
        label = model._meta.label_lower
        name = "djangogroup" if label == "auth.group" else str(model._meta.model_name)
        own = {f.name for f in model._meta.concrete_fields if isinstance(f, TEXTUAL)}
        if own:
            columns[name] = own
    searched = {
        (table.key, name) for table in TABLES for name in table.fields
        if name not in {"job", "role", "number", "segment"}
    }  # fmt: skip
    promised = {
        (name, field) for name, kinds in personal.FATES.items() for fate in kinds
        if fate.verb in {personal.SEARCHED, personal.TOLD} for field in fate.fields
    }  # fmt: skip

    assert {name: set(fields) for name, fields in fates.items()} == columns
    assert all(len(set(fields)) == len(fields) for fields in fates.values())
    assert promised <= searched
    assert write_fates() in Path("docs/privacy.md").read_text()


def write_fates() -> str:
    """The table as docs/privacy.md shows it: what goes first, what stays last."""
    verbs = (personal.GOES, personal.EMPTIED, personal.SEARCHED, personal.TOLD, personal.STAYS)
    rows = [(name, fate) for name, fates in personal.FATES.items() for fate in fates]
    rows.sort(key=lambda row: (verbs.index(row[1].verb), row[0]))
    lines = ["| table | columns | when a person is erased |", "|---|---|---|"]
    for name, fate in rows:
        columns = ", ".join(f"`{column}`" for column in fate.fields)
        lines.append(f"| `{name}` | {columns} | {fate.verb}: {fate.why} |")
    return "\n".join(lines)


def make_person(app: App, now: datetime) -> tuple[Person, Device]:
    """Everything that is directly theirs holds the marker."""
    client = make_client(app)
    row = {
        "platform": "android", "token": TOKEN, "external_user_id": USER, "alias": ALIAS,
        "ids": {"google_aid": AID}, "attributes": {"first_name": NAME}, "tags": [f"{MARKER}-tag"],
    }  # fmt: skip
    done = client.post("/api/v1/devices/bulk/", {"devices": [row]}, HTTP_IDEMPOTENCY_KEY="k1")
    assert done.json()["created"] == 1
    person = Person.objects.get(external_user_id=USER)
    changes = {"email": MAIL, "attributes": {"first_name": NAME}}
    client.patch(f"/api/v1/persons/{person.pk}/", changes, HTTP_IDEMPOTENCY_KEY=f"k {MARKER}")
    told = f"For {MAIL} and whoever is like {USER}"
    label = Label.objects.create(app=app, name="vip", member_count=0, description=told)
    Segment.objects.create(app=app, name="Like them", expression={"and": []}, description=told)
    for name in (USER, MAIL):
        kept.TestGroup.objects.create(app=app, name=name, created_at=now, created_by="o")
    client.post(f"/api/v1/labels/{label.pk}/members/add/", {"persons": [USER, OLD]},
                HTTP_IDEMPOTENCY_KEY="k3")  # fmt: skip
    device = Device.objects.get(person=person)
    group = kept.TestGroup.objects.create(app=app, name="us", created_at=now, created_by="o")
    kept.Tester.objects.create(group=group, person=person)
    PersonMerge.objects.create(
        workspace=app.workspace, person=person, kept_id=person.pk, gone_id=person.pk + 999,
        external_user_id=OLD, values={"email": f"old-{MAIL}"}, at=now, actor="o",
    )  # fmt: skip
    LogEntry.objects.create(
        user=builders.make_member("staff", app.workspace, role="admin"),
        content_type=ContentType.objects.get_for_model(Person), object_id=str(person.pk),
        object_repr=USER, action_flag=CHANGE,
    )  # fmt: skip
    return person, device


def make_client(app: App) -> APIClient:
    _key, text = issue_key(
        app.workspace, name="script", scopes=["read", "audience", "send", "privacy"],
        actor="owner", now=datetime.now(UTC),
    )  # fmt: skip
    client = APIClient()
    client.default_format = "json"
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    return client


def spread(app: App, person: Person, now: datetime) -> Transfer:
    """Everywhere else where what scripts, vendors and operators say may name them."""
    campaign = Campaign.objects.create(
        workspace=app.workspace, app=app, name=f"Test for {USER}",
        message=Message.objects.create(app=app, content={**CONTENT, "data": {"to": USER}}),
        audience={"persons": [USER, "somebody"]}, status_since=now, created_at=now, created_by="o",
    )  # fmt: skip
    start_campaign(campaign, actor="owner", now=now)
    drain()
    transfer = Transfer.objects.get(campaign=campaign)
    part, batch = transfer.parts.get(), transfer.batches.get()
    TargetChunk.objects.create(part=part, number=8, kind="token", ids=pack_texts([TOKEN, "b"]))
    unknown = resolve._book_rejected(part, {"google_aid": ["x", AID]}, now)
    for row in (part, transfer):
        type(row).objects.filter(pk=row.pk).update(audience=F("audience") + unknown)
    Part.objects.filter(pk=part.pk).update(
        audiences=[{"expression": {"field": "device.alias", "op": "eq", "value": ALIAS}}],
        declared={"1": {"labels": [], "expression": {"value": [USER, "ok"]}}},
    )
    Attempt.objects.filter(batch=batch).update(
        words=f"bad token {TOKEN}.", parts=[{"name": USER, "words": f"no {MAIL}!"}]
    )
    Exchange.objects.filter(batch_id=batch.pk).update(
        request=f"Hi {NAME}", url=f"https://x.example/3/device/{TOKEN}"
    )
    Exchange.objects.create(
        account=Account.objects.get(), at=now, method="POST", url=f"https://x.example?u={USER}",
        request=json.dumps({"names": [USER]}), response=f"<p>{MAIL}</p>",
    )  # fmt: skip
    Transfer.objects.filter(pk=transfer.pk).update(client_key=USER, faults=[{"words": USER}])
    transfer.events.create(old="", new="", actor="o", at=now, note=f"of {USER}")
    campaign.events.create(old="", new="", actor="o", at=now, note=f"of {USER}")
    Occurrence.objects.create(campaign=campaign, due_at=now, state="missed", note=USER,
                              settled_at=now)  # fmt: skip
    Correction.objects.create(part=part, old="unknown", new="sent", count=0, actor="o", at=now,
                              evidence=f"({USER})")  # fmt: skip
    submission = Submission.objects.create(
        workspace=app.workspace, app=app, door="sandbox", client_key=USER, created_at=now,
        callback={"data": {"user": USER}},
    )  # fmt: skip
    TrackedTarget.objects.create(
        submission=submission, workspace=app.workspace, door="sandbox", answered="a", part=part,
        number=0, kind="token", value=TOKEN,
    )  # fmt: skip
    label = VendorLabel.objects.create(account=Account.objects.get(), label=Label.objects.get())
    VendorLabelMember.objects.create(vendor_label=label, name=USER)
    WaitingEvent.objects.create(account=Account.objects.get(), content={"id": AID}, due_at=now)
    kept = {"workspace": app.workspace, "dialect": "sandbox", "created_at": now, "updated_at": now}
    ScriptSchedule.objects.create(**kept, name=f"for {MAIL}", body={"to": {USER: [TOKEN]}})
    ScriptRecord.objects.create(**kept, kind="plan", body={"alias": [ALIAS]}, text=ALIAS.lower())
    Segment.objects.create(
        app=app, name="She", expression={"field": "person.email", "op": "eq", "value": MAIL}
    )
    Device.objects.create(app=app, platform="ios", token="other", token_hash=hash64("other"),
                          token_evidence=f"replaced {TOKEN}")  # fmt: skip
    add_suppressions(
        Place(app.workspace), [Entry("email", MAIL), Entry("token", TOKEN)],
        Terms(reason="complaint", source=f"mail of {MAIL}"), actor="o", now=now,
    )  # fmt: skip
    Batch.objects.filter(pk=batch.pk).update(texts=pack_texts([NAME]))
    job = start_job(ERASE, app.workspace, {"filter": MAIL}, actor="o", now=now)
    Job.objects.filter(pk=job.pk).update(status="done")
    line = f"row,{NAME},{MAIL},gold\n".encode()
    JobPiece.objects.create(
        job=job, role="file", number=0, content=b"id,name\nfine,Bob\n" + line[:9]
    )
    JobPiece.objects.create(job=job, role="file", number=1, content=line[9:] + b"fine,Cid\n")
    return transfer


def erase(app: App, lines: str, now: datetime, kind: str = "external_user_id") -> Job:
    owner = builders.make_member(f"o{Job.objects.count()}", app.workspace, role="admin")
    job = start_erasure(owner, app.workspace, [lines.encode()], kind=kind, actor="owner", now=now)
    drain_jobs()
    job.refresh_from_db()
    assert job.status == "done", job.note
    return job


def test_nothing_is_left_and_the_books_hold(place, now):
    person, device = make_person(place, now)
    transfer = spread(place, person, now)
    before = [*Delivery.objects.values_list("part", "recipient", "outcome")]
    planted = grep(MARKER)

    job = erase(place, USER, now)

    assert len(planted) >= 45
    assert (job.status, job.counts["persons"], job.counts["devices"]) == ("done", 1, 1)
    assert job.counts["segments"] == 1
    # A segment is told of and not changed: who wrote it decides.
    assert grep(MARKER) == ["campaigns_segment.expression"]
    assert str(Segment.objects.get(name="She").pk) in job.note
    assert [*Delivery.objects.values_list("part", "recipient", "outcome")] == before
    assert before == [(transfer.parts.get().pk, device.pk, "sent")]
    assert check_books().faults == []
    assert Label.objects.get().member_count == 0
    assert AuditEntry.objects.filter(verb="erase", target_id=str(person.pk)).count() == 1
    pieces = JobPiece.objects.filter(role="file").order_by("number")
    assert [bytes(piece.content)[-9:] for piece in pieces] == [b"*" * 9, b"fine,Cid\n"]
    assert bytes(pieces[0].content).startswith(b"id,name\nfine,Bob\n")
    assert Suppression.objects.filter(masked="…").count() == 2


def test_who_was_erased_stays_away_at_every_door(place, now):
    make_person(place, now)
    erase(place, USER, now)
    client = make_client(place)
    rows = [
        {"platform": "android", "token": "new", "external_user_id": USER},
        {"platform": "android", "token": TOKEN},
        {"platform": "android", "token": "new2", "ids": {"google_aid": AID}},
        {"platform": "android", "token": "new3", "external_user_id": OLD},
        {"platform": "android", "token": "new4", "alias": ALIAS},
        {"platform": "android", "token": "fine", "external_user_id": "somebody"},
    ]

    done = client.post("/api/v1/devices/bulk/", {"devices": rows}).json()
    somebody = Person.objects.get()
    label = Label.objects.get()
    named = client.post(f"/api/v1/labels/{label.pk}/members/add/", {"persons": [USER, "x"]}).json()
    patched = client.patch(f"/api/v1/persons/{somebody.pk}/", {"email": MAIL.upper()})

    assert (done["created"], done["rejected"]) == (
        1, [{"index": index, "reason": "erased"} for index in range(5)],
    )  # fmt: skip
    assert (named["unknown"], named["erased"]) == ([USER, "x"], [USER])
    assert (patched.status_code, patched.json()["code"]) == (409, "erased")
    assert grep(MARKER) == []

    lifted = lift_tombstones(
        place.workspace,
        [("token", TOKEN), ("alias", ALIAS)],
        reason="consent",
        actor="owner",
        now=now,
    )
    again = client.post("/api/v1/devices/bulk/", {"devices": [*rows[:2], rows[4]]}).json()

    assert lifted == 2
    assert (again["created"], [row["index"] for row in again["rejected"]]) == (2, [0])
    assert AuditEntry.objects.filter(verb="lift_tombstone").get().fields == ["reason: consent"]


def test_addresses_mean_whoever_has_them_however_they_are_written(place, now):
    mails = ["Anna.B@x.example", "", "", "b@x.example"]
    phones = ["", "491701234567", "00491701234568", ""]
    for number, (mail, phone) in enumerate(zip(mails, phones, strict=True)):
        Person.objects.create(
            workspace=place.workspace, external_user_id=f"u{number}", email=mail, phone=phone
        )
    told = Message.objects.create(
        app=place, content={"body": "Call +49 (170) 123-45-67 or 49 170 1234 599, 2026-11-21 10:00"}
    )
    lines = "email,ANNA.b@X.example\nphone,+49 170 1234567\nphone,+491701234568\nemail,c@x.example"

    job = erase(place, lines, now)

    assert [*Person.objects.values_list("external_user_id", flat=True)] == ["u3"]
    assert (job.counts["persons"], job.counts["unknown"]) == (3, 1)
    told.refresh_from_db()
    assert told.content["body"] == "Call erased or 49 170 1234 599, 2026-11-21 10:00"


@pytest.mark.parametrize("value", ["a\nb", "a\r", "\u2028a", " a", "a\rb"])
def test_what_does_not_fit_a_line_is_refused_before_anybody_is_erased(place, value):
    body = {"entries": [{"kind": "external_user_id", "value": value}]}

    answer = make_client(place).post("/api/v1/erasures/", body)

    assert (answer.status_code, [*answer.json()["fields"]]) == (400, ["entries[0].value"])
    assert not Job.objects.exists()


def test_who_is_erased_while_a_campaign_runs_is_skipped(place, now):
    _person, device = make_person(place, now)
    builders.make_device(place, "other")
    campaign = Campaign.objects.create(
        workspace=place.workspace, app=place, name="All", audience={"all": True},
        message=Message.objects.create(app=place, content=CONTENT), status_since=now,
        created_at=now, created_by="o",
    )  # fmt: skip
    start_campaign(campaign, actor="owner", now=now)
    freeze_transfer(Transfer.objects.get(), now=now)
    erase(place, TOKEN, now, "token")

    drain()

    fates = dict(Delivery.objects.values_list("recipient", "reason"))
    assert fates.pop(device.pk) == "gone"
    assert list(fates.values()) == [""]
    assert check_books().faults == []


def test_a_step_that_is_killed_is_done_again_to_the_same_end(place, now, monkeypatch):
    """Broken off after every one of its steps' writes once, before the cursor is kept."""
    persons = [builders.make_person(place.workspace, f"{MARKER}-{n}") for n in range(120)]
    for person in persons:
        builders.make_device(place, f"{MARKER}-t{person.pk}", person=person)
    ScriptRecord.objects.create(
        workspace=place.workspace, dialect="sandbox", kind="plan", created_at=now, updated_at=now,
        body={"to": [f"{MARKER}-{n}" for n in range(120)]},
    )  # fmt: skip
    owner = builders.make_member("chief", place.workspace, role="admin")
    lines = "".join(f"{MARKER}-{n}\n" for n in range(121)).encode()
    job = start_erasure(
        owner, place.workspace, [lines], kind="external_user_id", actor="o", now=now
    )
    keep, broken = job_work._keep, [False]

    def keep_or_die(*args: Any) -> None:
        broken[0] = not broken[0]
        if broken[0]:
            raise SystemExit("killed")
        keep(*args)

    monkeypatch.setattr(job_work, "_keep", keep_or_die)
    deaths, is_on = 0, True
    while is_on:
        try:
            is_on = work_on_jobs("w")
        except SystemExit:
            deaths += 1

    job.refresh_from_db()
    assert deaths > len(TABLES)
    assert (job.status, job.counts["persons"], job.counts["unknown"]) == ("done", 120, 1)
    assert Tombstone.objects.count() == 240
    assert AuditEntry.objects.filter(verb="erase").count() == 120
    assert grep(MARKER) == []


def test_an_admin_of_one_app_erases_nobody_outside_it(place, now):
    other = builders.make_app(place.workspace, "other")
    ours, theirs, both = (
        builders.make_person(place.workspace, name) for name in ("a1", "b2", "c3")
    )
    for number, (app, person) in enumerate(
        [(place, ours), (other, theirs), (place, both), (other, both)]
    ):
        builders.make_device(app, f"t{number}", person=person)
    builders.make_device(other, "lonely")
    admin = builders.make_member("eve", place.workspace, role="admin", app=place)
    chief = builders.make_member("chief", place.workspace, role="admin")
    lines = ["a1", "b2", "c3", "token,lonely", "nobody", f"person,{ours.pk}"]

    narrow = sift(admin, place.workspace, lines, "external_user_id")
    wide = sift(chief, place.workspace, lines, "external_user_id")
    text = "\n".join(lines).encode()
    start_erasure(admin, place.workspace, [text], kind="external_user_id", actor="eve", now=now)
    drain_jobs()

    assert (narrow.persons, narrow.devices, narrow.unknown, narrow.refused) == ([ours.pk], [], 1, 3)
    assert (len(wide.persons), len(wide.devices), wide.refused) == (3, 1, 0)
    assert set(Person.objects.values_list("external_user_id", flat=True)) == {"b2", "c3"}
    job = Job.objects.get()
    assert (job.counts["persons"], job.counts["refused"], job.counts["unknown"]) == (1, 3, 1)
    with pytest.raises(IllegalMove):
        cancel_job(job, actor="eve", now=now)


def test_operators_check_erase_and_give_out_what_is_held(place, now, client):
    person, _device = make_person(place, now)
    transfer = spread(place, person, now)
    client.force_login(builders.make_member("chief", place.workspace, role="admin"))
    given = {"erase-workspace": str(place.workspace_id), "erase-kind": "email"}

    data = client.get(f"/people/{person.pk}/data.json").json()
    start = client.get(f"/erasures/?person={person.pk}").content.decode()
    empty = client.post("/erasures/", {**given, "verb": "check", "erase-values": " "})
    listed = {**given, "erase-values": f"{MAIL}\nnobody@x.example"}
    checked = client.post("/erasures/", {**listed, "verb": "check"})
    untyped = client.post("/erasures/", {**listed, "verb": "erase", "erase-typed": "7"})
    assert Person.objects.filter(pk=person.pk).exists()
    erased = client.post("/erasures/", {**listed, "verb": "erase", "erase-typed": "1"})
    drain_jobs()
    lifted = client.post(
        "/erasures/", {"verb": "lift", "lift-workspace": str(place.workspace_id),
                       "lift-kind": "email", "lift-values": MAIL, "lift-reason": "consent"},
        follow=True,
    )  # fmt: skip
    page = client.get("/erasures/").content.decode()

    assert data["person"][0]["email"] == MAIL.lower()
    assert data["device"][0]["token"] == TOKEN
    assert data["labels"][0]["label__name"] == "vip"
    assert data["deliveries"][0]["part__transfer_id"] == transfer.pk
    assert len(data["suppressions"]) == 2
    assert "secret_hash" not in json.dumps(data)
    assert f">{person.pk}</textarea>" in start.replace("\n", "")
    assert (empty.status_code, checked.status_code, untyped.status_code) == (422, 200, 422)
    assert "1 person would be erased" in checked.content.decode()
    assert "Identifiers of nobody here: 1; " in checked.content.decode()
    assert erased["Location"] == f"/jobs/{Job.objects.latest('pk').pk}/"
    assert not Person.objects.filter(pk=person.pk).exists()
    assert "1 identifier may come back" in lifted.content.decode()
    assert "chief" in page


def test_scripts_erase_with_the_scope_for_it_only(place, now):
    person, _device = make_person(place, now)
    _key, text = issue_key(place.workspace, name="plain", actor="owner", now=now)
    plain, allowed = APIClient(), make_client(place)
    plain.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    body = {
        "entries": [{"kind": "phone", "value": "1"}, {"kind": "person", "value": str(person.pk)}]
    }

    refused = plain.post("/api/v1/erasures/", body, format="json")
    unseen = plain.get(f"/api/v1/persons/{person.pk}/data/")
    held = allowed.get(f"/api/v1/persons/{person.pk}/data/").json()
    tried = allowed.post("/api/v1/erasures/", {**body, "dry_run": True}).json()
    wrong = allowed.post(
        "/api/v1/erasures/", {"entries": [{"kind": "email", "value": "a\nb"}], "why": 1}
    )
    begun = allowed.post("/api/v1/erasures/", body)
    drain_jobs()
    spite = allowed.post("/api/v1/erasures/lift/", {**body, "reason": "spite"})
    lifted = allowed.post(
        "/api/v1/erasures/lift/",
        {"reason": "mistake", "entries": [{"kind": "email", "value": MAIL}]},
    )

    assert (refused.status_code, unseen.status_code) == (403, 403)
    assert held["person"][0]["id"] == person.pk
    assert tried == {"persons": 1, "devices": 0, "unknown": 1, "refused": 0}
    assert (wrong.status_code, set(wrong.json()["fields"])) == (400, {"why"})
    assert (begun.status_code, begun.json()["kind"]) == (202, "erase")
    assert not Person.objects.filter(pk=person.pk).exists()
    assert (spite.status_code, lifted.json()) == (400, {"lifted": 1})
