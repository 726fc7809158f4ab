"""What a person's and a device's page say of where they came from."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from campaigns.models import AuditEntry, Device, Membership, Person
from tests import builders
from tests.api.conftest import make_client
from tests.campaigns.importing import apply, check, upload

pytestmark = pytest.mark.database
HEADING = "external_user_id,platform,token,opted_out\n"
REGISTERED = "Shown when the device was registered"


@pytest.fixture
def brought(app):
    """The import of Ann, who had opted out, and of Bob."""
    text = f"{HEADING}ann,android,token-of-ann,yes\nbob,ios,token-of-bob,\n"
    return apply(check(upload(app, text, "spring.csv")))


def open_person(client, name):
    person = Person.objects.get(external_user_id=name)
    return client.get(reverse("person", args=[person.pk])).content.decode()


def test_who_was_imported_leads_to_the_import(client, owner, brought):
    client.force_login(owner)
    device = Device.objects.get(platform="ios")
    link = f'<a class="pa-link" href="{reverse("import", args=[brought.pk])}">'
    told = f"Brought by the import {link}#{brought.pk} spring.csv · Newsletter form</a>"

    ann, bob = open_person(client, "ann"), open_person(client, "bob")
    own = client.get(reverse("device", args=[device.pk])).content.decode()

    # Known since, changed, opted out, the token, the device; Bob has not opted out.
    assert [page.count(told) for page in (ann, bob, own)] == [5, 4, 2]


def test_what_came_later_is_not_said_of_the_import(client, owner, brought):
    Person.objects.update(updated_at=brought.created_at + timedelta(days=1))
    Device.objects.filter(platform="ios").update(token_evidence="410 Unregistered")
    client.force_login(owner)

    ann, bob = open_person(client, "ann"), open_person(client, "bob")

    assert ann.count("Brought by the import") == 4
    assert "Brought by" not in bob
    assert "Because: 410 Unregistered" in bob


def test_an_import_of_another_app_is_not_named(client, app, brought):
    other = builders.make_app(app.workspace, "other")
    ann = Person.objects.get(external_user_id="ann")
    builders.make_device(other, "their-token", person=ann)
    client.force_login(builders.make_member("eve", app.workspace, app=other, role="viewer"))

    page = open_person(client, "ann")

    assert "Brought by an import of another app, or one that is gone." in page
    assert "spring.csv" not in page


def test_a_device_that_an_import_moves_names_it_in_its_changes(client, owner, app, brought):
    text = f"{HEADING}cleo,ios,token-of-bob,\n"
    moved = apply(check(upload(app, text), moves_devices=True))
    client.force_login(owner)

    entry = AuditEntry.objects.get(verb="move")

    assert entry.fields == [f"import: {moved.pk}", "person"]
    assert f"import: {moved.pk}, person" in open_person(client, "cleo")


@pytest.mark.parametrize(
    ("role", "names"), [(Membership.Role.ADMIN, 1), (Membership.Role.VIEWER, 0)]
)
def test_who_reads_the_log_is_told_whose_script_has_registered_a_token(client, app, role, names):
    device = {"external_user_id": "ann", "platform": "android", "token": "token-of-ann"}
    answer = make_client(app.workspace).post(
        "/api/v1/devices/bulk/", {"app": app.slug, "devices": [device]}
    )
    client.force_login(builders.make_member("eve", app.workspace, role=role))

    page = open_person(client, "ann")

    assert answer.status_code == 200
    assert page.count(f"{REGISTERED}, by Script") == names
    assert REGISTERED in page
