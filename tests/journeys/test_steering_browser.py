"""Journeys in a real browser: a send is paused, resumed and cancelled; somebody is left out, then
forgotten; a form outlives the login of whoever fills it in.
"""

from __future__ import annotations

import pytest
from django.contrib.sessions.models import Session
from django.urls import reverse

from campaigns.dispatch.engine import drain
from campaigns.dispatch.plan import start_campaign
from campaigns.models import Campaign, Device, Person, Segment, Transfer
from campaigns.services.job_work import drain_jobs
from tests import builders
from tests.admin.conftest import (
    base_url,
    browser_context_args,
    browser_type_launch_args,
    complaints,
    staff,
)
from tests.api.conftest import make_client
from tests.campaigns.dispatch.conftest import routed
from tests.campaigns.test_erase import place
from tests.pages.test_pages import make_campaign
from tests.vendor_cases.conftest import simulator

__all__ = [
    "base_url", "browser_context_args", "browser_type_launch_args", "complaints", "place",
    "routed", "simulator", "staff",
]  # fmt: skip
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def served(app, place):
    """Two people with a phone each, and an account whose simulator runs."""
    for name in ("ann", "bob"):
        person = builders.make_person(app.workspace, name)
        builders.make_device(app, f"token-{name}", person=person)
    return app


def test_a_send_is_paused_resumed_and_cancelled(staff, live_server, served, complaints):
    served.cooling_seconds = 0
    served.save()
    draft = make_campaign(served, audience={"all": True})
    staff.goto(live_server.url + reverse("campaign_review", args=[draft.pk]))
    staff.get_by_role("button", name="Send", exact=True).click()
    staff.get_by_text("Sending has begun.").wait_for()
    statuses = []

    for verb, said in (("Pause", "Paused."), ("Resume", "Going on.")):
        staff.get_by_role("button", name=verb).click()
        staff.get_by_text(said, exact=True).first.wait_for()
        statuses.append((Campaign.objects.get().status, Transfer.objects.get().status))
    staff.get_by_role("button", name="Cancel", exact=True).click()
    staff.get_by_role("button", name="Keep it").click()
    kept = Campaign.objects.get().status
    staff.get_by_role("button", name="Cancel", exact=True).click()
    staff.get_by_role("button", name="Yes, cancel it").click()
    staff.get_by_text("Cancelled.", exact=True).wait_for()

    assert statuses == [("paused", "paused"), ("sending", "accepted")]
    assert (kept, Campaign.objects.get().status) == ("sending", "cancelled")
    assert Transfer.objects.get().status == "cancelled"
    assert complaints == []


def test_who_is_suppressed_is_skipped_and_who_is_erased_stays_away(
    staff, live_server, served, now, complaints
):
    staff.goto(f"{live_server.url}/suppressions/")
    staff.get_by_text("Add to the list").click()
    form = staff.get_by_role("form", name="Add to the list")
    form.get_by_label("Kind").select_option("external_user_id")
    form.locator("textarea").fill("ann")
    form.get_by_role("button", name="Suppress").click()
    staff.locator("tbody tr").first.wait_for()
    start_campaign(make_campaign(served, audience={"all": True}), actor="owner", now=now)
    drain()
    transfer = Transfer.objects.get()
    staff.goto(f"{live_server.url}/transfers/{transfer.pk}/")
    counts = {
        key: staff.locator(f"[data-pa-outcome={key}]").inner_text() for key in ("sent", "skipped")
    }

    staff.goto(f"{live_server.url}/erasures/")
    erase = staff.get_by_role("form", name="Erase people")
    erase.get_by_label("Kind").select_option("external_user_id")
    erase.locator("textarea").fill("ann")
    erase.get_by_role("button", name="Check first").click()
    staff.get_by_text("1 person would be erased").wait_for()
    erase.locator("#id_erase-typed").fill("1")
    erase.get_by_role("button", name="Erase for good").click()
    staff.wait_for_url("**/jobs/*/")
    drain_jobs()
    rows = [
        {"platform": "android", "token": f"new-{name}", "external_user_id": name}
        for name in ("ann", "cid")
    ]
    script = make_client(served.workspace, scopes=["audience"])
    again = script.post("/api/v1/devices/bulk/", {"devices": rows}).json()

    assert counts == {"sent": "1", "skipped": "1"}
    assert (again["created"], again["rejected"]) == (1, [{"index": 0, "reason": "erased"}])
    assert sorted(Person.objects.values_list("external_user_id", flat=True)) == ["bob", "cid"]
    assert not Device.objects.filter(token="token-ann").exists()
    assert complaints == []


def test_a_segment_outlives_a_login_that_expires(staff, live_server, served, owner, complaints):
    body = {"field": "person.country", "op": "eq", "value": "DE"}
    segment = Segment.objects.create(app=served, name="G", expression=body)
    address = f"{live_server.url}/segments/{segment.pk}/"
    staff.goto(address)
    staff.locator("#id_name").fill("Germans")
    Session.objects.all().delete()
    owner.set_password("a-long-password")
    owner.save()

    staff.get_by_role("button", name="Save").first.click()
    staff.wait_for_url("**/login/**")
    staff.locator("#id_username").fill(owner.username)
    staff.locator("#id_password").fill("a-long-password")
    staff.locator("#id_password").press("Enter")
    staff.get_by_text("What was in it is kept").wait_for()
    staff.get_by_role("button", name="Send it again").click()
    staff.get_by_text("What was in it is kept").wait_for(state="hidden")
    staff.locator("#id_name").wait_for()

    assert staff.url == address
    assert staff.locator("#id_name").input_value() == "Germans"
    assert Segment.objects.get().name == "Germans"
    assert complaints == []
