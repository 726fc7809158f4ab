"""Apps choose the ids of their users, so somebody may be called like a word of ours: that word
stays wherever it is ours, and goes wherever it may mean them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.utils import timezone

from campaigns.models import (
    App,
    Campaign,
    Import,
    Job,
    JobPiece,
    Message,
    Part,
    Person,
    PersonMerge,
    ScriptRecord,
    Segment,
    SegmentVersion,
    Transfer,
    WaitingEvent,
    kept,
)
from campaigns.selectors.expressions import check_expression
from campaigns.services.erase import ERASE
from campaigns.services.erase_words import Words
from campaigns.services.import_steps import PLAN, SAMPLES
from campaigns.services.jobs import start_job
from providers.message_json import read_message
from tests import builders
from tests.campaigns import importing
from tests.campaigns.test_erase import erase, now, place, routed, simulator

__all__ = ["now", "place", "routed", "simulator"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
HOSTILE = [
    "body", "title", "after", "labels", "devices", "high", "android", "field", "label", "liquid",
    "expression", "persons", "value", "person.custom.plan", "device.platform", "values", "last",
    "start", "rows", "line", "changes", "token", "email", "columns", "delimiter", "translations",
    "kind", "person.email", "sent", "target", "outcome", "name", "format", "urgency", "data",
    "buttons", "include", "combine", "Berlin", "person.first_name", "external_user_id", "external",
    "vendor_first", "message", "template", "defaults", "gold", "size", "priority", "bound",
    "subtitle", "in_app", "open_title",
]  # fmt: skip
SAID = {
    "title": "Sale", "body": "Now", "channel": "vendor_first", "template": "liquid",
    "android": {"title": "Hi {{ person.first_name | default: 'you' }}", "urgency": "high",
                "buttons": [{"title": "Go", "link": "https://x.example/"}]},
    "translations": {"de": {"title": "Nu", "body": "Jetzt", "android": {"body": "Los"},
                            "ios": {"subtitle": "Da"}, "in_app": {"open_title": "Auf"}}},
    "defaults": {"person.first_name": "you"}, "extras": {"sandbox": {"priority": "high"}},
}  # fmt: skip
WHO = {"and": [{"field": "device.platform", "op": "eq", "value": "android"},
               {"not": {"field": "person.custom.plan", "op": "in", "value": ["basic", "x1"]}},
               {"field": "person.label", "op": "eq", "value": "gold"}]}  # fmt: skip
AUDIENCE = {"combine": {"include": [{"labels": ["gold"]}, {"expression": WHO}],
                        "exclude": [{"persons": ["somebody"]}]}}  # fmt: skip


@pytest.fixture
def hostile(place: App) -> str:
    for name in HOSTILE:
        builders.make_person(place.workspace, name)
    return "\n".join(HOSTILE)


def make_campaign(app: App, now: Any, audience: Any, content: Any) -> Campaign:
    return Campaign.objects.create(
        workspace=app.workspace, app=app, name="Spring", status_since=now, created_at=now,
        message=Message.objects.create(app=app, content=content), audience=audience, created_by="o",
    )  # fmt: skip


def make_job(app: App, now: Any, **changes: Any) -> Job:
    job = start_job(ERASE, app, {}, actor="o", now=now)
    Job.objects.filter(pk=job.pk).update(status="done", **changes)
    return job


def plant(app: App, now: Any) -> list[tuple[Any, str]]:
    """Rows with words of ours only, each with its column."""
    campaign = make_campaign(app, now, AUDIENCE, SAID)
    template = kept.MessageTemplate.objects.create(
        workspace=app.workspace, app=app, name="Spring", content=SAID, created_at=now,
        updated_at=now, created_by="o",
    )  # fmt: skip
    transfer = Transfer.objects.create(
        app=app, group=app.groups.get(), name="Sale", status_since=now, due_at=now, created_at=now
    )
    cursor = {"after": 7, "bound": 9, "part": 0, "by": "label",
              "aims": {"android": ["device", ["android"], False]}}  # fmt: skip
    Transfer.objects.filter(pk=transfer.pk).update(
        freeze_cursor=cursor, faults=[{"kind": "x", "platform": "android", "identifier": "token"}]
    )
    part = Part.objects.create(transfer=transfer, message=campaign.message)
    Part.objects.filter(pk=part.pk).update(
        audiences=[AUDIENCE], declared={"1": {"labels": ["gold"], "expression": WHO}}
    )
    segment = Segment.objects.create(app=app, name="Them", expression=WHO)
    version = SegmentVersion.objects.create(segment=segment, number=1, expression=WHO, saved_at=now)
    SegmentVersion.objects.create(segment=segment, number=2, expression={}, saved_at=now)
    job = make_job(
        app, now, cursor={"after": 3, "last": 9, "values": {"android": [1, 0]}, "told": ["sent"]},
        params={"label": 1, "name": "Them", "expression": WHO, "kind": "email", "format": "csv",
                "field": "platform"},
        counts={"rows": 7, "sent": 2},
    )  # fmt: skip
    index = make_job(app, now, params={"owner": "person", "name": "title"})
    one = Import.objects.create(
        app=app, source="File", created_at=now, created_by="o", mapping={"email": "person.email"},
        shape={"format": "csv", "delimiter": ",", "columns": ["email"], "start": 6, "line": 2},
    )  # fmt: skip
    merge = PersonMerge.objects.create(
        workspace=app.workspace, person=builders.make_person(app.workspace, "kept"), kept_id=9001,
        gone_id=9002, at=now, actor="o",
        values={"email": "", "timezone": "Europe/Berlin", "attributes": {}},
    )  # fmt: skip
    event = WaitingEvent.objects.create(
        account=app.workspace.accounts.get(), due_at=now,
        content={"target": "x", "target_kind": "token", "outcome": "sent", "message": "fine"},
    )  # fmt: skip
    record = ScriptRecord.objects.create(
        workspace=app.workspace, dialect="sandbox", kind="plan", created_at=now, updated_at=now,
        body={"name": "Plan", "data": {"body": "Now", "urgency": "high"}},
    )  # fmt: skip
    return [
        (campaign, "audience"), (campaign.message, "content"), (template, "content"),
        (transfer, "freeze_cursor"), (transfer, "faults"), (part, "audiences"),
        (part, "declared"), (version, "expression"), (job, "cursor"), (job, "params"),
        (job, "counts"), (index, "params"), (one, "shape"), (one, "mapping"), (merge, "values"),
        (event, "content"), (record, "body"),
    ]  # fmt: skip


def read(rows: list[tuple[Any, str]]) -> dict[str, Any]:
    for row, _column in rows:
        row.refresh_from_db()
    return {f"{row._meta.model_name}-{row.pk}.{column}": getattr(row, column)
            for row, column in rows}  # fmt: skip


def test_words_of_ours_stay_whoever_is_called_like_them(place, hostile, now):
    rows = plant(place, now)
    before = read(rows)

    job = erase(place, hostile, now)

    assert not Person.objects.filter(external_user_id__in=HOSTILE).exists()
    assert job.counts["persons"] == len(HOSTILE)
    assert read(rows) == before
    assert job.counts["segments"] == 0
    assert read_message(rows[1][0].content) == read_message(SAID)
    check_expression(WHO)


def test_what_may_mean_them_goes_beside_words_of_ours(place, hostile, now):
    """The same names, and one of three letters, where they are no words of ours."""
    builders.make_person(place.workspace, "bob")
    content = {
        "title": "Dear Berlin", "body": "{{ person.first_name | default: 'Berlin' }}",
        "template": "liquid", "translations": {"de": {"title": "", "body": "An berlin."}},
        "android": {"data": '{"to": "Berlin"}'}, "web": {"extras": {"Berlin": 1, "x": ["Berlin"]}},
    }  # fmt: skip
    custom = {"field": "person.custom.plan", "op": "in", "value": ["bob", "basic"]}
    who = {"combine": {"include": [{"persons": ["gold", "bob", "ann"]}, {"expression": custom}]}}
    campaign = make_campaign(place, now, who, content)
    report = make_job(
        place, now, params={"field": "device.custom.to"}, cursor={"values": {"Berlin": [1]}}
    )

    erase(place, hostile + "\nbob", now)

    campaign.refresh_from_db()
    message = Message.objects.get(pk=campaign.message_id)
    report.refresh_from_db()
    custom["value"][0] = "erased"
    assert campaign.audience == {
        "combine": {"include": [{"persons": ["erased", "erased", "ann"]}, {"expression": custom}]}
    }
    assert message.content == {
        "title": "Dear erased", "body": "{{ person.first_name | default: 'erased' }}",
        "template": "liquid", "translations": {"de": {"title": "", "body": "An erased."}},
        "android": {"data": '{"to": "erased"}'}, "web": {"extras": {"erased": 1, "x": ["erased"]}},
    }  # fmt: skip
    assert report.cursor == {"values": {"erased": [1]}}


def test_an_import_goes_on_and_only_lines_that_name_somebody_are_struck_out(place, hostile, now):
    rows = [{"external_user_id": name, "email": f"{name}@x.example", "labels": []}
            for name in ("gold", "fine")]  # fmt: skip
    one = importing.check(importing.upload(place, "\n".join(map(json.dumps, rows)) + "\n"))

    erase(place, hostile, now)
    plan = JobPiece.objects.get(role=PLAN)
    upload = bytes(JobPiece.objects.get(role="upload").content).splitlines()

    assert json.loads(bytes(plan.content))["rows"] == 2
    assert upload[0] == b"*" * len(json.dumps(rows[0]))
    assert upload[1] == json.dumps(rows[1]).encode()
    importing.apply(one)
    assert Person.objects.filter(email="fine@x.example").exists()


def test_the_page_of_an_import_is_drawn_without_a_sample_that_named_somebody(place, now, client):
    builders.make_person(place.workspace, "anna-7", email="anna@x.example")
    text = "external_user_id,email\nanna-7,new@x.example\n"
    one = importing.check(importing.upload(place, text))
    client.force_login(builders.make_member("chief", place.workspace, role="admin"))
    page = f"/imports/{one.pk}/"
    assert "new@x.example" in client.get(page).content.decode()

    erase(place, "anna-7", timezone.now())
    JobPiece.objects.filter(role=SAMPLES).update(content=b"*" * 20 + b"\n")
    shown = client.get(page)

    assert shown.status_code == 200
    assert "new@x.example" not in shown.content.decode()


@pytest.mark.parametrize("held", ["491701234567", "+491701234567", "00491701234567"])
@pytest.mark.parametrize("said", ["491701234567", "+49 170 1234567", "0049-170-1234567"])
def test_a_phone_is_taken_out_however_it_was_stored_and_said(held, said):
    words = Words([held])

    assert words.clear_ids([said, "+49170123456", "x"]) == ["erased-0", "+49170123456", "x"]
    assert words.clear_text(f"call {said} now") == "call erased now"
    assert words.clear_json({"to": [said, "7"]}, lists=True) == {"to": ["erased", "7"]}
