"""Liquid in a sandbox: one text with variables, parsed once and rendered for each recipient.

Values are data: nothing in them is ever parsed. There is no way to a file, another template, the
clock or a Python object, and a render ends after a bounded number of steps and characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache, partial
from typing import Any, TextIO
from urllib.parse import quote

from liquid import BoundTemplate, Environment, RenderContext, Token
from liquid.builtin.content import ContentNode, Literal
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.expressions.primitive import StringLiteral
from liquid.builtin.filters import array, math, misc, string
from liquid.builtin.illegal import Illegal
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags import (
    assign_tag,
    capture_tag,
    case_tag,
    comment_tag,
    for_tag,
    if_tag,
    inline_comment_tag,
    unless_tag,
)
from liquid.exceptions import LiquidError
from liquid.undefined import Undefined

MAX_STEPS = 20_000  # look-ups, filters and rounds of one render
MAX_LOOP = 1_000
MAX_OUTPUT_BYTES = 65_536
MAX_VALUE = 10_000  # characters of what a filter takes or gives
MAX_LOCALS_BYTES = 65_536
MAX_NESTING = 10
ROOTS = ("person", "device", "app")
BRACES = re.compile(r"\{\{|\}\}|\{%|%\}")
# Control characters, and those that turn the direction of the text around them (UAX #9, 2.1-2.4).
UNSHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Mode(StrEnum):
    """What a text is part of, which decides how a value is written into it."""

    TEXT = "text"
    LINE = "line"  # of one line, such as a title
    URL = "url"  # each value is percent-encoded


class TemplateFault(Exception):
    """A template is not one; `line` counts from 1 in its own text."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


class RenderFault(Exception):
    """It cannot be rendered for this recipient. `variable` is the one without a value, if any."""

    def __init__(self, message: str, variable: str = "") -> None:
        super().__init__(message)
        self.variable = variable


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


def write_value(value: Any) -> str:
    """An attribute as a text: whole numbers without a point, lists one after the other.

    Raises RenderFault for an object, which has no text.
    """
    if isinstance(value, str):
        return UNSHOWN.sub("", value) if UNSHOWN.search(value) else value
    if value is None or isinstance(value, Undefined):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, list | tuple):
        return "".join(map(write_value, value))
    if isinstance(value, Mapping):
        raise RenderFault("an object has no text")
    return str(value)


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
        and not _has_default(node.expression)
    ]


def name_path(segments: Sequence[Any]) -> str:
    """`person.custom.name` of its segments, without what is looked up inside its value; "" for one
    whose name is itself looked up."""
    own = segments[: count_own(segments)]
    return ".".join(own) if all(isinstance(segment, str) for segment in own) else ""


def count_own(segments: Sequence[Any]) -> int:
    """How many segments name the variable itself: an attribute may have any name."""
    return 3 if len(segments) > 2 and segments[1] == "custom" else 2


def _has_default(expression: FilteredExpression) -> bool:
    return any(one.name == "default" for one in expression.filters or ())


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


