"""Values that the vendor's wire can carry, for hypothesis."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from providers.audience import And, Expression, Not
from providers.audience_calls import AppGroupRow, AppRow, DeviceRow
from providers.message import PushMessage, Text
from providers.recipients import AppChoice, Audience
from providers.schedules import RecordRow
from providers.vendors.pushexpress import wire_devices, wire_filters

letters = st.characters(blacklist_categories=("Cs",), blacklist_characters="\x00")
texts = st.text(letters, min_size=1, max_size=30)
numbers = st.integers(1, 2**53 - 1).map(str)
languages = st.sampled_from(["en", "de", "fr", "pt-BR", "zh-Hant"])
countries = st.lists(st.sampled_from(["DE", "US", "BR"]), min_size=1, unique=True).map(tuple)
tags = st.lists(languages, min_size=1, unique=True).map(tuple)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC))


def lists(items: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(items, max_size=3, unique=True)


@st.composite
def pushes(draw: st.DrawFn) -> dict[str, Any]:
    """A push in the vendor's words."""
    default = draw(st.sampled_from(["en", "de"]))
    others = draw(st.lists(languages.filter(lambda tag: tag != default), max_size=3, unique=True))
    return {
        "default_lang": default,
        "translations": [draw(translations(language)) for language in (default, *others)],
    }


def translations(language: str) -> st.SearchStrategy[dict[str, str]]:
    media = dict.fromkeys(("image", "icon", "link"), texts)
    return st.fixed_dictionaries(
        {"language": st.just(language), "title": texts, "text": texts}, optional=media
    )


messages = st.builds(
    PushMessage,
    title=texts,
    body=texts,
    translations=st.dictionaries(
        st.sampled_from(["de", "fr", "pt-BR"]), st.builds(Text, texts, texts), max_size=3
    ),
)


@st.composite
def audiences(draw: st.DrawFn) -> Audience:
    """Audiences that filters say exactly, in the shape in which they are read."""
    terms: list[Expression] = []
    for name, values, match in (
        ("country", countries, wire_filters._match_country),
        ("language", tags, wire_filters._match_language),
    ):
        if draw(st.booleans()):
            terms.append(wire_filters._match_own(name, draw(values), match))
        if draw(st.booleans()):
            terms.append(Not(wire_filters._match_own(name, draw(values), match)))
    expression = None if not terms else terms[0] if len(terms) == 1 else And(tuple(terms))
    return Audience(expression=expression)


choices = st.builds(
    AppChoice,
    is_all=st.just(False),
    apps=st.lists(numbers, min_size=1, max_size=3, unique=True).map(tuple),
)


@st.composite
def filters(draw: st.DrawFn) -> dict[str, Any]:
    """Filters in the vendor's words, in which nothing contradicts anything."""
    is_all = draw(st.booleans())
    ids = st.integers(1, 100)
    found: dict[str, Any] = {
        "all_apps": is_all,
        "app_ids_include": [] if is_all else draw(st.lists(ids, min_size=1, max_size=3)),
        "app_ids_exclude": draw(lists(st.integers(101, 200))),
        "app_groups_exclude": draw(st.none() | lists(ids)),
        "event_include": draw(st.sampled_from(["", "install", "reg", ["reg", "dep"], None])),
        "event_exclude": draw(st.sampled_from(["", "dep", ["reg"], None])),
    }
    kinds = {
        "countries": st.sampled_from(["DE", "US"]),
        "languages": languages,
        "audiences": st.sampled_from(["vip_1", "new_22"]),
    }
    for kind, values in kinds.items():
        is_any = draw(st.booleans())
        found[f"all_{kind}"] = is_any
        found[f"{kind}_include"] = [] if is_any else draw(lists(values))
        found[f"{kind}_exclude"] = draw(lists(values))
    return found


records = st.builds(
    RecordRow,
    id=st.integers(1, 2**40).map(str),
    body=pushes(),
    is_archived=st.booleans(),
    created_at=moments,
    updated_at=moments,
)
apps = st.builds(
    AppRow,
    id=numbers,
    name=texts,
    slug=texts,
    identifiers=st.fixed_dictionaries({"pushexpress_id": texts}),
    platforms=st.lists(st.sampled_from(["android", "ios", "web"]), unique=True).map(tuple),
)
groups = st.builds(AppGroupRow, numbers, texts, st.lists(numbers, max_size=3).map(tuple))
devices = st.builds(
    DeviceRow,
    id=st.integers(1, 2**53 - 1),
    platform=st.sampled_from(["android", "ios", "web", "hmos"]),
    token=st.text(letters, max_size=40),
    ids=st.fixed_dictionaries({wire_devices.IC_KIND: st.uuids().map(str)}),
    external_user_id=st.text(letters, max_size=20),
    is_new=st.booleans(),
)
