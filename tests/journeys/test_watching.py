"""Somebody watches a send in a real browser: pauses, resumes, drills to recipients, cancels."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from campaigns.dispatch.freeze import freeze_transfer
from campaigns.dispatch.plan import start_campaign
from campaigns.models import Counter, Transfer
from tests import builders
from tests.admin.conftest import (
    base_url,
    browser_context_args,
    browser_type_launch_args,
    complaints,
    staff,
)
from tests.looking import find_barriers, wear
from tests.pages.test_pages import make_campaign

__all__ = ["base_url", "browser_context_args", "browser_type_launch_args", "complaints", "staff"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
MODES = [(1440, "light"), (390, "dark")]


def look_at(page) -> list[str]:
    """Serious barriers, wide and narrow, and what is wider than the screen."""
    found = []
    for width, scheme in MODES:
        page.set_viewport_size({"width": width, "height": 900})
        wear(page, scheme)
        found += find_barriers(page)
        if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            found.append(f"wider than {width}")
    return found


def test_a_send_is_watched_paused_resumed_and_cancelled(staff, live_server, app):
    builders.make_route(app, "android")
    person = builders.make_person(app.workspace, "ann", opted_out_at=datetime.now(UTC))
    builders.make_device(app, "opted-out", person=person)
    builders.make_device(app, "one")
    campaign = make_campaign(app, audience={"all": True})
    start_campaign(campaign, actor="owner", now=datetime.now(UTC))
    transfer = Transfer.objects.get()
    freeze_transfer(transfer, now=datetime.now(UTC))

    staff.goto(f"{live_server.url}/")
    barriers = look_at(staff)
    staff.get_by_role("link", name="Autumn sale").first.click()
    staff.get_by_role("button", name="Pause").click()
    staff.get_by_text("Paused.", exact=True).wait_for()
    staff.get_by_role("button", name="Resume").click()
    staff.get_by_text("Going on.").wait_for()
    barriers += look_at(staff)
    staff.locator("#pa-platforms-title").wait_for()
    staff.get_by_role("link", name=re.compile("list who is Skipped")).click()
    staff.get_by_text("1 settled recipient").wait_for()
    barriers += look_at(staff)
    staff.go_back()
    staff.get_by_role("button", name="Cancel").click()
    staff.get_by_role("button", name="Yes, cancel it").click()
    staff.get_by_text("Cancelled.", exact=True).wait_for()
    for path in ("/calendar/", "/campaigns/"):
        staff.goto(f"{live_server.url}{path}")
        barriers += look_at(staff)
    staff.goto("about:blank")

    transfer.refresh_from_db()
    assert transfer.status == Transfer.Status.CANCELLED
    assert Counter.objects.get(outcome="skipped").reason == "opted_out"
    assert barriers == []
