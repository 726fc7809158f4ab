"""What a Liquid template may do: the tags, filters and bounds of its sandbox.

There is no way to a file, another template, the clock or a Python object, and a render ends after
a bounded number of steps and characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from functools import partial
from typing import Any, TextIO
from urllib.parse import quote

from liquid import BoundTemplate, Environment, RenderContext, Token
from liquid.builtin.content import Literal
from liquid.builtin.expressions import FilteredExpression, Path
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
from liquid.undefined import Undefined

MAX_STEPS = 20_000  # look-ups, filters and rounds of one render
MAX_LOOP = 1_000
MAX_OUTPUT_BYTES = 65_536
MAX_VALUE = 10_000  # characters of what a filter takes or gives
MAX_LOCALS_BYTES = 65_536
MAX_NESTING = 10
# Control characters, and those that turn the direction of the text around them (UAX #9, 2.1-2.4).
UNSHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Mode(StrEnum):
    """What a text is part of, which decides how a value is written into it."""

    TEXT = "text"
    LINE = "line"  # of one line, such as a title
    URL = "url"  # each value is percent-encoded


class RenderFault(Exception):
    """It cannot be rendered for this recipient. `variable` is the one without a value, if any."""

    def __init__(self, message: str, variable: str = "") -> None:
        super().__init__(message)
        self.variable = variable


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


def name_path(segments: Sequence[Any]) -> str:
    """`person.custom.name` of its segments, without what is looked up inside its value; "" for one
    whose name is itself looked up."""
    own = segments[: count_own(segments)]
    return ".".join(own) if all(isinstance(segment, str) for segment in own) else ""


def count_own(segments: Sequence[Any]) -> int:
    """How many segments name the variable itself: an attribute may have any name."""
    return 3 if len(segments) > 2 and segments[1] == "custom" else 2


def has_default(expression: FilteredExpression) -> bool:
    return any(one.name == "default" for one in expression.filters or ())


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
        return isinstance(expression, FilteredExpression) and has_default(expression)

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
