"""A draft that is left while it is typed, in a real browser: it is saved, and who comes back goes
on with it or is told that somebody else has changed it."""

from __future__ import annotations

import pytest
from django.urls import reverse

from campaigns.models import Campaign, Message
from tests import builders
from tests.pages.test_browser import leave, note_requests
from tests.pages.test_long_message import LONG, SHORT, TAGS

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
# As a form more than a browser sends for a page that goes.
LONGER = SHORT | {"translations": {tag: {"title": tag, "body": "ж" * 3000} for tag in TAGS[:50]}}
HIDE = """() => {
    Object.defineProperty(document, "visibilityState", {value: "hidden", configurable: true});
    document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture
def open_draft(staff, live_server, app, now):
    """Opens a draft that says this, and gives it with its address."""
    under_way: set = set()
    builders.make_route(app, "android")
    note_requests(staff, under_way)

    def open_it(content):
        draft = builders.make_campaign(app, now, content)
        address = live_server.url + reverse("edit", args=[draft.pk])
        staff.goto(address)
        return draft, address

    yield open_it
    leave(staff, under_way)


def read(draft):
    return Message.objects.get(campaigns=draft.pk).content


def wait_until(page, is_so):
    for _turn in range(100):
        if is_so():
            return
        page.wait_for_timeout(100)
    raise AssertionError("it did not come")


def type_and_go(page, live_server, title):
    page.locator("#id_title").fill(title)
    page.goto(live_server.url + reverse("campaigns"))


def test_who_comes_back_does_not_save_over_what_somebody_else_has_changed(
    staff, live_server, open_draft, complaints
):
    draft, address = open_draft(SHORT)
    type_and_go(staff, live_server, "Typed")
    wait_until(staff, lambda: read(draft)["title"] == "Typed")
    theirs = {"title": "Typed", "body": "Theirs"}
    Campaign.objects.update(message=Message.objects.create(app=draft.app, content=theirs))

    staff.goto(address)
    staff.locator("#pa-saved[data-pa-tone=bad]").get_by_text("Somebody else").wait_for()

    assert read(draft) == theirs
    complaints.clear()  # the browser notes the save that was refused


@pytest.mark.parametrize("content", [SHORT, LONG], ids=["short", "long"])
def test_who_comes_back_goes_on(staff, live_server, open_draft, complaints, content):
    draft, address = open_draft(content)
    type_and_go(staff, live_server, "Typed")
    if content == SHORT:
        wait_until(staff, lambda: read(draft)["title"] == "Typed")

    staff.goto(address)
    is_told = staff.locator("#pa-restored").is_visible()
    staff.locator("#id_body").fill("And more")
    staff.locator("#pa-saved[data-pa-tone=good]").wait_for()

    saved = read(draft)
    assert (saved["title"], saved["body"]) == ("Typed", "And more")
    assert len(saved.get("translations", {})) == len(content.get("translations", {}))
    assert not (is_told and content == SHORT)
    complaints.clear()  # what was long may be cut off on its way


def test_a_long_draft_is_saved_when_its_window_is_hidden(staff, open_draft, complaints):
    draft, _address = open_draft(LONGER)
    staff.locator("#id_title").fill("Typed")

    staff.evaluate(HIDE)
    staff.locator("#pa-saved[data-pa-tone=good]").wait_for()

    assert read(draft)["title"] == "Typed"
    assert len(read(draft)["translations"]) == 50
    assert complaints == []


def test_a_language_that_is_opened_before_the_answer_to_a_save_comes_after_it(
    staff, open_draft, complaints
):
    open_draft(LONG)
    held = []
    staff.route(
        "**/campaigns/autosave/", lambda route: held.append((route, route.fetch())), times=1
    )
    staff.locator("#id_title").fill("Typed")
    wait_until(staff, lambda: held)

    with staff.expect_response("**/campaigns/texts/**") as early:
        staff.locator("#pa-lang-49").click()
    route, answer = held[0]
    route.fulfill(response=answer)
    body = staff.locator("#id_translations-49-body")
    body.wait_for(state="visible")

    assert early.value.status == 404
    assert body.input_value() == TAGS[49] * 600
    complaints.clear()  # the browser notes what was asked for too early
