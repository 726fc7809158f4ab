"""A browser that runs no scripts: somebody signs in, and a draft is written and opened again."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from campaigns.models import Campaign
from tests import builders

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_context_args, "java_script_enabled": False}


def test_somebody_signs_in_without_scripts(page, live_server, owner):
    owner.set_password("long enough 1")
    owner.save()
    page.goto(f"{live_server.url}/campaigns/")
    page.get_by_label("Username").fill(owner.get_username())
    page.get_by_label("Password").fill("long enough 1")
    page.keyboard.press("Enter")

    expect(page.get_by_text("This browser runs no scripts")).to_be_visible()


def test_a_draft_is_written_saved_and_opened_again_without_scripts(staff, live_server, app):
    builders.make_route(app, "android")
    staff.goto(f"{live_server.url}/campaigns/new/")
    expect(staff.get_by_text("This browser runs no scripts")).to_be_visible()
    expect(staff.get_by_placeholder("Type to search")).to_be_hidden()
    staff.get_by_label("Campaign name").fill("Autumn")
    staff.locator("#id_title").fill("Sale")
    staff.locator("#id_body").fill("30 % off")
    staff.get_by_text("Buttons", exact=True).first.click()
    staff.locator("#id_buttons").fill("Show | https://shop.example/sale | show")
    staff.get_by_role("button", name="Save draft").click()
    draft = Campaign.objects.get()
    button = {"title": "Show", "link": "https://shop.example/sale", "id": "show"}
    assert draft.message.content == {"title": "Sale", "body": "30 % off", "buttons": [button]}
    staff.goto(f"{live_server.url}/campaigns/{draft.pk}/edit/")
    expect(staff.locator("#id_title")).to_have_value("Sale")
    staff.get_by_role("button", name="Review and send").click()
    expect(staff.get_by_role("heading", name="Review: Autumn")).to_be_visible()
    expect(staff.get_by_text("30 % off")).to_be_visible()
