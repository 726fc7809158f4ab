"""Single JSON values of a call: their types, and where they stand when they are wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers import blocks
from providers.blocks import is_clean
from providers.outcomes import Refusal, RefusalKind

MAX_NAME = 255  # no length is documented; what fits is ours to say
MAX_NUMBER = 2**53
MAX_ITEMS = 1_000


def refuse(field: str, reason: str) -> Refusal:
    """The refusal of a value: `validation error: <field>: <reason>`."""
    return Refusal(RefusalKind.INVALID, reason, field=field)


def refuse_unknown(noun: str) -> Refusal:
    return Refusal(RefusalKind.NOT_FOUND, f"there is no such {noun}")


def is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < MAX_NUMBER


class Block(blocks.Block):
    """A block of which null is the same as absent (the filters' sample has a null in the place of
    a list).
    """

    __slots__ = ()
    TEXT = "must be a string"

    def refuse_type(self, name: str, why: str) -> Refusal:
        return refuse(self.at(name), why)

    def refuse_missing(self, name: str) -> Refusal:
        return self.refuse_type(name, "is required")

    def find_flag(self, name: str) -> bool:
        """False where it is absent."""
        return bool(blocks.Block.find_flag(self, name))

    def find_list(self, name: str) -> list[Any]:
        value = self.values.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise refuse(self.at(name), "must be an array")
        if len(value) > MAX_ITEMS:
            raise refuse(self.at(name), f"must have at most {MAX_ITEMS} items")
        return value

    def find_numbers(self, name: str) -> tuple[str, ...]:
        """Ids as our texts, each once."""
        items = self.find_list(name)
        if not all(is_number(item) for item in items):
            raise refuse(self.at(name), "must be an array of ids")
        return tuple(dict.fromkeys(str(item) for item in items))

    def find_texts(self, name: str) -> tuple[str, ...]:
        """Texts, each once."""
        items = self.find_list(name)
        for item in items:
            if not isinstance(item, str) or not item or not is_clean(item) or len(item) > MAX_NAME:
                raise refuse(self.at(name), "must be an array of strings")
        return tuple(dict.fromkeys(items))

    def take_blocks(self, name: str) -> list[Block]:
        """A list of objects that is not empty."""
        items = self.find_list(name)
        if not items:
            raise refuse(self.at(name), "is required")
        if not all(isinstance(item, dict) for item in items):
            raise refuse(self.at(name), "must be an array of objects")
        return [self.enter(f"{name}[{place}]", item) for place, item in enumerate(items)]


def read_body(body: Any) -> Block:
    """The whole body of a call, which is one JSON object."""
    if not isinstance(body, dict):
        raise Refusal(RefusalKind.MALFORMED, "the body must be a JSON object")
    return Block(body)


def read_path_id(text: str, noun: str) -> str:
    """A number in a path. Whatever else stands there names nothing that exists."""
    if not (text.isascii() and text.isdigit() and len(text) < 17 and 0 < int(text) < MAX_NUMBER):
        raise refuse_unknown(noun)
    return str(int(text))


def read_query_number(query: Mapping[str, str], name: str, default: int, maximum: int) -> int:
    """A parameter that is a whole number from 1 on."""
    text = query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 17 and int(text) > 0):
        raise refuse(name, "must be a whole number from 1 on")
    return min(int(text), maximum)


def read_id(body: Any) -> str:
    """The `id` of an answer as our text; raises what `http.call` takes for "not understood"."""
    value = body["id"]
    if not is_number(value):
        raise ValueError(f"no id: {str(value)[:50]}")
    return str(value)
