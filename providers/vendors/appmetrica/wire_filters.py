"""The `filters` of a report (vendor pages "Segmentation" and "Filtering operators").

`attribute operator 'value'`, joined by AND, OR, NOT and parentheses. All attributes of the push
namespace are names, so the operators for numbers, and regular expressions, are refused.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from providers.audience import And, Condition, Expression, Not, Op, Or
from providers.blocks import is_clean
from providers.reports import ReportField

from .wire_values import refuse_value

# One page allows 10,000 characters, another 2,000; 100 values is a sister API's limit.
MAX_FILTER = 10_000
MAX_CONDITIONS = 20
MAX_VALUES = 100
MAX_DEPTH = 10

DIMENSIONS = {
    ReportField.GROUP: "ym:pc:group",
    ReportField.TAG: "ym:pc:tag",
    ReportField.TRANSFER: "ym:pc:transfer",
    ReportField.PLATFORM: "ym:pc:operatingSystem",
}
FIELDS = {theirs: ours for ours, theirs in DIMENSIONS.items()}

# (our op, is it negated)
OPERATORS: dict[str, tuple[Op, bool]] = {
    "==": (Op.EQ, False),
    "!=": (Op.NE, False),
    "=@": (Op.CONTAINS, False),
    "!@": (Op.CONTAINS, True),
    "=*": (Op.STARTS_WITH, False),
    "!*": (Op.STARTS_WITH, True),
    "=.": (Op.IN, False),
    "!.": (Op.IN, True),
}
_WRITTEN = {ours: theirs for theirs, ours in OPERATORS.items()}

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<mark>[(),])
      | (?P<join>AND|OR|NOT)(?![\w:])
      | (?P<attribute>ym:\w+:\w+)
      | (?P<operator>==|!=|=@|!@|=\*|!\*|=\.|!\.)
      | '(?P<quoted>(?:[^'\\]|\\['\\])*)'
      | (?P<number>-?[0-9]+)(?![\w:])
    )""",
    re.VERBOSE | re.IGNORECASE,
)


class Token(NamedTuple):
    kind: str
    text: str


class _Unreadable(Exception):
    """The text is no filter; the caller is told with the whole text."""


def write_filters(expression: Expression) -> str:
    match expression:
        case And(terms):
            return " AND ".join(_write_term(term) for term in terms)
        case Or(terms):
            return " OR ".join(_write_term(term) for term in terms)
        case Not(Condition(field, op, value)) if (op, True) in _WRITTEN:
            return _write_condition(field, _WRITTEN[op, True], op, value)
        case Not(term):
            return f"NOT({write_filters(term)})"
        case Condition(field, op, value):
            return _write_condition(field, _WRITTEN[op, False], op, value)


def read_filters(text: str) -> Expression | None:
    """An expression over `ReportField` names with texts as values; None when there is none.

    Raises `Refusal` for whatever is no filter of the push namespace.
    """
    if not text.strip():
        return None
    try:
        return _Reader(text).read()
    except _Unreadable as error:
        raise refuse_value("filters", text if is_clean(text) else ascii(text)) from error


def _write_term(term: Expression) -> str:
    text = write_filters(term)
    return f"({text})" if isinstance(term, And | Or) else text


def _write_condition(field: str, operator: str, op: Op, value: object) -> str:
    name = DIMENSIONS[ReportField(field)]
    if op is Op.IN and isinstance(value, tuple):
        return f"{name}{operator}({','.join(_quote(item) for item in value)})"
    return f"{name}{operator}{_quote(f'{value}*' if op is Op.STARTS_WITH else value)}"


def _quote(value: object) -> str:
    text = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{text}'"


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def _split(text: str) -> list[Token]:
    tokens = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise _Unreadable
        tokens.append(Token(match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return tokens


class _Reader:
    def __init__(self, text: str) -> None:
        if len(text) > MAX_FILTER or not is_clean(text):
            raise _Unreadable
        self.tokens = _split(text)[::-1]
        self.conditions = 0

    def read(self) -> Expression:
        expression = self.read_or(depth=1)
        if self.tokens:
            raise _Unreadable
        return expression

    def read_or(self, depth: int) -> Expression:
        terms = [self.read_and(depth)]
        while self.skip("join", "OR"):
            terms.append(self.read_and(depth))
        return terms[0] if len(terms) == 1 else Or(tuple(terms))

    def read_and(self, depth: int) -> Expression:
        terms = [self.read_term(depth)]
        while self.skip("join", "AND"):
            terms.append(self.read_term(depth))
        return terms[0] if len(terms) == 1 else And(tuple(terms))

    def read_term(self, depth: int) -> Expression:
        if depth > MAX_DEPTH:
            raise _Unreadable
        if self.skip("join", "NOT"):
            return Not(self.read_term(depth + 1))
        if self.skip("mark", "("):
            expression = self.read_or(depth + 1)
            self.take_mark(")")
            return expression
        return self.read_condition()

    def read_condition(self) -> Expression:
        self.conditions += 1
        attribute, operator = self.take("attribute"), self.take("operator")
        if self.conditions > MAX_CONDITIONS or attribute not in FIELDS:
            raise _Unreadable
        field = FIELDS[attribute]
        op, is_negated = OPERATORS[operator]
        values = tuple(_read_value(field, value) for value in self.take_values(op))
        condition = _make_condition(field, op, values)
        return Not(condition) if is_negated else condition

    def take_values(self, op: Op) -> list[str]:
        if op is not Op.IN or not self.skip("mark", "("):
            return [self.take_value()]
        values = [self.take_value()]
        while self.skip("mark", ","):
            values.append(self.take_value())
        self.take_mark(")")
        if len(values) > MAX_VALUES:
            raise _Unreadable
        return values

    def take_value(self) -> str:
        if self.tokens and self.tokens[-1].kind == "number":
            return self.tokens.pop().text
        return _unquote(self.take("quoted"))

    def take_mark(self, mark: str) -> None:
        if not self.skip("mark", mark):
            raise _Unreadable

    def take(self, kind: str) -> str:
        if not self.tokens or self.tokens[-1].kind != kind:
            raise _Unreadable
        return self.tokens.pop().text

    def skip(self, kind: str, text: str) -> bool:
        token = self.tokens[-1] if self.tokens else Token("", "")
        is_there = token.kind == kind and token.text.upper() == text
        if is_there:
            self.tokens.pop()
        return is_there


def _read_value(field: ReportField, value: str) -> str:
    return value.lower() if field is ReportField.PLATFORM else value


def _make_condition(field: ReportField, op: Op, values: tuple[str, ...]) -> Condition:
    if op is Op.IN:
        return Condition(field.value, op, values)
    if op is not Op.STARTS_WITH:
        return Condition(field.value, op, values[0])
    return _read_mask(field, values[0])


def _read_mask(field: ReportField, mask: str) -> Condition:
    """A mask that starts, contains or equals; `a*b` has no counterpart and is refused."""
    inner = mask.strip("*")
    if "*" in inner:
        raise _Unreadable
    if mask.startswith("*") and mask != "*":
        if not mask.endswith("*"):
            raise _Unreadable
        return Condition(field.value, Op.CONTAINS, inner)
    op = Op.STARTS_WITH if mask.endswith("*") else Op.EQ
    return Condition(field.value, op, inner)
