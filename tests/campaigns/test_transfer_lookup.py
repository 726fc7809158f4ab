"""The search finds transfers by every id that somebody may have of them, and nobody else's."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns.models import (
    Attempt,
    Batch,
    Group,
    Membership,
    Message,
    Part,
    Submission,
    TrackedTarget,
    Transfer,
)
from campaigns.models.packing import pack_cohorts, pack_ids
from campaigns.selectors.transfer_lookup import find_transfers
from tests import builders
from tests.campaigns.test_lookup import find_scans, list_plans

pytestmark = pytest.mark.database
WAYS = {
    "#{pk}": ["id"], "{pk}": ["id"], "Transfer {pk}": ["id"], " 1234567 ": ["client_key"],
    "REQ-777": ["call_key"], "ref-1": ["reference"], "msg-1": ["message_id"],
    "vendor-1": ["vendor_reference"],
}  # fmt: skip
INDEXES = (
    "attempt_reference", "submission_client_key", "submission_reference", "transfer_client_key_once"
)  # fmt: skip
BIG = ("transfer", "submission", "trackedtarget", "attempt", "batch", "part")


def make_transfer(app, now, submission=None, **fields):
    return Transfer.objects.create(
        app=app, group=Group.objects.filter(app=app).first(), submission=submission, status="sent",
        status_since=now, due_at=now, created_at=now, **fields,
    )  # fmt: skip


def make_call(app, now, **fields):
    return Submission.objects.create(
        workspace=app.workspace, app=app, door="sandbox", created_at=now, **fields
    )


@pytest.fixture
def sent(app, now):
    """A transfer of a script with an id of everything."""
    call = make_call(app, now, client_key="REQ-777", reference="ref-1")
    transfer = make_transfer(app, now, call, client_key="1234567")
    message = Message.objects.create(app=app, content={"title": "Hi"})
    part = Part.objects.create(transfer=transfer, message=message)
    TrackedTarget.objects.create(
        submission=call, workspace=app.workspace, door="sandbox", answered="msg-1", part=part,
        number=0,
    )  # fmt: skip
    account = builders.make_route(app, "android").account
    batch = Batch.objects.create(
        part=part, transfer=transfer, app=app, platform="android", due_at=now, count=1,
        recipients=pack_ids([1]), cohorts=pack_cohorts([1]), account=account,
    )  # fmt: skip
    Attempt.objects.create(
        batch=batch, account=account, first=0, last=0, started_at=now, reference="vendor-1"
    )
    return transfer


def read_found(text, principal):
    return [(one.transfer.pk, [*one.by]) for one in find_transfers(text, principal)]


def test_a_transfer_is_found_by_each_of_its_ids(owner, sent):
    found = {text: read_found(text.format(pk=sent.pk), owner) for text in WAYS}

    assert found == {text: [(sent.pk, by)] for text, by in WAYS.items()}


def test_what_is_no_id_or_another_ones_finds_nothing(owner, stranger, workspace, sent):
    cafe = builders.make_app(workspace, "cafe")
    narrow = builders.make_member("narrow", workspace, app=cafe, role=Membership.Role.ADMIN)
    texts = [text.format(pk=sent.pk) for text in WAYS]

    odd = ("", " ", "\0", "\ud800", "x" * 300, "#", "transfer", "req-777", f"device {sent.pk}",
           f"person {sent.pk}", "9" * 16, "²")  # fmt: skip
    assert [find_transfers(text, owner) for text in odd] == [()] * len(odd)
    assert [find_transfers(text, one) for text in texts for one in (stranger, narrow)] == [
        ()
    ] * 2 * len(texts)


def test_no_search_for_a_transfer_reads_a_long_table(owner, superuser, sent):
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # small tables are scanned unless it is forbidden
            cursor.execute("SET enable_seqscan = off")

    with CaptureQueriesContext(connection) as asked:
        for text in WAYS:
            find_transfers(text.format(pk=sent.pk), owner)
            find_transfers(text.format(pk=sent.pk), superuser)

    selects = [query for query in asked.captured_queries if query["sql"].startswith("SELECT")]
    plans = list_plans(selects)
    assert len(selects) > 100
    assert [find_scans(plan, BIG) for plan in plans] == [[]] * len(plans)
    if connection.vendor == "sqlite":  # PostgreSQL takes any of a table that is all but empty
        assert [name for name in INDEXES if not any(name in plan for plan in plans)] == []


def test_the_only_one_opens_and_of_several_meanings_all_are_shown(client, owner, app, sent):
    client.force_login(owner)
    device = builders.make_device(app, "phone", pk=sent.pk)
    person = builders.make_person(app.workspace, str(sent.pk))

    led = client.get(reverse("people"), {"who": "REQ-777"})
    page = client.get(reverse("people"), {"who": str(sent.pk)}).content.decode()

    assert led["Location"] == reverse("transfer", args=[sent.pk])
    assert f'href="{reverse("transfer", args=[sent.pk])}"' in page
    assert f'href="{reverse("device", args=[device.pk])}"' in page
    assert f'href="{reverse("person", args=[person.pk])}"' in page


def test_of_many_transfers_of_a_call_the_newest_are_shown(client, owner, app, now):
    call = make_call(app, now, reference="many")
    made = [make_transfer(app, now, call, name=f"Push {number}") for number in range(25)]
    client.force_login(owner)

    page = client.get(reverse("people"), {"who": "many"}).content.decode()

    assert "There are more: these are the newest 20." in page
    shown = [one.pk for one in made if reverse("transfer", args=[one.pk]) in page]
    assert shown == [one.pk for one in made[5:]]
