"""Drafts that save themselves: what is whole is kept, nothing else changes, nothing is lost."""

from __future__ import annotations

import re

import pytest
from django.contrib.sessions.models import Session
from django.urls import reverse

from campaigns.models import Campaign, Membership, Message
from tests import builders
from tests.pages.test_browser import note_requests
from tests.pages.test_compose import typed

__all__ = ["typed"]


def post(client, typed, **more):
    return client.post(reverse("autosave"), typed | more)


def test_a_new_campaign_becomes_a_draft_once_something_is_written(client, owner, typed):
    client.force_login(owner)

    nothing = post(client, typed, title="", body="").json()
    begun = post(client, typed).json()

    draft = Campaign.objects.get()
    assert nothing == {"campaign": None, "parts": []}
    assert begun["address"] == reverse("edit", args=[draft.pk])
    assert (begun["campaign"], begun["parts"]) == (draft.pk, [])
    assert draft.message.content["title"] == "Autumn sale"


def test_what_is_not_whole_is_named_and_stays_as_it_was(client, owner, typed):
    client.force_login(owner)
    first = post(client, typed).json()
    state = {"campaign": first["campaign"], "version": first["version"]}

    told = post(client, typed, **state, title="Better", audience_kind="labels", expires="x").json()

    draft = Campaign.objects.get()
    assert told["parts"] == ["Audience: Labels", "Time and pace: Expires after"]
    assert draft.message.content["title"] == "Better"
    assert draft.audience == {"all": True}


def test_a_new_campaign_that_is_not_whole_is_kept_by_the_window_alone(client, owner, typed):
    client.force_login(owner)

    told = post(client, typed, audience_kind="labels").json()

    assert told == {"campaign": None, "parts": ["Audience: Labels"]}
    assert not Campaign.objects.exists()


def test_what_is_missing_is_named_with_its_language_or_platform(client, owner, typed):
    client.force_login(owner)
    german = {"translations-TOTAL_FORMS": "1", "translations-0-language": "de"}

    texts = post(client, typed, **german).json()
    links = post(client, typed, **{"android-deeplink": "cart"}).json()

    assert texts["parts"] == ["Message: Text (de)"]
    assert links["parts"] == ["Message: Deep link (Android)"]


def test_a_draft_that_somebody_else_has_changed_is_not_overwritten(client, owner, typed):
    client.force_login(owner)
    first = post(client, typed).json()
    state = {"campaign": first["campaign"], "version": first["version"]}
    post(client, typed, **state, title="Theirs")

    late = post(client, typed, **state, title="Ours")

    assert late.status_code == 409
    assert "Somebody else" in late.json()["message"]
    assert Campaign.objects.get().message.content["title"] == "Theirs"


@pytest.mark.parametrize("status", sorted(set(Campaign.Status) - {Campaign.Status.DRAFT}))
def test_only_a_draft_is_saved_while_it_is_typed(client, owner, typed, status):
    client.force_login(owner)
    first = post(client, typed).json()
    Campaign.objects.update(status=status)

    late = post(
        client, typed, campaign=first["campaign"], version=first["version"], title="Other"
    )  # fmt: skip

    assert late.status_code == 409
    assert Campaign.objects.get().message.content["title"] == "Autumn sale"


def test_nobody_saves_into_a_draft_or_an_app_that_is_not_his(client, app, owner, stranger, typed):
    client.force_login(owner)
    first = post(client, typed).json()
    state = {"campaign": first["campaign"], "version": first["version"]}
    viewer = builders.make_member("viewer", app.workspace, role=Membership.Role.VIEWER)

    answers = {}
    for user in (stranger, viewer):
        client.force_login(user)
        answers[user.username] = [post(client, typed, **way).status_code for way in (state, {})]

    assert answers == {"stranger": [404, 404], "viewer": [403, 403]}
    assert Campaign.objects.count() == 1


def test_drafts_leave_no_message_behind_that_nobody_has(client, owner, typed):
    client.force_login(owner)
    told = post(client, typed).json()
    for number in range(3):
        state = {"campaign": told["campaign"], "version": told["version"]}
        told = post(client, typed, **state, title=f"Title {number}").json()

    assert Message.objects.count() == 1


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_typing_makes_a_draft_and_outlives_a_login_that_expires(
    staff, live_server, app, owner, complaints
):
    note_requests(staff, set())
    staff.goto(f"{live_server.url}/campaigns/new/")
    staff.locator("#id_title").fill("Kept at once")
    staff.locator("#id_body").fill("Saved in a few seconds")
    staff.get_by_text(re.compile(r"^Saved \d")).wait_for()
    draft = Campaign.objects.get()
    edit = f"{live_server.url}/campaigns/{draft.pk}/edit/"
    assert (staff.url, draft.message.content["title"]) == (edit, "Kept at once")

    Session.objects.all().delete()
    staff.locator("#id_ios-title").evaluate("field => (field.value = 'Typed while signed out')")
    staff.locator("#id_title").fill("Typed while signed out")
    staff.get_by_text("You are signed out").wait_for()
    sign_in = staff.locator("#pa-saved a").get_attribute("href")
    assert sign_in == f"/admin/login/?next=%2Fcampaigns%2F{draft.pk}%2Fedit%2F"
    owner.set_password("a-long-password")
    owner.save()
    staff.locator("#pa-saved a").click()
    staff.locator("#id_username").fill(owner.username)
    staff.locator("#id_password").fill("a-long-password")
    staff.locator("#id_password").press("Enter")
    staff.wait_for_url(edit)

    staff.get_by_text("What you typed here before is back").wait_for()
    assert staff.locator("#id_title").input_value() == "Typed while signed out"
    assert staff.locator("#id_ios-title").input_value() == "Typed while signed out"
    staff.get_by_role("button", name="Save draft").click()
    staff.wait_for_url(re.compile(r"/campaigns/\d+/$"))
    assert Campaign.objects.get().message.content["title"] == "Typed while signed out"
    assert staff.evaluate("sessionStorage.length") == 0
    complaints.clear()  # the browser notes what was refused while nobody was signed in


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_after_a_sign_in_in_another_tab_the_draft_goes_on_saving(
    staff, live_server, app, owner, complaints
):
    staff.goto(f"{live_server.url}/campaigns/new/")
    staff.locator("#id_title").fill("Kept at once")
    staff.get_by_text(re.compile(r"^Saved \d")).wait_for()
    Session.objects.all().delete()
    # The checks beside the form may find out first; what is saved comes seconds later.
    with staff.expect_response(re.compile("/autosave/$")):
        staff.locator("#id_title").fill("Typed while signed out")
    staff.get_by_text("You are signed out").wait_for()
    owner.set_password("a-long-password")
    owner.save()

    other = staff.context.new_page()
    other.goto(f"{live_server.url}/admin/login/")
    other.locator("#id_username").fill(owner.username)
    other.locator("#id_password").fill("a-long-password")
    other.locator("#id_password").press("Enter")
    other.wait_for_url(f"{live_server.url}/")
    other.close()
    staff.bring_to_front()
    staff.evaluate("window.dispatchEvent(new Event('focus'))")  # without a screen nothing has it

    staff.get_by_text(re.compile(r"^Saved \d")).wait_for()
    assert Campaign.objects.get().message.content["title"] == "Typed while signed out"
    complaints.clear()  # the browser notes what was refused while nobody was signed in
