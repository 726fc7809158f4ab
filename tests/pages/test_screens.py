"""What compose's preview is told of a recipient: every platform's screens, rendered for him."""

from __future__ import annotations

import pytest
from django.urls import reverse

from campaigns.models import Person
from tests import builders
from tests.pages.sending import type_message

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NAME = "{{ person.custom.name }}"
PERSONAL = {
    "template": "liquid", "title": f"Hi {NAME}", "body": "Today", "buttons": f"For {NAME}",
    "android-title": f"Droid {NAME}", "android-banner": f"https://img.acme.com/{NAME}.png",
    "ios-subtitle": f"Only {NAME}", "ios-attachments": f"https://img.acme.com/a?u={NAME}",
    "web-body": f"On the web, {NAME}", "web-icon": f"https://img.acme.com/i/{NAME}",
    "in_app-style": "modal", "in_app-open_title": f"Show {NAME}",
}  # fmt: skip
GERMAN = {
    "translations-TOTAL_FORMS": "1", "translations-0-language": "de",
    "translations-0-title": f"Hallo {NAME}", "translations-0-body": "Heute",
    "translations-0-ios-subtitle": f"Nur {NAME}", "translations-0-in_app-open_title": "Zeig her",
}  # fmt: skip


@pytest.fixture
def look(client, owner, app):
    """The samples of a message as the preview's script is given them."""
    ann = builders.make_person(app.workspace, "ann", attributes={"name": "Ann B"})
    builders.make_device(app, "one", person=ann)
    builders.make_device(app, "two", "ios", person=ann)
    builders.make_route(app, "android")
    typed = type_message(app, title="", body="Hello")
    client.force_login(owner)
    return lambda **more: client.post(reverse("check"), typed | more).context["samples"]


def test_every_platform_shows_its_own_text_with_the_recipients_values(look):
    android, ios = (sample["screens"] for sample in look(**PERSONAL))

    assert {name: (one["title"], one["body"]) for name, one in android.items()} == {
        "android": ("Droid Ann B", "Today"),
        "ios": ("Hi Ann B", "Today"),
        "web": ("Hi Ann B", "On the web, Ann B"),
        "in_app": ("Droid Ann B", "Today"),
    }
    assert [android[name]["subtitle"] for name in ("android", "ios", "web")] == [
        "",
        "Only Ann B",
        "",
    ]
    assert all(android[name]["buttons"] == ["For Ann B"] for name in ("android", "ios", "web"))
    assert android["in_app"]["open_title"] == ios["in_app"]["open_title"] == "Show Ann B"
    assert ios["in_app"]["title"] == "Hi Ann B"
    assert ios["web"] == android["web"]


def test_addresses_of_pictures_are_those_of_the_recipient(look):
    android, ios = (sample["screens"] for sample in look(**PERSONAL))

    assert android["android"]["pictures"]["banner"] == "https://img.acme.com/Ann%20B.png"
    assert android["ios"]["pictures"]["image"] == "https://img.acme.com/a?u=Ann%20B"
    assert android["web"]["pictures"]["icon"] == "https://img.acme.com/i/Ann%20B"
    assert android["in_app"]["pictures"] == {"banner": "https://img.acme.com/Ann%20B.png"}
    assert ios["in_app"]["pictures"] == {"banner": "https://img.acme.com/a?u=Ann%20B"}


def test_the_common_picture_is_shown_where_a_platform_has_none(look):
    bare = {"android-banner": "", "ios-attachments": "", "web-image": "https://a.io/w.png"}

    screens = look(**PERSONAL | bare, image=f"https://img.acme.com/all/{NAME}")[0]["screens"]

    shown = {name: one["pictures"] for name, one in screens.items()}
    common = "https://img.acme.com/all/Ann%20B"
    assert (shown["android"]["banner"], shown["ios"]["image"]) == (common, common)
    assert shown["web"]["image"] == "https://a.io/w.png"
    assert shown["in_app"] == {"banner": common}


def test_it_is_said_in_his_language(look):
    Person.objects.update(language="de")

    screens = look(**PERSONAL | GERMAN)[0]["screens"]

    assert (screens["ios"]["title"], screens["ios"]["subtitle"]) == ("Hallo Ann B", "Nur Ann B")
    assert screens["in_app"]["open_title"] == "Zeig her"


def test_a_platform_on_which_he_would_get_nothing_says_why_and_the_others_show_it(look):
    texts = {"body": "Today", "ios-subtitle": "{{ person.custom.city }}", "template": "liquid"}

    android, ios = look(**texts)

    assert android["screens"]["ios"]["body"] == "Gets nothing: person.custom.city is empty."
    assert android["screens"]["android"]["body"] == android["said"]["body"] == "Today"
    assert android["size"]
    assert ios["said"]["body"] == ios["screens"]["in_app"]["body"] == (
        "Gets nothing: person.custom.city is empty."
    )  # fmt: skip


def test_without_variables_it_shows_what_is_written(look):
    screens = look(body="Now {{", **{"ios-subtitle": "Only here"})[0]["screens"]

    assert (screens["ios"]["subtitle"], screens["web"]["body"]) == ("Only here", "Now {{")
