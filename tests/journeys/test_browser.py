"""The main job in a real browser: sign in, compose, send to the demo, watch, report, download."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from tests.chromium import FLAGS, find_chromium
from tests.demo_server import run_demo, sign_in
from tests.looking import SETTLED, look_at, wear

# Playwright's synchronous calls run an event loop in the thread of the test.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
pytestmark = pytest.mark.browser


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    return {**browser_type_launch_args, "executable_path": find_chromium(), "args": FLAGS}


@pytest.fixture(scope="module")
def site(demo):
    with run_demo(of=demo) as url:
        yield url


@pytest.fixture(scope="session")
def base_url():
    return ""


def open_and_look(page, url: str, turn: int) -> list[str]:
    """What is wrong with a page as the server gives it: its files are those of an installation."""
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(url)
    page.wait_for_load_state("networkidle")
    faults = look_at(page, url, turn)
    wear(page, "light")
    return faults


# What htmx says, in this order, when one leaves a page in the middle of its poll.
LEFT = ["htmx:afterRequest", "htmx:sendAbort"]


def leave_out_aborted(complaints: list[str]) -> list[str]:
    """Without the pairs of words of a poll that leaving its page has ended."""
    kept: list[str] = []
    for words in complaints:
        kept.append(words)
        if kept[-2:] == LEFT:
            del kept[-2:]
    return kept


def test_only_the_two_words_of_a_poll_that_was_left_are_no_complaint():
    said = ["htmx:sendAbort", *LEFT, "htmx:sendError", *LEFT, *LEFT, "htmx:afterRequest"]

    assert leave_out_aborted(said) == ["htmx:sendAbort", "htmx:sendError", "htmx:afterRequest"]


def test_the_page_to_sign_in_has_no_barrier_and_its_colours_change_by_keyboard(page, site):
    address = f"{site}/admin/login/"

    barriers = open_and_look(page, address, 0)
    barriers += [fault for turn in (1, 2, 3) for fault in look_at(page, address, turn)]
    page.goto(address)
    page.get_by_role("button", name="Light or dark").press("Enter")
    dark = page.locator("nav a[role=button]", has_text="Dark")
    dark.wait_for()  # the menu opens with the next frame; what is hidden takes no focus
    dark.press("Enter")

    assert barriers == []
    page.wait_for_selector("html.dark")


def test_a_campaign_goes_from_the_form_to_its_report(page, site):
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.set_default_timeout(90_000)

    sign_in(page, site)
    page.get_by_role("link", name="New campaign").first.click()
    page.get_by_label("Campaign name").fill("Journey")
    page.locator("#id_tag").fill("journey")
    page.locator("#id_title").fill("Autumn sale")
    page.locator("#id_body").fill("Fresh looks have landed.")
    page.wait_for_selector('[data-pa-total="5000"]')
    assert page.locator(".pa-phone [data-pa-show=title]").first.inner_text() == "Autumn sale"
    page.get_by_role("button", name="Review and send").click()
    page.get_by_text("four thousand nine hundred sixty-nine").wait_for()
    page.get_by_label("Type “Shoply” to go on").fill("Shoply")
    page.get_by_role("button", name="Send", exact=True).click()
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("link", name="Review and send").click()
    page.get_by_label("Type “Shoply” to go on").fill("Shoply")
    page.get_by_role("button", name="Send", exact=True).click()
    page.get_by_role("button", name="Start now").click()

    page.get_by_role("link", name="Transfer").click()
    page.locator("#pa-status:not([hx-get])").wait_for(timeout=120_000)
    assert "5,000 of 5,000 settled" in page.locator("#pa-status").inner_text()
    transfer = page.url
    counts = {
        key: int(page.locator(f"[data-pa-outcome={key}]").inner_text().replace(",", ""))
        for key in ("sent", "failed", "skipped", "expired", "cancelled", "unknown", "pending")
    }
    assert sum(counts.values()) == 5000
    assert counts["sent"] > 0

    page.get_by_role("link", name="Reports").click()
    page.wait_for_url("**/reports/")
    page.wait_for_function(SETTLED)
    page.get_by_role("button", name="General").click()
    page.get_by_role("button", name="journey").click()
    row = page.locator("tr", has=page.locator(f"a[href='{transfer.removeprefix(site)}']"))
    assert row.locator("td").first.inner_text() == f"{counts['sent']:,}"
    with page.expect_download() as report:
        page.get_by_role("link", name="CSV", exact=True).click()
    assert report.value.suggested_filename.endswith(".csv")

    page.goto(f"{transfer}recipients/?outcome=sent")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    text = Path(download.value.path()).read_text(encoding="utf-8")
    lines = list(csv.DictReader(text.splitlines()))
    assert len(lines) == counts["sent"]

    paths = ["/", "/campaigns/", "/campaigns/new/", "/reports/"]
    urls = [*(site + path for path in paths), transfer, f"{transfer}recipients/"]
    assert [
        fault for turn, url in enumerate(urls) for fault in open_and_look(page, url, turn)
    ] == []
    assert leave_out_aborted(complaints) == []
