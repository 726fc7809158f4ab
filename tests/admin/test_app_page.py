"""The page of an app: what it needs to send comes first, and what it lacks is said."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from campaigns.admin.door_options import list_optional, name_door
from campaigns.models import App, Membership
from campaigns.services.doors import ensure_door
from tests import builders

pytestmark = pytest.mark.django_db


def open_page(client, user, app):
    client.force_login(user)
    return client.get(reverse("admin:campaigns_app_change", args=[app.pk])).content.decode()


@pytest.mark.database
def test_a_new_app_leads_to_its_own_page_which_says_that_it_needs_a_route(client, owner, workspace):
    client.force_login(owner)
    form = {
        "workspace": workspace.pk, "name": "Bikes", "slug": "bikes",
        "platforms": ["android", "ios"], "timezone": "Europe/Berlin",
        "default_language": "en", "cooling_seconds": 60,
        "routes-TOTAL_FORMS": 0, "routes-INITIAL_FORMS": 0,
    }  # fmt: skip

    added = client.post(reverse("admin:campaigns_app_add"), form)

    app = App.objects.get(slug="bikes")
    address = reverse("admin:campaigns_app_change", args=[app.pk])
    page = client.get(added.url).content.decode()
    assert added.url == address
    assert "Bikes cannot send yet: it has no route (Android, iOS)." in page
    assert f'href="{address}#routes-group">Add a route</a>' in page


def test_what_is_saved_without_a_route_says_so_too(client, owner, app):
    App.objects.update(platforms=["android", "ios"])
    builders.make_route(app, "android")

    page = open_page(client, owner, app)
    builders.make_route(app, "ios")
    whole = open_page(client, owner, app)

    assert "Shop has no route for iOS: nothing is sent there." in page
    assert "no route" not in whole


def test_routes_stand_above_the_rules_and_doors_fold_up_below(client, owner, app, now):
    page = open_page(client, owner, app)

    doors = [page.index(f"{name_door(dialect)}") for dialect in list_optional()]
    places = [page.index(words) for words in
              ('name="name"', 'name="platforms"', 'name="default_language"',
               'id="routes-group"', 'name="send_rate"')]  # fmt: skip
    assert places == sorted(places)
    assert max(places) < min(doors)
    assert len(re.findall(r'class="[^"]*collapse[^"]*staff-door', page)) == len(doors)


def test_identifiers_of_doors_stand_in_their_folds_for_who_may_only_look_too(client, app, now):
    viewer = builders.make_member("viewer", app.workspace, app=app, role=Membership.Role.VIEWER)

    page = open_page(client, viewer, app)

    for dialect in list_optional():
        named = ensure_door(app, dialect, now).identifiers
        assert all(f"{name} = {value}" in page for name, value in named.items())


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_the_slug_is_made_of_the_name_and_the_way_to_a_route_is_one_click(
    staff, live_server, workspace, complaints
):
    staff.goto(live_server.url + reverse("admin:campaigns_app_add"))
    staff.get_by_label("Name", exact=False).first.press_sequentially("Bikes & Co")
    expect(staff.locator("#id_slug")).to_have_value("bikes-co")
    staff.get_by_label("Android").check()
    staff.locator("[name=_save]").click()

    staff.get_by_role("link", name="Add a route").click()
    staff.wait_for_url(re.compile("#routes-group$"))
    fold = staff.locator("fieldset.staff-door details").first
    expect(fold).not_to_have_attribute("open", "")
    fold.locator("summary").click()
    expect(fold.locator(".staff-lines")).to_be_visible()
    assert complaints == []
