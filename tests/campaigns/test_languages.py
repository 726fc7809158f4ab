"""Who gets which translation, and how many."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from campaigns.dispatch import freeze
from campaigns.dispatch.plan import start_campaign
from campaigns.models import App, Batch, Campaign, Cohort, Transfer
from campaigns.pages.languages import count_all_texts, count_texts
from campaigns.services.campaigns import create_campaign
from campaigns.services.forecast import Reach
from campaigns.services.message_checks import find_stand_ins
from campaigns.services.preflight import find_problems
from providers.languages import Chain, is_right_to_left
from providers.message_faults import find_message_faults
from providers.message_fields import Platform
from providers.message_json import read_message, write_message
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOW = datetime.now(UTC)
TEXTS = {
    "title": "Hi", "body": "There", "android": {"title": "Droid"},
    "translations": {
        "de": {"title": "Hallo", "body": "=Du", "android": {"title": "Androide"}},
        "pt": {"title": "Oi", "body": "Voce"},
    },
}  # fmt: skip


@pytest.fixture
def app() -> App:
    app = builders.make_app(builders.make_workspace())
    builders.make_route(app, "android")
    return app


@pytest.mark.parametrize(
    ("language", "fallbacks", "default", "found"),
    [
        ("pt-BR", (), "en", "pt"),
        ("de", (), "en", "de"),
        ("fr", (), "en", ""),
        ("fr", ("de",), "en", "de"),
        ("fr", ("it", "pt-PT"), "en", "pt"),
        ("en-US", ("de",), "en", ""),
        ("fr", ("en", "de"), "en", ""),
        ("", ("de",), "en", ""),
    ],
)
def test_the_first_language_of_the_chain_is_taken(
    language: str, fallbacks: tuple[str, ...], default: str, found: str
) -> None:
    message = read_message(TEXTS)

    assert message.find_language(language, Chain(default, fallbacks)) == found
    own = read_message(TEXTS | {"fallbacks": list(fallbacks), "default_language": default})
    assert own.find_language(language, Chain("xx", ("pt",))) == found


def test_a_translation_may_say_something_else_on_a_platform() -> None:
    message = read_message(TEXTS)

    assert message.resolve(Platform.ANDROID, "de").title == "Androide"
    assert message.resolve(Platform.IOS, "de").title == "Hallo"
    assert message.resolve(Platform.ANDROID, "pt").title == "Oi"
    assert read_message(write_message(message)) == message


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"fallbacks": "de"}, "fallbacks"),
        ({"fallbacks": ["de"] * 11}, "fallbacks"),
        ({"fallbacks": ["no language"]}, "fallbacks"),
        ({"translations": {"de": {"android": {"icon": "x"}}}}, "translations.de.android.icon"),
        ({"translations": {"de": {"phone": {}}}}, "translations.de.phone"),
    ],
)
def test_what_is_wrong_is_named(body: dict[str, Any], path: str) -> None:
    assert list(find_message_faults(body)) == [path]


def test_the_direction_is_the_scripts() -> None:
    languages = ("ar", "ar-Latn", "he-IL", "az", "az-Arab", "en")

    assert [one for one in languages if is_right_to_left(one)] == ["ar", "he-IL", "az-Arab"]


def test_a_freeze_follows_the_chain_and_keeps_the_recipients_own_language(app: App) -> None:
    for number, language in enumerate(("de-AT", "fr", "en", "")):
        builders.make_device(app, f"t{number}", language=language)
    root = get_user_model().objects.create_superuser("root", "root@example.org", "pw")
    body = {"app": "shop", "audience": {"all": True}, "message": TEXTS}
    campaign = create_campaign(root, body, actor="root", now=NOW)
    before = [one.code for one in find_problems(campaign, now=NOW)]
    App.objects.update(fallbacks=["pt"])
    campaign = Campaign.objects.get()
    after = [one.code for one in find_problems(campaign, now=NOW)]

    start_campaign(campaign, actor="root", now=NOW)
    freeze.freeze_transfer(Transfer.objects.get(), now=NOW)

    assert "missing_language" in before
    assert "stand_in_language" not in before
    assert "missing_language" not in after
    assert "stand_in_language" in after
    assert dict(Batch.objects.values_list("language", "count")) == {"de": 1, "pt": 1, "": 2}
    assert sorted(Cohort.objects.values_list("language", flat=True)) == ["de-AT", "en", "fr"]


def test_compose_counts_who_gets_which_text_by_the_same_chain(app: App) -> None:
    app.fallbacks = ["pt"]

    reach = count_texts(read_message(TEXTS), {"de-AT": 5, "fr": 7, "en": 1}, [app])
    alone = count_texts(read_message(TEXTS | {"fallbacks": []}), {"fr": 7}, [app])

    assert {line.tag: line.count for line in reach.lines} == {"": 1, "de": 5, "pt": 7}
    assert reach.missing == []
    assert [(line.tag, line.count) for line in alone.missing] == [("fr", 7)]


def test_who_gets_a_translation_of_another_language_is_told_by_that_translation(app: App) -> None:
    app.fallbacks = ["de", "pt"]
    spoken = {"en": 9_000, "es": 2_000, "fr-CA": 1_005, "de-AT": 40, "pt-BR": 3, "": 2}
    message = read_message(TEXTS)

    told = find_stand_ins(Reach(app, {"android": 12_050}, 3, spoken), message)
    alone = find_stand_ins(Reach(app, {"android": 1}, 1, {"fr": 1}), message)
    none = find_stand_ins(Reach(app, {"android": 1}, 1, {"fr": 1}), read_message({"title": "Hi"}))

    assert [(one.sentence, one.is_blocking) for one in told] == [
        (
            "3,005 recipients in Shop have no text in their language (Spanish, French (CA)) and "
            "get the one in German.",
            False,
        )
    ]
    assert [one.sentence for one in alone] == [
        "1 recipient in Shop has no text in their language (French) and gets the one in German."
    ]
    assert [*none] == []


def test_readers_of_each_text_are_counted_by_the_chain_of_their_own_app(app: App) -> None:
    other = builders.make_app(app.workspace, "other")
    app.fallbacks = ["pt"]
    reaches = [Reach(app, {}, 2, {"fr": 7, "en": 1}), Reach(other, {}, 2, {"fr": 4, "de": 6})]

    lines = count_all_texts(read_message(TEXTS), reaches)

    assert [(line.name, line.count) for line in lines] == [
        ("Portuguese", 7),
        ("German", 6),
        ("English (common)", 5),
    ]
    assert count_all_texts(read_message({"title": "Hi"}), reaches) == []
