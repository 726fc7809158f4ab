"""Countries as people name them, and which code is meant by what somebody has typed."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from importlib.resources import files

# What people write, and the list of the zones calls otherwise.
OTHER_WORDS = {
    "uk": "GB", "united kingdom": "GB", "great britain": "GB", "england": "GB", "usa": "US",
    "united states of america": "US", "america": "US", "holland": "NL", "south korea": "KR",
    "north korea": "KP", "korea": "KR", "czechia": "CZ", "uae": "AE", "turkiye": "TR",
}  # fmt: skip


# Not in ISO's table, but what phones and vendors say of people there.
BESIDE_ISO = {"XK": "Kosovo"}


@cache
def list_countries() -> dict[str, str]:
    """Names in English by code, from the table that time zones come with."""
    table = files("tzdata.zoneinfo").joinpath("iso3166.tab").read_text("utf-8")
    rows = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    return {row[0]: row[1] for row in rows if len(row) == 2} | BESIDE_ISO


def name_country(code: str) -> str:
    """The name of a code, or what else stands in its place."""
    return list_countries().get(code, code)


def find_country(text: str) -> str:
    """The code of `us`, `Germany` or what is nearly such a name; "" for what is like none."""
    text = text.strip()
    if text.upper() in list_countries():
        return text.upper()
    near = get_close_matches(text.lower(), list(_find_words()), n=1, cutoff=0.8)
    return _find_words()[near[0]] if near else ""


def find_named_country(text: str) -> str:
    """The code of what is exactly a name, such as `uk` or `Germany`; "" for what is none. Quick
    enough for every row of a file."""
    return _find_words().get(text.strip().lower(), "")


def suggest_countries(term: str) -> dict[str, str]:
    """Names by code of countries with a name or code that begins so."""
    folded = term.strip().casefold()
    return {
        code: name
        for code, name in list_countries().items()
        if name.casefold().startswith(folded) or code.casefold() == folded
    }


@cache
def _find_words() -> dict[str, str]:
    return {name.lower(): code for code, name in list_countries().items()} | OTHER_WORDS
