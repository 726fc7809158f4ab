"""Each staff page as a person uses it, in a real Chromium."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from campaigns.models import (
    Account,
    ApiKey,
    App,
    AppGroup,
    AuditEntry,
    Group,
    Label,
    Person,
    Route,
    Segment,
)  # fmt: skip
from campaigns.services import access
from campaigns.services.accounts import save_account
from tests import builders
from tests.vendor_cases.conftest import simulator

__all__ = ["simulator"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def account(app, now):
    return save_account(
        Account(workspace=app.workspace, name="Sandbox", dialect="sandbox"),
        {"api_key": "canary-key-1234"}, actor="owner", now=now,
    )  # fmt: skip


def open_page(staff, live_server, path):
    staff.goto(f"{live_server.url}/admin/campaigns/{path}")


def save(staff):
    staff.get_by_role("button", name="Save", exact=True).click()
    staff.wait_for_load_state()


def look(staff, name):
    """Keep a picture where PICTURES says, for a person to look at."""
    if folder := os.environ.get("PICTURES"):
        staff.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def pick(staff, field, text):
    """Choose a row in an autocomplete field."""
    staff.locator(f"#id_{field} + .select2").click()
    staff.locator(".select2-results__option", has_text=text).first.click()


def test_an_app_is_changed_and_gets_a_route(staff, live_server, app, account):
    open_page(staff, live_server, f"app/{app.pk}/change/")
    staff.locator("#id_timezone").fill("Europe/Berlin")
    staff.get_by_role("link", name=re.compile("Add another")).click()
    staff.locator("#id_routes-0-platform").select_option("ios")
    staff.locator("#id_routes-0-account").select_option(label="Sandbox")
    look(staff, "app")

    save(staff)

    app.refresh_from_db()
    assert app.timezone == "Europe/Berlin"
    assert Route.objects.get().platform == "ios"
    assert AuditEntry.objects.filter(target_type="app", verb="change").exists()


def test_a_new_app_has_its_default_group(staff, live_server, workspace):
    open_page(staff, live_server, "app/add/")
    staff.get_by_label("Workspace").select_option(label=workspace.name)
    staff.get_by_label("Name", exact=False).first.fill("Reader")
    staff.get_by_label("Android").check()

    save(staff)

    made = App.objects.get(slug="reader")
    assert (made.platforms, made.default_language) == (["android"], "en")
    assert [group.name for group in made.groups.all()] == ["General"]


def test_a_wrong_zone_is_explained_at_its_field(staff, live_server, app):
    open_page(staff, live_server, f"app/{app.pk}/change/")
    staff.locator("#id_timezone").fill("Mars/Base")

    save(staff)

    assert staff.get_by_text("Mars/Base is no IANA time zone").is_visible()


def test_an_app_group_shows_its_secret_once(staff, live_server, app):
    open_page(staff, live_server, "appgroup/add/")
    staff.get_by_label("Workspace").select_option(label=app.workspace.name)
    staff.get_by_label("Name", exact=False).first.fill("All shops")
    staff.get_by_label("Slug").fill("all-shops")
    pick(staff, "apps", app.name)
    save(staff)
    made = AppGroup.objects.get()
    open_page(staff, live_server, f"appgroup/{made.pk}/change/")
    look(staff, "appgroup")
    staff.on("dialog", lambda dialog: dialog.accept())

    staff.get_by_role("button", name="New master secret").click()
    secret = staff.get_by_label("Group master secret").input_value()
    look(staff, "once")
    staff.get_by_role("link", name="I have copied it").click()
    staff.get_by_text(made.group_key).wait_for()

    made.refresh_from_db()
    assert len(made.group_key) == 24
    assert made.group_key in staff.content()
    assert made.secret_hash == ApiKey.hash_secret(secret)
    assert secret not in staff.content()
    assert list(made.apps.all()) == [app]


def test_a_group_is_made_archived_and_restored(staff, live_server, app):
    open_page(staff, live_server, "group/add/")
    pick(staff, "app", app.name)
    staff.get_by_label("Name").fill("Autumn")
    staff.get_by_label("Send rate").fill("99")
    save(staff)
    assert staff.get_by_text("greater than or equal to 100").is_visible()
    staff.get_by_label("Send rate").fill("250")
    save(staff)
    made = Group.objects.get(name="Autumn")
    open_page(staff, live_server, f"group/{made.pk}/change/")

    staff.get_by_role("button", name="Archive").click()
    staff.get_by_role("button", name="Restore").wait_for()
    made.refresh_from_db()
    archived_at = made.archived_at
    staff.get_by_role("button", name="Restore").click()
    staff.get_by_role("button", name="Archive").wait_for()
    staff.get_by_role("link", name="Open its report").click()

    made.refresh_from_db()
    assert archived_at is not None
    assert made.archived_at is None
    assert "/reports/" in staff.url


def test_a_label_gets_and_loses_members(staff, live_server, app):
    label = Label.objects.create(app=app, name="Gold")
    for name in ("u1", "u2"):
        person = Person.objects.create(workspace=app.workspace, external_user_id=name)
        builders.make_device(app, f"token-{name}", person=person)
    open_page(staff, live_server, f"label/{label.pk}/change/")

    staff.get_by_label("External user ids").fill("u1, nobody")
    staff.get_by_role("button", name="Add them").click()
    staff.get_by_text("nobody knows here: nobody").wait_for()
    staff.get_by_label("Find a person").fill("token-u2")
    staff.get_by_role("button", name="Search").last.click()
    staff.get_by_role("button", name="Add u2").click()
    staff.get_by_role("button", name="Remove u2").first.wait_for()
    look(staff, "label")
    staff.get_by_role("button", name="Remove u1").click()
    staff.get_by_text("1 removed.").wait_for()

    label.refresh_from_db()
    members = label.members.values_list("person__external_user_id", flat=True)
    assert (label.member_count, list(members)) == (1, ["u2"])


def test_a_segment_counts_while_one_types(staff, live_server, app):
    builders.make_device(app, "t1", platform="ios", country="DE")
    builders.make_device(app, "t2", country="FR")
    open_page(staff, live_server, "segment/add/")
    pick(staff, "app", app.name)
    staff.get_by_label("Name").fill("Germans")

    staff.get_by_label("Expression").fill('{"field": "device.country", "op": "eq"}')
    staff.locator(".staff-faults li").wait_for()
    staff.get_by_label("Expression").fill('{"field": "device.country", "op": "eq", "value": "DE"}')
    staff.get_by_text("1 device now").wait_for()
    look(staff, "segment")
    shown = staff.locator("#segment-count").inner_text()
    save(staff)

    assert "1 device now" in shown
    assert "iOS 1" in shown
    assert Segment.objects.get().expression["value"] == "DE"


def test_an_account_is_checked_and_never_shows_its_secret(staff, live_server, app, simulator):
    open_page(staff, live_server, "account/add/")
    staff.get_by_role("link", name="Sandbox").click()
    staff.get_by_label("Workspace").select_option(label=app.workspace.name)
    staff.get_by_label("Name", exact=False).first.fill("Try-out")
    staff.get_by_label("API key").fill("canary-key-1234")
    save(staff)
    made = Account.objects.get()
    open_page(staff, live_server, f"account/{made.pk}/change/")
    html = staff.content()

    staff.get_by_role("button", name="Check at the vendor").click()
    staff.get_by_text("The vendor said").wait_for()
    look(staff, "account")

    made.refresh_from_db()
    assert "canary-key" not in html + staff.content() + made.credentials
    assert "1234" in html
    assert made.health == "good"
    assert staff.get_by_text(made.health_words).first.is_visible()


def test_a_key_is_shown_once_and_revoked(staff, live_server, app, now):
    open_page(staff, live_server, "apikey/add/")
    staff.get_by_label("Workspace").select_option(label=app.workspace.name)
    staff.get_by_label("Name", exact=False).first.fill("Nightly")
    pick(staff, "apps", app.name)
    staff.get_by_label("Read", exact=True).check()
    save(staff)
    text = staff.get_by_label("API key").input_value()
    key = access.find_key(text, now=now)
    staff.get_by_role("link", name="I have copied it").click()
    look(staff, "apikey")
    staff.on("dialog", lambda dialog: dialog.accept())

    staff.get_by_role("button", name="Revoke").click()

    staff.get_by_text("The key is revoked.").wait_for()
    key.refresh_from_db()
    assert text not in staff.content()
    assert list(key.apps.all()) == [app]
    assert key.revoked_at is not None


def test_what_people_type_is_never_run(staff, live_server, app):
    evil = "<script>window.pwned=1</script><img src=x onerror=window.pwned=1>"
    label = Label.objects.create(app=app, name=evil[:120], description=evil)
    for path in ("label/", f"label/{label.pk}/change/", f"label/{label.pk}/history/"):
        open_page(staff, live_server, path)

        assert staff.evaluate("window.pwned") is None
