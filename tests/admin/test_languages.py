"""The languages of an app are chosen by name, in an order, and what is none is refused in words."""

from __future__ import annotations

import html
import re

import pytest
from django.urls import reverse

from campaigns.models import App, AuditEntry
from campaigns.selectors.language_names import (
    list_spelled,
    read_language,
    read_languages,
    spell_language,
    suggest_language,
)
from tests.looking import find_faults

pytestmark = pytest.mark.django_db
BOX = re.compile(r'<input ([^>]*name="fallbacks"[^>]*)>')
TEXT = re.compile(r'value="([^"]*)"')
GERMAN, SPANISH = "German \N{EN DASH} Deutsch (de)", "Spanish \N{EN DASH} español (es)"
FRENCH = "French \N{EN DASH} français (fr)"
BRAZILIAN = "Brazilian Portuguese \N{EN DASH} Português Brasileiro (pt-BR)"
ANGOLAN = "Portuguese \N{EN DASH} Português (pt-AO)"


@pytest.fixture
def address(client, owner, app):
    client.force_login(owner)
    return reverse("admin:campaigns_app_change", args=[app.pk])


def write(**others):
    return {
        "name": "Shop", "slug": "shop", "platforms": ["android"], "timezone": "UTC",
        "default_language": "en", "cooling_seconds": 60,
        "routes-TOTAL_FORMS": 0, "routes-INITIAL_FORMS": 0, **others,
    }  # fmt: skip


def read_boxes(answer):
    """What stands in each box, and the rest of its attributes."""
    boxes = BOX.findall(answer.content.decode())
    return [(html.unescape(TEXT.search(box)[1]), box) for box in boxes]


@pytest.mark.parametrize(
    ("typed", "tag"),
    [
        (GERMAN, "de"), ("german", "de"), (" Deutsch ", "de"), ("DE", "de"),
        ("Brazilian Portuguese", "pt-BR"), ("pt-br", "pt-BR"), ("zh-Hant-TW", "zh-Hant-TW"),
        (ANGOLAN, "pt-AO"), ("Germn", ""), ("no language", ""), ("", ""),
        ("x" * 5_000, ""), ("(de) German", ""), ("German (no code at all)", ""),
    ],
)  # fmt: skip
def test_a_language_is_meant_by_any_of_its_names_or_its_code(typed, tag):
    assert read_language(typed) == tag


def test_whatever_the_list_offers_is_meant_by_it():
    offered = list_spelled()

    assert len(offered) > 80
    assert [one for one in offered if spell_language(read_language(one)) != one] == []


def test_what_was_probably_meant_is_the_nearest_name_or_code():
    assert suggest_language("Germn") == GERMAN
    assert suggest_language("pt_BR") == BRAZILIAN
    assert suggest_language("qqqqqqqq") == ""


@pytest.mark.database
def test_languages_are_chosen_by_name_and_stay_codes_in_their_order(client, address, app):
    chosen = ["", SPANISH, "Brazilian Portuguese", "", "fr", "es", "zh-Hant-TW"]

    saved = client.post(address, write(fallbacks=chosen, default_language="german"))
    again = client.get(address)
    texts = [text for text, _rest in read_boxes(again)]
    client.post(address, write(fallbacks=texts, default_language=GERMAN))

    app.refresh_from_db()
    assert saved.status_code == 302
    assert app.fallbacks == ["es", "pt-BR", "fr", "zh-Hant-TW"]
    assert app.default_language == "de"
    assert texts == [SPANISH, BRAZILIAN, FRENCH, "zh-Hant-TW", "", ""]
    changes = AuditEntry.objects.filter(target_type="app", verb="change").order_by("pk")
    assert "fallbacks" in changes[0].fields
    assert all("fallbacks" not in change.fields for change in changes[1:])


def test_what_is_pasted_into_one_box_is_taken_apart(client, address, app):
    client.post(address, write(fallbacks=["es, French,pt-BR"]))

    assert App.objects.get().fallbacks == ["es", "fr", "pt-BR"]


def test_no_language_at_all_is_none(client, address, app):
    App.objects.update(fallbacks=["es"])

    client.post(address, write(fallbacks=["", " ", ""]))

    assert App.objects.get().fallbacks == []


def test_what_is_no_language_is_refused_beside_it_with_what_to_write(client, address, app):
    refused = client.post(
        address, write(fallbacks=["es", "Germn", "qqqqqqqq"], default_language="Englisch language")
    )

    told = html.unescape(refused.content.decode())
    boxes = read_boxes(refused)
    assert f"“Germn” is no language. Write {GERMAN}." in told
    assert "“qqqqqqqq” is no language. Choose one of the list, or write its code" in told
    assert "“Englisch language” is no language." in told
    assert [text for text, _rest in boxes[:3]] == [SPANISH, "Germn", "qqqqqqqq"]
    marked = ['aria-invalid="true"' in rest for _text, rest in boxes[:4]]
    assert marked == [False, True, True, False]
    assert App.objects.get().fallbacks == []


def test_more_languages_than_an_app_may_have_are_refused(client, address, app):
    many = [f"{letter}a" for letter in "abcdefghijk"]

    refused = client.post(address, write(fallbacks=many))
    accepted = client.post(address, write(fallbacks=many[:10]))

    assert "Choose 10 languages at most." in refused.content.decode()
    assert len(read_boxes(refused)) == 11
    assert accepted.status_code == 302
    assert App.objects.get().fallbacks == many[:10]


def test_many_thousand_languages_are_refused_before_they_are_looked_at(monkeypatch):
    monkeypatch.setattr("campaigns.selectors.language_names.find_language_fault", pytest.fail)

    tags, faults = read_languages([",".join(f"x{number}" for number in range(20_000))])

    assert (tags, faults) == ([], ["Choose 10 languages at most."])


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_languages_are_put_in_order_by_keyboard(staff, live_server, app):
    App.objects.update(fallbacks=["es", "fr"])
    staff.set_viewport_size({"width": 390, "height": 844})
    staff.emulate_media(color_scheme="dark")
    staff.goto(f"{live_server.url}/admin/campaigns/app/{app.pk}/change/")
    faults = find_faults(staff, "app", 390, "dark")

    staff.get_by_label("Language 3", exact=True).fill("German")
    staff.get_by_label("Move language 3 up").focus()
    staff.keyboard.press("Enter")
    staff.keyboard.press("Enter")
    staff.get_by_role("button", name="Save", exact=True).click()
    staff.wait_for_load_state()

    app.refresh_from_db()
    assert app.fallbacks == ["de", "es", "fr"]
    assert faults == []
