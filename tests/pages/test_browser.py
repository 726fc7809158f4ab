"""Operator pages in a real browser: what scripts do, what keys do, what is in nobody's way."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache

from campaigns.dispatch import runs
from campaigns.models import App, Campaign, Label, Message, Transfer
from tests import builders
from tests.looking import find_barriers

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def compose(staff, live_server, app):
    """The compose page of an app that has a route, two phones and a label."""
    builders.make_route(app, "android")
    for number in range(2):
        builders.make_device(app, f"token-{number}")
    Label.objects.create(app=app, name="Readers")
    under_way: set = set()
    note_requests(staff, under_way)
    staff.goto(f"{live_server.url}/campaigns/new/")
    yield staff
    leave(staff, under_way)


def note_requests(page, under_way: set) -> None:
    def begin(request) -> None:
        under_way.add(request)

    def end(request) -> None:
        under_way.discard(request)

    page.on("request", begin)
    page.on("requestfinished", end)
    page.on("requestfailed", end)


def leave(page, under_way: set) -> None:
    """Let the last checks end, so that the database is at rest when it is emptied."""
    page.evaluate("document.getElementById('pa-compose-form')?.removeAttribute('data-pa-autosave')")
    page.wait_for_timeout(800)
    while under_way:
        page.wait_for_timeout(50)
    page.goto("about:blank")


def show(page, name):
    return page.locator(f"[data-pa-phone-of]:not([hidden]) [data-pa-show={name}]").first


def test_the_phone_follows_what_is_typed(compose):
    compose.locator("#id_title").fill("Common")
    compose.locator("#id_android-title").fill("Only here")
    assert show(compose, "title").inner_text() == "Only here"

    compose.get_by_role("tab", name="iOS").click()
    assert show(compose, "title").inner_text() == "Common"

    compose.get_by_role("tab", name="Android").click()
    compose.get_by_text("How it is delivered").first.click()
    compose.locator("#id_android-silent").check()
    quiet = compose.locator("[data-pa-phone-of=android] [data-pa-quiet]")
    assert quiet.inner_text().startswith("Silent: the app wakes")


def test_tabs_are_walked_with_the_arrow_keys(compose):
    compose.get_by_role("tab", name="Android").focus()
    compose.keyboard.press("ArrowRight")

    assert compose.get_by_role("tab", name="iOS").get_attribute("aria-selected") == "true"
    assert compose.locator("#id_ios-subtitle").is_visible()
    assert not compose.locator("#id_android-image").is_visible()


def test_the_panel_follows_the_audience_and_the_text(compose):
    compose.locator('[data-pa-total="2"]').wait_for()
    assert compose.get_by_text("The message has no text").is_visible()

    compose.locator("#id_body").fill("Hello")
    compose.get_by_text("The message has no text").wait_for(state="detached")
    compose.get_by_label("Labels", exact=True).first.check()
    compose.get_by_text("Finish the audience to see").wait_for()
    compose.get_by_role("checkbox", name=re.compile("Readers")).check()

    compose.locator('[data-pa-total="0"]').wait_for()


def test_a_problem_leads_to_its_field_even_in_a_closed_tab(compose, app):
    compose.locator("[data-pa-total]").wait_for()  # later it would be kept
    builders.make_device(app, "phone", "ios")
    builders.make_route(app, "ios")
    cache.clear()  # the panel counts an audience once in a few seconds
    compose.locator("#id_body").fill("Hello")
    compose.get_by_text("iOS shows a push without a title").wait_for()
    compose.locator("a[href='#id_ios-title']").first.click()

    assert compose.locator("#id_ios-title").is_visible()
    assert compose.evaluate("document.activeElement.id") == "id_ios-title"


def test_a_language_is_added_filled_in_and_saved(compose):
    compose.locator("#id_body").fill("Hello")
    compose.get_by_role("combobox", name="Add a language").fill("german")
    compose.get_by_role("button", name="Add a language").click()
    assert compose.locator("#id_translations-0-language").input_value() == "de"
    compose.locator("#id_translations-0-body").fill("Hallo")
    compose.get_by_role("button", name="Save draft").click()
    compose.wait_for_url(re.compile(r"/campaigns/\d+/$"))

    assert Campaign.objects.get().message.content["translations"]["de"]["body"] == "Hallo"


def test_another_app_keeps_what_was_typed(compose, app, workspace, live_server):
    builders.make_app(workspace, slug="second")
    compose.reload()
    compose.locator("#id_title").fill("Kept")
    compose.locator("#id_target").select_option(label="Second")

    compose.locator('[data-pa-total="0"]').wait_for()
    assert compose.locator("#id_title").input_value() == "Kept"
    assert show(compose, "title").inner_text() == "Kept"


def test_what_is_typed_while_another_apps_form_is_on_its_way_is_kept(
    compose, app, workspace, live_server
):
    other = builders.make_app(workspace, slug="second")
    builders.make_route(other, "android")
    compose.reload()
    compose.fill("#id_name", "Before")
    held = []

    def hold(route):
        held.append(route)

    compose.route("**/campaigns/new/", hold)

    compose.select_option("#id_target", label="Second")
    compose.wait_for_function("document.querySelector('.htmx-request')")
    compose.fill("#id_body", "Typed meanwhile")
    compose.focus("#id_title")
    compose.keyboard.type("Typed")
    with compose.expect_response("**/campaigns/new/"):
        held[0].continue_()
    compose.wait_for_function("!document.querySelector('.htmx-request')")

    assert compose.input_value("#id_name") == "Before"
    assert compose.input_value("#id_body") == "Typed meanwhile"
    assert compose.input_value("#id_title") == "Typed"
    assert compose.evaluate("document.activeElement.id") == "id_title"
    assert compose.locator("#id_target option:checked").inner_text().endswith("Second")


def test_a_mistake_opens_its_tab_and_is_read_out(compose, complaints):
    compose.locator("#id_body").fill("Hello")
    compose.get_by_role("tab", name="iOS").click()
    compose.locator("#pa-panel-ios").get_by_text("How it is delivered").click()
    compose.locator("#id_ios-collapse_id").evaluate("field => field.removeAttribute('maxlength')")
    compose.locator("#id_ios-collapse_id").fill("x" * 65)
    compose.get_by_role("tab", name="Android").click()
    compose.get_by_role("button", name="Save draft").click()

    field = compose.locator("#id_ios-collapse_id")
    field.wait_for()
    assert (
        "Shorten it to 64 characters" in compose.locator("#id_ios-collapse_id_error").inner_text()
    )
    assert "id_ios-collapse_id_error" in field.get_attribute("aria-describedby")
    assert field.get_attribute("aria-invalid") == "true"
    assert find_barriers(compose) == []
    complaints.clear()  # the browser notes the answer's status, 422


def test_what_is_sent_is_looked_at_undone_and_sent_again(compose, app, complaints):
    App.objects.update(guard_size=1)
    compose.locator("#id_body").fill("Hello")
    compose.get_by_role("button", name="Review and send").click()
    compose.get_by_text("two.").wait_for()
    assert not Transfer.objects.exists()
    assert find_barriers(compose) == []

    compose.get_by_role("button", name="Send", exact=True).click()
    compose.get_by_text("Type Shop, exactly").wait_for()
    complaints.clear()  # the browser notes the answer's status, 422
    assert find_barriers(compose) == []
    compose.get_by_label("Type “Shop” to go on").fill("Shop")
    compose.get_by_role("button", name="Send", exact=True).click()
    compose.get_by_role("timer").wait_for()
    assert find_barriers(compose) == []
    compose.get_by_role("button", name="Undo").focus()
    for _turn in range(2):  # the piece of the page that it stands in is asked for every second
        with compose.expect_response(re.compile(r"/status/$")):
            pass
    compose.locator("button:focus", has_text="Undo").press("Enter")
    compose.get_by_text("It is a draft again").wait_for()
    assert Campaign.objects.get().status == Campaign.Status.DRAFT

    compose.get_by_role("link", name="Review and send").click()
    compose.get_by_label("Type “Shop” to go on").fill("Shop")
    compose.get_by_role("button", name="Send", exact=True).click()
    compose.get_by_role("button", name="Start now").click()
    compose.get_by_role("link", name="Transfer").wait_for()

    assert Campaign.objects.get().status == Campaign.Status.SENDING
    assert find_barriers(compose) == []


def test_what_is_blocked_cannot_be_sent(compose):
    compose.locator("#id_title").fill("Only a title")
    compose.get_by_role("button", name="Review and send").click()
    compose.get_by_text("Cannot be sent yet").wait_for()

    assert compose.get_by_role("button", name="Send", exact=True).count() == 0
    compose.get_by_role("link", name="Mend it in the draft").first.click()
    compose.wait_for_url(re.compile(r"/campaigns/\d+/edit/#id_body$"))
    assert Campaign.objects.get().status == Campaign.Status.DRAFT


def test_each_recipients_own_time_asks_what_happens_where_it_is_past(compose):
    past, missed = compose.locator("#id_when_past"), compose.locator("#id_when_missed")
    compose.get_by_label("At a time").check()
    before = (past.is_visible(), missed.is_visible())

    compose.locator("#id_send_at").fill(f"{datetime.now(UTC):%Y}-12-31T23:59")
    compose.locator("#id_timezone").select_option("recipient")

    compose.get_by_text("2 recipients have no known time zone").wait_for()
    compose.locator("#pa-check summary").click()
    assert before == (False, True)
    assert (past.is_visible(), missed.is_visible()) == (True, False)
    assert compose.locator("#pa-check tbody tr").count() == 1
    assert find_barriers(compose) == []


def test_the_first_stop_of_the_keyboard_skips_to_the_content(staff, live_server, app):
    staff.goto(f"{live_server.url}/campaigns/")
    staff.keyboard.press("Tab")
    focused = staff.evaluate("document.activeElement.className")

    assert focused == "pa-skip"
    assert staff.get_by_role("main").count() == 1
    assert find_barriers(staff) == []


def find_spring():
    """The next day on which Berlin's clocks leave out an hour, at least three days ahead."""
    start = datetime.now(UTC).date() + timedelta(days=3)
    days = (start + timedelta(days=number) for number in range(400))
    return next(day for day in days if day.month == 3 and day.weekday() == 6 and day.day > 24)


