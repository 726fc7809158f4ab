"""Moments within a trace's sentences: on the page in the app's zone, over the API in ISO."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from campaigns.models import (
    Batch,
    Cohort,
    Device,
    Group,
    InboxItem,
    Membership,
    Message,
    Part,
    Transfer,
)
from campaigns.models.packing import pack_cohorts, pack_ids
from campaigns.services.access import issue_key
from campaigns.services.suppressions import Entry, Place, Terms, add_suppressions
from tests import builders

HOUR = timedelta(hours=1)
SAID = {
    "Due at 20 Nov 2026, 13:00 CET.",
    "Not sent after 20 Nov 2026, 14:00 CET.",
    "A worker has it until 20 Nov 2026, 15:00 CET.",
    "The device registered on 20 Nov 2026, 16:00 CET; who registers after the start is not in it.",
    "until 20 Nov 2096, 17:00 CET",
    "It is kept until 20 Nov 2026, 18:00 CET.",
}


@pytest.fixture
def transfer(app, now):
    """Of ann's devices one is due, a worker has one, and one came after the start."""
    app.timezone = "Europe/Berlin"
    app.save()
    ann = builders.make_person(app.workspace, "ann")
    due, leased, late = (builders.make_device(app, f"t{i}", person=ann) for i in range(3))
    Device.objects.update(created_at=now + 3 * HOUR)
    transfer = Transfer.objects.create(
        app=app, group=Group.objects.get(app=app), due_at=now, created_at=now, status_since=now,
        frozen_at=now,
    )  # fmt: skip
    message = Message.objects.create(app=app, content={"title": "Hi"})
    part = Part.objects.create(transfer=transfer, message=message, audiences=[{"all": True}])
    make_batch(part, due, now, expires_at=now + HOUR)
    make_batch(part, leased, now, state=Batch.State.LEASED, lease_until=now + 2 * HOUR)
    terms = Terms(reason="complaint", until=(now + 4 * HOUR).replace(year=2096))  # it holds
    entry = Entry("external_user_id", "ann")
    add_suppressions(Place(app.workspace), [entry], terms, actor="o", now=now)
    InboxItem.objects.create(
        device=late, part=part, batch_id=1, created_at=now, expires_at=now + 5 * HOUR
    )
    return transfer


def make_batch(part, device, now, **fields):
    cohort, _is_new = Cohort.objects.get_or_create(app=device.app, platform="android")
    Batch.objects.create(
        part=part, transfer=part.transfer, app=device.app, platform="android", count=1, due_at=now,
        recipients=pack_ids([device.pk]), cohorts=pack_cohorts([cohort.pk]), **fields,
    )  # fmt: skip


def test_the_page_writes_them_in_the_zone_of_the_app(client, owner, transfer):
    client.force_login(owner)

    page = client.get(reverse("trace", args=[transfer.pk]), {"who": "ann"}).content.decode()

    details = re.findall(r'<p class="pa-small pa-words">(.*?)</p>', page)
    assert {re.sub("<.*?>", "", detail) for detail in details} >= SAID
    assert '<time datetime="2026-11-20T12:00:00+00:00">20 Nov 2026, 13:00 CET</time>.' in page
    assert "+00:00" not in re.sub('datetime=".*?"', "", page)


def test_the_api_gives_them_in_iso(client, owner, transfer, now):
    workspace = Membership.objects.get(user=owner).workspace
    _key, secret = issue_key(workspace, name="k", actor="owner", now=now)
    address = f"/api/v1/transfers/{transfer.pk}/trace/?who=ann"

    told = client.get(address, headers={"Authorization": f"Bearer {secret}"}).json()

    details = {d for one in told["recipients"] for line in one["lines"] for d in line["details"]}
    assert {
        "Due at 2026-11-20 12:00:00+00:00.",
        "It is kept until 2026-11-20 17:00:00+00:00.",
    } <= details
