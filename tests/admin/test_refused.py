"""Staff forms that a service refuses, or that are sent without a login: nothing typed is lost."""

from __future__ import annotations

import pytest
from django.urls import reverse

from campaigns.models import Label, Person
from providers import registry
from tests import builders
from tests.admin.test_changes import make_campaign, url_of
from tests.pages.read_form import read_forms
from tests.pages.test_kept_browser import KEPT, end_session, read_kept, sign_in

TOO_LONG = "x" * 300
FORMS = ("campaigns/label/add/", "campaigns/account/add/?dialect=sandbox", "auth/user/add/")


@pytest.fixture
def label(app):
    return Label.objects.create(app=app, name="Gold", description="The best")


@pytest.mark.database
def test_a_form_that_is_refused_is_drawn_as_it_was_typed(client, app, owner, label):
    make_campaign(app, audience={"labels": ["Gold"]})
    client.force_login(owner)
    typed = {"name": "Silver", "description": "The second best"}

    refused = client.post(url_of(label, "change", label.pk), typed)
    again = client.post(url_of(label, "change", label.pk), {**typed, "name": "Gold"})

    page = refused.content.decode()
    drawn = next(form for form in read_forms(page)[0] if "description" in form.values)
    label.refresh_from_db()
    assert (refused.status_code, again.status_code) == (200, 302)
    assert page.count("It is still used, by Zanzibar") == 1
    assert {name: drawn.values[name] for name in typed} == typed
    assert (label.name, label.description) == ("Gold", "The second best")


@pytest.mark.database
def test_a_refusal_of_a_field_stands_at_the_field(client, app, owner):
    client.force_login(owner)
    first, second = (app.groups.create(name=name) for name in ("Spring", "Autumn"))
    typed = {"name": "Spring", "send_rate": 900}

    page = client.post(url_of(second, "change", second.pk), typed).content.decode()

    second.refresh_from_db()
    drawn = next(form for form in read_forms(page)[0] if "send_rate" in form.values)
    assert drawn.values["send_rate"] == "900"
    assert page.count("This app already has a group of that name.") == 1
    assert "This app already" in page[page.index('id="id_name"') : page.index('id="id_send_rate"')]
    assert (first.name, second.name) == ("Spring", "Autumn")


@pytest.mark.parametrize("verb", ["add_members", "remove_members"])
def test_ids_that_are_refused_are_drawn_as_they_were_typed(client, app, owner, label, verb):
    builders.make_device(app, "t1", person=builders.make_person(app.workspace, "ann"))
    client.force_login(owner)
    address = url_of(label, "change", label.pk)

    answer = client.post(address, {"_do": verb, "ids": f"ann, {TOO_LONG}"})

    page = answer.content.decode()
    drawn = next(form for form in read_forms(page)[0] if "ids" in form.values)
    label.refresh_from_db()
    assert answer.status_code == 200
    assert drawn.values["ids"] == f"ann, {TOO_LONG}"
    assert drawn.action == address
    assert "At most 255 characters are allowed." in page
    assert label.member_count == 0


def test_no_verb_but_the_panels_own_is_done_by_the_page(client, owner, label):
    client.force_login(owner)

    answers = [
        client.post(url_of(label, "change", label.pk), {"_do": verb})
        for verb in ("delete_model", "log_deletions", "")
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert Label.objects.exists()


@pytest.mark.parametrize("dialect", registry.all_dialects(), ids=lambda dialect: dialect.key)
def test_what_is_secret_of_an_account_is_typed_where_no_form_is_kept(client, owner, dialect):
    client.force_login(owner)
    secrets = {spec.name for spec in dialect.credentials if spec.kind == "secret"}

    page = client.get(reverse("admin:campaigns_account_add"), {"dialect": dialect.key})

    kinds = read_forms(page.content.decode())[0][-1].kinds
    assert {kinds[f"credential_{name}"] for name in secrets} <= {"password"}


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_row_that_was_edited_is_saved_after_the_login(staff, live_server, owner, label):
    address = live_server.url + url_of(label, "change", label.pk)
    staff.goto(address)
    staff.locator("#id_description").fill("Better than the best")
    end_session()

    staff.get_by_role("button", name="Save", exact=True).click()
    sign_in(staff, owner)
    staff.get_by_text(KEPT).wait_for()
    staff.get_by_role("button", name="Send it again").click()
    staff.wait_for_url(live_server.url + url_of(label, "changelist"))

    label.refresh_from_db()
    assert label.description == "Better than the best"
    assert read_kept(staff) is None


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_ids_for_a_label_are_added_after_the_login(staff, live_server, app, owner, label):
    builders.make_device(app, "t1", person=builders.make_person(app.workspace, "ann"))
    staff.goto(live_server.url + url_of(label, "change", label.pk))
    staff.locator("[name=ids]").fill("ann")
    end_session()

    staff.get_by_role("button", name="Add them").click()
    sign_in(staff, owner)
    staff.get_by_role("button", name="Send it again").click()
    staff.get_by_text("1 added.").wait_for()

    assert Person.objects.get(label_members__label=label).external_user_id == "ann"


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_staff_form_with_a_secret_is_never_kept(staff, live_server, superuser, label):
    staff.context.clear_cookies()
    staff.goto(f"{live_server.url}/admin/")
    sign_in(staff, superuser)
    kept = {}
    for address in (
        "campaigns/label/add/",
        "campaigns/account/add/?dialect=sandbox",
        "auth/user/add/",
    ):
        staff.goto(f"{live_server.url}/admin/{address}")
        staff.locator("form:has(#id_name, #id_username) input[type=text]").first.fill("Typed")
        staff.evaluate("addEventListener('submit', (event) => event.preventDefault())")
        staff.evaluate("document.querySelector('form:has(#id_name, #id_username)').requestSubmit()")
        kept[address] = read_kept(staff) is not None
        staff.evaluate("sessionStorage.clear()")

    assert list(kept.values()) == [True, False, False]