def test_a_rule_is_chosen_with_the_keyboard_and_its_times_follow(compose):
    compose.locator("#id_title").fill("Your week")
    compose.locator("#id_body").fill("What is new")
    assert not compose.locator("#id_repeat_unit").is_visible()

    compose.get_by_label("As soon as I send it").focus()
    compose.keyboard.press("ArrowDown")
    compose.keyboard.press("ArrowDown")
    compose.locator("#id_send_at").fill(f"{find_spring() - timedelta(days=2):%Y-%m-%d}T02:30")
    compose.locator("#id_timezone").select_option("Europe/Berlin")
    compose.locator("#id_repeat_unit").focus()
    compose.keyboard.type("days")
    compose.get_by_text("02:30 does not exist that day").wait_for()

    assert compose.get_by_label("Again and again").is_checked()
    assert compose.locator("#pa-upcoming li").count() == 5
    assert not compose.get_by_label("Monday").is_visible()
    assert find_barriers(compose) == []


@pytest.mark.some(1)
@pytest.mark.parametrize("width", [1440, 390])
def test_a_series_is_moved_in_its_dialog(staff, live_server, app, width, complaints):
    builders.make_route(app, "android")
    builders.make_device(app, "one")
    series = make_series(app)
    under_way: set = set()
    note_requests(staff, under_way)
    staff.set_viewport_size({"width": width, "height": 844})
    staff.goto(f"{live_server.url}/campaigns/{series.pk}/")
    later = f"{datetime.now(UTC) + timedelta(days=9):%Y-%m-%dT18:30}"

    staff.get_by_role("button", name="Reschedule").click()
    barriers = find_barriers(staff)
    staff.locator("#id_new_send_at").fill("2020-01-01T09:00")
    staff.get_by_role("button", name="Move it").click()
    staff.get_by_role("dialog").get_by_text("has passed already").wait_for()
    typed = staff.locator("#id_new_send_at").input_value()
    complaints.clear()  # the browser notes the answer's status, 422
    staff.locator("#id_new_send_at").fill(later)
    staff.get_by_role("button", name="Move it").click()
    staff.get_by_text("It has a new time.").wait_for()

    series.refresh_from_db()
    assert (typed, series.send_at) == ("2020-01-01T09:00", later)
    assert barriers == find_barriers(staff) == []
    assert staff.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    leave(staff, under_way)


def make_series(app):
    """One with a run, a miss and times to come."""
    now = datetime.now(UTC)
    start = (now - timedelta(days=3)).replace(second=0, microsecond=0)
    series = Campaign.objects.create(
        workspace=app.workspace, app=app, name="Digest", audience={"all": True},
        message=Message.objects.create(app=app, content={"title": "Hi", "body": "There"}),
        status="recurring", status_since=start, created_at=start, created_by="owner",
        send_at=f"{start:%Y-%m-%dT%H:%M}", timezone="UTC", due_at=start,
        recurrence={"unit": "day"},
    )  # fmt: skip
    runs.run_due(start)
    runs.run_due(now)
    return series
