"""What of a message that is translated people still read in the language of its common text."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from django.utils.translation import gettext as _

from campaigns.models.audience import WAYS
from campaigns.selectors.language_names import name_language
from campaigns.services.messages import Problem
from providers.message import PushMessage, Text
from providers.message_channels import TRANSLATED, TRANSLATED_SINGLY
from providers.message_fields import TRANSLATED_FIELDS, Platform

MOST_LANGUAGES = 5
# What a translation says over a text of its own it says there with its title and text, too.
CHANNELS = ("sms", "email")


def find_untranslated_words(message: PushMessage, platforms: Collection[str]) -> Iterator[Problem]:
    """Fields that recipients on these platforms read, and some translation says nothing of."""
    left = {one: list_untranslated(message, one, platforms) for one in message.translations}
    lines = [
        f"{name_language(language)}: {', '.join(map(name_text, paths))}"
        for language, paths in left.items()
        if paths
    ]
    if lines:
        language = next(one for one, paths in left.items() if paths)
        words = _("Not translated, so that people read the common text: %(fields)s.")
        more = " …" if len(lines) > MOST_LANGUAGES else ""
        yield Problem(
            code="untranslated",
            field=f"message.translations.{language}.{left[language][0]}",
            sentence=words % {"fields": "; ".join(lines[:MOST_LANGUAGES]) + more},
            is_blocking=False,
        )


def list_untranslated(
    message: PushMessage, language: str, platforms: Collection[str]
) -> tuple[str, ...]:
    """Paths of what a translation says nothing of although the message does."""
    text = message.translations[language]
    paths: list[str] = []
    for platform in Platform:
        if platform.value in platforms and message.has_platform(platform):
            paths += _list_texts(message, text, platform)
    for path in TRANSLATED_SINGLY:
        block, _dot, name = path.partition(".")
        is_read = block in platforms or block not in {*Platform, *CHANNELS}
        if is_read and getattr(getattr(message, block), name, None) and path not in text.fields:
            paths.append(path)
    return tuple(dict.fromkeys(paths))


def _list_texts(message: PushMessage, text: Text, platform: Platform) -> Iterator[str]:
    """Of title, text and buttons on one platform. Whoever gives a title for some of its buttons has
    thought of the others."""
    block = getattr(message, platform.value, None)
    if getattr(block, "silent", None):
        return
    said = text.find(platform, has_buttons=getattr(block, "buttons", None) is not None)
    for spec in TRANSLATED_FIELDS:
        own, common = getattr(block, spec.name, None), getattr(message, spec.name)
        is_own = bool(own) or (spec.name == "buttons" and own is not None)
        if not _is_said(getattr(said, spec.name)) and (own if is_own else common):
            yield f"{platform.value}.{spec.name}" if is_own else spec.name


def _is_said(value: Any) -> bool:
    return bool(value) if isinstance(value, str) else any(value)


def name_text(path: str) -> str:
    """`Subtitle (iOS)`."""
    block = path.rpartition(".")[0]
    label = _(TRANSLATED[path].label)
    places = {key: str(name) for key, name in WAYS} | {"in_app": _("In the app")}
    return f"{label} ({places[block]})" if block else label
