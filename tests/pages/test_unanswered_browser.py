"""A page asks and no answer comes that it can use, in a real browser: it says why and goes on."""

from __future__ import annotations

import re

import pytest
from django.contrib.sessions.models import Session
from django.urls import reverse

from campaigns.models import Campaign, Import
from campaigns.services.campaigns import create_campaign
from tests import builders
from tests.looking import find_barriers
from tests.pages.test_browser import leave
from tests.pages.test_kept_browser import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SIGNED_OUT = "You are no longer signed in. Sign in in another tab, then try again."
AWAY = "The server does not answer. Check the connection, then try again."
FAILED = "The server could not do this (500). Try again in a minute."
GONE = "It is not there any more, or not yours. Reload the page."
# What stands between a page and an answer: nobody, a server that fails, one that knows no more.
STOPS = {
    AWAY: lambda route: route.abort(),
    FAILED: lambda route: route.fulfill(status=500, content_type="text/html", body="<h1>Oh</h1>"),
    GONE: lambda route: route.fulfill(status=404, content_type="text/html", body="<h1>Oh</h1>"),
}
NAMES = ["away", "failed", "gone"]


@pytest.fixture
def page(staff, live_server, complaints):
    """A page whose browser notes what was refused, which is no fault here."""
    yield staff
    leave(staff, set())  # of what is led to another page the browser tells no end
    complaints.clear()


@pytest.fixture
def draft(app, owner, now):
    builders.make_route(app, "android")
    builders.make_device(app, "alone")
    message = {"title": "Hi", "body": "There"}
    body = {"name": "Sale", "audience": {"all": True}, "message": message}
    return create_campaign(owner, body, actor="owner", now=now)


def sign_in_elsewhere(page, live_server, owner):
    tab = page.context.new_page()
    tab.goto(live_server.url + reverse("audit"))
    sign_in(tab, owner)
    tab.close()


def press_test(page):
    # What comes above the button moves it, and with it a press that is under way.
    page.locator("#pa-reach").get_by_text("1 device").wait_for()
    page.locator("#pa-test-term").fill("alone")
    page.get_by_role("button", name="Send a test").click()


def wait_for_fault(page, words):
    page.locator("#pa-test-result").get_by_text(words).wait_for()
    page.locator("[data-pa-send-test]:not(:disabled)").wait_for()


def test_a_test_that_nobody_is_signed_in_for_says_so_and_goes_once_somebody_is(
    page, live_server, owner, draft
):
    page.goto(live_server.url + reverse("edit", args=[draft.pk]))
    page.locator("#pa-reach").get_by_text("1 device").wait_for()
    Session.objects.all().delete()

    press_test(page)
    wait_for_fault(page, SIGNED_OUT)
    barriers = find_barriers(page)
    sign_in_elsewhere(page, live_server, owner)
    page.get_by_role("button", name="Send a test").click()
    page.locator("#pa-test-result").get_by_text("devices settled").wait_for()

    assert barriers == []
    assert Campaign.objects.get(is_test=True).message.content["body"] == "There"


def test_a_browser_that_has_lost_its_cookies_is_no_longer_signed_in(
    page, live_server, owner, draft
):
    page.goto(live_server.url + reverse("edit", args=[draft.pk]))
    page.context.clear_cookies()

    press_test(page)
    wait_for_fault(page, SIGNED_OUT)
    sign_in_elsewhere(page, live_server, owner)
    page.get_by_role("button", name="Send a test").click()
    page.locator("#pa-test-result").get_by_text("devices settled").wait_for()

    assert Campaign.objects.get(is_test=True).message.content["body"] == "There"


@pytest.mark.some(1)
@pytest.mark.parametrize("words", STOPS, ids=NAMES)
def test_a_test_without_an_answer_says_why_and_can_be_sent_again(page, live_server, draft, words):
    page.goto(live_server.url + reverse("edit", args=[draft.pk]))
    address = "**" + reverse("test_send", args=[draft.pk])
    page.route(address, STOPS[words])

    press_test(page)
    wait_for_fault(page, words)
    page.unroute(address)
    page.get_by_role("button", name="Send a test").click()
    page.locator("#pa-test-result").get_by_text("devices settled").wait_for()

    assert Campaign.objects.get(is_test=True).message.content["body"] == "There"


