"""The panel beside compose says that all is well only when it is."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.urls import reverse

from campaigns.selectors import variable_look
from tests import builders
from tests.pages.sending import type_message

READY = ">Ready<"


@pytest.fixture
def look(client, owner, app):
    """The panel of a campaign that could be sent, but for what is typed otherwise."""
    builders.make_route(app, "android")
    builders.make_device(app, "token")
    typed = type_message(app, title="", body="Hello")
    client.force_login(owner)
    return lambda **changed: client.post(reverse("check"), typed | changed).content.decode()


def test_a_translation_without_words_is_named_and_nothing_is_called_ready(look):
    rows = {"translations-TOTAL_FORMS": "1", "translations-0-language": "de"}

    begun = look(**rows, **{"translations-0-title": ""})
    written = look(**rows, **{"translations-0-body": "Heute"})

    assert READY not in begun
    assert "data-pa-blocked" in begun
    assert 'href="#id_translations-0-' in begun
    assert "No route serves" not in begun
    assert "Finish the message" in begun
    assert READY in written
    assert "Finish the message" not in written


def test_what_a_language_says_nothing_of_is_named_with_the_way_there(look):
    rows = {"translations-TOTAL_FORMS": "1", "translations-0-language": "de",
            "translations-0-body": "Heute", "in_app-open_title": "Show"}  # fmt: skip

    begun = look(**rows)
    whole = look(**rows, **{"translations-0-in_app-open_title": "Zeig her"})

    assert "German: Button to open (In the app)." in begun
    assert 'href="#id_translations-0-in_app-open_title" data-pa-goto' in begun
    assert "Not translated" not in whole


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"when": "later", "send_at": ""}, "id_send_at"),
        ({"rate": "-3"}, "id_rate"),
        ({"android-badge": "many"}, "id_android-badge"),
        ({"template": "liquid", "title": "{{ person.nam"}, "id_title"),
    ],
)
def test_whatever_is_wrong_is_named_with_the_way_there(look, changed, field):
    panel = look(**changed)

    assert READY not in panel
    assert f'href="#{field}" data-pa-goto' in panel


@pytest.fixture
def estimate(app, monkeypatch):
    """No time to look at all of three devices, of which two are drawn."""
    devices = [
        builders.make_device(app, f"t{number}", model="" if number else "Longest X1")
        for number in range(3)
    ]
    cache.set(f"headcount-sample-{app.pk}", [devices[1].pk, devices[2].pk])
    monkeypatch.setattr(variable_look, "QUICK", 0)


@pytest.mark.usefixtures("estimate")
def test_an_estimate_is_called_one_until_somebody_waits_for_all(look):
    texts = {"template": "liquid", "body": "Your {{ device.model | default: 'phone' }}"}

    quick = look(**texts)
    patient = look(**texts, count_all="1")
    later = look(**texts)

    assert "empty for about 4 of 4" in quick
    assert "Estimated from 2 recipients" in quick
    assert "Look at all of them" in quick
    for panel in (patient, later):
        assert "empty for 3 of 4" in panel
        assert "Estimated from" not in panel
        assert "Your Longest X1" in panel


@pytest.mark.usefixtures("estimate")
def test_where_all_take_too_long_even_for_who_waits_the_estimate_stays(look, monkeypatch):
    monkeypatch.setattr(variable_look, "PATIENT", 0)
    texts = {"template": "liquid", "body": "Your {{ device.model | default: 'phone' }}"}

    panel = look(**texts, count_all="1")

    assert "Estimated from 2 recipients" in panel
    assert "takes too long for this page" in panel
    assert "Look at all of them" not in panel
    assert "Missing values of those looked at" in panel
