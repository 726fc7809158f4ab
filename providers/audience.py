"""Audience expressions as plain values: what to select, not how.

Read and written by dialects, the native API and the segment editor; compiled to a query by
`campaigns.selectors.audience`. The same values carry report filters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

MAX_TERMS = 100
MAX_DEPTH = 10


class Op(StrEnum):
    """How a field is compared. A missing attribute makes every op but `exists` false.

    Those in RELATIVE compare a time with one that lies a length of time such as `30d` before the
    moment at which it is asked, or after it.
    """

    EQ = "eq"
    NE = "ne"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    IN = "in"
    CONTAINS = "contains"
    STARTS_WITH = "starts_with"
    EXISTS = "exists"
    WITHIN_LAST = "within_last"
    LONGER_AGO_THAN = "longer_ago_than"
    WITHIN_NEXT = "within_next"


RELATIVE = frozenset({Op.WITHIN_LAST, Op.LONGER_AGO_THAN, Op.WITHIN_NEXT})


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison, e.g. `Condition("person.country", Op.EQ, "DE")`."""

    field: str
    op: Op
    value: Any = None


@dataclass(frozen=True, slots=True)
class And:
    """True when every term is; an empty one is true."""

    terms: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """True when one term is; an empty one is false."""

    terms: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Plain two-valued negation."""

    term: Expression


Expression = And | Or | Not | Condition


class MalformedExpression(ValueError):
    """The JSON is no expression; `path` says where, e.g. `and[1].op`."""

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.path = path


def read_expression(body: Any) -> Expression:
    """Build an expression from our JSON form.

    Shapes: `{"and": []}`, `{"or": []}`, `{"not": x}`, `{"field", "op", "value"}`.
    Raises `MalformedExpression`; more than 100 terms or 10 levels are refused.
    """
    return _Reader().read(body, path="", depth=1)


def write_expression(expression: Expression) -> dict[str, Any]:
    """The JSON form that `read_expression` reads back to an equal value."""
    match expression:
        case And(terms):
            return {"and": [write_expression(term) for term in terms]}
        case Or(terms):
            return {"or": [write_expression(term) for term in terms]}
        case Not(term):
            return {"not": write_expression(term)}
        case Condition(field, op, value):
            value = list(value) if isinstance(value, tuple) else value
            return {"field": field, "op": op.value, "value": value}


def list_conditions(expression: Expression) -> Iterator[Condition]:
    """Every condition of an expression, in the order in which it is written."""
    match expression:
        case And(terms) | Or(terms):
            for term in terms:
                yield from list_conditions(term)
        case Not(term):
            yield from list_conditions(term)
        case Condition():
            yield expression


class _Reader:
    def __init__(self) -> None:
        self.terms = 0

    def read(self, body: Any, path: str, depth: int) -> Expression:
        if not isinstance(body, dict):
            raise MalformedExpression("An expression is a JSON object.", path)
        if depth > MAX_DEPTH:
            raise MalformedExpression(f"At most {MAX_DEPTH} levels are allowed.", path)
        for key, kind in (("and", And), ("or", Or)):
            if key in body:
                self._refuse_others(body, {key}, path)
                return kind(self._read_terms(body[key], f"{path}.{key}".lstrip("."), depth))
        if "not" in body:
            self._refuse_others(body, {"not"}, path)
            return Not(self.read(body["not"], f"{path}.not".lstrip("."), depth + 1))
        return self._read_condition(body, path)

    def _read_terms(self, items: Any, path: str, depth: int) -> tuple[Expression, ...]:
        if not isinstance(items, list):
            raise MalformedExpression("Expected a list of expressions.", path)
        if not items:
            self._count_term(path)
        return tuple(
            self.read(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(items)
        )

    def _read_condition(self, body: dict[str, Any], path: str) -> Condition:
        self._refuse_others(body, {"field", "op", "value"}, path)
        self._count_term(path)
        field = body.get("field")
        if not isinstance(field, str) or not field:
            raise MalformedExpression("A condition needs a field.", path)
        try:
            op = Op(body.get("op", ""))
        except ValueError as error:
            known = ", ".join(Op)
            raise MalformedExpression(f"op is one of {known}.", path) from error
        return Condition(field, op, self._read_value(op, body.get("value"), path))

    def _count_term(self, path: str) -> None:
        self.terms += 1
        if self.terms > MAX_TERMS:
            raise MalformedExpression(f"At most {MAX_TERMS} conditions are allowed.", path)

    def _read_value(self, op: Op, value: Any, path: str) -> Any:
        if op is Op.EXISTS:
            if value is not None and not isinstance(value, bool):
                raise MalformedExpression("exists takes true or false.", path)
            return value is not False
        if op is Op.IN:
            if not isinstance(value, list) or not all(_is_scalar(item) for item in value):
                raise MalformedExpression("in takes a list of plain values.", path)
            return tuple(value)
        if op in RELATIVE and not isinstance(value, str):
            raise MalformedExpression("Expected a length of time such as 30d or 12h.", path)
        if not _is_scalar(value):
            raise MalformedExpression("Expected a text, a number, true or false.", path)
        return value

    @staticmethod
    def _refuse_others(body: dict[str, Any], allowed: set[str], path: str) -> None:
        others = sorted(set(body) - allowed)
        if others:
            raise MalformedExpression(f"Unexpected key {others[0]!r}.", path)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float | bool)
