"""What of a message is not said in a language is told; what is said counts, and is signed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from campaigns.models import App
from campaigns.selectors.signing import digest_campaign
from campaigns.services.campaigns import create_campaign, update_campaign
from campaigns.services.carrying import measure_languages
from campaigns.services.preflight import find_problems
from campaigns.services.translated_checks import find_untranslated_words, list_untranslated
from providers import registry
from providers.message_fields import Platform
from providers.message_json import read_message
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOW = datetime.now(UTC)
SAID: dict[str, Any] = {
    "title": "Sale", "body": "Today", "buttons": [{"title": "Show"}], "ios": {"subtitle": "Here"},
    "in_app": {"style": "modal", "open_title": "Show"},
}  # fmt: skip
WHOLE = {"title": "Rabatt", "body": "Heute", "buttons": ["Zeig"], "ios": {"subtitle": "Hier"},
         "in_app": {"open_title": "Zeig"}}  # fmt: skip
PHONES = ("android", "ios")


@pytest.fixture
def app() -> App:
    app = builders.make_app(builders.make_workspace())
    for platform in PHONES:
        builders.make_route(app, platform)
        builders.make_device(app, f"token-{platform}", platform)
    return app


@pytest.mark.parametrize(
    ("said", "base", "left"),
    [
        ({}, {}, ()),
        ({"ios": {}}, {}, ("ios.subtitle",)),
        ({"in_app": {}, "title": ""}, {}, ("title", "in_app.open_title")),
        ({"buttons": ["", ""]}, {}, ("buttons",)),
        ({"buttons": ["", "Zeig"]}, {}, ()),
        ({"buttons": []}, {"ios": {"buttons": []}}, ("buttons",)),
        ({}, {"android": {"title": "Droid", "buttons": [{"title": "x"}]}}, ("android.buttons",)),
        ({"title": "", "android": {"title": "Roboter"}}, {}, ("title",)),
        ({"title": ""}, {"android": {"title": "Droid"}, "ios": {"silent": True}},
         ("android.title",)),
        ({}, {"sms": {"body": "Sale"}, "email": {"subject": "Sale"}}, ()),
    ],
)  # fmt: skip
def test_what_a_translation_leaves_in_the_language_of_the_message_is_known(
    said: dict[str, Any], base: dict[str, Any], left: tuple[str, ...]
) -> None:
    message = read_message({**SAID, **base, "translations": {"de": WHOLE | said}})

    assert list_untranslated(message, "de", PHONES) == left


def test_what_nobody_of_the_audience_sees_is_not_missed() -> None:
    message = read_message({**SAID, "translations": {"de": WHOLE | {"ios": {}}}})

    assert list_untranslated(message, "de", ("android", "web")) == ()


def test_it_is_told_before_the_launch_and_blocks_nothing(app: App) -> None:
    said = {"de": WHOLE | {"ios": {}, "title": ""}, "fr": WHOLE, "it": WHOLE | {"in_app": {}}}
    root = get_user_model().objects.create_superuser("root", "root@example.org", "pw")
    body = {"app": "shop", "audience": {"all": True}, "message": SAID | {"translations": said}}

    campaign = create_campaign(root, body, actor="root", now=NOW)
    (told,) = (one for one in find_problems(campaign, now=NOW) if one.code == "untranslated")

    assert not told.is_blocking
    assert told.field == "message.translations.de.title"
    assert told.sentence.endswith(
        "common text: German: Title, Subtitle (iOS); Italian: Button to open (In the app)."
    )


def test_of_many_languages_some_are_named() -> None:
    said = {f"a{letter}": {"title": "x", "body": "y"} for letter in "abcdefg"}
    message = read_message({"title": "x", "body": "y", "ios": {"subtitle": "z"}}
                           | {"translations": said})  # fmt: skip

    (told,) = find_untranslated_words(message, {"ios"})

    assert told.sentence.count("Subtitle (iOS)") == 5
    assert told.sentence.endswith(" ….")


@pytest.mark.parametrize(
    "dialect",
    [one for one in registry.all_dialects() if "ios.subtitle" in one.carries],
    ids=lambda one: one.key,
)
def test_a_languages_bytes_are_those_of_all_its_words(dialect: Any) -> None:
    longer = {"ios": {"subtitle": "Hier" * 40}}
    message = read_message({**SAID, "translations": {"de": WHOLE, "fr": WHOLE | longer}})

    sizes = measure_languages(dialect, message, Platform.IOS)

    assert sizes["fr"].bytes - sizes["de"].bytes >= 156


def test_an_approval_holds_for_them_too(app: App) -> None:
    root = get_user_model().objects.create_superuser("root", "root@example.org", "pw")
    body = {"app": "shop", "audience": {"all": True}}
    said = {"message": SAID | {"translations": {"de": WHOLE}}}
    other = {"message": SAID | {"translations": {"de": WHOLE | {"ios": {"subtitle": "Dort"}}}}}
    campaign = create_campaign(root, body | said, actor="root", now=NOW)

    before = digest_campaign(campaign)
    campaign = update_campaign(campaign, root, other, actor="root", now=NOW)
    changed = digest_campaign(campaign)
    campaign = update_campaign(campaign, root, said, actor="root", now=NOW)

    assert changed != before
    assert digest_campaign(campaign) == before
