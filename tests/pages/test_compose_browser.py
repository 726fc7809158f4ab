"""A message written by keyboard in a real browser: languages, buttons, variables, mistakes."""

from __future__ import annotations

import re

import pytest
from django.core.cache import cache

from campaigns.models import Campaign, Label
from campaigns.services.campaigns import create_campaign
from tests import builders
from tests.looking import find_barriers
from tests.pages.test_browser import leave, note_requests

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def compose(staff, live_server, app):
    """The compose page of an app with three people who have a tier."""
    cache.clear()
    builders.make_route(app, "android")
    for number in range(3):
        person = builders.make_person(app.workspace, f"u-{number}", attributes={"tier": "gold"})
        builders.make_device(app, f"token-{number}", person=person)
    under_way: set = set()
    note_requests(staff, under_way)
    staff.goto(f"{live_server.url}/campaigns/new/")
    yield staff
    leave(staff, under_way)


def type_into(page, selector, text):
    page.locator(selector).focus()
    page.keyboard.type(text)


def list_buttons(page):
    return page.locator("[data-pa-phone-of]:not([hidden]) [data-pa-buttons]:visible span")


def press(page, name, **more):
    page.get_by_role("button", name=name, **more).focus()
    page.keyboard.press("Enter")


def add_german(page):
    type_into(page, "#pa-language-new", "german")
    page.keyboard.press("Enter")
    page.keyboard.type("Herbst")


def test_a_variable_is_offered_where_it_is_written_and_taken_by_keyboard(compose, complaints):
    compose.locator("#id_template").select_option("liquid")
    compose.locator("#pa-variable option").first.wait_for(state="attached")
    type_into(compose, "#id_body", "Hello {{ person.cus")
    compose.locator("#pa-variable-list").get_by_text("text · 100 % have it · gold").wait_for()
    barriers = find_barriers(compose)

    compose.keyboard.press("Enter")
    taken = compose.input_value("#id_body")
    compose.keyboard.type(" {% if device.l")
    offered = compose.locator("#pa-variable-list [role=option] span:first-child").all_inner_texts()
    compose.keyboard.press("ArrowDown")
    compose.keyboard.press("Enter")
    compose.keyboard.type(" %}{{")
    compose.keyboard.press("Escape")

    assert taken == "Hello {{ person.custom.tier }}"
    assert offered[:2] == ["device.language", "device.last_seen_at"]
    assert compose.input_value("#id_body").endswith("{% if device.last_seen_at %}{{")
    assert not compose.locator("#pa-variable-list").is_visible()
    assert compose.evaluate("document.activeElement.id") == "id_body"
    assert barriers == []


def test_enter_in_a_field_of_one_line_does_not_leave_and_buttons_are_pressed_by_it(
    compose, complaints
):
    sent: list = []
    compose.on("request", lambda one: sent.append(one.url) if one.is_navigation_request() else None)

    for field in ("#id_name", "#id_title", "#id_strict"):
        compose.eval_on_selector(
            field, "one => { one.closest('details')?.setAttribute('open', ''); }"
        )
        compose.locator(field).focus()
        compose.keyboard.press("Enter")
    type_into(compose, "#id_name", "Autumn")
    compose.keyboard.press("Enter")
    type_into(compose, "#id_title", "Half a")
    compose.keyboard.press("Enter")
    stayed = [*sent]
    with compose.expect_navigation():
        press(compose, "Save draft")

    assert stayed == []
    assert len(sent) >= 1
    assert Campaign.objects.get().name == "Autumn"


def test_variables_are_offered_at_once_however_late_they_come(compose, complaints):
    held: list = []

    def hold(route):
        held.append(route)

    compose.route("**/variables/**", hold)
    with compose.expect_request("**/variables/**"):
        compose.locator("#id_template").select_option("liquid")
    type_into(compose, "#id_body", "Hello {{")
    is_early = compose.locator("#pa-variable-list").is_visible()

    held.pop().continue_()
    compose.locator("#pa-variable-list [role=option]").first.wait_for()

    assert not is_early
    assert held == []  # it is asked for once


