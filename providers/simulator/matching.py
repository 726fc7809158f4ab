"""Whether a simulated vendor's device is meant by an audience expression."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from providers.audience import And, Condition, Expression, Not, Op, Or

_COMPARE: Mapping[Op, Callable[[Any, Any], bool]] = {
    Op.EQ: operator.eq,
    Op.NE: operator.ne,
    Op.GT: operator.gt,
    Op.GTE: operator.ge,
    Op.LT: operator.lt,
    Op.LTE: operator.le,
    Op.IN: lambda found, wanted: found in wanted,
    Op.CONTAINS: operator.contains,
    Op.STARTS_WITH: lambda found, start: bool(found.startswith(start)),
}


def is_meant(row: Mapping[str, Any], labels: frozenset[str], expression: Expression) -> bool:
    """`row` is a device as the vendor keeps it, `labels` are those that its person carries."""
    match expression:
        case And(terms):
            return all(is_meant(row, labels, term) for term in terms)
        case Or(terms):
            return any(is_meant(row, labels, term) for term in terms)
        case Not(term):
            return not is_meant(row, labels, term)
        case Condition(field, op, value):
            return _holds(_list_found(row, labels, field), op, value)


def _holds(found: list[Any], op: Op, value: Any) -> bool:
    """A missing attribute makes every op but `exists` false; of several values one is enough."""
    if op is Op.EXISTS:
        return bool(found) is value
    return any(_compares(item, op, value) for item in found)


def _compares(found: Any, op: Op, value: Any) -> bool:
    try:
        return bool(_COMPARE[op](found, value))
    except (TypeError, AttributeError):  # types are never coerced
        return False


def _list_found(row: Mapping[str, Any], labels: frozenset[str], field: str) -> list[Any]:
    owner, _, name = field.partition(".")
    if name.startswith("custom."):
        value = row["attributes"].get(name.removeprefix("custom."))
        return [] if value is None else [value]
    if name.startswith("id."):
        return [item for item in [row["ids"].get(name.removeprefix("id."))] if item]
    match (owner, name):
        case ("person", "label"):
            return sorted(labels)
        case ("device", "tag"):
            return list(row["tags"])
    value = row.get(name, row["values"].get(name))
    return [] if value in (None, "") else [value]
