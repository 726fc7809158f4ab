"""Compose: which tabs it has, and what it says of the routes' vendors."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from campaigns.pages.losses import WORST_FIRST
from campaigns.services.carrying import find_carry
from providers import registry
from tests import builders

ROUTED = [item for item in registry.all_dialects() if item.connect and item.platforms]


@pytest.fixture
def typed(app):
    return {
        "target": f"app:{app.pk}", "audience_kind": "all", "body": "Fresh looks have landed.",
        "group": "General", "when": "now", "timezone": "UTC", "expires_unit": "3600",
        "policy": "at_least_once",
    }  # fmt: skip


@pytest.mark.parametrize("dialect", ROUTED, ids=lambda dialect: dialect.key)
def test_every_vendor_on_a_route_has_a_tab_of_its_own(client, owner, app, typed, dialect):
    platform = sorted(dialect.platforms)[0]
    builders.make_route(app, platform, dialect=dialect.key)
    client.force_login(owner)

    page = client.get(reverse("compose")).content.decode()

    tabs = re.findall(r'role="tab" id="pa-tab-([^"]+)"', page)
    assert tabs == ["android", "ios", "web", "in_app", f"vendor-{dialect.key}"]
    assert all(f"id_extras-{dialect.key}-{spec.name}" in page for spec in dialect.message_options)


def test_texts_have_a_tab_where_a_route_takes_them_or_something_is_written(
    client, owner, app, typed
):
    client.force_login(owner)
    texting = next(item for item in registry.all_dialects() if "sms" in item.channels)
    redrawn = client.post(
        reverse("compose"), typed | {"email-subject": "Hello", "action": "redraw"}
    )
    builders.make_route(app, "sms", dialect=texting.key)

    opened = client.get(reverse("compose"))

    assert 'id="pa-tab-email"' in redrawn.content.decode()
    assert 'id="pa-tab-sms"' not in redrawn.content.decode()
    assert 'id="pa-tab-sms"' in opened.content.decode()
    assert "pa-tab-email" not in opened.content.decode()
    assert "pa-tab-vendor" not in opened.content.decode()


def test_the_panel_tells_once_what_is_lost_and_that_before_what_is_renamed(
    client, owner, app, typed
):
    client.force_login(owner)
    dialect = next(item for item in ROUTED if find_fates(item) >= {"renamed", "dropped"})
    for platform in ("android", "ios"):
        builders.make_device(app, f"token-{platform}", platform)
        builders.make_route(app, platform, dialect=dialect.key)

    answer = client.post(reverse("check"), typed | {"in_app-only": "on", "in_app-topic": "News"})

    lines = answer.context["losses"]
    assert [line.fate for line in lines if line.label == "Only in the app"] == ["Lost"]
    assert [line.platforms for line in lines if line.label == "Inbox topic"] == [["Android", "iOS"]]
    fates = [WORST_FIRST.index(line.loss.fate) for line in lines]
    assert fates == sorted(fates)
    assert len(set(fates)) == 3


def find_fates(dialect):
    """What becomes of the common text, and of a message for the app alone."""
    fields = ("body", "in_app.only", "in_app.topic")
    return {find_carry(dialect, "android", field).fate.value for field in fields}
