"""Single JSON values of a call: their types, and where they stand when they are wrong.

Clients in the wild send an explicit null for every field that was left out, and fields that the
vendor does not document: a null is "not set", an unknown field is not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from providers import blocks
from providers.blocks import is_clean
from providers.outcomes import Refusal, RefusalKind


def refuse(field: str, message: str) -> Refusal:
    """The refusal of a value that is there but wrong; `field` is its path in the body."""
    return Refusal(RefusalKind.INVALID, message, field=field)


class Block(blocks.Block):
    """A block whose texts are not empty where a call does not say that they may be."""

    __slots__ = ()
    MIN_TEXT = 1
    MAX_TEXT = 4096  # where the vendor names no length

    def refuse_type(self, name: str, why: str) -> Refusal:
        return refuse(self.at(name), why)

    def refuse_missing(self, name: str) -> Refusal:
        return self.refuse_type(name, "must not be null")

    def check_length(self, name: str, text: str, minimum: int, maximum: int) -> None:
        if not minimum <= len(text) <= maximum:
            raise self.refuse_type(name, f"size must be between {minimum} and {maximum}")

    def check_bounds(self, name: str, number: int, minimum: int, maximum: int) -> None:
        if not minimum <= number <= maximum:
            raise self.refuse_type(name, f"must be between {minimum} and {maximum}")

    def find_choice(self, name: str, choices: Sequence[str]) -> str | None:
        value = self.find_text(name)
        if value is not None and value not in choices:
            raise refuse(self.at(name), f"must be one of {', '.join(choices)}")
        return value

    def find_blocks(self, name: str) -> list[Block]:
        """A list of objects; empty when it is not set."""
        value = self.find(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise refuse(self.at(name), "must be a list")
        return [self.enter(f"{name}[{index}]", item) for index, item in enumerate(value)]

    def take_blocks(self, name: str) -> list[Block]:
        """A list of objects that is not empty."""
        items = self.find_blocks(name)
        if not items:
            raise refuse(self.at(name), "must not be empty")
        return items


def read_body(body: Any) -> Block:
    """The whole body of a call, which must be one JSON object."""
    if not isinstance(body, dict):
        raise Refusal(RefusalKind.MALFORMED, "The body must be one JSON object.")
    return Block(body)


def read_query_number(query: Mapping[str, str], name: str, maximum: int) -> int | None:
    """A parameter that is a positive whole number, None when it is absent or empty."""
    text = query.get(name, "").strip()
    if not text:
        return None
    is_number = text.isascii() and text.isdigit() and len(text) <= 9
    if not is_number or not 1 <= int(text) <= maximum:
        raise refuse(name, f"must be between 1 and {maximum}")
    return int(text)


def read_query_text(query: Mapping[str, str], name: str, maximum: int = Block.MAX_TEXT) -> str:
    """A parameter's text, "" when it is absent."""
    text = query.get(name, "").strip()
    if len(text) > maximum or not is_clean(text):
        raise refuse(name, f"size must be between 0 and {maximum}")
    return text


def read_query_list(query: Mapping[str, str], name: str, maximum: int = 1000) -> tuple[str, ...]:
    """A parameter that lists values with commas."""
    text = read_query_text(query, name, 200_000)
    values = tuple(item.strip() for item in text.split(",") if item.strip())
    if len(values) > maximum:
        raise refuse(name, f"lists more than {maximum} values")
    return values


def drop_unset(values: Mapping[str, Any]) -> dict[str, Any]:
    """What is None is left out."""
    return {name: value for name, value in values.items() if value is not None}
