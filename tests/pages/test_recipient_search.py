"""Who is searched for among recipients: a device and a person of one number are two."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.urls import reverse

from campaigns.models import (
    Batch,
    Cohort,
    Delivery,
    DeviceMark,
    Message,
    Part,
    Person,
    Transfer,
)
from campaigns.models.audience import hash64
from campaigns.models.packing import pack_cohorts, pack_ids
from campaigns.services.merges import merge_persons
from tests import builders

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
# Ann is person 101 and has device 202; Bob is person 202 and has device 101. Anna was merged.
FOUND = {
    "ann": [("device", 202), ("person", 101)],
    "of-ann": [("device", 202)],
    "Ann@Example.org": [("device", 202), ("person", 101)],
    "+49 170 123": [("device", 202), ("person", 101)],
    "anna@example.org": [("device", 202), ("person", 101)],
    "ann*": [("device", 202), ("person", 101)],
    "aid-of-ann": [("device", 202)],
    "alias-of-ann": [("device", 202)],
    "101": [("device", 101), ("person", 101)],
    "device 101": [("device", 101)],
    "person 101": [("device", 202), ("person", 101)],
    "300": [],
    "gone@example.org": [],
    "nobody": [],
}


@pytest.fixture
def transfer(app) -> Transfer:
    """A push to both devices, and an e-mail to both persons."""
    for name, person, device in (("ann", 101, 202), ("bob", 202, 101)):
        owner = builders.make_person(app.workspace, name, pk=person)
        phone = builders.make_device(app, f"of-{name}", pk=device, person=owner)
        aid = f"aid-of-{name}"
        phone.identifiers.create(app=app, kind="google_aid", value=aid, value_hash=hash64(aid))
        DeviceMark.objects.create(app=app, device=phone, kind="alias", name=f"alias-of-{name}")
    Person.objects.filter(pk=101).update(email="ann@example.org", phone="49170123")
    anna = builders.make_person(app.workspace, "anna", email="anna@example.org", pk=404)
    merge_persons(Person.objects.get(pk=101), anna, actor="owner", now=NOW)
    transfer = Transfer.objects.create(
        app=app, group=app.groups.get(), status="sending", status_since=NOW, due_at=NOW,
        created_at=NOW, has_steps=True,
    )  # fmt: skip
    message = Message.objects.create(app=app, content={"title": "Hi", "body": "There"})
    for number, kind in enumerate(Part.Kind):
        Part.objects.create(
            transfer=transfer, message=message, number=number, step=number, kind=kind,
            channel="email" if number else "push",
        )  # fmt: skip
    Cohort.objects.create(app=app, platform="android")
    return transfer


def settle(transfer: Transfer) -> None:
    cohort = Cohort.objects.get()
    for part in transfer.parts.all():
        for recipient in (101, 202):
            Delivery.objects.create(
                part=part, recipient=recipient, at=NOW, cohort_id=cohort.pk, outcome="failed"
            )


def queue(transfer: Transfer, **fields) -> None:
    cohort = Cohort.objects.get()
    for part in transfer.parts.order_by("kind", "pk"):
        Batch.objects.create(
            part=part, transfer=transfer, app=transfer.app, platform="android", count=2,
            recipients=pack_ids([101, 202]), cohorts=pack_cohorts([cohort.pk] * 2), due_at=NOW,
            **fields,
        )  # fmt: skip


def search(client, owner, transfer: Transfer, **query: str) -> list[tuple[str, int]]:
    client.force_login(owner)
    page = client.get(reverse("recipients", args=[transfer.pk]), query)
    assert page.status_code == 200
    return [(row["kind"], row["recipient"]) for row in page.context["rows"]]


def test_who_was_merged_since_is_found_by_the_number_that_they_had(client, owner, transfer):
    part = transfer.parts.get(kind=Part.Kind.PERSON)
    cohort = Cohort.objects.get()
    Delivery.objects.create(part=part, recipient=404, at=NOW, cohort_id=cohort.pk, outcome="failed")

    assert search(client, owner, transfer, search="ann") == [("person", 404)]


@pytest.mark.parametrize("text", FOUND)
def test_who_is_settled_is_found_by_kind(client, owner, transfer, text):
    settle(transfer)

    assert search(client, owner, transfer, search=text) == FOUND[text]


@pytest.mark.parametrize("text", FOUND)
def test_who_waits_is_found_by_kind(client, owner, transfer, text):
    queue(transfer)

    assert search(client, owner, transfer, search=text, outcome="pending") == FOUND[text]


@pytest.mark.parametrize("text", FOUND)
def test_who_was_planned_for_an_hour_is_found_by_kind(client, owner, transfer, text):
    Transfer.objects.update(wall_clock="2026-11-20T09:00")
    settle(transfer)
    queue(transfer, local_at=NOW, settled=2, state="done")

    found = search(client, owner, transfer, search=text, planned_at=NOW.isoformat())

    assert found == FOUND[text]


def test_the_file_holds_nobody_else(client, owner, transfer):
    settle(transfer)
    client.force_login(owner)

    answer = client.get(reverse("recipients_csv", args=[transfer.pk]), {"search": "ann"})

    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert [line.split(",")[:2] for line in lines[1:]] == [["202", "device"], ["101", "person"]]
