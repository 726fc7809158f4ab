"""`make gallery`: screenshots of every page of a demo of its own, the operators' and the staff's,
with rows of every state, with nothing yet and of who is refused, wide and narrow, light and dark,
into var/gallery; those that README shows go to docs/images. Says what axe and the width find wrong
in each of the four and what the keyboard does not reach, and fails if that is anything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, Page, Route, sync_playwright

from tests.chromium import FLAGS, find_chromium
from tests.demo_server import ROOT, USER, run_demo, sign_in
from tests.keyboard import walk
from tests.looking import SCHEMES, SETTLED, Scheme, find_faults

TARGET = ROOT / "var" / "gallery"
ADDRESSES = TARGET / "pages.json"
FILL = f"from tests.staff_pages import write_addresses; write_addresses({str(ADDRESSES)!r})"
SIZES = {"desk": (1440, 900), "phone": (390, 844)}
WALKED = ("desk", "light")  # by keyboard: nothing that is reached depends on the colours
SHOWN = {"compose_desk_light": "compose", "reports_desk_light": "report", "home_desk_dark": "home"}


@dataclass(frozen=True, slots=True)
class Visit:
    """Pages by their names, as one person's browser shows them."""

    page: Page
    pages: Mapping[str, str]
    is_walked: bool = False


def fill_compose(page: Page) -> None:
    page.fill("#id_title", "Autumn sale: 30 % off today")
    page.fill("#id_body", "Fresh looks have landed. Tap to see what is new in your size.")
    page.get_by_role("tab", name="Android").click()
    page.locator("#pa-panel-android").get_by_text("How it is delivered").click()
    page.fill("#id_android-channel_id", "offers")
    if not page.locator("#id_android-priority").is_visible():
        page.locator("details:has(#id_android-priority) > summary").click()
    page.fill("#id_android-priority", "1")
    page.wait_for_selector("[data-pa-total]")
    page.wait_for_timeout(1200)


def ask_why(page: Page) -> None:
    """Let a segment say of somebody why it means them or not."""
    page.fill("#id_who", "shoply-00001")
    page.get_by_role("button", name="Explain").click()
    page.locator(".pa-verdict-card").first.wait_for()


def open_dialog(page: Page) -> None:
    page.get_by_role("button", name="Cancel", exact=True).click()


def make_key(page: Page) -> None:
    """Get a key that is shown this once."""
    page.get_by_label("Name", exact=False).first.fill("Nightly")
    page.get_by_label("Read", exact=True).check()
    page.get_by_role("button", name="Make the key").click()
    page.get_by_text("The new key.").wait_for()


# What is done on a page before it is drawn, and of which page a picture is that has no own one.
DONE: Mapping[str, Callable[[Page], None]] = {
    "compose": fill_compose, "segment_why": ask_why, "campaign_cancel": open_dialog,
    "key_made": make_key,
}  # fmt: skip
OTHERWISE = {"segment_why": "segment", "campaign_cancel": "campaign_cooling", "key_made": "keys"}


def keep_template(page: Page, url: str) -> None:
    """Put a first template into the library."""
    page.goto(f"{url}/campaigns/new/")
    fill_compose(page)
    page.get_by_role("button", name="Keep as a template").click()
    page.get_by_label("Name of the template").fill("Autumn sale")
    page.get_by_label("Description").fill("For weekends, with the offers' channel")
    page.get_by_role("button", name="Keep it").click()
    page.get_by_role("link", name="Autumn sale").wait_for()


def send_campaign(page: Page, url: str) -> None:
    """Send to the demo's devices, and keep how it goes."""
    page.goto(f"{url}/campaigns/new/")
    fill_compose(page)
    page.get_by_role("button", name="Review and send").click()
    page.get_by_label("Type “Shoply” to go on").fill("Shoply")
    page.get_by_role("button", name="Send", exact=True).click()
    page.get_by_role("button", name="Start now").click()
    link = page.get_by_role("link", name="Transfer")
    link.first.wait_for()
    page.goto(url + str(link.first.get_attribute("href")))
    page.locator(".pa-chip-live").first.wait_for()
    page.locator("[data-pa-outcome=sent]", has_not_text=re.compile("^0$")).wait_for()
    keep(page, "transfer")


