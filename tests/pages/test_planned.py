"""What a script has planned: seen with its time, and cancelled where everything else is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from campaigns.models import Group, Membership, Transfer
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.database]
WORDS = "A script has planned this for"


@pytest.fixture
def planned(app):
    """A transfer that is due in two hours."""
    now = datetime.now(UTC)
    return Transfer.objects.create(
        app=app, group=Group.objects.get(app=app), name="Later", due_at=now + timedelta(hours=2),
        created_at=now, status_since=now,
    )  # fmt: skip


@pytest.fixture
def sender(client, app):
    client.force_login(
        builders.make_member("sender", app.workspace, app=app, role=Membership.Role.SENDER)
    )
    return client


def test_its_page_and_home_say_when_it_begins(sender, planned):
    page = sender.get(reverse("transfer", args=[planned.pk])).content.decode()
    home = sender.get(reverse("home")).content.decode()

    assert WORDS in page
    assert "next on" in home


def test_it_is_cancelled_on_its_page(sender, planned):
    answer = sender.post(reverse("change_transfer", args=[planned.pk, "cancel"]))

    planned.refresh_from_db()
    assert (answer.status_code, planned.status) == (302, "cancelled")
    page = sender.get(reverse("transfer", args=[planned.pk])).content.decode()
    assert WORDS not in page


def test_what_is_due_is_no_plan_any_more(sender, planned):
    Transfer.objects.update(due_at=datetime.now(UTC))

    assert WORDS not in sender.get(reverse("transfer", args=[planned.pk])).content.decode()
