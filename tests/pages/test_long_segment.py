"""A long list of values stays with its segment: no page holds it, and no save loses it."""

from __future__ import annotations

import pytest
from django.urls import reverse

from campaigns.models import Segment
from tests import builders
from tests.pages import read_form as forms

MOST = 300_000
IDS = [f"00000000-0000-4000-8000-{number:012}" for number in range(9_990)]
LISTED = {"field": "person.external_user_id", "op": "in", "value": IDS}
LEGACY = {"field": "person.custom.legacy", "op": "in", "value": [*range(10**9, 10**9 + 9_000)]}
GERMAN = {"field": "device.language", "op": "eq", "value": "de"}
WORDS = f"9,990 values, kept as they are: {', '.join(IDS[:5])}…"
GONE = "not stored so any more"


def read_form(html):
    return forms.read_form(html, "pa-segment-form")


@pytest.fixture
def make(client, owner, app):
    builders.make_device(app, "one", person=builders.make_person(app.workspace, IDS[7]))
    client.force_login(owner)
    return lambda *terms: Segment.objects.create(
        app=app, name="Listed", expression={"and": [*terms]}
    )


def find_place(segment):
    return reverse("segment", args=[segment.pk])


def open_form(client, segment):
    return read_form(client.get(find_place(segment)).content.decode())


def read_stored(segment):
    return Segment.objects.get(pk=segment.pk).expression


@pytest.mark.parametrize("listed", [LISTED, LEGACY])
def test_it_is_opened_counted_and_saved_as_it_was(client, make, listed):
    segment = make(listed, GERMAN)
    page = client.get(find_place(segment)).content
    form = read_form(page.decode())

    drawn = client.post(reverse("segment_draw"), form | {"action": "add:1"})
    counted = client.post(reverse("segment_count"), form)
    refused = client.post(find_place(segment), form | {"name": ""})
    saved = client.post(find_place(segment), form | {"name": "Ours"})

    assert "values, kept as they are: " in page.decode()
    assert max(len(one.content) for one in (drawn, counted, refused)) < MOST
    assert len(page) < MOST
    assert (refused.status_code, saved.status_code) == (422, 302)
    assert read_stored(segment) == {"and": [listed, GERMAN]}


def test_it_is_counted_as_what_it_is(client, make):
    form = open_form(client, make(LISTED))

    counted = client.post(reverse("segment_count"), form)

    assert counted.context["count"].total == 1


def test_what_stands_beside_it_is_changed_and_it_is_copied(client, make):
    segment = make(LISTED, GERMAN)
    form = open_form(client, segment)
    [language] = [name for name, text in form.items() if text == "de" and name[:5] == "value"]
    copied = client.get(f"{reverse('new_segment')}?copy={segment.pk}").content.decode()

    client.post(find_place(segment), form | {language: "fr"})
    client.post(reverse("new_segment"), read_form(copied))

    assert read_stored(segment) == {"and": [LISTED, GERMAN | {"value": "fr"}]}
    assert WORDS in copied
    assert Segment.objects.latest("pk").expression == {"and": [LISTED, GERMAN]}


def test_other_values_are_written_in_its_place(client, make):
    segment = make(LISTED)
    form = open_form(client, segment)
    [key] = [name.partition("-")[2] for name in form if name.startswith("kept-")]

    drawn = client.post(reverse("segment_draw"), form | {"action": f"rewrite:{key}"})
    again = (
        form
        | read_form(f'<form id="pa-segment-form">{drawn.content.decode()}</form>')
        | {f"value-{key}": "ann"}
    )
    del again[f"kept-{key}"]
    saved = client.post(find_place(segment), again)

    assert f'name="value-{key}"' in drawn.content.decode()
    assert saved.status_code == 302
    assert read_stored(segment) == {"and": [LISTED | {"value": ["ann"]}]}


def test_short_lists_are_edited_and_many_of_them_are_no_long_page(client, make):
    terms = [LISTED | {"value": IDS[start : start + 300]} for start in range(0, 6_000, 300)]
    segment = make(*terms)
    page = client.get(find_place(segment)).content
    form = read_form(page.decode())

    client.post(find_place(segment), form)

    assert len(page) < MOST
    assert [name for name in form if name.startswith("value-")]
    assert [name for name in form if name.startswith("kept-")]
    assert read_stored(segment) == {"and": terms}


def test_as_json_it_would_be_too_long_and_that_is_said(client, make):
    form = open_form(client, make(LISTED))

    drawn = client.post(reverse("segment_draw"), form | {"told": "2", "action": "show:json"})

    assert "too long to be edited as JSON here" in drawn.content.decode()
    assert WORDS in drawn.content.decode()
    assert 'name="told" value="2"' in drawn.content.decode()


def test_what_is_not_stored_any_more_is_not_saved_as_nothing(client, make):
    segment = make(LISTED)
    form = open_form(client, segment)
    Segment.objects.filter(pk=segment.pk).update(expression=GERMAN)

    saved = client.post(find_place(segment), form)

    assert saved.status_code == 422
    assert GONE in saved.content.decode()
    assert "kept as they are" not in saved.content.decode()
    assert read_stored(segment) == GERMAN


def test_nobody_takes_a_list_of_another_workspace(client, make, stranger):
    form = open_form(client, make(LISTED))
    theirs = builders.make_app(stranger.memberships.get().workspace, "theirs")
    client.force_login(stranger)

    taken = client.post(reverse("new_segment"), form | {"app": str(theirs.pk)})

    assert GONE in taken.content.decode()
    assert Segment.objects.count() == 1


def test_the_staff_page_of_it_is_small_and_saves_it_too(client, make):
    segment = make(LISTED)
    place = reverse("admin:campaigns_segment_change", args=[segment.pk])

    page = client.get(place).content
    saved = client.post(place, {"name": "Ours", "description": ""})

    assert len(page) < MOST
    assert b"segment-count" not in page
    assert saved.status_code == 302
    segment.refresh_from_db()
    assert (segment.name, segment.expression) == ("Ours", {"and": [LISTED]})


def test_the_staff_page_of_a_short_one_counts_below_its_expression(client, make):
    segment = make({"field": "device.country", "op": "eq", "value": "DE"})

    page = client.get(reverse("admin:campaigns_segment_change", args=[segment.pk])).content

    assert b'<div id="segment-count"' in page
