"""Liquid: one text with variables, parsed once and rendered for each recipient.

Values are data: nothing in them is ever parsed. What a template may do is `liquid_sandbox`'s.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from liquid import BoundTemplate, Token
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.expressions.primitive import StringLiteral
from liquid.builtin.output import OutputNode
from liquid.exceptions import LiquidError

from providers.liquid_sandbox import (
    ENVIRONMENTS,
    FILTERS,
    Mode,
    RenderFault,
    count_own,
    has_default,
    name_path,
    write_value,
)

ROOTS = ("person", "device", "app")
BRACES = re.compile(r"\{\{|\}\}|\{%|%\}")


class TemplateFault(Exception):
    """A template is not one; `line` counts from 1 in its own text."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable as a template names it, and the line where it stands first.

    `is_required` says that somebody without a value, and without a default, gets nothing.
    """

    name: str
    line: int
    is_required: bool = True


@dataclass(frozen=True, slots=True)
class Hole:
    """A place that one variable fills; `default` is what its own filter says, None for none."""

    variable: str
    default: str | None


class Template:
    """A parsed text. `pieces` is None where it is more than texts with variables in between."""

    def __init__(self, parsed: BoundTemplate, mode: Mode) -> None:
        self._parsed = parsed
        self.mode = mode
        self.variables = _list_variables(parsed)
        self.pieces = _find_pieces(parsed)

    def render(self, values: Mapping[str, Any]) -> str:
        """The text for one recipient, from values by the variables' names. Raises RenderFault."""
        if self.pieces is not None:
            return self._splice(self.pieces, values)
        return self.run(values)

    def run(self, values: Mapping[str, Any]) -> str:
        """Render by the interpreter, also what could be spliced. Raises RenderFault."""
        try:
            return self._parsed.render(_nest(values))
        except RenderFault:
            raise
        except LiquidError as error:
            raise RenderFault(str(error.message)) from error
        except (ArithmeticError, RecursionError, TypeError, ValueError) as error:
            raise RenderFault(type(error).__name__) from error

    def _splice(self, pieces: Sequence[str | Hole], values: Mapping[str, Any]) -> str:
        found = []
        for piece in pieces:
            if isinstance(piece, str):
                found.append(piece)
                continue
            text = write_value(values.get(piece.variable))
            if not text.strip():
                if piece.default is None:
                    raise RenderFault("no value", piece.variable)
                text = piece.default
            found.append(quote(text, safe="") if self.mode is Mode.URL else text)
        return "".join(found)


@lru_cache(maxsize=2048)
def parse(source: str, mode: Mode) -> Template:
    """Parse a text. Raises TemplateFault. What was parsed is kept: templates never change."""
    try:
        parsed = ENVIRONMENTS[mode].from_string(source)
    except LiquidError as error:
        raise TemplateFault(_find_words(error), _find_line(error.token)) from error
    _refuse_braces(parsed.nodes)
    _refuse_filters(parsed)
    return Template(parsed, mode)


def has_tags(text: str) -> bool:
    """Whether a text would be more than itself if it were a template."""
    return BRACES.search(text) is not None


def _find_words(error: LiquidError) -> str:
    # A cause that the library did not foresee, such as nesting beyond what the interpreter bears.
    return str(error.message) if error.token is not None else "it cannot be read"


def _find_line(token: Token | None) -> int:
    if token is None or token.start_index < 0:
        return 1
    return token.source.count("\n", 0, token.start_index) + 1


def _refuse_braces(nodes: Sequence[Any]) -> None:
    """What is left of braces in a text would be shown to people."""
    for node in nodes:
        if isinstance(node, ContentNode):
            found = BRACES.search(node.text)
            if found:
                words = f"{found.group()} stands here without its other half"
                raise TemplateFault(words, _find_line(node.token))
        else:
            _refuse_braces(list(node.children(None)))


def _refuse_filters(parsed: BoundTemplate) -> None:
    source = str(parsed.nodes[0].token.source) if parsed.nodes else ""
    for name, spans in parsed.analyze(include_partials=False).filters.items():
        if name not in FILTERS:
            line = source.count("\n", 0, spans[0].index) + 1
            raise TemplateFault(f"there is no filter named {name}", line)


def _list_variables(parsed: BoundTemplate) -> tuple[Variable, ...]:
    source = str(parsed.nodes[0].token.source) if parsed.nodes else ""
    required = set(_list_required(parsed.nodes))
    found: dict[str, Variable] = {}
    for same in parsed.analyze(include_partials=False).globals.values():
        for one in same:
            name = name_path(one.segments)
            line = source.count("\n", 0, one.span.index) + 1
            known = found.get(name)
            if known is None or line < known.line:
                found[name] = Variable(name, line, name in required)
    return tuple(sorted(found.values(), key=lambda one: (one.line, one.name)))


def _list_required(nodes: Sequence[Any]) -> list[str]:
    """Variables that are written at once wherever the text is, and have no default there."""
    return [
        name_path(node.expression.left.path)
        for node in nodes
        if isinstance(node, OutputNode)
        and isinstance(node.expression, FilteredExpression)
        and isinstance(node.expression.left, Path)
        and not has_default(node.expression)
    ]


def _find_pieces(parsed: BoundTemplate) -> tuple[str | Hole, ...] | None:
    pieces: list[str | Hole] = []
    for node in parsed.nodes:
        piece = node.text if isinstance(node, ContentNode) else _find_hole(node)
        if piece is None:
            return None
        pieces.append(piece)
    return tuple(pieces)


def _find_hole(node: Any) -> Hole | None:
    """The variable of an output that is nothing but one, with a literal default at most."""
    if not isinstance(node, OutputNode) or not isinstance(node.expression, FilteredExpression):
        return None
    expression = node.expression
    path = expression.left.path if isinstance(expression.left, Path) else ()
    name = name_path(path)
    if not name or len(path) > count_own(path):
        return None
    match expression.filters or []:
        case []:
            return Hole(name, None)
        case [one] if one.name == "default" and len(one.args) == 1:
            value = getattr(one.args[0], "value", None)
            return Hole(name, value.value) if isinstance(value, StringLiteral) else None
    return None


def _nest(values: Mapping[str, Any]) -> dict[str, Any]:
    """`{"person.custom.name": "Ann"}` as the objects that a template looks into."""
    nested: dict[str, Any] = {root: {} for root in ROOTS}
    for name, value in values.items():
        root, _dot, rest = name.partition(".")
        first, _dot, attribute = rest.partition(".")
        if value is None or (isinstance(value, str) and not write_value(value).strip()):
            continue
        clean = write_value(value) if isinstance(value, str) else value
        if attribute:
            nested[root].setdefault(first, {})[attribute] = clean
        else:
            nested[root][first] = clean
    return nested