class _Context(RenderContext):
    """Counts what a render does, so that each one ends."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.steps = 0

    def count(self) -> None:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise RenderFault("it takes too many steps")

    def get(self, path: list[object], *args: Any, **options: Any) -> object:
        self.count()
        return super().get(path, *args, **options)

    def assign(self, key: str, val: Any) -> None:
        self.count()
        super().assign(key, val)

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        self.count()
        return partial(_apply, name, super().filter(name, token))


class _BoundTemplate(BoundTemplate):
    context_class = _Context


def _apply(
    name: str, apply: Callable[..., object], left: object, *args: object, **named: object
) -> object:
    """Apply a filter to what has a value, and to no more than it may take."""
    operands = [*args, *named.values()]
    if name != "default":
        operands.append(left)
        if any(isinstance(one, Undefined) for one in operands):
            raise RenderFault("no value")
    if any(_measure(one) > MAX_VALUE for one in operands):
        raise RenderFault("a value is too long")
    if name == "replace" and _measure_replaced(left, *args) > MAX_VALUE:
        raise RenderFault("a value is too long")
    if name == "join" and _measure_joined(left, *args) > MAX_VALUE:
        raise RenderFault("a value is too long")
    return apply(left, *args, **named)


def _measure(value: object) -> int:
    if isinstance(value, str | list | tuple | range):
        return len(value)
    # Digits of a number: a product grows with every step.
    return value.bit_length() // 3 if isinstance(value, int) else 0


def _measure_replaced(left: object, old: object = "", new: object = "") -> int:
    text = str(left)
    return len(text) + text.count(str(old)) * len(str(new))


def _measure_joined(left: object, separator: object = " ") -> int:
    if not isinstance(left, list | tuple):
        return 0
    return sum(len(str(one)) for one in left) + len(left) * len(str(separator))


class _OutputNode(OutputNode):
    """Writes a value; one that comes out empty, and was given no default, ends the render."""

    mode = Mode.TEXT

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        value = self.expression.evaluate(context)
        text = write_value(value)
        if isinstance(value, Undefined) or (not text.strip() and not self._may_be_empty()):
            raise RenderFault("no value", self._name_variable())
        return buffer.write(quote(text, safe="") if self.mode is Mode.URL else text)

    def _may_be_empty(self) -> bool:
        expression = self.expression
        return isinstance(expression, FilteredExpression) and _has_default(expression)

    def _name_variable(self) -> str:
        left = getattr(self.expression, "left", None)
        return name_path(left.path) if isinstance(left, Path) else ""


class _Output(Output):
    node_class = _OutputNode


class _UrlOutputNode(_OutputNode):
    mode = Mode.URL


class _UrlOutput(Output):
    node_class = _UrlOutputNode


TAGS = (
    Literal,
    Illegal,
    if_tag.IfTag,
    unless_tag.UnlessTag,
    case_tag.CaseTag,
    for_tag.ForTag,
    for_tag.BreakTag,
    for_tag.ContinueTag,
    assign_tag.AssignTag,
    capture_tag.CaptureTag,
    comment_tag.CommentTag,
    inline_comment_tag.InlineCommentTag,
)
FILTERS: dict[str, Callable[..., Any]] = {
    "abs": math.abs_,
    "append": string.append,
    "at_least": math.at_least,
    "at_most": math.at_most,
    "capitalize": string.capitalize,
    "ceil": math.ceil,
    "date": misc.date,
    "default": misc.default,
    "divided_by": math.divided_by,
    "downcase": string.downcase,
    "first": array.first,
    "floor": math.floor,
    "join": array.join,
    "last": array.last,
    "lstrip": string.lstrip,
    "minus": math.minus,
    "modulo": math.modulo,
    "plus": math.plus,
    "prepend": string.prepend,
    "remove": string.remove,
    "replace": string.replace,
    "reverse": array.reverse,
    "round": math.round_,
    "rstrip": string.rstrip,
    "size": misc.size,
    "slice": string.slice_,
    "sort": array.sort,
    "split": string.split,
    "squish": string.squish,
    "strip": string.strip,
    "strip_html": string.strip_html,
    "strip_newlines": string.strip_newlines,
    "times": math.times,
    "truncate": string.truncate,
    "truncatewords": string.truncatewords,
    "uniq": array.uniq,
    "upcase": string.upcase,
}


class _Sandbox(Environment):
    template_class = _BoundTemplate
    block_nesting_limit = MAX_NESTING
    loop_iteration_limit = MAX_LOOP
    local_namespace_limit = MAX_LOCALS_BYTES
    output_stream_limit = MAX_OUTPUT_BYTES

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        """Only what is listed here: nothing loads, includes, counts on or decodes."""
        for tag in TAGS:
            self.add_tag(tag)
        for name, function in FILTERS.items():
            self.add_filter(name, function)


def _make_environment(mode: Mode) -> Environment:
    environment = _Sandbox()
    environment.add_tag(_UrlOutput if mode is Mode.URL else _Output)
    return environment


ENVIRONMENTS = {mode: _make_environment(mode) for mode in Mode}
