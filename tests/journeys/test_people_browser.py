"""A journey in a real browser: somebody asks why they did not get a push; an operator finds out."""

from __future__ import annotations

import re

import pytest

from campaigns.models import Cohort, Delivery, Device, Group, Message, Part, Person, Transfer
from tests import builders
from tests.admin.conftest import (
    base_url,
    browser_context_args,
    browser_type_launch_args,
    complaints,
    staff,
)
from tests.looking import find_barriers

__all__ = ["base_url", "browser_context_args", "browser_type_launch_args", "complaints", "staff"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
GERMANS = {"expression": {"field": "person.country", "op": "eq", "value": "DE"}}


@pytest.fixture
def ann(app, now):
    """A French customer with a dead token, of whom a German sale knows nothing."""
    person = builders.make_person(app.workspace, "ann", email="ann@example.org", country="FR")
    phone = builders.make_device(
        app, "token-of-ann", person=person, token_state="disabled", token_evidence="NotRegistered"
    )
    group, cohort = Group.objects.get(app=app), Cohort.objects.create(app=app, platform="android")
    for name, outcome in (("Autumn sale", "sent"), ("German sale", "")):
        transfer = Transfer.objects.create(
            app=app, group=group, name=name, status="sent", status_since=now, due_at=now,
            created_at=now, frozen_at=now, finished_at=now,
        )  # fmt: skip
        body = GERMANS if not outcome else {"all": True}
        message = Message.objects.create(app=app, content={"title": name})
        part = Part.objects.create(transfer=transfer, message=message, audiences=[body])
        if outcome:
            Delivery.objects.create(
                part=part, recipient=phone.pk, at=now, cohort_id=cohort.pk, outcome=outcome
            )
    return person


def test_from_the_search_to_the_reason(staff, live_server, ann):
    staff.goto(f"{live_server.url}/people/")
    staff.keyboard.press("Tab")
    barriers = [find_barriers(staff)]

    staff.get_by_label("Who", exact=True).fill("ANN@example.org")
    staff.keyboard.press("Enter")
    staff.wait_for_url(f"**/people/{ann.pk}/")
    barriers.append(find_barriers(staff))
    assert staff.get_by_text("NotRegistered").is_visible()
    staff.get_by_role("button", name="Enable again").click()
    staff.get_by_text("The token is enabled").wait_for()
    assert Device.objects.get().token_state == "active"

    staff.get_by_label("Reason").fill("asked by phone")
    staff.get_by_role("button", name="Opt out").click()
    staff.get_by_text("Reason: asked by phone").wait_for()
    assert Person.objects.get().opted_out_at

    staff.get_by_text("Show the token").click()
    assert staff.get_by_label("Token", exact=True).input_value() == "token-of-ann"
    staff.get_by_role("link", name="Trace in Autumn sale").click()
    staff.get_by_text("In the audience, as it was frozen.").wait_for()
    barriers.append(find_barriers(staff))

    german = Transfer.objects.get(name="German sale")
    staff.goto(f"{live_server.url}/transfers/{german.pk}/")
    staff.get_by_role("link", name="Trace one recipient").click()
    staff.get_by_label("Who", exact=True).fill("ann")
    staff.keyboard.press("Enter")
    staff.get_by_text("Country of the person is “DE”. Found: “FR”.").wait_for()
    assert staff.get_by_text("It was not for them.").is_visible()
    staff.set_viewport_size({"width": 390, "height": 844})
    assert staff.evaluate("document.documentElement.scrollWidth") == 390
    assert (
        staff.locator("li[data-pa-code=opted_out]", has_text=re.compile("opted out")).count() == 1
    )
    assert barriers == [[], [], []]
