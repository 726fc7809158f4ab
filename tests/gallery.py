"""`make gallery`: screenshots of every page of a demo of its own, the operators' and the staff's,
wide and narrow, light and dark, into var/gallery; those that README shows go to docs/images. Says
what axe and the width find wrong in each of the four and what the keyboard does not reach, and
fails if that is anything.
"""

from __future__ import annotations

import json
import re

from playwright.sync_api import Browser, Page, sync_playwright

from tests.chromium import FLAGS, find_chromium
from tests.demo_server import ROOT, run_demo, sign_in
from tests.keyboard import walk
from tests.looking import SCHEMES, SETTLED, find_faults

TARGET = ROOT / "var" / "gallery"
ADDRESSES = TARGET / "pages.json"
FILL = f"from tests.staff_pages import write_addresses; write_addresses({str(ADDRESSES)!r})"
SIZES = {"desk": (1440, 900), "phone": (390, 844)}
WALKED = ("desk", "light")  # by keyboard: nothing that is reached depends on the colours
SHOWN = {"compose_desk_light": "compose", "reports_desk_light": "report", "home_desk_dark": "home"}


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


def keep_template(page: Page, url: str) -> None:
    """Put a first template into the library."""
    page.goto(f"{url}/campaigns/new/")
    fill_compose(page)
    page.get_by_role("button", name="Keep as a template").click()
    page.get_by_label("Name of the template").fill("Autumn sale")
    page.get_by_label("Description").fill("For weekends, with the offers' channel")
    page.get_by_role("button", name="Keep it").click()
    page.get_by_role("link", name="Autumn sale").wait_for()


def send_campaign(page: Page, url: str) -> str:
    """Send to the demo's devices; gives the path of its transfer."""
    page.goto(f"{url}/campaigns/new/")
    fill_compose(page)
    page.get_by_role("button", name="Review and send").click()
    page.get_by_label("Type “Shoply” to go on").fill("Shoply")
    page.get_by_role("button", name="Send", exact=True).click()
    page.get_by_role("button", name="Start now").click()
    link = page.get_by_role("link", name="Transfer")
    link.first.wait_for()
    path = str(link.first.get_attribute("href"))
    page.goto(url + path)
    page.locator(".pa-chip-live").first.wait_for()
    page.locator("[data-pa-outcome=sent]", has_not_text=re.compile("^0$")).wait_for()
    keep(page, "transfer")
    return path


def keep(page: Page, name: str) -> None:
    """What one sees of the page at once, for the README."""
    page.screenshot(path=ROOT / "docs" / "images" / f"{name}.png")


def list_pages(transfer: str) -> dict[str, str]:
    """Every page, what a transfer looks like that is being sent, and what nobody may do."""
    return {
        **json.loads(ADDRESSES.read_text(encoding="utf-8")),
        "transfer_sending": transfer,
        "forbidden": "/admin/campaigns/device/add/",
    }


def shoot(browser: Browser, url: str) -> list[str]:
    """Draw every page in four modes; gives what is wrong with them."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    sign_in(page, url)
    keep_template(page, url)
    pages, faults = list_pages(send_campaign(page, url)), []
    visitor = browser.new_context().new_page()
    for scheme in SCHEMES:
        for size, (width, height) in SIZES.items():
            for one, paths in ((page, pages), (visitor, list_open_pages(pages))):
                one.emulate_media(color_scheme=scheme)
                one.set_viewport_size({"width": width, "height": height})
                for name, path in paths.items():
                    draw(one, url + path, f"{name}_{size}_{scheme}")
                    faults += find_faults(one, name, width, scheme)
                    faults += walk(one, name) if (size, scheme) == WALKED else []
    return faults


def list_open_pages(pages: dict[str, str]) -> dict[str, str]:
    """What somebody sees who is not signed in."""
    return {"login": "/admin/login/", "join_newcomer": pages["join"], "join_gone": "/join/none/",
            "not_found": "/nothing/"}  # fmt: skip


def draw(page: Page, address: str, key: str) -> None:
    page.goto(address)
    page.wait_for_function(SETTLED)
    if key.startswith(("compose_desk", "compose_phone")):
        fill_compose(page)
    page.wait_for_timeout(400)
    page.evaluate("window.scrollTo(0, 0)")
    page.screenshot(path=TARGET / f"{key}.png", full_page=True)
    if key in SHOWN:
        keep(page, SHOWN[key])
    print(key, flush=True)


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
