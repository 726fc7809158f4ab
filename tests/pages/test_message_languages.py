"""The languages of one message that stand in for others are written by name."""

from __future__ import annotations

from html import unescape

import pytest
from django.urls import reverse

from campaigns.models import Campaign
from tests import builders
from tests.pages.read_form import read_form

pytestmark = pytest.mark.django_db
GERMAN, SPANISH = "German \N{EN DASH} Deutsch (de)", "Spanish \N{EN DASH} español (es)"


@pytest.fixture
def save(client, owner, app, now):
    """Saves a draft with what is typed into the field."""
    campaign = builders.make_campaign(app, now)
    client.force_login(owner)
    address = reverse("edit", args=[campaign.pk])

    def save(typed):
        form = read_form(client.get(address).content.decode())
        form["fallbacks"] = typed
        answer = client.post(address, form)
        return answer, Campaign.objects.select_related("message").get().message.content

    return save


@pytest.mark.parametrize(
    ("typed", "kept", "shown"),
    [
        (f"{SPANISH}, german, es", ["es", "de"], f"{SPANISH}, {GERMAN}"),
        ("zh-Hant-TW", ["zh-Hant-TW"], "zh-Hant-TW"),
        ("none", [], "none"),
        ('["de", "es"]', ["de", "es"], f"{GERMAN}, {SPANISH}"),
        ("", None, ""),
        (" , ,,", None, ""),
    ],
)
def test_languages_are_kept_as_codes_and_shown_by_name(save, client, typed, kept, shown):
    answer, content = save(typed)

    form = read_form(client.get(reverse("edit", args=[Campaign.objects.get().pk])).content.decode())
    assert answer.status_code == 302
    assert content.get("fallbacks") == kept
    assert form["fallbacks"] == shown
    assert save(shown)[1].get("fallbacks") == kept


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("es, Germn", f"“Germn” is no language. Write {GERMAN}."),
        ("qqqqqqq", "“qqqqqqq” is no language. Choose one of the list"),
        ("x" * 5_000, "is no language."),
        (",".join(f"{letter}a" for letter in "abcdefghijk"), "Choose 10 languages at most."),
        ("[1", "JSON"),
    ],
)
def test_what_is_no_language_is_refused_beside_the_field(save, typed, words):
    answer, content = save(typed)

    page = unescape(answer.content.decode())
    assert answer.status_code == 422
    assert words in page.split('id="id_fallbacks_error"')[1].split("</div>")[0]
    assert read_form(answer.content.decode())["fallbacks"] == typed
    assert "fallbacks" not in content
