"""Single JSON values of a call: their types, and where they stand when they are wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from unicodedata import east_asian_width

from providers import blocks
from providers.blocks import MAX_LONG
from providers.fields import is_storable
from providers.inbound import Call
from providers.outcomes import Refusal, RefusalKind

from .wire_errors import refuse_parameter

MAX_USER = 255  # user ids have at most 64 characters at the vendor; ours may be longer

Refuse = Callable[[str, str], Refusal]


def is_number(text: str) -> bool:
    """Whether a text is made of decimal digits that a long may hold."""
    return text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= MAX_LONG


def count_width(text: str) -> int:
    """A text's length as the vendor's stricter host counts it: a CJK character as two."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


@dataclass(frozen=True, slots=True)
class Block(blocks.Block):
    """A block whose fields are refused as the part of the call does that they stand in."""

    refuse: Refuse = refuse_parameter

    def refuse_type(self, name: str, why: str) -> Refusal:
        return self.refuse(self.at(name), why)

    def refusing(self, refuse: Refuse) -> Block:
        """The same with other refusals, also of what stands in it."""
        return replace(self, refuse=refuse)

    def take_texts(self, name: str, most: int) -> tuple[str, ...]:
        """A list of texts, not empty and without repetitions; one bare text is a list of one."""
        value = self.values.get(name)
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list) or not items:
            raise self.refuse(self.at(name), "must be a list that is not empty")
        if not all(isinstance(item, str) and item and is_storable(item) for item in items):
            raise self.refuse(self.at(name), "must hold texts only")
        if max(map(len, items)) > MAX_USER:
            raise self.refuse(self.at(name), f"holds more than {MAX_USER} characters in one item")
        texts = tuple(dict.fromkeys(items))
        if len(texts) > most:
            raise self.refuse(self.at(name), f"must have at most {most} entries")
        return texts


def read_body(call: Call) -> Block:
    """The whole body of a call, which must be one JSON object."""
    if not isinstance(call.body, dict):
        raise Refusal(RefusalKind.MALFORMED, "The body must be one JSON object.")
    return Block(call.body)


def read_piece(call: Call, name: str) -> str:
    """A name in a path, which may be any text that can be stored."""
    text = call.path[name]
    if len(text) > MAX_USER or not is_storable(text):
        raise Refusal(RefusalKind.NOT_FOUND, "url is invalid")
    return text


def read_limit(call: Call, most: int) -> int:
    """The parameter `limit`: how many rows of a list are wanted."""
    text = call.query.get("limit", "").strip() or str(most)
    if not is_number(text) or not 1 <= int(text) <= most:
        raise refuse_parameter("limit", f"must be from 1 to {most}")
    return int(text)


def write_moment(moment: datetime) -> int:
    """Milliseconds since 1970."""
    return round(moment.timestamp() * 1000)


def read_moment(value: Any) -> datetime:
    return datetime.fromtimestamp(int(value) / 1000, UTC)


def read_id(value: Any) -> str:
    """A vendor's number as our text; ValueError for what is none."""
    text = str(value)
    if isinstance(value, bool) or not is_number(text):
        raise ValueError(f"no id: {text[:50]}")
    return text
