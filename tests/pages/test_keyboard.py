"""Pages by keyboard alone: every control is reached and seen, and Escape leads back."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model

from tests.looking import SETTLED
from tests.operator_pages import PAGES, find_address
from tests.pages.test_approval_browser import enter
from tests.pages.test_every_page import fill

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
WALKED = {
    "home", "compose", "review", "transfer", "person", "segment", "import_mapping", "reports",
}  # fmt: skip
# Notes, for each control that gets the focus, what shows that it has it; `paLeft` is what can get
# it and has not. Of radio buttons of one name only the chosen one is a stop.
WATCH = """() => {
    const style = document.createElement("style");
    style.textContent = "* { transition: none !important; scroll-behavior: auto !important }";
    document.head.append(style);
    const look = (node) => {
        const own = getComputedStyle(node);
        return [own.outlineStyle, own.outlineWidth, own.boxShadow, own.borderColor,
                own.backgroundColor, own.textDecorationLine].join();
    };
    const isShown = (node) => node.checkVisibility({visibilityProperty: true});
    const find = () => [...document.querySelectorAll(
        "a[href], button, input, select, textarea, summary, [tabindex]",
    )].filter((node) => node.tabIndex >= 0 && !node.matches(":disabled") && isShown(node)
        && !(node.type === "radio" && !node.checked));
    const name = (node) => `${node.localName} ${node.id || node.className} ${
        (node.getAttribute("aria-label") || node.textContent || node.name).trim().slice(0, 40)}`;
    const before = new Map(find().map((node) => [node, look(node)]));
    const left = new Set(before.keys());
    window.paStops = [];
    window.paUnseen = [];
    window.paLeft = () => [...left].filter((node) => node.isConnected && isShown(node)).map(name);
    // A date is a stop for each of its numbers.
    const dates = [...before.keys()].filter((node) => node.matches("[type^=date]"));
    window.paCount = () => before.size + 7 * dates.length;
    document.addEventListener("focusin", ({target}) => {
        left.delete(target);
        window.paStops.push(name(target));
        // Where a wrapper shows it, the one around the field changes.
        const ring = [target, target.parentElement, target.parentElement.parentElement];
        const own = getComputedStyle(target);
        const isMarked = own.outlineStyle !== "none" && parseFloat(own.outlineWidth) >= 1
            || (before.has(target) && look(target) !== before.get(target))
            || ring.slice(1).some((node) => getComputedStyle(node).outlineStyle !== "none");
        const box = target.getBoundingClientRect();
        const isInside = box.width > 0 && box.bottom > 0 && box.top < innerHeight
            && box.right > 0 && box.left < innerWidth;
        const top = document.elementFromPoint(
            Math.min(Math.max(box.left + box.width / 2, 0), innerWidth - 1),
            Math.min(Math.max(box.top + box.height / 2, 0), innerHeight - 1),
        );
        const isCovered = top && !top.contains(target) && !target.contains(top);
        if (!isMarked || !isInside || isCovered) {
            window.paUnseen.push([name(target), isMarked, isInside, isCovered].join(" | "));
        }
    });
}"""
FOCUSED = "document.activeElement"


def press(page, key: str, times: int = 1) -> None:
    for _time in range(times):
        page.keyboard.press(key)


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


def walk(page) -> list[str]:
    """Tab until everything was reached and the first stop has come again. A page that draws a part
    of itself anew may send the keyboard back to its beginning, so that there are three attempts."""
    for _attempt in range(3):
        press(page, "Tab", page.evaluate("paCount()") + 3)
        stops = page.evaluate("paStops")
        if stops[0] in stops[1:] and not page.evaluate("paLeft()"):
            break
    return stops


def test_every_control_of_the_main_pages_is_reached_seen_and_left(page, pages):
    faults = []
    for name in sorted(WALKED):
        open_page(page, pages[name])
        page.evaluate(WATCH)
        stops = walk(page)
        faults += [f"{name}, not reached: {words}" for words in page.evaluate("paLeft()")]
        faults += [f"{name}, not seen: {words}" for words in page.evaluate("paUnseen")]
        if not stops[0].startswith("a pa-skip") or stops[0] not in stops[1:]:
            faults.append(f"{name} begins with {stops[0]} and holds the keyboard at {stops[-1]}")

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
BACK = f"dialog => {{ const [open, _, at] = ({WHERE})(); return !open && at === dialog; }}"


def test_a_dialog_keeps_the_focus_closes_with_escape_and_gives_it_back(page, pages):
    faults, tried = [], 0
    for name in DIALOGS:
        open_page(page, pages[name])
        for opener in page.locator("[data-pa-dialog]:visible").all():
            dialog, tried = opener.get_attribute("data-pa-dialog"), tried + 1
            opener.press("Enter")
            faults += [f"{name} {dialog} does not open"] * (not page.evaluate(WHERE)[0])
            for _stop in range(8):
                press(page, "Tab")
                if not page.evaluate(WHERE)[1]:
                    faults.append(f"{name} {dialog} lets the focus out")
            press(page, "Escape")
            # A page that refreshes itself may be drawing the button anew.
            page.wait_for_function(BACK, arg=dialog)

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
