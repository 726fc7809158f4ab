"""Pages by keyboard alone: every control is reached and seen, and Escape leads back."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from playwright.sync_api import TimeoutError as Waited

from tests.keyboard import press, walk
from tests.looking import SETTLED
from tests.operator_pages import PAGES, find_address
from tests.pages.test_approval_browser import enter
from tests.pages.test_every_page import fill

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
WALKED = {
    "home", "compose", "review", "transfer", "person", "segment", "import_mapping", "reports",
}  # fmt: skip
FOCUSED = "document.activeElement"


@pytest.fixture
def pages(page, live_server, monkeypatch):
    """The addresses of the main pages, by name; an admin is signed in."""
    rows = fill(60, monkeypatch)
    enter(page, live_server, get_user_model().objects.get(username="admin"))
    page.set_viewport_size({"width": 1440, "height": 900})
    return {shown.name: live_server.url + find_address(shown, rows) for shown in PAGES}


def open_page(page, address: str) -> None:
    page.goto(address)
    page.wait_for_function(SETTLED)


def test_every_control_of_the_main_pages_is_reached_seen_and_left(page, pages):
    faults = []
    for name in sorted(WALKED):
        open_page(page, pages[name])
        faults += walk(page, name)

    assert "\n".join(faults) == ""


def test_the_skip_link_leads_into_the_page(page, pages):
    open_page(page, pages["reports"])

    press(page, "Tab")
    press(page, "Enter")
    landed = page.evaluate("document.activeElement.id")
    press(page, "Tab")

    assert landed == "content"
    assert page.evaluate("document.activeElement.closest('#content') !== null")


def test_the_calendar_is_walked_by_arrows_and_through_time(page, pages):
    open_page(page, pages["calendar"])
    page.locator("[data-pa-day]").nth(10).focus()
    name = f"{FOCUSED}.getAttribute('aria-label')"
    place = f"[...document.querySelectorAll('[data-pa-day]')].indexOf({FOCUSED})"

    places, titles = [], [page.locator(".pa-calendar-title").inner_text()]
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp"):
        press(page, key)
        places.append(page.evaluate(place))
    for key in ("PageDown", "PageDown", "PageUp"):
        with page.expect_navigation():
            press(page, key)
        page.wait_for_function(f"{name} !== null")
        places.append(page.evaluate(place))
        titles.append(page.locator(".pa-calendar-title").inner_text())
    page.locator("[data-pa-day]").first.focus()
    with page.expect_navigation():
        press(page, "ArrowLeft")
    page.wait_for_function(f"{name} !== null")

    assert places == [11, 18, 17, 10, 10, 10, 10]
    assert len(set(titles)) == 3
    assert titles[1] == titles[3]
    assert page.evaluate(place) == page.locator("[data-pa-day]").count() - 1


DIALOGS = ("compose", "segment", "label", "keys", "campaign_series", "campaign_cooling")
OPENED = "document.querySelector('dialog[open]')"
WHERE = f"""() => [
    {OPENED} !== null,
    {OPENED}?.contains({FOCUSED}) || {FOCUSED} === document.body,
    {FOCUSED}.dataset.paDialog || "",
]"""
OPENERS = """() => [...document.querySelectorAll("[data-pa-dialog]")]
    .filter(opener => opener.checkVisibility()).map(opener => opener.dataset.paDialog)"""
BACK = f"dialog => {{ const [open, _, at] = ({WHERE})(); return !open && at === dialog; }}"


def test_a_dialog_keeps_the_focus_closes_with_escape_and_gives_it_back(page, pages):
    faults, tried = [], 0
    for name in DIALOGS:
        open_page(page, pages[name])
        # By name: a page that refreshes itself may have more of them in the meantime.
        for dialog in page.evaluate(OPENERS):
            tried += 1
            page.locator(f'[data-pa-dialog="{dialog}"]:visible').press("Enter")
            faults += [f"{name} {dialog} does not open"] * (not page.evaluate(WHERE)[0])
            for _stop in range(8):
                press(page, "Tab")
                if not page.evaluate(WHERE)[1]:
                    faults.append(f"{name} {dialog} lets the focus out")
            press(page, "Escape")
            # A page that refreshes itself may be drawing the button anew.
            try:
                page.wait_for_function(BACK, arg=dialog)
            except Waited:
                faults.append(f"{name} {dialog} keeps the focus: {page.evaluate(WHERE)}")

    assert "\n".join(faults) == ""
    assert tried >= len(DIALOGS)


def test_what_the_shell_opens_closes_with_escape_and_gives_the_focus_back(page, pages):
    open_page(page, pages["home"])
    menu = "#nav-sidebar [role=button]:has-text('admin')"
    layers = (
        (1440, "Enter", menu, "[x-show=openUserLinks] a"),
        (1440, "Control+k", menu, "#search-input-command"),
        (390, "Enter", "#header-inner [role=button]", "#nav-sidebar-inner a"),
    )
    for width, key, opener, inside in layers:
        page.set_viewport_size({"width": width, "height": 900})
        page.locator(opener).last.press(key)
        page.locator(f"{inside}:focus").wait_for()

        press(page, "Tab")
        press(page, "Escape")

        page.locator(inside).first.wait_for(state="hidden")
        assert page.locator(opener).last.evaluate("node => document.activeElement === node")
