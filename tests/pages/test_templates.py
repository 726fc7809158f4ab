"""The template library in the browser: kept from compose, found, changed, put away, used."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from campaigns.models import Campaign, Membership, MessageTemplate
from campaigns.services.templates import TemplateValues, create_template
from tests import builders
from tests.pages.test_browser import leave, note_requests
from tests.pages.test_compose import typed

__all__ = ["typed"]

SALE = {
    "title": "Sale", "body": "Today only", "android": {"channel_id": "offers"},
    "translations": {"de": {"title": "Ausverkauf", "body": "Nur heute"}},
    "extras": {"elsewhere": {"option": 1}},
}  # fmt: skip


@pytest.fixture
def kept(app, now):
    builders.make_route(app, "android")
    values = TemplateValues("Sale", "For weekends", {**SALE, "extras": {}})
    return create_template(app.workspace, app, values, actor="owner", now=now)


def test_the_library_lists_searches_and_shows_what_is_archived(client, app, owner, kept, now):
    shared = TemplateValues("Welcome", "", {"body": "Hello there"})
    create_template(app.workspace, None, shared, actor="owner", now=now)
    client.force_login(owner)
    place = reverse("templates")

    listed = client.get(place).content.decode()
    found = client.get(place, {"q": "weekends"}).content.decode()
    of_app = client.get(place, {"app": app.slug}).content.decode()
    nothing = client.get(place, {"q": "nowhere"}).content.decode()
    client.post(reverse("change_template", args=[kept.pk, "archive"]))
    archived = client.get(place, {"archived": ""}).content.decode()
    offered = client.get(place).content.decode()

    assert "For weekends" in listed
    assert "Hello there" in listed
    assert "Every app" in listed
    assert "Welcome" not in found
    assert "For weekends" in found
    assert "Welcome" not in of_app
    assert "No template is like that" in nothing
    assert "For weekends" in archived
    assert "For weekends" not in offered


@pytest.mark.database
@pytest.mark.parametrize("name", ["q", "app"])
def test_a_letter_that_no_database_holds_is_passed_over(client, app, owner, kept, name):
    client.force_login(owner)

    answer = client.get(f"/templates/?{name}=%00")

    assert kept.name in answer.content.decode()


def test_a_template_is_changed_on_its_page_and_keeps_what_no_route_shows(
    client, app, owner, kept, typed
):
    MessageTemplate.objects.update(content=SALE)
    client.force_login(owner)
    place = reverse("template", args=[kept.pk])
    page = client.get(place).content.decode()
    form = typed | {"version": kept.updated_at.isoformat(), "kept_name": "Big sale"}

    saved = client.post(place, form)
    late = client.post(place, form)

    kept.refresh_from_db()
    assert "Nur heute" in page
    assert "offers" in page
    assert (saved.status_code, kept.name, kept.content["title"]) == (302, "Big sale", "Autumn sale")
    assert kept.content["extras"] == SALE["extras"]
    assert late.status_code == 422
    assert "Somebody else has just changed this" in late.content.decode()


def test_what_is_wrong_with_a_template_stands_at_its_field_and_nothing_is_lost(
    client, owner, kept, typed
):
    client.force_login(owner)
    form = typed | {
        "version": kept.updated_at.isoformat(), "kept_name": " ", "title": "Kept in the form",
        "android-priority": "99",
    }  # fmt: skip

    wrong = client.post(reverse("template", args=[kept.pk]), form)
    unnamed = client.post(reverse("template", args=[kept.pk]), form | {"android-priority": ""})

    assert (wrong.status_code, unnamed.status_code) == (422, 422)
    assert 'id="id_android-priority_error"' in wrong.content.decode()
    assert 'id="id_kept_name_error"' in unnamed.content.decode()
    assert "Kept in the form" in unnamed.content.decode()


def test_compose_begins_with_a_template_or_lets_it_take_the_messages_place(
    client, owner, kept, typed
):
    client.force_login(owner)

    begun = client.get(reverse("compose"), {"template": kept.pk}).content.decode()
    used = client.post(
        reverse("compose"), typed | {"action": "redraw", "use_template": kept.pk, "name": "Mine"}
    ).content.decode()

    for page in (begun, used):
        assert 'value="Sale"' in page
        assert "Nur heute" in page
        assert 'value="offers"' in page
    assert 'value="Mine"' in used
    assert "Autumn sale" not in used


def test_what_is_composed_is_kept_for_its_app_or_for_all(client, app, owner, typed):
    client.force_login(owner)
    place = reverse("keep_template")

    own = client.post(place, typed | {"kept_name": "Own"}).content.decode()
    twice = client.post(place, typed | {"kept_name": "Own"}).content.decode()
    client.post(place, typed | {"kept_name": "All", "shared": "on"})
    wrong = client.post(place, typed | {"kept_name": "B", "android-priority": "99"})

    found = {kept.name: kept.app for kept in MessageTemplate.objects.all()}
    assert found == {"Own": app, "All": None}
    assert "Kept:" in own
    assert "a template of that name already" in twice
    assert 'value="Own"' in twice
    assert "not whole yet" in wrong.content.decode()


def test_what_is_written_for_an_app_that_is_not_ones_own_is_kept_in_no_other(client, app, typed):
    other = builders.make_app(app.workspace, slug="other")
    client.force_login(
        builders.make_member("one", app.workspace, app=other, role=Membership.Role.COMPOSER)
    )

    client.post(reverse("keep_template"), typed | {"kept_name": "Own"})

    assert not MessageTemplate.objects.exists()


def test_who_composes_for_one_app_keeps_nothing_for_all(client, app, typed):
    member = builders.make_member("one", app.workspace, app=app, role=Membership.Role.COMPOSER)
    client.force_login(member)

    page = client.get(reverse("compose")).content.decode()
    client.post(reverse("keep_template"), typed | {"kept_name": "Own", "shared": "on"})

    assert 'name="shared"' not in page
    assert 'name="kept_name"' in page
    assert MessageTemplate.objects.get().app == app


def test_a_viewer_looks_at_a_template_and_is_offered_nothing_else(client, app, kept):
    viewer = builders.make_member("viewer", app.workspace, role=Membership.Role.VIEWER)
    client.force_login(viewer)

    page = client.get(reverse("template", args=[kept.pk])).content.decode()

    assert "<fieldset" in page
    assert " disabled>" in page
    assert "Save the template" not in page
    assert "Use it" not in page


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_message_is_kept_and_used_again_in_a_browser(staff, live_server, app, complaints):
    builders.make_route(app, "android")
    under_way = set()
    note_requests(staff, under_way)
    staff.goto(f"{live_server.url}/campaigns/new/")
    staff.locator("#id_title").fill("Autumn sale")
    staff.locator("#id_body").fill("Today only")
    staff.get_by_role("button", name="Keep as a template").click()
    staff.get_by_label("Name of the template").fill("Autumn")
    staff.get_by_role("button", name="Keep it").click()
    staff.get_by_role("link", name="Autumn").wait_for()
    kept = MessageTemplate.objects.get()
    leave(staff, under_way)

    staff.goto(f"{live_server.url}/campaigns/new/")
    staff.locator("#id_name").fill("Second")
    staff.locator("#id_title").fill("Something else")
    staff.get_by_role("button", name="Use a template").click()
    staff.get_by_label("Search the templates").fill("aut")
    staff.get_by_role("button", name="Autumn").click()
    staff.locator("#id_title:focus").wait_for()
    assert staff.locator("#id_title").input_value() == "Autumn sale"
    assert staff.locator("#id_name").input_value() == "Second"
    staff.get_by_text(re.compile(r"^Saved \d")).wait_for()
    draft = Campaign.objects.latest("pk")
    assert (draft.name, draft.message.content["title"]) == ("Second", "Autumn sale")
    leave(staff, under_way)

    staff.goto(f"{live_server.url}/templates/{kept.pk}/")
    preview = staff.locator("[data-pa-phone-of=android] [data-pa-show=title]")
    assert preview.inner_text() == "Autumn sale"
    staff.locator("#id_title").fill("Winter sale")
    assert preview.inner_text() == "Winter sale"
    staff.get_by_role("button", name="Save the template").click()
    staff.wait_for_url(f"{live_server.url}/templates/")
    kept.refresh_from_db()
    assert kept.content["title"] == "Winter sale"
    assert staff.evaluate("sessionStorage.length") == 0
    assert complaints == []
