"""Languages as people name them."""

from __future__ import annotations

from django.conf.locale import LANG_INFO


def name_language(tag: str) -> str:
    """`German` for `de`, `Portuguese (BR)` for `pt-BR`; a tag that nobody knows is its own name."""
    language, _dash, region = tag.partition("-")
    known = LANG_INFO.get(tag.lower()) or LANG_INFO.get(language.lower())
    if not known or "name" not in known:
        return tag
    is_whole = not region or tag.lower() in LANG_INFO
    return str(known["name"]) if is_whole else f"{known['name']} ({region})"
