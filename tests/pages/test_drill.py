"""From any number of recipients one comes to exactly these: on the page of a transfer."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from django.urls import reverse

from campaigns.models import (
    AuditEntry,
    Batch,
    Cohort,
    Counter,
    Delivery,
    Message,
    Part,
    ReceiptCount,
    ReceiptRow,
    Rollup,
    Transfer,
)
from campaigns.models.packing import pack_cohorts, pack_ids
from campaigns.selectors import waiting_recipients
from tests import builders

pytestmark = pytest.mark.database
NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
LINK = re.compile(
    r'<a class="(?:pa-term-value pa-term-link|pa-drill)" href="([^"]+)"[^>]*>([^<]*)<'
)


@pytest.fixture
def account(app):
    return builders.make_route(app, "android").account


@pytest.fixture
def transfer(app, account):
    """Of 60 on Android 40 are sent to, 8 have failed and 12 wait; 10 on iOS wait; 3 ids of nobody.

    Every second one is in Germany with version 2, the others have neither; the first 20 were sent
    to an hour before the rest, and four of them opened it later.
    """
    group = app.groups.get()
    transfer = Transfer.objects.create(
        app=app, group=group, status="sending", status_since=NOW, due_at=NOW, created_at=NOW,
        frozen_at=NOW, audience=73,
    )  # fmt: skip
    message = Message.objects.create(app=app, content={"body": "There"})
    part = Part.objects.create(transfer=transfer, message=message, audience=73)
    german = Cohort.objects.create(app=app, platform="android", country="DE", app_major=2)
    other = Cohort.objects.create(app=app, platform="android")
    apple = Cohort.objects.create(app=app, platform="ios")
    devices = [builders.make_device(app, f"token-{number}").pk for number in range(60)]
    kinds = [german.pk, other.pk] * 30
    Delivery.objects.bulk_create(
        Delivery(
            part=part, recipient=pk, cohort_id=kinds[place], account_id=account.pk,
            at=NOW if place < 20 else NOW + timedelta(hours=1),
            outcome="sent" if place < 40 else "failed", reason="" if place < 40 else "token",
        )
        for place, pk in enumerate(devices[:48])
    )  # fmt: skip
    for platform, by, outcome, reason, count in (
        ("android", account.pk, "sent", "", 40), ("android", account.pk, "failed", "token", 8),
        ("", 0, "skipped", "unknown_id", 3),
    ):  # fmt: skip
        Counter.objects.create(
            part=part, platform=platform, account_id=by, outcome=outcome, reason=reason, count=count
        )
    Rollup.objects.create(
        part=part, hour=NOW.replace(minute=0), outcome="skipped", reason="unknown_id", count=3
    )
    ReceiptRow.objects.bulk_create(
        ReceiptRow(part=part, recipient=pk, kind="opened", at=NOW + timedelta(hours=3))
        for pk in devices[:4]
    )
    ReceiptCount.objects.create(
        part=part, hour=NOW.replace(minute=0) + timedelta(hours=3), platform="android",
        kind="opened", count=4,
    )  # fmt: skip
    # Of the first batch 8 are settled, of the second nobody.
    phones = [builders.make_device(app, f"phone-{number}", "ios").pk for number in range(10)]
    for platform, ids, cohorts, settled in (
        ("android", devices[40:], kinds[40:], 8), ("ios", phones, [apple.pk] * 10, 0)
    ):  # fmt: skip
        Batch.objects.create(
            part=part, transfer=transfer, app=app, platform=platform, count=len(ids), due_at=NOW,
            recipients=pack_ids(ids), cohorts=pack_cohorts(cohorts), settled=settled,
        )  # fmt: skip
    return transfer


@pytest.fixture
def viewer(client, app):
    client.force_login(builders.make_member("viewer", app.workspace, app=app, role="viewer"))
    return client


def list_people(client, address):
    """The recipients behind an address, read from all its pages and from its file."""
    pages, after = [], ""
    query = address.partition("?")[2]
    path = address.partition("?")[0]
    while True:
        answer = client.get(f"{path}?{query}&after={after}")
        assert answer.status_code == 200, answer.context["form"].errors
        pages += [row["recipient"] for row in answer.context["rows"]]
        after = answer.context["after"]
        if not after:
            break
    file = client.get(f"{path.removesuffix('/')}.csv?{query}")
    lines = b"".join(file.streaming_content).decode().splitlines()[1:]
    assert sorted(pages) == sorted(int(line.split(",")[0]) for line in lines)
    assert len(set(pages)) == len(pages)
    return pages


def test_every_number_of_a_transfer_leads_to_as_many_people(viewer, transfer):
    page = viewer.get(reverse("transfer", args=[transfer.pk])).content.decode()
    links = [(unescape(address), int(text.split()[-1])) for address, text in LINK.findall(page)]

    # The audience and what was skipped also count ids that nobody knows.
    expected = {"outcome=everybody": 70, "outcome=skipped": 0, "reason=unknown_id": 0}
    for address, number in links:
        query = address.partition("?")[2]
        known = expected.get(query, 0 if "unknown_id" in query else number)
        assert len(list_people(viewer, address)) == known, address
    plain = re.sub(r"<a class=[^>]*>[^<]*</a>", "", page)
    assert not re.findall(r'data-pa-outcome="(?!skipped|resent)\w+">[1-9]', plain)
    assert sorted(number for address, number in links if "outcome=pending" in address) == [
        10, 12, 22,
    ]  # fmt: skip
    assert [number for address, number in links if "=everybody" in address] == [73, 60, 10]


NARROWED = {
    "outcome=pending": 22,
    "outcome=pending&platform=ios": 10,
    "outcome=pending&country=DE": 6,
    "outcome=pending&reason=token": 0,
    "outcome=everybody": 70,
    "outcome=everybody&country=DE": 30,
    "country=DE": 24,
    "country=-": 24,
    "app_version=2&outcome=failed": 4,
    "app_version=0&outcome=sent": 20,
    "hour=9": 20,
    "hour=10": 28,
    "hour=11": 0,
    "date_from=2026-11-20&date_to=2026-11-20&outcome=sent": 40,
    "date_from=2026-11-21": 0,
    "date_to=2026-11-19": 0,
    "hour=14&zone=Asia/Kolkata": 20,
    "date_from=2026-11-20&hour=12&receipt=opened&time_of=receipt": 4,
    "hour=9&receipt=opened": 4,
    "hour=12&receipt=opened": 0,
    "reason=-": 40,
}


@pytest.mark.values(len(NARROWED))
@pytest.mark.parametrize("query", NARROWED)
def test_recipients_are_narrowed_by_what_reports_are_by(viewer, transfer, query):
    address = reverse("recipients", args=[transfer.pk])

    found = list_people(viewer, f"{address}?{query}")
    total = viewer.get(f"{address}?{query}").context["total"]

    assert len(found) == NARROWED[query]
    assert total in (None, len(found))


def test_who_waits_is_looked_for_in_a_bounded_part_of_the_queue(viewer, transfer, monkeypatch):
    monkeypatch.setattr(waiting_recipients, "BUDGET", 1)
    address = reverse("recipients", args=[transfer.pk]) + "?outcome=pending&platform=ios"
    Batch.objects.filter(transfer=transfer, platform="android").update(form="person")

    first = viewer.get(address)

    assert (first.context["rows"], first.context["is_cut"]) == ([], True)
    assert len(list_people(viewer, address)) == 10


@pytest.mark.values(15)
@pytest.mark.parametrize(
    "query",
    ["outcome=x", "hour=24", "zone=Mars", "zone=../etc", "country=ZZ", "app_version=x",
     "date_from=x", "channel=sms", "channel=%00", "outcome=%00", "time_of=x",
     "account=77", "part=-1", "date_to=9999-12-31", "date_from=0001-01-01"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["recipients", "recipients_csv"])
def test_a_filter_that_cannot_be_is_told_and_nothing_is_taken(viewer, transfer, name, query):
    answer = viewer.get(reverse(name, args=[transfer.pk]) + "?" + query)

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [query.partition("=")[0]]
    assert not AuditEntry.objects.filter(verb="download_recipients").exists()


def test_whoever_takes_the_file_stands_in_the_audit_log(viewer, transfer):
    viewer.get(reverse("recipients_csv", args=[transfer.pk]) + "?outcome=sent&reason=")

    entry = AuditEntry.objects.get(verb="download_recipients")
    assert (entry.actor, entry.target_type, entry.target_id, entry.fields, entry.workspace) == (
        "viewer", "transfer", str(transfer.pk), ["outcome"], transfer.app.workspace
    )  # fmt: skip


@pytest.mark.parametrize("name", ["recipients", "recipients_csv"])
def test_a_member_of_another_app_sees_nobody(client, transfer, name):
    other = builders.make_app(transfer.app.workspace, "other")
    client.force_login(builders.make_member("stranger", other.workspace, app=other, role="viewer"))

    answer = client.get(reverse(name, args=[transfer.pk]) + "?outcome=pending")

    assert answer.status_code == 404
    assert not AuditEntry.objects.filter(verb="download_recipients").exists()
