"""What scripts keep with us, as staff see it: all of it, but no secret and no other app's."""

from __future__ import annotations

import pytest
from django.urls import reverse

from campaigns.models import (
    DeviceSession,
    InboxItem,
    Message,
    OutboxRow,
    Part,
    Planned,
    ScriptSchedule,
    Submission,
    Transfer,
)
from tests import builders

pytestmark = pytest.mark.database
URL = "https://user:pass-canary@told.example.org/hook?key=query-canary"


@pytest.fixture
def transfer(app, now):
    submission = Submission.objects.create(
        workspace=app.workspace, app=app, door="sandbox", callback={"url": URL}, created_at=now
    )
    return Transfer.objects.create(
        app=app,
        group=app.groups.first(),
        submission=submission,
        due_at=now,
        status_since=now,
        created_at=now,
    )


@pytest.fixture
def part(transfer):
    return Part.objects.create(transfer=transfer, message=Message.objects.create(app=transfer.app))


def open_page(client, row):
    return client.get(reverse(f"admin:campaigns_{row._meta.model_name}_change", args=[row.pk]))


def test_a_callback_that_was_given_up_shows_where_it_went_and_no_secret(client, part, owner, now):
    client.force_login(owner)
    row = OutboxRow.objects.create(
        submission=part.transfer.submission, part=part, recipients=b"", count=1, tries=9,
        created_at=now, due_at=now, given_up_at=now, words="HTTP 500",
    )  # fmt: skip

    pages = [client.get(reverse("admin:campaigns_outboxrow_changelist")), open_page(client, row)]

    shown = [page.content.decode() for page in pages]
    assert all("https://told.example.org/hook" in html and "HTTP 500" in html for html in shown)
    assert "Given up" in shown[0]
    assert reverse("transfer", args=[part.transfer_id]) in shown[1]
    assert not any("canary" in html for html in shown)


def test_a_schedule_leads_to_what_it_planned_and_to_no_other_apps(client, transfer, now):
    app = transfer.app
    other = builders.make_app(app.workspace, slug="second")
    body = {"callback": {"url": URL, "password": "body-canary"}, "text": "Hello"}
    kept = {"workspace": app.workspace, "dialect": "sandbox", "body": body}
    kept |= {"created_at": now, "updated_at": now}
    row = ScriptSchedule.objects.create(name="Daily", app=app, **kept)
    Planned.objects.create(schedule=row, transfer=transfer)
    hidden = ScriptSchedule.objects.create(name="Hidden", app=other, **kept)
    wide = ScriptSchedule.objects.create(name="Wide", app=None, **kept)
    client.force_login(builders.make_member("viewer", app.workspace, app=app, role="viewer"))

    page = open_page(client, row).content.decode()
    listed = client.get(reverse("admin:campaigns_scriptschedule_changelist")).content.decode()
    unseen = [open_page(client, one).status_code for one in (hidden, wide)]

    assert reverse("transfer", args=[transfer.pk]) in page
    assert "Hello" in page
    assert "pass-canary" not in page
    assert "body-canary" not in page
    assert "Daily" in listed
    assert "Hidden" not in listed + page
    assert 200 not in unseen


def test_a_device_tells_what_it_does_at_its_own_door(client, app, part, owner, now):
    device = builders.make_device(app, "t1")
    DeviceSession.objects.create(device=device, secret_hash="hash-canary", created_at=now)
    InboxItem.objects.create(
        device=device, part=part, batch_id=1, created_at=now, expires_at=now.replace(year=2999)
    )
    client.force_login(owner)

    answer = open_page(client, device)

    facts = {fact.label: fact.text for fact in answer.context["panel"]["facts"]}
    assert (facts["Pulled its inbox last"], facts["Waits in its inbox"]) == ("never", "1")
    assert "hash-canary" not in answer.content.decode()