@pytest.mark.some(1)
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_how_many_get_it_is_in_sight_beside_the_button(compose, complaints, width, height):
    compose.set_viewport_size({"width": width, "height": height})
    reach = compose.locator("#pa-reach")
    reach.get_by_text("3 devices").wait_for()
    box = reach.bounding_box()

    compose.locator("label", has_text="Pasted ids").click()
    reach.get_by_text("Finish the audience").wait_for()
    barriers = find_barriers(compose)

    assert box["y"] >= 0
    assert box["y"] + box["height"] <= height
    assert box["x"] + box["width"] <= width
    assert compose.evaluate("document.documentElement.scrollWidth") <= width
    assert barriers == []


def test_buttons_are_shown_as_each_system_shows_them_in_each_language(compose, complaints):
    type_into(compose, "#id_body", "Hello")
    add_buttons(compose, "Show\tshop://sale", "A | B")
    on_android = list_buttons(compose).all_inner_texts()
    add_german(compose)
    titles = compose.get_by_role("group", name="Titles of buttons").get_by_role("textbox")
    compose.get_by_role("textbox", name="A | B").focus()
    compose.keyboard.type("Zwei")
    second = compose.input_value("#id_translations-0-buttons")
    compose.keyboard.press("Control+A")
    compose.keyboard.press("Delete")
    compose.get_by_role("textbox", name="Show", exact=True).focus()
    compose.keyboard.type("Zeig her")
    german = list_buttons(compose).all_inner_texts()

    press(compose, "iOS", exact=True)
    locked = list_buttons(compose).count()
    press(compose, "Long look")
    held = list_buttons(compose).all_inner_texts()
    press(compose, "Browser", exact=True)
    in_browser = list_buttons(compose).all_inner_texts()

    barriers = find_barriers(compose)
    type_into(compose, "#id_translations-0-body", "Nur heute")
    with compose.expect_navigation():
        press(compose, "Save draft")
    compose.goto(f"{compose.url}edit/")
    compose.get_by_role("tab", name="German").click()
    kept = [box.input_value() for box in titles.all()]
    compose.get_by_text("Buttons", exact=True).first.click()
    press(compose, "Add a button", exact=True)
    compose.keyboard.type("More")

    assert second == "\nZwei"
    assert kept == ["Zeig her", ""]
    assert titles.count() == 3
    assert Campaign.objects.get().message.content["translations"]["de"]["buttons"] == ["Zeig her"]
    assert on_android == ["Show", "A | B"]
    assert german == held == in_browser == ["Zeig her", "A | B"]
    assert locked == 0
    assert barriers == []


def add_buttons(page, *typed):
    """Buttons of all platforms by keyboard alone: Tab leads to the next part of one."""
    page.get_by_text("Buttons", exact=True).first.click()
    for text in typed:
        press(page, "Add a button", exact=True)
        for at, piece in enumerate(text.split("\t")):
            page.keyboard.press("Tab") if at else None
            page.keyboard.type(piece)


@pytest.mark.some(1)
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_buttons_are_rows_that_say_what_is_wrong_with_them(compose, complaints, width, height):
    compose.set_viewport_size({"width": width, "height": height})
    tier = "shop://a?of={{ person.custom.tier | default: 'none' }}"
    compose.locator("#id_template").select_option("liquid")
    type_into(compose, "#id_body", "Hello")
    add_buttons(compose, f"Show\t{tier}\tshow", "A | B\tcart", "\t\tlater")
    area = compose.locator("#id_buttons")
    rows = compose.get_by_role("group", name=re.compile(r"^Button \d$"))
    is_full = compose.get_by_role("button", name="Add a button").count() == 0
    press(compose, "Save draft")
    compose.get_by_role("alert").filter(has_text="Not sent yet").wait_for()

    # What was written comes back as the rows that it was, each with what is wrong with it.
    link = compose.get_by_role("alert").get_by_role("link", name="Buttons").first
    link.focus()
    compose.keyboard.press("Enter")
    focused = compose.evaluate("document.activeElement.getAttribute('aria-label')")
    faults = rows.locator("[data-pa-fault]:visible").all_inner_texts()
    written = area.input_value()
    barriers = find_barriers(compose)
    compose.keyboard.press("End")
    compose.keyboard.press("Home")
    compose.keyboard.type("shop://")
    mended = rows.nth(1).locator("[data-pa-fault]").is_visible()
    rows.nth(2).get_by_role("button", name="Remove the button").focus()
    compose.keyboard.press("Enter")
    next_focus = compose.evaluate("document.activeElement.value")
    inside = compose.evaluate("document.documentElement.scrollWidth") <= width
    with compose.expect_navigation():
        press(compose, "Save draft")

    assert is_full
    assert written == f"Show | {tier} | show\nA \\| B | cart\n |  | later"
    assert focused == "Address to open"
    assert [text.partition(" ")[0] for text in faults] == ["Enter", "Give"]
    assert (mended, next_focus, inside, barriers) == (False, "A | B", True, [])
    assert Campaign.objects.get().message.content["buttons"] == [
        {"title": "Show", "link": tier, "id": "show"},
        {"title": "A | B", "link": "shop://cart"},
    ]
    complaints.clear()  # the browser notes the answer's status, 422


