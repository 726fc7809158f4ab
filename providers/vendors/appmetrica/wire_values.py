"""Single JSON values of a call: their types, and where they stand when they are wrong.

One client in the wild serialises every field it knows, so "", 0 and null all mean "not set".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from providers import blocks
from providers.blocks import MAX_LONG
from providers.outcomes import Refusal, RefusalKind


def is_unset(value: Any) -> bool:
    """Whether a value only says that its field was not filled in."""
    return value is None or value == "" or (value == 0 and not isinstance(value, bool))


def is_number(text: str) -> bool:
    """Whether a text is made of decimal digits that a long may hold."""
    return text.isascii() and text.isdigit() and len(text) <= 19


def refuse(field: str, message: str) -> Refusal:
    """The refusal of a value that is there but wrong."""
    return Refusal(RefusalKind.INVALID, f"Wrong parameter: '{field}', {message}", field=field)


def refuse_value(field: str, value: str) -> Refusal:
    """The refusal of a parameter, in the form that is quoted from a sister API."""
    message = f"Wrong parameter: '{field}', value: {value[:200]}"
    return Refusal(RefusalKind.INVALID, message, field=field)


def refuse_missing(field: str) -> Refusal:
    """The refusal of a value that is not there."""
    return Refusal(RefusalKind.MISSING, f"Missing parameter: '{field}'", field=field)


class Block(blocks.Block):
    """A block in which what was not filled in counts as not set."""

    __slots__ = ()
    MIN_NUMBER = 1

    def find(self, name: str) -> Any:
        value = self.values.get(name)
        return None if is_unset(value) else value

    def refuse_type(self, name: str, why: str) -> Refusal:
        return refuse(self.at(name), why)

    def refuse_missing(self, name: str) -> Refusal:
        return refuse_missing(self.at(name))

    def take_items(self, name: str) -> Sequence[Any]:
        """A list that is not empty."""
        value = self.find(name)
        if value is None or value == []:
            raise refuse_missing(self.at(name))
        if not isinstance(value, list):
            raise refuse(self.at(name), "must be a list")
        return value

    def take_blocks(self, name: str) -> list[Block]:
        """A list of objects that is not empty."""
        items = self.take_items(name)
        return [self.enter(f"{name}[{index}]", item) for index, item in enumerate(items)]


def read_body(body: Any) -> Block:
    """The whole body of a call, which must be one JSON object."""
    if not isinstance(body, dict):
        raise Refusal(RefusalKind.MALFORMED, "The body must be one JSON object.")
    return Block(body)


def read_query_number(query: Mapping[str, str], name: str, maximum: int = MAX_LONG) -> int | None:
    """A parameter that is a positive whole number, None when it is absent or empty."""
    text = query.get(name, "").strip()
    if not text:
        return None
    if not is_number(text) or not 0 < int(text) <= maximum:
        raise refuse_value(name, text)
    return int(text)


def read_path_number(text: str, noun: str) -> str:
    """A number in a path. Whatever else stands there names nothing that exists."""
    if not is_number(text) or not 0 < int(text) <= MAX_LONG:
        raise Refusal(RefusalKind.NOT_FOUND, f"There is no such {noun}.")
    return str(int(text))


def read_id(value: Any) -> str:
    """A vendor's number as our text; ValueError for what is none."""
    text = str(value)
    if not is_number(text):
        raise ValueError(f"no id: {text[:50]}")
    return text
