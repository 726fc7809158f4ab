"""A message in fifty long languages in a real browser: what is opened is fetched and can be
changed, and what was not opened stays."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from campaigns.models import Message
from tests import builders
from tests.looking import find_barriers
from tests.pages.test_browser import leave, note_requests
from tests.pages.test_kept_browser import end_session, sign_in
from tests.pages.test_long_message import LAST, LONG, TAGS

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
NEXT = TAGS[48]


@pytest.fixture
def campaign(app, now):
    builders.make_route(app, "android")
    builders.make_device(app, "one", language=LAST)
    return builders.make_campaign(app, now, LONG)


@pytest.fixture
def page(staff, live_server, campaign):
    under_way: set = set()
    note_requests(staff, under_way)
    staff.goto(live_server.url + reverse("edit", args=[campaign.pk]))
    yield staff
    leave(staff, under_way)


def find_body(page, number=49):
    return page.locator(f"#id_translations-{number}-body")


def find_texts(campaign):
    return {
        tag: {name: words for name, words in text.items() if words}
        for tag, text in Message.objects.get(campaigns=campaign.pk).content["translations"].items()
    }


def open_last(page):
    """By keyboard: End leads to the last language, and its text comes."""
    page.locator("#pa-lang-common").focus()
    page.keyboard.press("End")
    find_body(page).wait_for(state="visible")


def type_over(page, text, number=49):
    find_body(page, number).focus()
    page.keyboard.press("Control+A")
    page.keyboard.type(text)


@pytest.mark.some(1)
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_a_language_that_is_not_in_the_page_is_opened_changed_and_saved(
    page, campaign, complaints, width, height
):
    page.set_viewport_size({"width": width, "height": height})
    before = page.locator("#pa-languages [role=tab]").count(), find_body(page).count()
    page.locator(f"[data-pa-reach='{LAST}']").get_by_text("1", exact=True).wait_for()

    open_last(page)
    fetched, focused = find_body(page).input_value(), page.evaluate("document.activeElement.id")
    page.locator("[data-pa-show=title]:visible", has_text=LAST).first.wait_for()
    barriers = find_barriers(page)
    type_over(page, "Changed")
    page.locator("#pa-saved[data-pa-tone=good]").wait_for()
    saved = find_texts(campaign)
    # What was saved is stored elsewhere by now; the next one is fetched from there.
    page.locator("#pa-lang-48").click()
    find_body(page, 48).wait_for(state="visible")
    # What was only looked at is left again, what was changed is not.
    page.locator("#pa-lang-common").click()
    left = [find_body(page, number).count() for number in (48, 49)]
    page.reload()
    open_last(page)

    assert before == (51, 0)
    assert (fetched, focused) == (LAST * 600, "pa-lang-49")
    assert barriers == []
    assert left == [0, 1]
    assert (
        saved
        == find_texts(campaign)
        == LONG["translations"] | {LAST: {"title": LAST, "body": "Changed"}}
    )
    assert find_body(page).input_value() == "Changed"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert complaints == []


def test_a_change_that_is_taken_back_is_taken_back_where_it_is_stored(page, campaign, complaints):
    open_last(page)
    fetched = find_body(page).input_value()
    with page.expect_response("**/campaigns/autosave/"):
        find_body(page).fill("Changed")
    saved = find_texts(campaign)[LAST]["body"]

    with page.expect_response("**/campaigns/autosave/"):
        find_body(page).fill(fetched)
        page.locator("#pa-lang-common").click()

    assert saved == "Changed"
    assert find_texts(campaign) == LONG["translations"]
    assert complaints == []


def test_what_was_typed_in_it_comes_back_after_the_login_and_the_others_stay(
    page, campaign, owner, complaints
):
    open_last(page)
    end_session()
    type_over(page, "Typed while signed out")
    page.locator("#pa-saved a").wait_for()

    page.locator("#pa-saved a").click()
    sign_in(page, owner)
    page.locator("#pa-restored").wait_for(state="visible")
    page.locator("#pa-saved[data-pa-tone=good]").wait_for()

    assert find_texts(campaign) == LONG["translations"] | {
        LAST: {"title": LAST, "body": "Typed while signed out"}
    }
    complaints.clear()  # the browser notes what was refused while nobody was signed in


def test_a_language_of_the_review_is_fetched_when_it_is_unfolded(
    page, live_server, campaign, complaints
):
    page.goto(live_server.url + reverse("campaign_review", args=[campaign.pk]))
    folded = page.locator("details", has_text=LAST * 600)
    before = folded.count()

    page.locator("details[hx-get] summary").last.focus()
    page.keyboard.press("Enter")
    folded.wait_for()

    assert before == 0
    assert complaints == []


def test_a_word_that_is_longer_than_a_line_is_broken(page, live_server, app, now, complaints):
    page.set_viewport_size({"width": 390, "height": 844})
    words = {"title": "t" * 200, "body": "See https://shop.example/" + "a" * 900}
    draft = builders.make_campaign(app, now, words | {"translations": {"de": words}})
    wide = []

    for name in ("campaign_review", "campaign"):
        page.goto(live_server.url + reverse(name, args=[draft.pk]))
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wide.append(name)

    assert wide == []
    assert complaints == []


def test_a_link_leads_into_it_and_what_cannot_be_fetched_is_tried_again(
    page, live_server, campaign, complaints
):
    page.route("**/campaigns/texts/**", lambda route: route.abort())
    page.goto("about:blank")
    page.goto(f"{live_server.url}{reverse('edit', args=[campaign.pk])}#id_translations-48-title")
    again = page.get_by_role("button", name="Try again")
    page.locator("#pa-lang-48").click()
    again.wait_for()
    told = page.locator("#pa-text-48 [role=alert]").inner_text()

    page.unroute("**/campaigns/texts/**")
    again.focus()
    page.keyboard.press("Enter")
    page.locator("#id_translations-48-title").wait_for(state="visible")
    page.get_by_role("button", name="Save draft").click()
    page.wait_for_url(re.compile(r"/campaigns/\d+/$"))

    assert told == "The server does not answer. Check the connection, then try again."
    assert find_texts(campaign) == LONG["translations"]
    complaints.clear()  # the browser notes the call that was cut


def test_a_long_field_is_fetched_by_a_link_to_it_changed_and_saved(
    page, live_server, app, now, complaints
):
    tags = {f"key {number}": "'" * 500 for number in range(60)}
    content = {"body": "Hi", "email": {"body": "'" * 20_000}, "web": {"extras": tags}}
    draft = builders.make_campaign(app, now, content)
    page.goto("about:blank")
    page.goto(f"{live_server.url}{reverse('edit', args=[draft.pk])}#id_email-body")
    body = page.locator("textarea#id_email-body")
    body.wait_for(state="visible")
    whole = body.input_value()

    page.locator("textarea#id_email-body:focus").wait_for()
    page.keyboard.press("Control+A")
    page.keyboard.type("Short now")
    page.locator("#pa-saved[data-pa-tone=good]").wait_for()
    page.locator("#pa-tab-web").click()
    page.get_by_role("button", name="Show it").click()
    page.locator("#pa-panel-web .pa-data-row").first.wait_for()

    saved = Message.objects.get(campaigns=draft.pk).content
    assert whole == content["email"]["body"]
    assert (saved["email"], saved["web"]["extras"]) == ({"body": "Short now"}, tags)
    assert complaints == []
