"""Single JSON values of a call: their types, and where they stand when they are wrong.

Clients in the wild send an explicit null for every field that was left out, and fields that the
vendor does not document: a null is "not set", an unknown field is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from providers.outcomes import Refusal, RefusalKind

MAX_LONG = 2**63 - 1
MAX_TEXT = 4096  # where the vendor names no length


def is_clean(text: str) -> bool:
    """Whether a text can be stored anywhere: no NUL and no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text


def refuse(field: str, message: str) -> Refusal:
    """The refusal of a value that is there but wrong; `field` is its path in the body."""
    return Refusal(RefusalKind.INVALID, message, field=field)


@dataclass(frozen=True, slots=True)
class Block:
    """A JSON object of a call and its path. `find_` gives None for what is not set."""

    values: Mapping[str, Any]
    path: str = ""

    def at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def find(self, name: str) -> Any:
        return self.values.get(name)

    def find_text(self, name: str, maximum: int = MAX_TEXT, minimum: int = 1) -> str | None:
        value = self.find(name)
        if value is None:
            return None
        if not isinstance(value, str) or not is_clean(value):
            raise refuse(self.at(name), "must be a text")
        if not minimum <= len(value) <= maximum:
            raise refuse(self.at(name), f"size must be between {minimum} and {maximum}")
        return value

    def find_number(self, name: str, minimum: int = 0, maximum: int = MAX_LONG) -> int | None:
        value = self.find(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            raise refuse(self.at(name), "must be a whole number")
        if not minimum <= value <= maximum:
            raise refuse(self.at(name), f"must be between {minimum} and {maximum}")
        return value

    def find_flag(self, name: str) -> bool | None:
        value = self.find(name)
        if value is not None and not isinstance(value, bool):
            raise refuse(self.at(name), "must be true or false")
        return value

    def find_choice(self, name: str, choices: Sequence[str]) -> str | None:
        value = self.find_text(name)
        if value is not None and value not in choices:
            raise refuse(self.at(name), f"must be one of {', '.join(choices)}")
        return value

    def find_block(self, name: str) -> Block | None:
        value = self.find(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise refuse(self.at(name), "must be an object")
        return Block(value, self.at(name))

    def find_blocks(self, name: str) -> list[Block]:
        """A list of objects; empty when it is not set."""
        value = self.find(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise refuse(self.at(name), "must be a list")
        return list(self._list_blocks(name, value))

    def _list_blocks(self, name: str, items: Sequence[Any]) -> Iterator[Block]:
        for index, item in enumerate(items):
            path = f"{self.at(name)}[{index}]"
            if not isinstance(item, dict):
                raise refuse(path, "must be an object")
            yield Block(item, path)

    def take_text(self, name: str, maximum: int = MAX_TEXT, minimum: int = 1) -> str:
        value = self.find_text(name, maximum, minimum)
        if value is None:
            raise refuse(self.at(name), "must not be null")
        return value

    def take_number(self, name: str, minimum: int = 0, maximum: int = MAX_LONG) -> int:
        value = self.find_number(name, minimum, maximum)
        if value is None:
            raise refuse(self.at(name), "must not be null")
        return value

    def take_block(self, name: str) -> Block:
        value = self.find_block(name)
        if value is None:
            raise refuse(self.at(name), "must not be null")
        return value

    def take_blocks(self, name: str) -> list[Block]:
        """A list of objects that is not empty."""
        blocks = self.find_blocks(name)
        if not blocks:
            raise refuse(self.at(name), "must not be empty")
        return blocks


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


def read_query_text(query: Mapping[str, str], name: str, maximum: int = MAX_TEXT) -> str:
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