def test_a_draft_is_saved_after_an_answer_that_was_none(page, live_server, draft):
    page.goto(live_server.url + reverse("edit", args=[draft.pk]))
    page.route("**" + reverse("autosave"), STOPS[GONE])
    page.locator("#id_title").fill("First")
    page.locator("#pa-saved").get_by_text(GONE).wait_for()
    page.unroute("**" + reverse("autosave"))

    page.locator("#id_title").fill("Second")
    page.locator("#pa-saved[data-pa-tone=good]").wait_for()

    draft.refresh_from_db()
    assert draft.message.content["title"] == "Second"


def test_a_draft_is_saved_again_once_somebody_has_signed_in_elsewhere(
    page, live_server, owner, draft
):
    page.goto(live_server.url + reverse("edit", args=[draft.pk]))
    Session.objects.all().delete()
    page.locator("#id_title").fill("First")
    page.get_by_text("You are signed out").wait_for()
    sign_in_elsewhere(page, live_server, owner)

    page.locator("#id_title").fill("Second")
    page.locator("#pa-saved[data-pa-tone=good]").wait_for()
    page.get_by_role("button", name="Save draft").click()
    page.wait_for_url(live_server.url + reverse("campaign", args=[draft.pk]))

    draft.refresh_from_db()
    assert draft.message.content["title"] == "Second"


def test_a_segment_keeps_its_tree_while_nobody_is_signed_in(page, live_server, owner, draft):
    page.goto(f"{live_server.url}/segments/new/")
    page.locator("#pa-count", has_text="Finish the conditions").wait_for()
    Session.objects.all().delete()

    page.locator("#id_name").fill("Germans")
    page.select_option("#field-2", "device.country")
    note = page.get_by_role("alert").filter(has_text=SIGNED_OUT)
    note.wait_for()
    trees = page.locator("#pa-tree #pa-builder").count()
    sign_in_elsewhere(page, live_server, owner)
    page.select_option("#field-2", "device.platform")
    page.locator("select#value-2").select_option("android")
    page.locator("#pa-count", has_text="1 device").wait_for()

    assert trees == 1
    assert not note.is_visible()
    assert page.locator("#id_username").count() == 0


@pytest.mark.parametrize("words", STOPS, ids=NAMES)
def test_a_count_that_does_not_come_says_why(page, live_server, draft, words):
    page.route("**" + reverse("segment_count"), STOPS[words])

    page.goto(f"{live_server.url}/segments/new/")
    note = page.get_by_role("alert").filter(has_text=words)
    note.wait_for()

    assert note.count() == 1
    assert re.search(r"\d", page.locator("#pa-count").inner_text()) is None


def test_variables_that_do_not_come_say_why(page, live_server, draft):
    page.goto(live_server.url + reverse("edit", args=[draft.pk]))
    page.route("**/variables/**", STOPS[AWAY])

    page.locator("#id_template").select_option("liquid")
    note = page.get_by_role("alert").filter(has_text=AWAY)
    note.wait_for()

    assert note.count() == 1
    assert page.locator("#id_template").input_value() == "liquid"


@pytest.mark.some(2)
@pytest.mark.parametrize("words", [*STOPS, SIGNED_OUT], ids=[*NAMES, "signed out"])
def test_a_browser_that_cannot_be_subscribed_is_told_why(page, live_server, draft, words):
    page.context.grant_permissions(["notifications"], origin=live_server.url)
    page.goto(live_server.url + reverse("browsers"))
    stop = STOPS.get(words, lambda route: route.continue_())
    page.route("**" + reverse("open_browser_account"), stop)
    Session.objects.filter(pk__in=list_sessions(words)).delete()

    button = page.get_by_role("button", name="Subscribe this browser")
    button.click()

    page.get_by_role("alert").filter(has_text=words).wait_for()
    assert button.is_enabled()


def list_sessions(words):
    return [one.pk for one in Session.objects.all()] if words == SIGNED_OUT else []


def test_an_upload_goes_on_once_somebody_has_signed_in_elsewhere(
    page, live_server, owner, draft, tmp_path
):
    path = tmp_path / "people.csv"
    path.write_text("user_id\nann\n")
    page.goto(live_server.url + reverse("new_import"))
    page.get_by_label("Source").fill("Shop, consent of May")
    page.get_by_label("File").set_input_files(path)
    Session.objects.all().delete()
    page.get_by_role("button", name="Upload").click()
    page.get_by_role("alert").filter(has_text="Your login has expired").wait_for()
    sign_in_elsewhere(page, live_server, owner)

    page.get_by_role("button", name="Upload").click()
    page.wait_for_url(re.compile(r"/imports/\d+/$"))

    assert Import.objects.get().source == "Shop, consent of May"
