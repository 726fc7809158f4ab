"""A form that is sent after the login has expired, in a real browser: what was typed comes back."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.urls import reverse

from campaigns.models import Import, Job, Label, Membership
from tests import builders

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PASSWORD = "a-long-password"
KEPT = "What was in it is kept"


def end_session() -> None:
    Session.objects.all().delete()


def sign_in(page, user: User) -> None:
    user.set_password(PASSWORD)
    user.save()
    page.wait_for_url("**/login/**")
    page.locator("#id_username").fill(user.username)
    page.locator("#id_password").fill(PASSWORD)
    page.locator("#id_password").press("Enter")
    page.wait_for_url(lambda address: "/login/" not in address)


def read_kept(page) -> str | None:
    return page.evaluate("sessionStorage.getItem('pa-kept-form')")


def test_a_person_who_was_edited_is_saved_after_the_login(staff, live_server, app, owner):
    ann = builders.make_person(app.workspace, "ann")
    address = live_server.url + reverse("edit_person", args=[ann.pk])
    staff.goto(address)
    staff.locator("[name=attribute_name]").first.fill("plan")
    staff.locator("[name=attribute_value]").first.fill("gold")
    end_session()

    staff.get_by_role("button", name="Save").click()
    sign_in(staff, owner)
    staff.get_by_text(KEPT).wait_for()
    staff.get_by_role("button", name="Send it again").click()
    staff.wait_for_url(live_server.url + reverse("person", args=[ann.pk]))

    ann.refresh_from_db()
    assert ann.attributes == {"plan": "gold"}
    assert read_kept(staff) is None


def test_a_pasted_list_is_labelled_after_the_login(staff, live_server, app, owner):
    label = Label.objects.create(app=app, name="Readers")
    builders.make_person(app.workspace, "ann")
    staff.goto(live_server.url + reverse("label", args=[label.pk]))
    staff.locator("[name=ids]").fill("ann\nbob")
    end_session()

    staff.locator("form:has([name=ids])").get_by_role("button", name="Add them").click()
    sign_in(staff, owner)
    staff.get_by_text(KEPT).wait_for()
    staff.get_by_role("button", name="Send it again").click()
    staff.wait_for_url("**/jobs/*/")

    assert Job.objects.get().kind == "label_add"


def test_an_upload_says_that_the_login_has_expired_and_keeps_what_was_typed(
    staff, live_server, app, tmp_path
):
    path = tmp_path / "people.csv"
    path.write_text("user_id\nann\n")
    staff.goto(live_server.url + reverse("new_import"))
    staff.get_by_label("Source").fill("Shop, consent of May")
    staff.get_by_label("File").set_input_files(path)
    end_session()

    staff.get_by_role("button", name="Upload").click()
    staff.get_by_role("alert").filter(has_text="Your login has expired").wait_for()

    assert staff.url == live_server.url + reverse("new_import")
    assert staff.get_by_label("Source").input_value() == "Shop, consent of May"
    assert staff.get_by_role("button", name="Upload").is_enabled()
    assert not Import.objects.exists()


def test_it_is_offered_to_nobody_else(staff, live_server, app):
    label = Label.objects.create(app=app, name="Readers")
    other = builders.make_member("other", app.workspace, role=Membership.Role.ADMIN)
    staff.goto(live_server.url + reverse("label", args=[label.pk]))
    staff.locator("[name=ids]").fill("ann")
    end_session()

    staff.locator("form:has([name=ids])").get_by_role("button", name="Add them").click()
    sign_in(staff, other)
    staff.locator("[name=ids]").wait_for()

    assert not staff.get_by_text(KEPT).is_visible()
    assert read_kept(staff) is None


@pytest.mark.parametrize(
    ("fields", "is_kept"),
    [
        ('<input name="note" value="Typed">', True),
        ('<input name="note" value="Typed"><input type="password" name="key">', False),
        ('<input name="note" value="Typed"><input name="token" data-pa-secret>', False),
        (
            '<input name="note" value="Typed"><input name="code" autocomplete="one-time-code">',
            False,
        ),
        ('<input type="hidden" name="verb" value="add"><button>Do</button>', False),
    ],
)
def test_a_form_with_a_secret_or_of_one_button_is_not_kept(
    staff, live_server, app, fields, is_kept
):
    label = Label.objects.create(app=app, name="Readers")
    staff.goto(live_server.url + reverse("label", args=[label.pk]))
    form = staff.locator("form:has([name=ids])").element_handle()
    form.evaluate("(form, html) => form.innerHTML = html", fields)
    staff.evaluate("addEventListener('submit', (event) => event.preventDefault())")

    form.evaluate("(form) => form.requestSubmit()")

    assert (read_kept(staff) is not None) == is_kept
