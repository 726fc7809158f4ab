"""What the costliest pages ask the database: how often, and by which index. Never the clock."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns.models import App, Counter, Device, Group, Membership, Message, Part, Transfer
from campaigns.services import twice
from tests import builders

LONG = ("campaigns_device", "campaigns_delivery", "campaigns_receiptrow")


@pytest.fixture
def member(client, app, django_user_model):
    user = django_user_model.objects.create_user("member", password="x", is_staff=True)
    Membership.objects.create(user=user, workspace=app.workspace, app=app, role="sender")
    client.force_login(user)
    return user


def ask(client, address):
    with CaptureQueriesContext(connection) as asked:
        page = client.get(address)
    assert page.status_code == 200
    return page, [query["sql"] for query in asked.captured_queries]


def make_transfer(app, now, audience):
    """One that was sent to so many by an account that tells of receipts."""
    account = builders.make_route(app, "android").account
    transfer = Transfer.objects.create(
        app=app, group=Group.objects.get(app=app), status="sent", due_at=now, created_at=now,
        status_since=now, finished_at=now, frozen_at=now, audience=audience,
    )  # fmt: skip
    message = Message.objects.create(app=app, content={"title": "Hi", "body": "There"})
    part = Part.objects.create(transfer=transfer, message=message, audience=audience)
    for outcome, reason, count in (
        ("sent", "", audience - 50), ("failed", "vendor", 30), ("failed", "token", 20),
    ):  # fmt: skip
        Counter.objects.create(
            part=part, platform="android", outcome=outcome, reason=reason, count=count,
            account_id=account.pk,
        )  # fmt: skip
    for kind, count in (("delivered", 20_000), ("opened", 1_000)):
        part.receipt_counts.create(
            hour=now, platform="android", account_id=account.pk, kind=kind, count=count
        )
    return transfer


def test_no_row_of_a_large_transfer_is_read_to_say_who_can_be_sent_to_again(
    client, app, now, member
):
    transfer = make_transfer(app, now, twice.MOST_READ + 1_000)

    page, asked = ask(client, reverse("resend", args=[transfer.pk]))

    counts = [(c.key, c.recipients, c.twice) for c in page.context["preview"].choices]
    assert counts == [
        ("failed", 30, 0),
        ("cancelled", 0, 0),
        ("expired", 0, 0),
        ("unknown", 0, 0),
        ("undelivered", 1_000, 1_000),  # 20,950 sent less 20,000, and 50 were not sent to
        ("unopened", 20_000, 20_000),
    ]
    assert "at most 1,000" in page.content.decode()
    assert [sql for sql in asked if any(f'FROM "{table}"' in sql for table in LONG)] == []
    assert len(asked) < 30


def test_a_members_devices_are_taken_by_the_index_of_their_app(client, app, workspace, member):
    other_app = App.objects.create(workspace=workspace, name="Other", slug="other")
    own = [builders.make_device(app, f"own-{number}") for number in range(3)]
    for number in range(3):
        builders.make_device(other_app, f"other-{number}")

    page, asked = ask(client, reverse("admin:campaigns_device_changelist"))

    assert list(page.context["cl"].result_list) == own[::-1]
    walked = [sql for sql in asked if 'FROM "campaigns_device"' in sql]
    bound = f'"campaigns_device"."app_id" = {app.pk}'
    assert walked
    assert all(bound in sql or '"campaigns_device"."id" IN' in sql for sql in walked)
    assert Device.objects.count() == 6


def test_a_report_looks_for_vendors_totals_once_however_many_rows_it_draws(
    client, app, now, member
):
    make_transfer(app, now, 100)

    _page, asked = ask(client, reverse("reports") + "?by=tag")

    looked = [sql for sql in asked if 'FROM "campaigns_vendorcount"' in sql]
    assert len([sql for sql in looked if "GROUP BY" not in sql]) == 1
    assert len(asked) < 25