def keep(page: Page, name: str) -> None:
    """What one sees of the page at once, for the README."""
    page.screenshot(path=ROOT / "docs" / "images" / f"{name}.png")


def shoot(browser: Browser, url: str) -> list[str]:
    """Draw every page in four modes; gives what is wrong with them."""
    told = json.loads(ADDRESSES.read_text(encoding="utf-8"))
    visits = [*list_visits(browser, url, told["pages"]), visit_unknown(browser, told)]
    keep_template(visits[0].page, url)
    send_campaign(visits[0].page, url)
    return [
        fault
        for scheme in SCHEMES
        for size in SIZES
        for visit in visits
        for fault in look_through(visit, url, size, scheme)
    ]


def list_visits(browser: Browser, url: str, pages: Mapping[str, dict[str, str]]) -> Iterator[Visit]:
    """Of who is signed in: the operator, and those who see no row and no app."""
    for user, shown in pages.items():
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        sign_in(page, url, user)
        more = {name: shown[of] for name, of in OTHERWISE.items()} if user == USER else {}
        more |= {"forbidden": "/admin/campaigns/device/add/"} if user == USER else {}
        yield Visit(page, {**shown, **more}, is_walked=user == USER)


def answer_with(html: str) -> Callable[[Route], None]:
    return lambda route: route.fulfill(body=html, content_type="text/html")


def visit_unknown(browser: Browser, told: Mapping[str, Any]) -> Visit:
    """Of somebody who is not signed in; refusals have no address and get one here."""
    page = browser.new_context().new_page()
    open_pages = {
        "login": "/admin/login/", "join_newcomer": told["pages"][USER]["join"],
        "join_gone": "/join/none/", "not_found": "/nothing/",
    }  # fmt: skip
    for name, html in told["refusals"].items():
        open_pages[name] = f"/{name}/"
        page.route(f"**/{name}/", answer_with(html))
    return Visit(page, open_pages, is_walked=True)


def look_through(visit: Visit, url: str, size: str, scheme: Scheme) -> Iterator[str]:
    """Draw the pages of a visit in one mode; gives what is wrong with them."""
    page, (width, height) = visit.page, SIZES[size]
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": height})
    for name, path in visit.pages.items():
        draw(page, url + path, name, f"{size}_{scheme}")
        faults = find_faults(page, name, width, scheme)
        faults += walk(page, name) if visit.is_walked and (size, scheme) == WALKED else []
        print("\n".join([f"{name}_{size}_{scheme}", *faults]), flush=True)
        yield from faults


def draw(page: Page, address: str, name: str, mode: str) -> None:
    key = f"{name}_{mode}"
    page.goto(address)
    page.wait_for_function(SETTLED)
    if name in DONE:
        DONE[name](page)
    page.wait_for_timeout(400)
    page.evaluate("window.scrollTo(0, 0)")
    if key in SHOWN:
        keep(page, SHOWN[key])
    draw_whole(page, key)


def draw_whole(page: Page, key: str) -> None:
    """Drawn in a window of the page's height, or what stays in view hides something."""
    size = page.viewport_size
    height = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({**size, "height": max(height, size["height"])})
    page.screenshot(path=TARGET / f"{key}.png", full_page=True)
    page.set_viewport_size(size)


def main() -> None:
    TARGET.mkdir(parents=True, exist_ok=True)
    fill = ["shell", "--no-imports", "-c", FILL]
    with run_demo(fill) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        (ROOT / "docs" / "images").mkdir(parents=True, exist_ok=True)
        faults = shoot(browser, url)
        browser.close()
    print("\n".join([*faults, f"{len(faults)} faults"]))
    raise SystemExit(min(len(faults), 1))


if __name__ == "__main__":
    main()
