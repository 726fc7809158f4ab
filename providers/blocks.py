"""JSON objects of scripts' calls, read field by field: types, bounds, and where a value stands.

What is the same for every vendor; each one's `wire_values.Block` says in whose words it refuses.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from providers.outcomes import Refusal

MAX_LONG = 2**63 - 1


def is_clean(text: str) -> bool:
    """Whether a text can be stored anywhere: no NUL and no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text


@dataclass(frozen=True, slots=True)
class Block(ABC):
    """A JSON object of a call and its path, such as `push[0].target`; "" for the whole body.

    `find_` gives None for what is not set and raises a `Refusal` for what is wrong; `take_`
    refuses what is not set too. Bounds that a call does not name are the class's.
    """

    values: Mapping[str, Any]
    path: str = ""

    TEXT: ClassVar[str] = "must be a text"
    MIN_TEXT: ClassVar[int] = 0
    MAX_TEXT: ClassVar[int | None] = 255
    MIN_NUMBER: ClassVar[int] = 0

    def at(self, name: str) -> str:
        """The path of a field of it."""
        return f"{self.path}.{name}" if self.path else name

    def find(self, name: str) -> Any:
        return self.values.get(name)

    @abstractmethod
    def refuse_type(self, name: str, why: str) -> Refusal:
        """The refusal of a value of another type, or too long to be read."""

    def refuse_value(self, name: str, why: str) -> Refusal:
        """The refusal of a value that is of its type, but out of its bounds."""
        return self.refuse_type(name, why)

    def refuse_missing(self, name: str) -> Refusal:
        """The refusal of a value that is not there."""
        return self.refuse_type(name, "is missing")

    def check_length(self, name: str, text: str, minimum: int, maximum: int) -> None:
        """Refuse a text that is too short or too long."""
        if not minimum <= len(text) <= maximum:
            raise self.refuse_type(name, f"must have at most {maximum} characters")

    def check_bounds(self, name: str, number: int, minimum: int, maximum: int) -> None:
        """Refuse a number that is too small or too large."""
        if not minimum <= number <= maximum:
            raise self.refuse_value(name, f"must be from {minimum} to {maximum}")

    def find_text(
        self, name: str, maximum: int | None = None, minimum: int | None = None
    ) -> str | None:
        value = self.find(name)
        if value is None:
            return None
        if not isinstance(value, str) or not is_clean(value):
            raise self.refuse_type(name, self.TEXT)
        most = self.MAX_TEXT if maximum is None else maximum
        if most is not None:
            self.check_length(name, value, self.MIN_TEXT if minimum is None else minimum, most)
        return value

    def take_text(self, name: str, maximum: int | None = None) -> str:
        """A text that is not empty."""
        value = self.find_text(name, maximum)
        if not value:
            raise self.refuse_missing(name)
        return value

    def find_number(
        self, name: str, minimum: int | None = None, maximum: int = MAX_LONG
    ) -> int | None:
        value = self.find(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.refuse_type(name, "must be a whole number")
        self.check_bounds(name, value, self.MIN_NUMBER if minimum is None else minimum, maximum)
        return value

    def take_number(self, name: str, minimum: int | None = None, maximum: int = MAX_LONG) -> int:
        value = self.find_number(name, minimum, maximum)
        if value is None:
            raise self.refuse_missing(name)
        return value

    def find_flag(self, name: str) -> bool | None:
        value = self.find(name)
        if value is not None and not isinstance(value, bool):
            raise self.refuse_type(name, "must be true or false")
        return value

    def find_block(self, name: str) -> Self | None:
        value = self.find(name)
        return None if value is None else self.enter(name, value)

    def take_block(self, name: str) -> Self:
        value = self.find_block(name)
        if value is None:
            raise self.refuse_missing(name)
        return value

    def enter(self, name: str, value: Any) -> Self:
        """The object `value`, which stands at `name` (`items[3]` is a name too)."""
        if not isinstance(value, dict):
            raise self.refuse_type(name, "must be an object")
        return replace(self, values=value, path=self.at(name))
