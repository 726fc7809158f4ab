"""A segment is built in a real browser: by mouse, by keyboard, on a phone, in the dark."""

from __future__ import annotations

import pytest

from campaigns.models import Segment
from tests import builders
from tests.looking import find_barriers, wear
from tests.pages.test_browser import leave, note_requests

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def people(app):
    for number in range(12):
        person = builders.make_person(app.workspace, f"u-{number}", language="de")
        builders.make_device(
            app, f"t{number}", platform=["android", "ios"][number % 2], person=person,
            country=["DE", "FR", "AT"][number % 3], attributes={"plan": "gold"},
        )  # fmt: skip


@pytest.fixture
def page(staff, live_server, people):
    under_way: set = set()
    note_requests(staff, under_way)
    staff.goto(f"{live_server.url}/segments/new/")
    yield staff
    leave(staff, under_way)


def wait_for_count(page, words):
    page.locator("#pa-count", has_text=words).wait_for()


def test_a_segment_is_built_counted_explained_saved_and_used(page, live_server):
    # By mouse: an attribute, a value that is suggested, a group inside.
    page.select_option("#field-2", "device.country")
    page.locator("#op-2").wait_for()
    page.select_option("#op-2", "in")
    page.locator("textarea#value-2").click()
    page.get_by_role("button", name="Add DE").click()
    page.get_by_role("button", name="Add FR").click()
    wait_for_count(page, "8 devices")
    page.get_by_role("button", name="Group").click()
    page.select_option("#field-4", "device.platform")
    page.locator("select#value-4").select_option("ios")
    wait_for_count(page, "4 devices")

    # By keyboard: another condition; its comparison; a value; then the menu wraps it.
    page.locator("#add-1").focus()
    page.keyboard.press("Enter")
    page.locator("#field-5:focus").wait_for()
    page.keyboard.type("plan of the device")
    page.keyboard.press("Tab")
    page.locator("#value-5[list]").wait_for()
    page.locator("#type-5").wait_for()
    page.locator("#value-5").focus()
    page.keyboard.type("silver")
    wait_for_count(page, "0 devices")
    page.locator("#menu-5").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Wrap in “not this”").focus()
    page.keyboard.press("Enter")
    page.get_by_role("group", name="Not this").wait_for()
    assert page.locator("#value-5").input_value() == "silver"
    wait_for_count(page, "4 devices")

    # A time is asked for as how long ago, a number with its unit; the menu takes it away again.
    page.locator("#add-1").focus()
    page.keyboard.press("Enter")
    page.locator("[id^=field-]:focus").wait_for()
    page.keyboard.type("last seen")
    page.locator("input[aria-label='How many']").focus()
    page.keyboard.type("30")
    wait_for_count(page, "0 devices")
    page.keyboard.press("Tab")
    page.keyboard.type("hours")
    assert page.locator("[id^=unit-]").input_value() == "h"
    assert find_barriers(page) == []
    page.get_by_role("button", name="Remove: Last seen").press("Enter")
    wait_for_count(page, "4 devices")

    # The JSON is the same thing; there and back nothing is lost.
    page.get_by_role("button", name="JSON").click()
    text = page.locator("#id_json").input_value()
    assert '"value": "silver"' in text
    page.locator("#id_json").fill(text.replace('"ios"', '"beos"'))
    wait_for_count(page, "Finish the conditions")
    page.get_by_role("button", name="Conditions").click()
    page.locator("#fault-4", has_text="The value is one of").wait_for()
    page.locator("select#value-4").select_option("ios")
    wait_for_count(page, "4 devices")

    for scheme, size in ((s, z) for s in ("light", "dark") for z in ((1440, 900), (390, 844))):
        wear(page, scheme)
        page.set_viewport_size({"width": size[0], "height": size[1]})
        assert find_barriers(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

    page.locator("#id_name").fill("Phones of the west")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved.", exact=True).wait_for()
    wait_for_count(page, "4 devices")
    segment = Segment.objects.get()
    assert segment.expression == {"and": [
        {"field": "device.country", "op": "in", "value": ["DE", "FR"]},
        {"or": [{"field": "device.platform", "op": "eq", "value": "ios"}]},
        {"not": {"field": "device.custom.plan", "op": "eq", "value": "silver"}},
    ]}  # fmt: skip

    page.locator("#id_who").fill("u-2")
    page.keyboard.press("Enter")
    told = page.locator("#pa-why")
    told.get_by_text("found: “AT”").wait_for()
    assert told.get_by_text("not met").count() == 5
    assert find_barriers(page) == []

    page.goto(f"{live_server.url}/campaigns/new/")
    page.get_by_label("A segment").check()
    page.select_option("#id_segment", label="Phones of the west")
    page.locator("[data-pa-total]", has_text="4").first.wait_for()
