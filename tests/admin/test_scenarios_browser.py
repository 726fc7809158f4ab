"""A scenario made, mended and found again at a campaign, in a real Chromium."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from campaigns.models import Campaign, Scenario
from campaigns.services.campaigns import create_campaign
from tests.admin.test_browser import look, open_page
from tests.looking import find_barriers

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def step(staff, number):
    return staff.get_by_role("group", name=f"Step {number}")


def test_three_steps_are_made_mended_and_used_by_a_campaign(staff, live_server, app, owner, now):
    open_page(staff, live_server, "scenario/")
    look(staff, "scenario-none")
    expect(staff.get_by_text("Add the first one")).to_be_visible()
    open_page(staff, live_server, "scenario/add/")
    staff.locator("#id_workspace").select_option(label=app.workspace.name)
    staff.get_by_label("Name", exact=False).first.fill("Reach them")
    staff.get_by_role("button", name="Add a step").focus()
    staff.keyboard.press("Enter")
    expect(step(staff, 3).get_by_label("Channel")).to_be_focused()
    step(staff, 3).get_by_label("Channel").select_option("email")
    step(staff, 3).get_by_label("Price per message").fill("cheap")
    staff.get_by_role("button", name="Move step 3 up").press("Enter")
    expect(staff.get_by_role("button", name="Move step 2 up")).to_be_focused()
    staff.get_by_label("Name", exact=False).first.press("Enter")

    fault = step(staff, 2).get_by_text("A price is a decimal number such as 0.045")
    expect(fault).to_be_visible()
    expect(step(staff, 2).get_by_label("Price per message")).to_have_value("cheap")
    look(staff, "scenario-fault")
    in_light = find_barriers(staff)
    staff.set_viewport_size({"width": 390, "height": 844})
    look(staff, "scenario-fault-phone")
    width = staff.evaluate("document.documentElement.scrollWidth")
    step(staff, 2).get_by_label("Price per message").fill("0.002")
    staff.get_by_role("button", name="Save", exact=True).click()
    expect(staff.get_by_role("link", name="Reach them").first).to_be_visible()

    made = Scenario.objects.get()
    body = {"audience": {"all": True}, "message": {"title": "Hi"}, "scenario": made.key}
    create_campaign(owner, {**body, "app": app.slug, "name": "Autumn"}, actor="owner", now=now)
    staff.emulate_media(color_scheme="dark")
    open_page(staff, live_server, f"scenario/{made.pk}/change/")
    expect(staff.get_by_role("link", name="Autumn")).to_be_visible()
    look(staff, "scenario-phone-dark")
    in_dark = find_barriers(staff)
    assert [entry["channel"] for entry in made.steps] == ["push", "email", "sms"]
    assert Campaign.objects.get().scenario == made
    assert (in_light, in_dark, width) == ([], [], 390)
