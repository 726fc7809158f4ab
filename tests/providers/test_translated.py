"""What people read is said in their language, whichever field it stands in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from providers.message import PushMessage, Text
from providers.message_channels import OTHER_BLOCKS, TRANSLATED
from providers.message_faults import TOP_FIELDS, find_message_faults
from providers.message_fields import Platform
from providers.message_json import read_message, write_message
from providers.message_platforms import BLOCK_FIELDS
from providers.message_texts import resolve_text
from providers.templates import Sheet, find_bare_braces, list_places

# Texts that machines read: names of things in the app, ids, and what is handed to it.
READ_BY_NOBODY = {
    "android.icon", "android.channel_id", "android.collapse_id", "android.sound", "android.data",
    "ios.sound_name", "ios.thread_id", "ios.category", "ios.collapse_id", "ios.target_content_id",
    "ios.data", "web.tag", "in_app.topic", "default_language",
}  # fmt: skip
SAID = {
    "title": "Sale", "body": "Today", "ios": {"subtitle": "Only here", "badge": 1},
    "in_app": {"style": "modal", "dismiss_title": "Not now", "open_title": "Show"},
    "sms": {"body": "Sale today"}, "email": {"subject": "Sale!", "body": "Long sale"},
    "translations": {
        "de": {
            "title": "Rabatt", "body": "Heute", "ios": {"subtitle": "Nur hier", "title": "iRabatt"},
            "in_app": {"dismiss_title": "Nein", "open_title": "Zeig"},
            "sms": {"body": "Rabatt heute"},
            "email": {"subject": "Rabatt!", "body": "Langer Rabatt"},
        },
        "fr": {"title": "Solde", "body": "Ce jour"},
    },
}  # fmt: skip


def list_texts() -> set[str]:
    """Paths of all texts of a message."""
    blocks = {platform.value: specs for platform, specs in BLOCK_FIELDS.items()} | OTHER_BLOCKS
    paths = {spec.name: spec for spec in TOP_FIELDS}
    paths |= {f"{name}.{spec.name}": spec for name, specs in blocks.items() for spec in specs}
    return {path for path, spec in paths.items() if spec.kind in {"text", "long_text", "buttons"}}


def read_words(message: PushMessage, language: str) -> tuple[Any, ...]:
    """What somebody reads beside title and text, on an iPhone and in the app."""
    found = message.resolve(Platform.IOS, language)
    assert found.ios is not None
    assert found.in_app is not None
    return found.ios.subtitle, found.in_app.dismiss_title, found.in_app.open_title


def test_every_text_that_people_read_may_be_translated() -> None:
    assert list_texts() - READ_BY_NOBODY == TRANSLATED.keys() & list_texts()
    assert list_texts() >= READ_BY_NOBODY


def test_a_language_says_all_of_it_and_the_rest_stays_as_it_is() -> None:
    message = read_message(SAID)

    found = message.resolve(Platform.IOS, "de-AT")

    assert read_words(message, "de-AT") == ("Nur hier", "Nein", "Zeig")
    assert read_words(message, "fr") == read_words(message, "") == ("Only here", "Not now", "Show")
    assert (found.title, found.ios.badge, found.in_app.style) == ("iRabatt", 1, "modal")
    assert message.resolve(Platform.ANDROID, "de").in_app == found.in_app


def test_a_text_over_another_channel_is_said_in_its_own_words() -> None:
    message = read_message(SAID)
    bare = replace(message, translations={"de": Text("Rabatt", "Heute")})

    assert resolve_text(message, "sms", "de").body == "Rabatt heute"
    assert resolve_text(message, "email", "de") == Text("Rabatt!", "Langer Rabatt")
    assert resolve_text(bare, "sms", "de").body == "Heute"
    assert resolve_text(message, "email", "fr") == Text("Solde", "Ce jour")


def test_what_the_message_itself_lacks_a_translation_may_say_but_not_show_in_the_app() -> None:
    said = {"de": {"body": "Heute", "ios": {"subtitle": "Nur"}, "in_app": {"open_title": "Zeig"}}}

    found = read_message({"body": "Today", "translations": said}).resolve(Platform.IOS, "de")

    assert found.ios is not None
    assert (found.ios.subtitle, found.in_app) == ("Nur", None)


def test_it_is_read_as_it_was_written_and_so_is_what_was_stored_before() -> None:
    message = read_message(SAID)
    older = {"de": {"title": "", "body": "Du", "buttons": ["Ja"], "ios": {"title": "", "body": ""}}}

    assert read_message(write_message(message)) == message
    assert write_message(message)["translations"]["de"]["ios"] == {
        "title": "iRabatt", "body": "", "subtitle": "Nur hier",
    }  # fmt: skip
    assert write_message(read_message({"translations": older}))["translations"] == older
    assert find_message_faults(SAID) == {}


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ({"ios": {"subtitle": "x" * 256}}, "ios.subtitle"),
        ({"ios": {"subtitle": 7}}, "ios.subtitle"),
        ({"android": {"subtitle": "x"}}, "android.subtitle"),
        ({"in_app": {"style": "modal"}}, "in_app.style"),
        ({"in_app": "Zeig"}, "in_app"),
        ({"sms": {"body": "x" * 1601}}, "sms.body"),
        ({"subtitle": "x"}, "subtitle"),
    ],
)
def test_what_is_wrong_with_it_is_named(said: dict[str, Any], path: str) -> None:
    assert list(find_message_faults({"translations": {"de": said}})) == [f"translations.de.{path}"]


@pytest.mark.parametrize(
    "languages", [["x" * 65], [f"l{number}" for number in range(201)]], ids=["long", "many"]
)
def test_languages_are_bounded(languages: list[str]) -> None:
    said = {language: {"body": "Da"} for language in languages}

    assert [*find_message_faults({"translations": said})] == ["translations"]


def test_it_may_hold_variables() -> None:
    said = {"body": "Heute", "ios": {"subtitle": "Nur {{ person.custom.city }}"}}
    body = {"body": "Today", "ios": {"subtitle": "Here"}, "translations": {"de": said}}
    message = read_message({"template": "liquid", **body})

    sheet = Sheet(message.resolve(Platform.IOS, "de"))
    filled = sheet.fill(sheet.render({"person.custom.city": "Graz"}))

    assert [place.path for place in list_places(message)] == ["translations.de.ios.subtitle"]
    assert filled.ios is not None
    assert filled.ios.subtitle == "Nur Graz"
    assert find_bare_braces(read_message(body)) == ("translations.de.ios.subtitle",)
