"""Approval in a real browser: one asks, a second one approves by keyboard, the first one sends."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from campaigns.models import App, Approval, Campaign, Membership
from tests import builders
from tests.looking import find_barriers, wear
from tests.pages.test_pages import make_campaign

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
MODES = ((1440, 1000, "light"), (390, 844, "dark"))


def enter(page, live_server, user) -> None:
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    page.context.add_cookies(
        [{"name": name, "value": client.cookies[name].value, "url": live_server.url}]
    )


def look_at(page) -> list[str]:
    """What is wrong with the page as it stands, wide and light, narrow and dark."""
    faults = []
    for width, height, scheme in MODES:
        page.set_viewport_size({"width": width, "height": height})
        wear(page, scheme)
        faults += find_barriers(page)
        if page.evaluate("document.documentElement.scrollWidth") > width:
            faults.append(f"wider than {width}")
    return faults


def test_a_second_person_approves_what_the_first_one_then_sends(staff, live_server, app, owner):
    builders.make_route(app, "android")
    builders.make_device(app, "one")
    App.objects.update(needs_approval=True)
    draft = make_campaign(app, audience={"all": True})
    approver = builders.make_member("bob", app.workspace, app=app, role=Membership.Role.APPROVER)
    review = live_server.url + reverse("campaign_review", args=[draft.pk])

    staff.goto(review)
    staff.get_by_label("Note").fill("For noon")
    staff.get_by_role("button", name="Ask for approval").press("Enter")
    staff.get_by_text("An approver finds it").wait_for()

    enter(staff, live_server, approver)
    staff.goto(f"{live_server.url}/approvals/")
    assert look_at(staff) == []
    staff.get_by_role("link", name=draft.name).press("Enter")
    staff.get_by_role("button", name="Approve").wait_for()
    assert look_at(staff) == []
    assert staff.get_by_role("button", name="Send", exact=True).count() == 0
    staff.get_by_role("button", name="Approve").press("Enter")
    staff.get_by_text("Approved. Whoever may send").wait_for()

    enter(staff, live_server, owner)
    staff.goto(review)
    staff.get_by_role("button", name="Send", exact=True).click()
    staff.get_by_role("button", name="Start now").click()
    staff.get_by_role("link", name="Transfer").wait_for()

    assert Approval.objects.get().decided_by == "bob"
    assert Campaign.objects.get().status == Campaign.Status.SENDING
