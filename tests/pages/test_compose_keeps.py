"""Opening a message and saving it changes nothing of it, whatever a script has put there."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from campaigns.models import Campaign
from campaigns.services.campaigns import create_campaign
from campaigns.services.templates import TemplateValues, create_template
from providers import registry
from tests import builders
from tests.pages.left_languages import list_left, open_language
from tests.pages.read_form import read_form

VENDOR, OPTION = next(
    (dialect, spec)
    for dialect in registry.all_dialects()
    for spec in dialect.message_options
    if spec.kind == "int"
)
REGIONS = ("AT", "CH", "BE", "CA", "MX", "LU")
WHOLE = {
    "title": "Sale", "body": "Today only", "default_language": "en", "fallbacks": ["es", "de"],
    "link": "shop://sale", "image": "https://shop.example/sale.png",
    "buttons": [{"title": "Show", "link": "shop://sale", "id": "show"}, {"title": "A | B"}],
    "android": {"channel_id": "offers", "collapse_id": "sale", "buttons": [{"title": "Only here"}]},
    "ios": {"subtitle": "Now", "attachments": [], "url": "",
            "interruption_level": "time-sensitive", "relevance_score": 0.25},
    "in_app": {"style": "modal", "tap_target": ""},
    "web": {"buttons": [],
            "tag": "sale", "require_interaction": True, "extras": {"a": [1, {"b": None}]}},
    "translations": {
        "de": {
            "title": "Ausverkauf", "body": "Nur heute", "buttons": ["", "A | Z"],
            "ios": {"title": "Nur hier"},
            "android": {"title": "Kurz", "body": "Heute", "buttons": ["Nur da"]},
            "hmos": {"body": "Anderswo"},
        },
        "fr": {"web": {"body": "Ce jour"}},
    },
    "extras": {
        VENDOR.key: {OPTION.name: OPTION.maximum, "rest": {"options": {"cid": "7"}}},
        "elsewhere": {"option": 1},
    },
}  # fmt: skip


@pytest.fixture
def routed(app):
    builders.make_route(app, "android", dialect=VENDOR.key)
    return app


def read_all(page):
    """The form with every box of a group that is ticked."""
    return dict(read_form(page).lists())


def read_plain(content):
    """Without what says nothing: an empty title is none."""
    if isinstance(content, dict):
        plain = {name: read_plain(value) for name, value in content.items()}
        said = {"url", "tap_target"}  # that there is none, where all others have one
        return {key: one for key, one in plain.items() if one not in ("", {}) or key in said}
    return content


def test_a_draft_that_is_opened_and_saved_is_what_it_was(client, owner, routed, now):
    body = {"name": "Sale", "app": routed.slug, "audience": {"all": True}, "message": WHOLE}
    campaign = create_campaign(owner, body, actor="owner", now=now)
    client.force_login(owner)
    place = reverse("edit", args=[campaign.pk])

    page = client.get(place).content.decode()
    saved = client.post(place, read_all(page))

    campaign = Campaign.objects.select_related("message").get()
    assert saved.status_code == 302
    assert read_plain(campaign.message.content) == WHOLE


SAID = {
    "title": "Autumn sale, today only",
    "body": "Thirty per cent off everything.\n" * 4 + "Today.",
    "buttons": ["Show me", "Not now"],
}


@pytest.mark.parametrize("count", [60, 120])
def test_a_text_in_many_languages_is_no_long_page_and_loses_nothing(
    client, owner, routed, now, count
):
    tags = [f"{letter}{other}" for letter in "aeiou" for other in "klmn"]
    languages = [f"{tag}-{region}" for region in REGIONS for tag in tags][:count]
    said = dict.fromkeys(languages, SAID) | {languages[50]: SAID | {"ios": {"title": "Nur hier"}}}
    message = WHOLE | {"translations": said}
    body = {"name": "Sale", "app": routed.slug, "audience": {"all": True}, "message": message}
    campaign = create_campaign(owner, body, actor="owner", now=now)
    client.force_login(owner)
    place = reverse("edit", args=[campaign.pk])

    page = client.get(place).content
    wrong = read_form(page.decode())
    for tag in [*list_left(wrong)]:
        open_language(client, wrong, tag)
    for number in range(count - 20, count):
        wrong[f"translations-{number}-title"] = "x" * 1100
    refused = client.post(place, wrong)
    again = read_form(refused.content.decode())
    for tag in [*list_left(again)]:
        open_language(client, again, tag)
    saved = client.post(place, read_form(page.decode()))

    assert (refused.status_code, saved.status_code) == (422, 302)
    assert max(len(page), len(refused.content)) < 300_000
    campaign.refresh_from_db()
    assert read_plain(campaign.message.content)["translations"] == read_plain(said)
    typed = {name for name in wrong if re.match(r"translations-\d", name) and wrong[name]}
    assert {name: again.get(name) for name in typed} == {name: wrong[name] for name in typed}
    # The first of them stand at their fields, the others say what is wrong with them.
    assert refused.content.count(b"at most 1024 characters") >= 20
    assert f'id="id_translations-{count - 20}-title"' in refused.content.decode()


def test_a_copy_says_all_that_the_first_one_said(client, owner, routed, now):
    body = {"name": "Sale", "app": routed.slug, "audience": {"all": True}, "message": WHOLE}
    campaign = create_campaign(owner, body, actor="eve", now=now)
    client.force_login(owner)

    page = client.get(reverse("compose"), {"copy": campaign.pk}).content.decode()
    saved = client.post(reverse("compose"), read_all(page))

    copy = Campaign.objects.exclude(pk=campaign.pk).get()
    assert saved.status_code == 302
    assert read_plain(copy.message.content) == WHOLE
    assert copy.written_by[1:] == ["eve"]  # who cannot approve it either


def test_a_template_that_is_opened_and_saved_is_what_it_was(client, owner, routed, now):
    values = TemplateValues("Sale", "For weekends", WHOLE)
    kept = create_template(routed.workspace, routed, values, actor="owner", now=now)
    client.force_login(owner)
    place = reverse("template", args=[kept.pk])

    saved = client.post(place, read_all(client.get(place).content.decode()))

    kept.refresh_from_db()
    assert saved.status_code == 302
    assert read_plain(kept.content) == WHOLE


def test_words_of_a_platform_are_changed_and_taken_out(client, owner, routed, now):
    body = {"name": "Sale", "app": routed.slug, "audience": {"all": True}, "message": WHOLE}
    campaign = create_campaign(owner, body, actor="owner", now=now)
    client.force_login(owner)
    place = reverse("edit", args=[campaign.pk])
    form = read_form(client.get(place).content.decode())

    form["translations-0-ios-title"] = ""
    form["translations-0-android-title"] = "Kurz und gut"
    form["translations-1-web-body"] = ""
    refused = client.post(place, form).content.decode()
    form["translations-1-body"] = "Que ce jour"
    client.post(place, form)

    texts = Campaign.objects.get().message.content["translations"]
    at_field = refused.partition('id="id_translations-1-body_error"')[2][:200]
    assert "Write the text in this language, or remove the language." in at_field
    assert "ios" not in texts["de"]
    assert texts["de"]["android"] == {
        "title": "Kurz und gut", "body": "Heute", "buttons": ["Nur da"],
    }  # fmt: skip
    assert texts["fr"]["body"] == "Que ce jour"


def test_what_is_wrong_with_a_variable_stands_at_its_translation(client, owner, routed, now):
    body = {"name": "Sale", "app": routed.slug, "audience": {"all": True}, "message": WHOLE}
    campaign = create_campaign(owner, body, actor="owner", now=now)
    client.force_login(owner)
    place = reverse("edit", args=[campaign.pk])
    form = read_form(client.get(place).content.decode())

    form["template"] = "liquid"
    form["translations-0-android-body"] = "Hallo\n{{ person.nmae }}"
    page = client.post(place, form).content.decode()

    at_field = page.partition('id="id_translations-0-android-body_error"')[2][:300]
    assert "line 2: there is no variable person.nmae" in at_field
