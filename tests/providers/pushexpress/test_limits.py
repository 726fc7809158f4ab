"""Exactly at a limit works; one over it is refused in the vendor's words, by the field's name."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from providers.inbound import Call
from providers.message import PushMessage
from providers.outcomes import Refusal
from providers.vendors.pushexpress import (
    wire_apps,
    wire_devices,
    wire_errors,
    wire_pushes,
    wire_sends,
)
from tests.fixtures.pushexpress import read_examples

EXAMPLES = read_examples()
PATH = {"app": "a" * 32, "instance": EXAMPLES["register"]["call"]["ic_token"]}


def instant(change: Callable[[Any], Any]) -> Any:
    body = copy.deepcopy(EXAMPLES["instant"]["call"])
    change(body)
    return wire_sends.read_instant(Call(body=body))


def name(size: int) -> Any:
    return instant(lambda body: body.update(name="x" * size))


def text(field: str) -> Callable[[int], Any]:
    def read(size: int) -> Any:
        return instant(lambda body: body["push"]["translations"][1].update({field: "x" * size}))

    return read


def translations(size: int) -> Any:
    items = [{"language": f"x{place}", "title": "T", "text": "W"} for place in range(size - 1)]
    items.append({"language": "en", "title": "T", "text": "W"})
    return instant(lambda body: body["push"].update(translations=items))


def apps(size: int) -> Any:
    return instant(lambda body: body["filters"].update(app_ids_include=list(range(1, size + 1))))


def tags(size: int) -> Any:
    body = {**EXAMPLES["update"]["call"], "tags": {f"t{place}": "x" for place in range(size)}}
    return wire_devices.read_update(Call(body=body, path=PATH))


def token(size: int) -> Any:
    body = {**EXAMPLES["update"]["call"], "transport_token": "x" * size}
    return wire_devices.read_update(Call(body=body, path=PATH))


def code(size: int) -> Any:
    return wire_apps.read_create_event(Call(body={"name": "x", "code": "x" * size}))


LIMITS = {
    "name": (name, 255),
    "push.translations[1].title": (text("title"), 1_024),
    "push.translations[1].text": (text("text"), 4_096),
    "push.translations[1].image": (text("image"), 2_048),
    "push.translations[1].icon": (text("icon"), 2_048),
    "push.translations[1].link": (text("link"), 2_048),
    "push.translations[1].language": (text("language"), 16),
    "push.translations": (translations, 200),
    "filters.app_ids_include": (apps, 1_000),
    "tags": (tags, 64),
    "transport_token": (token, 4_096),
    "code": (code, 64),
}


@pytest.mark.parametrize(("field", "read", "most"), [(key, *rest) for key, rest in LIMITS.items()])
def test_one_over_the_limit_is_one_too_many(field: str, read: Any, most: int) -> None:
    assert read(most)
    with pytest.raises(Refusal) as told:
        read(most + 1)

    words = wire_errors.write_refusal(told.value).body["error"]
    assert words.startswith(f"validation error: {field}: must have at most {most} ")


def test_only_pictures_of_other_languages_are_more_than_the_fields_hold() -> None:
    def read(**texts: str) -> PushMessage:
        german = {"language": "de", "title": "Titel", "text": "Worte", **texts}
        english = {"language": "en", "title": "Title", "text": "Words", "image": "a.png"}
        return wire_pushes.read_message({"default_lang": "en", "translations": [english, german]})

    assert not wire_pushes.says_more(read())
    assert wire_pushes.says_more(read(image="b.png"))
