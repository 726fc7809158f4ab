"""The list of campaigns: narrowed, sorted and paged by its address alone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns.models import Campaign
from tests.pages.test_pages import make_campaign

pytestmark = pytest.mark.database


def list_names(client, **query):
    page = client.get(reverse("campaigns"), query)
    return [campaign.name for campaign in page.context["shown"]]


def test_the_address_narrows_and_sorts(client, app, owner):
    make_campaign(app, "Beta", tag="t", due_at=datetime(2026, 12, 1, tzinfo=UTC))
    make_campaign(app, "Alpha", status="sent")
    make_campaign(app, "Gamma", due_at=datetime(2026, 11, 30, tzinfo=UTC))
    Campaign.objects.filter(name="Alpha").update(
        created_by="ann", created_at=datetime(2026, 10, 1, tzinfo=UTC)
    )
    client.force_login(owner)

    asked = [
        {}, {"sort": "oldest"}, {"sort": "name"}, {"sort": "-name"}, {"sort": "due"},
        {"sort": "nonsense", "search": "am"}, {"author": "ann"}, {"tag": "t"},
        {"date_from": "2026-11-01", "sort": "oldest"}, {"date_to": "2026-10-01"},
        {"status": "sent"}, {"date_from": "0001-01-01", "date_to": "9999-12-31", "search": "be"},
    ]  # fmt: skip

    assert [list_names(client, **query) for query in asked] == [
        ["Gamma", "Alpha", "Beta"], ["Beta", "Alpha", "Gamma"], ["Alpha", "Beta", "Gamma"],
        ["Gamma", "Beta", "Alpha"], ["Gamma", "Beta", "Alpha"], ["Gamma"], ["Alpha"], ["Beta"],
        ["Beta", "Gamma"], ["Alpha"], ["Alpha"], ["Beta"],
    ]  # fmt: skip


def test_pages_hold_everybody_once_and_nothing_is_counted(client, app, owner):
    for number in range(60):
        make_campaign(app, f"Campaign {number:02}")
    client.force_login(owner)

    with CaptureQueriesContext(connection) as queries:
        first = list_names(client, sort="oldest")
    rest = [list_names(client, sort="oldest", page=page) for page in (2, 3, 4)]

    assert [len(names) for names in (first, *rest)] == [25, 25, 10, 0]
    assert sorted(first + rest[0] + rest[1]) == [f"Campaign {number:02}" for number in range(60)]
    assert not [row for row in queries if "COUNT(" in row["sql"]]
    assert list_names(client, sort="oldest", page="x") == first
