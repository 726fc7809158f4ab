"""Languages: which translation somebody gets, which of them are written from right to left."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

MAX_FALLBACKS = 10
# RFC 5646, 2.1: a language and, behind hyphens, its script, region and variants.
TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")
# Scripts of Unicode with the bidi class R or AL, and the languages that are mostly written in one.
RIGHT_TO_LEFT = frozenset(
    ["ar", "arc", "ckb", "dv", "fa", "he", "iw", "ji", "ks", "nqo", "ps", "sd", "syr", "ug",
     "ur", "yi"]
)  # fmt: skip
SCRIPTS = frozenset(["adlm", "arab", "hebr", "mand", "nkoo", "rohg", "samr", "syrc", "thaa"])


@dataclass(frozen=True, slots=True)
class Chain:
    """What somebody gets whose language has no translation: the first of `fallbacks` that has.

    `default` is the language of the common text, "" where nobody has said.
    """

    default: str = ""
    fallbacks: tuple[str, ...] = ()

    def find(self, language: str, translations: Collection[str]) -> str:
        """The translation for a language, "" for the common text: `pt-BR`, else `pt`, else the
        same of each fallback, else the common text."""
        for wanted in (language, *self.fallbacks) if language else ():
            for tag in widen(wanted):
                if tag in translations:
                    return tag
                if tag == self.default and self.fallbacks:
                    return ""
        return ""


def widen(language: str) -> Iterator[str]:
    """`zh-Hant-TW`, `zh-Hant`, `zh`."""
    while language:
        yield language
        language = language.rpartition("-")[0]


def is_same_language(one: str, other: str) -> bool:
    """Whether who reads one reads the other: `pt-BR` and `pt`, and `pt-AO`."""
    return one.partition("-")[0] == other.partition("-")[0]


def is_right_to_left(language: str) -> bool:
    """Whether a language is written from right to left; its script decides where it is named."""
    first, *rest = language.lower().split("-")
    scripts = [one for one in rest if len(one) == 4 and one.isalpha()]
    return scripts[0] in SCRIPTS if scripts else first in RIGHT_TO_LEFT


def find_fallback_fault(value: Any) -> str:
    """What is wrong with a list of languages, "" for nothing."""
    if not isinstance(value, list) or len(value) > MAX_FALLBACKS:
        return f"must be a list of at most {MAX_FALLBACKS} languages"
    bad = [one for one in value if not isinstance(one, str) or not TAG.fullmatch(one)]
    return f"{bad[0]!r} is no language such as pt-BR" if bad else ""
