"""Finds what names an erased person in texts, JSON, lists of ids and files, and takes it out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from campaigns.selectors.contacts import write_contact
from providers.recipients import PersonKind

PUT_INSTEAD = "erased"
SHORTEST = 4  # in running text: the id "7" would be found in every sentence
WORD = re.compile(r"""[^\s"'<>(){}\[\],;]+""")
PIECES = re.compile(r"[=/&?|]")
AROUND = ".:!?+"
# A file may be called after somebody; no other suffix is taken off: ids have dots of their own.
SUFFIX = re.compile(r"\.(?:csv|tsv|txt|jsonl?|ndjson|xlsx|gz)\Z", re.IGNORECASE)
# A number as people write it; it is one of theirs when its digits are.
NUMBER = re.compile(r"(?<![\w])[+(]{0,2}\d[\d \t().\-/]{7,30}\d(?![\w])")
NO_DIGIT = re.compile(r"\D")
SHORTEST_NUMBER = 9  # digits
LINE = re.compile(rb"[^\n]+")
NO_QUOTE = re.compile(rb'[^"]')
# What is ours in a text with variables: their names, filters and tags; not what is quoted.
TAG = re.compile(r"(\{\{.*?\}\}|\{%.*?%\})", re.DOTALL)
QUOTED = re.compile(r""""[^"]*"|'[^']*'""")


@dataclass(frozen=True, slots=True)
class Shape:
    """Where in a JSON value words of ours stand. `keys` are ours, each with what stands under it;
    with `keeps_keys` all are. What stands under another key is `others`, None for the same again.

    `known` texts and keys are ours wherever they are. `choose` decides by an object itself.
    """

    keys: Mapping[str, Shape] = field(default_factory=dict)
    others: Shape | None = None
    keeps_keys: bool = False
    known: Callable[[str], bool] = frozenset[str]().__contains__
    choose: Callable[[Mapping[str, Any]], Shape] | None = None
    is_ours: bool = False
    is_template: bool = False

    def find(self, key: str) -> Shape:
        """What stands under a key."""
        return self.keys.get(key, self.others or self)

    def keeps(self, key: str) -> bool:
        """Whether a key is ours."""
        return self.keeps_keys or key in self.keys or self.known(key)


FREE = Shape()
OURS = Shape(is_ours=True)
LINE_SHAPE = Shape(keeps_keys=True, others=FREE)


class Words:
    """Identifiers of erased persons, whatever their case, and the numbers of their `devices` and of
    the `persons` themselves."""

    def __init__(
        self, values: Iterable[str], devices: Iterable[int] = (), persons: Iterable[int] = ()
    ) -> None:
        self.devices, self.persons = frozenset(devices), frozenset(persons)
        self._whole = {value.casefold() for value in values if value}
        long = {value for value in self._whole if len(value) >= SHORTEST}
        written = {json.dumps(value)[1:-1] for value in long}
        every = long | written
        self._words = {value for value in every if WORD.fullmatch(value)}
        digits = {write_contact(PersonKind.PHONE, value) for value in long}
        self._phones = {one for one in digits if one.isdecimal() and len(one) >= SHORTEST_NUMBER}
        # With a blank or a bracket in it, it is no single word.
        self._others = sorted(every - self._words, key=len, reverse=True)

    def __bool__(self) -> bool:
        return bool(self._whole or self.devices or self.persons)

    def leave(self, ours: Collection[str]) -> Words:
        """Without those that are also words of ours, where these cannot be told apart."""
        if self._whole.isdisjoint(ours):
            return self
        return Words(self._whole.difference(ours), self.devices, self.persons)

    def is_one(self, text: str) -> bool:
        """Whether a text is an identifier, a phone however it is written, and nothing else."""
        is_phone = bool(self._phones) and write_contact(PersonKind.PHONE, text) in self._phones
        return is_phone or text.casefold() in self._whole

    def clear_text(self, text: str) -> str:
        """The text with its words replaced that are identifiers."""
        if self.is_one(text) and len(text) >= SHORTEST:
            return PUT_INSTEAD
        for other in self._others:
            text = re.sub(re.escape(other), PUT_INSTEAD, text, flags=re.IGNORECASE)
        text = WORD.sub(self._clear_word, text)
        return NUMBER.sub(self._clear_number, text) if self._phones else text

    def _clear_number(self, found: re.Match[str]) -> str:
        digits = NO_DIGIT.sub("", found[0]).removeprefix("00")
        return PUT_INSTEAD if digits in self._phones else found[0]

    def _clear_word(self, found: re.Match[str]) -> str:
        word = found[0]
        bare = SUFFIX.sub("", word.strip(AROUND))
        if word.casefold() in self._words:
            return PUT_INSTEAD
        if bare.casefold() in self._words:
            return word.replace(bare, PUT_INSTEAD)
        for piece in PIECES.split(word):
            if piece.casefold() in self._words:
                word = word.replace(piece, PUT_INSTEAD)
        return word

    def clear_json(self, value: Any, shape: Shape = FREE, *, lists: bool = False) -> Any:
        """The same value with its texts cleared, and its keys, where they are not ours.

        With `lists` an id that stands in a list by itself goes however short it is.
        """
        if shape.is_ours:
            return value
        if isinstance(value, str):
            return self._clear_value(value, shape)
        if isinstance(value, list):
            return [
                PUT_INSTEAD if lists and isinstance(item, str) and self._is_foreign(item, shape)
                else self.clear_json(item, shape, lists=lists)
                for item in value
            ]  # fmt: skip
        if isinstance(value, dict):
            return self._clear_object(value, shape, lists=lists)
        return value

    def _clear_object(self, value: dict[str, Any], shape: Shape, *, lists: bool) -> dict[str, Any]:
        own = shape.choose(value) if shape.choose else shape
        return {
            key if own.keeps(key) else self.clear_text(key): self.clear_json(
                item, own.find(key), lists=lists
            )
            for key, item in value.items()
        }

    def _is_foreign(self, text: str, shape: Shape) -> bool:
        return self.is_one(text) and not shape.known(text)

    def _clear_value(self, text: str, shape: Shape) -> str:
        if shape.known(text):
            return text
        return self._clear_template(text) if shape.is_template else self.clear_text(text)

    def _clear_template(self, text: str) -> str:
        """As `clear_text`; of its tags only what is quoted."""
        return "".join(
            QUOTED.sub(lambda found: self.clear_text(found[0]), part)
            if TAG.fullmatch(part) else self.clear_text(part)
            for part in TAG.split(text)
        )  # fmt: skip

    def clear_ids(self, texts: list[str]) -> list[str]:
        """A list of ids, as long as it was; those that are cleared stay apart from one another."""
        return [
            f"{PUT_INSTEAD}-{place}" if self.is_one(text) else text
            for place, text in enumerate(texts)
        ]

    def clear_lines(self, content: bytes) -> bytes:
        """A file of lines, each byte where it was: of a line with an identifier none is left.

        But the quotation marks of a CSV: without them rows after it would run into one.
        """
        return LINE.sub(self._clear_line, content)

    def _clear_line(self, found: re.Match[bytes]) -> bytes:
        line = found[0]
        told = _read_line(line.decode("utf-8", "replace"))
        if self.clear_json(told, LINE_SHAPE) == told:
            return line
        return b"*" * len(line) if line.startswith(b"{") else NO_QUOTE.sub(b"*", line)


def _read_line(line: str) -> Any:
    """A row of JSON as an object, whose keys are the file's columns; any other as text."""
    try:
        return json.loads(line) if line.startswith("{") else line
    except (ValueError, RecursionError):
        return line
