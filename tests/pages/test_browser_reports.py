"""From a number to its recipients, a file and a comparison; a key from its making to its end."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from campaigns.models import ApiKey
from campaigns.services.job_work import drain_jobs
from tests import builders
from tests.campaigns.test_dimensions import books, mute, recipients, teller
from tests.looking import SCHEMES, SETTLED, find_barriers

__all__ = ["books", "mute", "recipients", "teller"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
MARKS = """() => Chart.getChart(document.querySelector("[data-pa-chart=bar]")).data.datasets
  .map((one) => one.backgroundColor instanceof CanvasPattern ? "hatched" : "full")"""
PLOTTED = """() => Boolean(Chart.getChart(document.querySelector("[data-pa-chart=bar]")))"""
LABELS = "cells => cells.map((one) => one.dataset.label)"


def test_a_report_is_drilled_down_exported_and_counted_in_the_background(
    staff, live_server, app, books, recipients
):
    first, _second = books
    staff.goto(f"{live_server.url}/reports/?date_from=2026-11-20&date_to=2026-11-20")
    staff.get_by_role("button", name="General", exact=False).first.click()
    staff.get_by_role("button", name="spring").click()
    staff.get_by_role("link", name=f"{first.pk} One").wait_for()
    staff.get_by_label("By", exact=True).select_option("platform")
    staff.get_by_role("button", name="Show").click()
    staff.get_by_role("row", name=re.compile("^iOS")).get_by_role("link", name="2").click()
    staff.get_by_role("link", name=re.compile("Platform: iOS")).wait_for()
    staff.wait_for_function(PLOTTED)
    barriers = find_barriers(staff)
    marks = staff.evaluate(MARKS)
    with staff.expect_download() as download:
        staff.get_by_role("link", name="XLSX").click()
    staff.get_by_label("Field").select_option("model")
    staff.get_by_role("button", name="Count").click()
    staff.wait_for_url(re.compile("background"))
    drain_jobs()
    staff.get_by_role("row", name=re.compile("Pixel")).wait_for()

    assert download.value.suggested_filename.endswith(".xlsx")
    assert marks == ["full", "hatched"]  # told apart without colour
    assert barriers == find_barriers(staff) == []


@pytest.mark.some(1)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_phone_shows_the_main_numbers_of_each_line_without_scrolling(
    staff, live_server, app, books, scheme
):
    staff.emulate_media(color_scheme=scheme)
    staff.set_viewport_size({"width": 390, "height": 844})
    staff.goto(f"{live_server.url}/reports/?date_from=2026-11-20&date_to=2026-11-20")
    staff.wait_for_function(SETTLED)
    table = staff.get_by_role("region", name="Numbers of the report")
    table.get_by_role("button", name="General", exact=False).first.click()
    table.get_by_role("button", name="spring").wait_for()

    group, tag = table.locator("tbody tr").first, table.locator("tbody tr").nth(1)
    for row in (group, tag):
        labels = row.locator("td").filter(visible=True).evaluate_all(LABELS)
        assert set(labels) >= {"Sent", "Failed", "Delivered", "Opened"}
        assert "Cancelled" not in labels  # it is 0
    assert table.evaluate("one => one.scrollWidth <= one.clientWidth")
    assert find_barriers(staff) == []


def test_a_key_is_made_by_keyboard_copied_and_revoked(staff, live_server, app):
    staff.goto(live_server.url + reverse("keys"))
    staff.get_by_label("Name").focus()
    staff.keyboard.type("Nightly job")
    staff.get_by_label("Read", exact=True).press("Space")  # no scope is ticked beforehand
    staff.get_by_label("Name").press("Enter")
    shown = staff.get_by_label("Key", exact=True)
    shown.wait_for()
    text = shown.input_value()
    barriers = find_barriers(staff)
    staff.get_by_role("button", name="Revoke Nightly job").click()
    staff.get_by_role("button", name="Yes, revoke it").click()
    staff.get_by_text("The key is revoked").first.wait_for()

    key = ApiKey.objects.get()
    assert text.startswith(f"{key.public_id}.")
    assert key.revoked_at is not None
    assert barriers == find_barriers(staff) == []


def test_somebody_who_is_invited_joins(staff, live_server, app, browser):
    builders.make_member("root", app.workspace, role="admin")
    staff.goto(live_server.url + reverse("invitations"))
    staff.get_by_role("button", name="Make the link").click()
    link = staff.get_by_role("textbox", name="Link").input_value()
    context = browser.new_context()
    page = context.new_page()
    page.goto(live_server.url + link[link.index("/join/") :])
    page.get_by_label("Username").fill("newcomer")
    page.locator("#id_password1").fill("correct horse battery")
    page.locator("#id_password2").fill("correct horse battery")
    barriers = find_barriers(page)
    page.get_by_role("button", name="Make my user and join").click()
    page.get_by_text("Welcome to").wait_for()
    context.close()

    assert barriers == []