def test_a_mistake_in_another_languages_tab_is_named_and_one_key_away(compose, complaints):
    type_into(compose, "#id_body", "Hello")
    add_german(compose)
    compose.locator("[data-pa-platforms='0'] summary").focus()
    compose.keyboard.press("Enter")
    too_long = compose.locator("#id_translations-0-ios-title")
    too_long.evaluate("field => { field.value = 'x'.repeat(2000) }")
    compose.locator("#pa-lang-common").focus()
    compose.keyboard.press("Enter")
    press(compose, "Save draft")

    note = compose.get_by_role("alert").filter(has_text="Not sent yet")
    note.wait_for()
    compose.locator("#pa-lang-common").click()
    link = note.get_by_role("link", name="Title (de, iOS)")
    link.focus()
    compose.keyboard.press("Enter")

    assert note.get_by_role("link", name="Text (de)").count() == 1
    assert compose.evaluate("document.activeElement.id") == "id_translations-0-ios-title"
    assert compose.locator("#id_translations-0-ios-title").is_visible()
    assert not Campaign.objects.filter(status="sending").exists()
    complaints.clear()  # the browser notes the answer's status, 422


@pytest.fixture
def edit_many_languages(compose, owner, app, now):
    """Open the edit page of a new draft with these translations; the draft."""

    def edit(said):
        body = {"name": "Many", "app": app.slug, "audience": {"all": True},
                "message": {"title": "Hello", "body": "World", "translations": said}}  # fmt: skip
        campaign = create_campaign(owner, body, actor="owner", now=now)
        compose.goto(compose.url.replace("/new/", f"/{campaign.pk}/edit/"))
        return campaign

    return edit


def test_of_many_languages_one_is_drawn_when_it_is_opened(compose, edit_many_languages, complaints):
    said = {f"{letter}n": {"title": f"Title {letter}", "body": "Text"} for letter in "abcdefghijkl"}
    said["jn"]["ios"] = {"title": "Only there"}
    campaign = edit_many_languages(said)

    compose.locator("#pa-lang-9").focus()
    compose.keyboard.press("Enter")
    title = compose.locator("#id_translations-9-title")
    seen = (title.input_value(), compose.locator("#id_translations-9-ios-title").input_value())
    type_into(compose, "#id_translations-9-title", " of ours")
    compose.keyboard.press("Tab")
    compose.locator("#pa-preview-language").select_option("kn")
    compose.locator("[data-pa-show=title]:visible", has_text="Title k").first.wait_for()
    press(compose, "Save draft")
    compose.wait_for_url(re.compile(r"/campaigns/\d+/$"))

    said["jn"] = {"title": "Title j of ours", "body": "Text",
                  "ios": {"title": "Only there", "body": ""}}  # fmt: skip
    campaign.refresh_from_db()
    assert seen == ("Title j", "Only there")
    assert campaign.message.content["translations"] == said
    assert complaints == []


FOLDED = ["id_ios-subtitle", "id_rate", "id_translations-6-body"]


def open_at(page, address):
    """The id of the field that somebody sees and writes into once the page stands there."""
    page.goto("about:blank")
    page.goto(address)
    page.locator(":focus:is(input, textarea, select)").wait_for(state="visible")
    return page.evaluate("document.activeElement.id")


