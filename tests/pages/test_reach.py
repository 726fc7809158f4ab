"""Which apps a reader reaches is found once for a page, and anew for the next one."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns.models import App, Membership, access
from campaigns.models.access import keep_reach, visible_app_ids
from tests.pages.test_pages import make_campaign

pytestmark = pytest.mark.database
WAY = 'FROM "campaigns_membership"'
# What roles, workspaces and the apps of approvals are asked for; without it a dozen more.
MOST_ASKING = 7


def find_asking(client, path):
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200
    return [query["sql"] for query in captured.captured_queries if WAY in query["sql"]]


def test_home_finds_once_which_apps_are_reached(client, app, colleague):
    client.force_login(colleague)
    client.get(reverse("home"))

    asking = find_asking(client, reverse("home"))

    assert len(asking) <= MOST_ASKING


def test_the_next_page_finds_it_anew(client, app, colleague):
    make_campaign(app, "Theirs")
    client.force_login(colleague)
    path = reverse("campaigns")
    assert b"Theirs" in client.get(path).content

    Membership.objects.filter(user=colleague).delete()

    assert b"Theirs" not in client.get(path).content


def test_of_more_apps_than_a_statement_should_name_none_are_kept(app, colleague, monkeypatch):
    monkeypatch.setattr(access, "MOST_KEPT", 0)

    keep_reach(colleague)

    assert not hasattr(colleague, "reached_app_ids")
    assert list(App.objects.filter(pk__in=visible_app_ids(colleague))) == [app]
