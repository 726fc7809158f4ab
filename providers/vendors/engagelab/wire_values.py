"""Single JSON values of a call: their types and bounds, and where they stand when they are wrong.

Null means "not there" (our choice), unknown fields are ignored although 21015 exists: the vendor's
own clients grow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers import blocks
from providers.fields import FieldSpec
from providers.outcomes import Refusal, RefusalKind

from .wire_errors import Code, Refused

_STORABLE = FieldSpec(name="body", kind="json", label="")


class Block(blocks.Block):
    """A block that refuses in the vendor's codes; lengths are in bytes of UTF-8."""

    __slots__ = ()
    MAX_TEXT = None

    def refuse_type(self, name: str, why: str) -> Refusal:
        return refuse_type(self.at(name), why)

    def refuse_value(self, name: str, why: str) -> Refusal:
        return refuse_value(self.at(name), why)

    def refuse_missing(self, name: str) -> Refusal:
        return refuse_missing(self.at(name))

    def check_length(self, name: str, text: str, minimum: int, maximum: int) -> None:
        if len(text.encode()) > maximum:
            raise self.refuse_type(name, f"must have at most {maximum} bytes")

    def find_texts(self, name: str, maximum: int) -> tuple[str, ...]:
        """A list of texts; () for an empty one, which counts as not there."""
        value = self.values.get(name)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise refuse_type(self.at(name), "must be a list of texts")
        if len(value) > maximum:
            raise refuse_type(self.at(name), f"must have at most {maximum} entries")
        if "" in value:
            raise refuse_value(self.at(name), "holds an empty text")
        return tuple(value)


def read_body(body: Any) -> Block:
    """The whole body of a call, which must be one JSON object that can be stored."""
    if not isinstance(body, dict):
        raise Refusal(RefusalKind.MALFORMED, "The body must be one JSON object.")
    fault = _STORABLE.find_fault(body)
    if fault:
        raise refuse_value("body", fault)
    return Block(body)


def refuse_missing(field: str) -> Refused:
    return Refused(Code.MISSING, f"The parameter {field} is missing.", field=field)


def refuse_value(field: str, why: str) -> Refused:
    return Refused(Code.BAD_VALUE, f"The parameter {field} {why}.", field=field)


def refuse_type(field: str, why: str) -> Refused:
    return Refused(Code.BAD_TYPE, f"The parameter {field} {why}.", field=field)


def split_list(query: Mapping[str, str], name: str, maximum: int) -> tuple[str, ...]:
    """A parameter that is a list with commas, each entry once; refused when empty or too long."""
    texts = tuple(dict.fromkeys(filter(None, map(str.strip, query.get(name, "").split(",")))))
    if not texts:
        raise refuse_missing(name)
    if len(texts) > maximum:
        raise refuse_value(name, f"has more than {maximum} entries")
    return texts


def read_query_number(query: Mapping[str, str], name: str, default: int, maximum: int) -> int:
    """A parameter that is a whole number from 1."""
    text = query.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= maximum):
        raise refuse_value(name, f"must be a number from 1 to {maximum}")
    return int(text)