def test_a_link_to_a_field_opens_what_it_is_folded_into(compose, owner, app, now, live_server):
    said = {language: {"body": "Da"} for language in ("de", "fr", "es", "it", "nl", "pl", "sv")}
    message = {"title": "Sale", "body": "Today", "translations": said}
    body = {"name": "Sale", "app": app.slug, "audience": {"all": True}, "message": message}
    campaign = create_campaign(owner, body, actor="owner", now=now)

    opened = [
        open_at(compose, f"{live_server.url}/campaigns/{campaign.pk}/edit/#{field}")
        for field in FOLDED
    ]

    assert opened == FOLDED


def test_a_language_asks_for_what_the_message_says_elsewhere_and_for_no_more(compose, complaints):
    type_into(compose, "#id_body", "Hello")
    add_german(compose)
    type_into(compose, "#id_translations-0-body", "Hallo")
    subtitle = compose.locator("#id_translations-0-ios-subtitle")
    opener = compose.locator("#id_translations-0-in_app-open_title")
    before = (subtitle.is_visible(), opener.is_visible())

    compose.locator("#pa-tab-ios").click()
    type_into(compose, "#id_ios-subtitle", "Only today")
    asked = (subtitle.is_visible(), opener.is_visible())
    type_into(compose, "#id_translations-0-ios-subtitle", "Nur heute")
    compose.locator("[data-pa-preview-tab=ios]").click()
    shown = compose.locator("[data-pa-phone-of=ios] [data-pa-show=subtitle]")
    german = shown.inner_text()
    compose.select_option("[data-pa-preview-language]", "")
    common = shown.inner_text()
    compose.get_by_role("button", name="Copy from the default").click()
    copied = subtitle.input_value()
    compose.fill("#id_ios-subtitle", "")
    barriers = find_barriers(compose)

    assert before == (False, False)
    assert asked == (True, False)
    assert (german, common, copied) == ("Nur heute", "Only today", "Only today")
    assert subtitle.is_visible()
    assert barriers == []


def test_what_is_said_singly_is_drawn_and_kept_in_a_language_that_was_folded(
    compose, edit_many_languages, complaints
):
    said = {f"{letter}n": {"title": "Title", "body": "Text"} for letter in "abcdefghijkl"}
    said["jn"] |= {"ios": {"subtitle": "There"}, "in_app": {"open_title": "Go"}}
    campaign = edit_many_languages(said)

    compose.locator("#pa-lang-9").focus()
    compose.keyboard.press("Enter")
    subtitle = compose.locator("#id_translations-9-ios-subtitle")
    seen = (subtitle.input_value(), compose.locator("#id_translations-9-in_app-open_title").count())
    is_folded = compose.locator("[data-pa-platforms='9']").get_attribute("open")
    type_into(compose, "#id_translations-9-ios-subtitle", " too")
    compose.keyboard.press("Tab")
    press(compose, "Save draft")
    compose.wait_for_url(re.compile(r"/campaigns/\d+/$"))

    campaign.refresh_from_db()
    kept = campaign.message.content["translations"]["jn"]
    assert seen == ("There", 1)
    assert is_folded is None
    assert (kept["ios"], kept["in_app"]) == ({"subtitle": "There too"}, {"open_title": "Go"})
    assert complaints == []


def test_a_search_finds_a_label_and_what_is_ticked_stays_ticked(compose, app, complaints):
    Label.objects.bulk_create(Label(app=app, name=f"label {n:03}") for n in range(120))
    compose.reload()
    compose.get_by_label("Several, with exceptions").check()
    first = compose.locator("#id_include").get_by_label("Label label 007")
    first.check()

    type_into(compose, "#id_choice_search", "label 119")
    compose.get_by_text("Found and listed: 1 label").wait_for()
    found = compose.locator("#id_include").get_by_label("Label label 119")
    found.check()
    compose.locator("#id_choice_search").fill("")
    compose.get_by_text("Listed: 50 of 120 labels").wait_for()
    barriers = find_barriers(compose)
    compose.reload()  # what was typed is in the draft or in the window
    found.wait_for()

    assert (first.is_checked(), found.is_checked()) == (True, True)
    assert barriers == []
    assert complaints == []
