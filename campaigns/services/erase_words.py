"""Finds what names an erased person in texts, JSON, lists of ids and files, and takes it out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

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


class Words:
    """Identifiers of erased persons, whatever their case, and the `numbers` of their devices."""

    def __init__(self, values: Iterable[str], numbers: Iterable[int] = ()) -> None:
        self.numbers = frozenset(numbers)
        self._whole = {value.casefold() for value in values if value}
        long = {value for value in self._whole if len(value) >= SHORTEST}
        written = {json.dumps(value)[1:-1] for value in long}
        every = long | written
        self._words = {value for value in every if WORD.fullmatch(value)}
        self._phones = {one for one in long if one.isdecimal() and len(one) >= SHORTEST_NUMBER}
        # With a blank or a bracket in it, it is no single word.
        self._others = sorted(every - self._words, key=len, reverse=True)

    def __bool__(self) -> bool:
        return bool(self._whole or self.numbers)

    def is_one(self, text: str) -> bool:
        """Whether a text is an identifier, and nothing else."""
        return text.casefold() in self._whole

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

    def clear_json(self, value: Any) -> Any:
        """The same value with its texts cleared, keys included."""
        if isinstance(value, str):
            return self.clear_text(value)
        if isinstance(value, list):
            return [self.clear_json(item) for item in value]
        if isinstance(value, dict):
            return {self.clear_text(key): self.clear_json(item) for key, item in value.items()}
        return value

    def clear_ids(self, texts: list[str]) -> list[str]:
        """A list of ids, as long as it was; those that are cleared stay apart from one another."""
        return [
            f"{PUT_INSTEAD}-{place}" if self.is_one(text) else text
            for place, text in enumerate(texts)
        ]

    def clear_lines(self, content: bytes) -> bytes:
        """A file of lines, each byte where it was: of a line with an identifier none is left."""
        return LINE.sub(self._clear_line, content)

    def _clear_line(self, found: re.Match[bytes]) -> bytes:
        line = found[0]
        text = line.decode("utf-8", "replace")
        return line if self.clear_text(text) == text else b"*" * len(line)
