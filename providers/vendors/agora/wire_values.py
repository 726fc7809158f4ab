"""Single JSON values of a call: their types, and where they stand when they are wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from unicodedata import east_asian_width

from providers.fields import NUL_ESCAPE
from providers.inbound import Call
from providers.outcomes import Refusal, RefusalKind

from .wire_errors import refuse_parameter

MAX_LONG = 2**63 - 1
MAX_USER = 255  # user ids have at most 64 characters at the vendor; ours may be longer

Refuse = Callable[[str, str], Refusal]


def is_number(text: str) -> bool:
    """Whether a text is made of decimal digits that a long may hold."""
    return text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= MAX_LONG


def is_storable(value: Any) -> bool:
    """Whether a JSON value can be stored anywhere: no NUL, no half of a surrogate pair."""
    try:
        text = json.dumps(value, ensure_ascii=False)
        text.encode()
    except (ValueError, RecursionError):
        return False
    return NUL_ESCAPE.search(text) is None


def count_width(text: str) -> int:
    """A text's length as the vendor's stricter host counts it: a CJK character as two."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


@dataclass(frozen=True, slots=True)
class Block:
    """A JSON object of a call and its path; what is absent or null is None."""

    values: Mapping[str, Any]
    path: str = ""
    refuse: Refuse = refuse_parameter

    def at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def find_text(self, name: str, maximum: int) -> str | None:
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, str) or not is_storable(value):
            raise self.refuse(self.at(name), "must be a text")
        if len(value) > maximum:
            raise self.refuse(self.at(name), f"must have at most {maximum} characters")
        return value

    def take_text(self, name: str, maximum: int) -> str:
        value = self.find_text(name, maximum)
        if not value:
            raise self.refuse(self.at(name), "is missing")
        return value

    def take_block(self, name: str, refuse: Refuse) -> Block:
        value = self.values.get(name)
        if not isinstance(value, dict):
            raise refuse(self.at(name), "must be an object" if value is not None else "is missing")
        return Block(value, self.at(name), refuse)

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
