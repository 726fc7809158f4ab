"""Languages as people name them, and which one is meant by what somebody has typed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache

from django.conf.locale import LANG_INFO
from django.utils.translation import gettext as _

from providers.languages import MAX_FALLBACKS, TAG

MOST_TYPED = 100  # characters of one language
IN_BRACKETS = re.compile(r"\(([^()]+)\)$")


def name_language(tag: str) -> str:
    """`German` for `de`, `Portuguese (BR)` for `pt-BR`; a tag that nobody knows is its own name."""
    language, _dash, region = tag.partition("-")
    known = LANG_INFO.get(tag.lower()) or LANG_INFO.get(language.lower())
    if not known or "name" not in known:
        return tag
    is_whole = not region or tag.lower() in LANG_INFO
    return str(known["name"]) if is_whole else f"{known['name']} ({region})"


@cache
def list_languages() -> list[tuple[str, str]]:
    """(tag, name in English and in itself) of the languages that are offered, by name."""
    rows = [
        (_write_tag(tag), f"{info['name']} \N{EN DASH} {info['name_local']}")
        for tag, info in LANG_INFO.items()
        if "name" in info
    ]
    return sorted(rows, key=lambda row: row[1])


def _write_tag(tag: str) -> str:
    """`pt-BR` as people write it, of Django's `pt-br`; a script has one capital."""
    language, _dash, rest = tag.partition("-")
    return f"{language}-{rest.upper() if len(rest) == 2 else rest.title()}" if rest else language


def list_spelled() -> list[str]:
    """What a list offers: of each its name, what it calls itself, and its tag in brackets."""
    return [f"{name} ({tag})" for tag, name in list_languages()]


def spell_language(tag: str) -> str:
    """As a list offers it, with the tag as it is; what nobody knows as it is."""
    name = dict(list_languages()).get(_write_tag(tag.lower()))
    return f"{name} ({tag})" if name else tag


def read_language(text: str) -> str:
    """The tag of what a list offers, or of `german`, `Deutsch` or `de`; "" for no language."""
    text = text.strip()
    bracketed = IN_BRACKETS.search(text)
    if bracketed and TAG.fullmatch(bracketed[1]):
        return bracketed[1]
    return _find_words().get(text.lower()) or (text if TAG.fullmatch(text) else "")


def find_language_fault(text: str) -> str:
    """What to write instead of a text that is no language; "" for one that is."""
    if len(text) <= MOST_TYPED and read_language(text):
        return ""
    given = {"text": text[:MOST_TYPED], "instead": suggest_language(text[:MOST_TYPED])}
    if given["instead"]:
        return _("“%(text)s” is no language. Write %(instead)s.") % given
    words = _("“%(text)s” is no language. Choose one of the list, or write its code, as in pt-BR.")
    return words % given


def split_languages(texts: Iterable[str]) -> list[str]:
    """Each language that was typed; commas stand between several in one text."""
    return [piece.strip() for text in texts for piece in text.split(",") if piece.strip()]


def read_languages(texts: Iterable[str]) -> tuple[list[str], list[str]]:
    """The tags of several in their order, each once, as nobody would come to it where it stood
    again; and what to write instead, a sentence for each fault: without one there are tags."""
    named = list(dict.fromkeys(split_languages(texts)))
    # Before any of them is looked at: each that is no language takes a moment.
    if len(named) > MAX_FALLBACKS:
        return [], [_("Choose %(most)d languages at most.") % {"most": MAX_FALLBACKS}]
    faults = [fault for one in named if (fault := find_language_fault(one))]
    if faults:
        return [], faults
    return list(dict.fromkeys(map(read_language, named))), []


def suggest_language(text: str) -> str:
    """What somebody has probably meant who has written no language, as a list offers it; or ""."""
    near = get_close_matches(text.strip().lower(), list(_find_words()), n=1, cutoff=0.7)
    return spell_language(_find_words()[near[0]]) if near else ""


@cache
def _find_words() -> dict[str, str]:
    """Tags by all that a language is called, in lower case."""
    words: dict[str, str] = {}
    for tag, name in list_languages():
        for word in (tag, *name.split(" \N{EN DASH} ")):
            words.setdefault(word.lower(), tag)
    return words
