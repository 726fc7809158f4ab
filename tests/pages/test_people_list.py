"""What the list of those whom a search has found says of each of them, and of them all."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns.models import Device, Label, Person
from tests import builders


@pytest.fixture
def ann(workspace):
    return builders.make_person(workspace, "ann")


def search(client, who):
    return client.get(reverse("people"), {"who": who})


def list_rows(page):
    """The words of each row."""
    rows = page.content.decode().split("<tr>")[2:]
    cut = [row.split("</tr>")[0] for row in rows]
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in cut]


def test_of_each_all_devices_are_told_that_one_sees(client, colleague, app, workspace, ann):
    """However many are found, their devices take one query."""
    cafe = builders.make_app(workspace, "cafe")
    anna = builders.make_person(workspace, "anna")
    for place, platform, person in (
        (app, "android", ann), (app, "ios", ann), (app, "ios", ann), (cafe, "hmos", ann),
        (app, "web", anna),
    ):  # fmt: skip
        token = f"token-{Device.objects.count()}"
        builders.make_device(place, token, person=person, platform=platform)
    client.force_login(colleague)

    with CaptureQueriesContext(connection) as asked:
        page = search(client, "ann*")

    counts = [sql for query in asked.captured_queries if "COUNT(" in (sql := query["sql"])]
    assert [hit.devices for hit in page.context["hits"]] == [{"android": 1, "ios": 2}, {"web": 1}]
    assert "Android, iOS (2)" in list_rows(page)[0]
    assert len([sql for sql in counts if "platform" in sql]) == 1


def test_who_has_no_device_and_what_language_is_said_in_words(client, owner, workspace, ann):
    builders.make_person(workspace, "anna", language="de")
    client.force_login(owner)

    rows = list_rows(search(client, "ann*"))

    assert [row.rpartition("\N{EN DASH} ")[2] for row in rows] == ["none", "German none"]


def test_how_many_are_found_is_told_above_them_and_before_all_lose_a_label(
    client, owner, app, workspace
):
    people = [Person(workspace=workspace, external_user_id=f"ann-{n:02}") for n in range(62)]
    Person.objects.bulk_create(people)
    Label.objects.create(app=app, name="VIP")
    client.force_login(owner)

    page = search(client, "ann*").content.decode()

    form, dialog = page.split('id="pa-ticked"')[1].split("</form>")[0], page.split("<dialog")[-1]
    assert "62 found, the first 50 are shown" in page
    assert '<a class="pa-link pa-small" href="#pa-ticked">' in page
    assert 'value="remove"' not in form
    assert "these are 62 people" in dialog
    assert 'form="pa-ticked" name="verb" value="remove"' in dialog
