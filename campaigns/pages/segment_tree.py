"""The tree that the segment editor shows: an expression in the making, with whatever is typed.

Drawn from an expression's JSON and written back to it; between the two it travels in the fields
of a form, so that nothing is kept on the server and nothing typed is lost.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.http import QueryDict
from django.utils.translation import gettext as _

from campaigns.errors import Invalid
from campaigns.selectors.audience_fields import FieldKind, find_field
from campaigns.selectors.expressions import check_expression
from campaigns.selectors.segment_words import MISSING
from campaigns.selectors.spans import MOST, UNITS, read_span
from providers.audience import MAX_DEPTH, MAX_TERMS, RELATIVE, Op

GROUPS = ("and", "or", "not")
CONDITION = "condition"
MAX_NODES = 3 * MAX_TERMS
MAX_SHAPE = 20_000  # characters
# How a value is typed; JSON is for what no other way can write.
TEXT, NUMBER, FLAG, TIME, SPAN, JSON = "text", "number", "flag", "time", "span", "json"
# Whatever was typed as a number, right or wrong, and the unit beside it.
TYPED_SPAN = re.compile(r"([^\s\0]{0,12})([dh])")


class Unreadable(Exception):
    """The JSON cannot be shown as a tree; `path` says where, the text why."""

    def __init__(self, path: str, words: str) -> None:
        super().__init__(words)
        self.path = path


@dataclasses.dataclass(slots=True, eq=False)
class Node:
    """A group with terms, or a condition: its field, comparison and the value as it is typed.

    Of a list `text` has a line per value, of a length of time the number beside its `unit`. `was`
    is an instant as it was written: it stays so while the same time is typed. `kept` names a long
    list that is in no field of the form, `held` is what it holds (segment_lists). `faults` are
    sentences for people, and so are `doubts`, which refuse nothing.
    """

    key: str
    kind: str = CONDITION
    terms: list[Node] = dataclasses.field(default_factory=list)
    field: str = ""
    op: str = Op.EQ.value
    type: str = TEXT
    text: str = ""
    unit: str = "d"
    was: str = ""
    kept: str = ""
    held: Any = None
    faults: list[str] = dataclasses.field(default_factory=list)
    doubts: tuple[str, ...] = ()

    def walk(self) -> Iterator[Node]:
        """It and all below it, in reading order."""
        yield self
        for term in self.terms:
            yield from term.walk()

    @property
    def depth(self) -> int:
        """How many levels it has, itself included."""
        return 1 + max((term.depth for term in self.terms), default=0)


class Tree:
    """A root, and where its times are: an IANA zone."""

    def __init__(self, root: Node, zone: str) -> None:
        self.root = root
        self.zone = zone

    def make_node(self, kind: str = CONDITION, **values: Any) -> Node:
        """A new node with a key that no other has."""
        keys = [int(node.key) for node in self.root.walk() if node.key.isdecimal()]
        return Node(str(max(keys, default=0) + 1), kind, **values)

    def write_body(self) -> dict[str, Any]:
        """The expression's JSON, as far as it can be; faults are noted at their nodes."""
        return _write(self.root, self.zone)

    def check(self) -> list[str]:
        """Note at each node what is wrong with it; what is wrong with the whole is given back."""
        body = self.write_body()
        for node in self.root.walk():
            if node.kind == CONDITION and not node.faults:
                node.faults += _find_faults(_write(node, self.zone))
        if any(node.faults for node in self.root.walk()):
            return []
        return _find_faults(body)

    def write_shape(self) -> str:
        """How the nodes stand in one another, for a field of the form."""
        return json.dumps(_write_shape(self.root), separators=(",", ":"))


def start_tree(zone: str) -> Tree:
    """All of one condition that is still to be chosen."""
    return Tree(Node("1", "and", [Node("2")]), zone)


def _find_faults(body: Any) -> list[str]:
    try:
        check_expression(body)
    except Invalid as error:
        return [error.message]
    return []


# From JSON and to it ----------------------------------------------------------------------------


def read_tree(body: Any, zone: str) -> Tree:
    """The tree of an expression's JSON, of one with unknown fields or wrong values, too.

    Raises Unreadable for what is no expression at all, or too big.
    """
    return Tree(_Reader(zone).read(body, "", 1), zone)


class _Reader:
    def __init__(self, zone: str) -> None:
        self.zone = zone
        self.count = 0

    def read(self, body: Any, path: str, depth: int) -> Node:
        self.count += 1
        if depth > MAX_DEPTH or self.count > MAX_NODES:
            words = _("At most %(levels)s levels and %(terms)s conditions are allowed.")
            raise Unreadable(path, words % {"levels": MAX_DEPTH, "terms": MAX_TERMS})
        if not isinstance(body, dict):
            raise Unreadable(path, _("An expression is a JSON object."))
        node = Node(str(self.count))
        kind = next((one for one in GROUPS if one in body), "")
        if not kind:
            return self._read_condition(node, body, path)
        terms = [body[kind]] if kind == "not" else body[kind]
        if len(body) > 1 or not isinstance(terms, list):
            raise Unreadable(path, _("A group is an object with one key: and, or, not."))
        node.kind = kind
        below = f"{path}.{kind}".lstrip(".")
        for place, term in enumerate(terms):
            at = below if kind == "not" else f"{below}[{place}]"
            node.terms.append(self.read(term, at, depth + 1))
        return node

    def _read_condition(self, node: Node, body: Mapping[str, Any], path: str) -> Node:
        name, op, value = body.get("field", ""), body.get("op", ""), body.get("value")
        is_known = set(body) <= {"field", "op", "value"} and isinstance(name, str)
        if not is_known or op not in set(Op):
            words = _("A condition has a field, an op of %(known)s and a value.")
            raise Unreadable(path, words % {"known": ", ".join(Op)})
        node.field, node.op = name, str(op)
        if op == Op.EXISTS and (value is None or isinstance(value, bool)):
            node.op = MISSING if value is False else Op.EXISTS.value
            return node
        typed = TYPED_SPAN.fullmatch(value) if op in RELATIVE and isinstance(value, str) else None
        if typed is not None:
            node.type, node.text, node.unit = SPAN, typed[1], typed[2]
            return node
        node.type, node.text = _show(name, op, value, self.zone)
        node.was = str(value) if node.type == TIME else ""
        return node


def _show(name: str, op: str, value: Any, zone: str) -> tuple[str, str]:
    """How a value is typed, and what."""
    if op in RELATIVE:
        return JSON, _dump(value)
    known = find_field(name)
    if known is not None and known.kind is FieldKind.TIME:
        local = show_time(value, zone)
        return (TIME, local) if local else (JSON, _dump(value))
    values = value if op == Op.IN and isinstance(value, list) else [value]
    kinds = {_find_type(one) for one in values} or {TEXT}
    kind: str = kinds.pop()
    lines = [_write_line(one) for one in values]
    is_plain = not kinds and kind != JSON and (op != Op.IN or isinstance(value, list))
    if not is_plain or any(_needs_quotes(line, op) for line in lines):
        return JSON, _dump(value)
    return kind, "\n".join(lines)


def _find_type(value: Any) -> str:
    if isinstance(value, bool):
        return FLAG
    if isinstance(value, str):
        return TEXT
    return NUMBER if isinstance(value, int | float) else JSON


def _write_line(value: Any) -> str:
    return value if isinstance(value, str) else _dump(value)


def _needs_quotes(line: str, op: str) -> bool:
    """Whether a field of a form would change the text."""
    return bool({"\n", "\r", "\0"} & set(line)) or (op == Op.IN and not line.strip())


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def show_time(text: Any, zone: str) -> str:
    """An instant as a clock in the zone shows it, as a form's field takes it; "" for none."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            return ""
        return moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M:%S")
    except (TypeError, ValueError, OverflowError):
        return ""


def _write(node: Node, zone: str) -> dict[str, Any]:
    if node.kind == "not":
        return {"not": _write(node.terms[0], zone)}
    if node.kind != CONDITION:
        return {node.kind: [_write(term, zone) for term in node.terms]}
    node.faults = []
    if node.op in {Op.EXISTS, MISSING}:
        return {"field": node.field, "op": Op.EXISTS.value, "value": node.op != MISSING}
    return {"field": node.field, "op": node.op, "value": write_value(node, zone)}


def write_value(node: Node, zone: str) -> Any:
    """The JSON of a condition's value; a fault is noted at the node."""
    if node.kept:
        if node.held is None:
            node.faults = [_("This list is not stored so any more: write the values anew.")]
        return node.held
    if node.type == TIME:
        return _write_time(node, zone)
    if node.type == SPAN:
        return _write_span(node)
    if node.type == JSON or node.op != Op.IN:
        return _parse(node, node.text)
    lines = node.text.replace("\r\n", "\n").split("\n")
    return [_parse(node, line) for line in lines if line.strip()]


def _parse(node: Node, text: str) -> Any:
    """What a line means as the node's type; a fault is noted and the text stays as it is."""
    if node.type == TEXT:
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if node.type == JSON and value is not None:
        return value
    if node.type != JSON and _find_type(value) == node.type:
        return value
    words = {
        NUMBER: _("Enter a number such as 10 or 2.5."),
        FLAG: _("Choose yes or no."),
        JSON: _('This is no JSON value such as "text", 10, true or ["a", "b"].'),
    }
    node.faults = [words[node.type]]
    return text


def _write_time(node: Node, zone: str) -> str:
    """With the zone's offset, unless it is the instant that was there before."""
    if node.was and show_time(node.was, zone) == node.text:
        return node.was
    try:
        moment = datetime.fromisoformat(node.text).replace(tzinfo=ZoneInfo(zone))
    except ValueError:
        node.faults = [_("Enter a date and a time.")]
        return node.text
    return moment.isoformat()


def _write_span(node: Node) -> str:
    value = f"{node.text.strip()}{node.unit}"
    if read_span(value) is None:
        words = _("Enter a whole number from 1 to %(most)d.")
        node.faults = [words % {"most": MOST.get(node.unit, MOST["d"])}]
    return value


# From a form and to it --------------------------------------------------------------------------


def _write_shape(node: Node) -> list[Any]:
    return [int(node.key), *(_write_shape(term) for term in node.terms)]


def read_posted_tree(posted: QueryDict, zone: str) -> Tree:
    """The tree as the form has it. Raises Invalid for one that no page of ours has drawn."""
    text = posted.get("shape") or ""
    try:
        shape = json.loads(text) if len(text) <= MAX_SHAPE else None
        root = _read_shape(shape, posted, 1)
    except (ValueError, RecursionError) as error:
        raise Invalid(_("The form came incomplete. Reload the page.")) from error
    return Tree(root, zone)


def _read_shape(shape: Any, posted: QueryDict, depth: int) -> Node:
    if not isinstance(shape, list) or not shape or depth > MAX_DEPTH + 1:
        raise ValueError(shape)
    number, *below = shape
    if type(number) is not int or not 0 < number < MAX_SHAPE:
        raise ValueError(number)
    key = str(number)
    kind = posted.get(f"kind-{key}") or CONDITION
    if kind not in GROUPS and not below:
        return _read_fields(key, posted)
    terms = [_read_shape(term, posted, depth + 1) for term in below]
    if kind not in GROUPS or (kind == "not" and len(terms) != 1):
        raise ValueError(shape)
    return Node(key, kind, terms)


def _read_fields(key: str, posted: QueryDict) -> Node:
    name = posted.get(f"field-{key}") or ""
    if name in {"person.custom.", "device.custom."}:
        name += posted.get(f"own-{key}") or ""
    node = Node(
        key,
        field=name,
        op=posted.get(f"op-{key}") or Op.EQ.value,
        type=posted.get(f"type-{key}") or TEXT,
        text="\n".join(str(value) for value in posted.getlist(f"value-{key}")),
        was=posted.get(f"was-{key}") or "",
        kept=posted.get(f"kept-{key}") or "",
    )
    unit = posted.get(f"unit-{key}") or ""
    fit_type(node)
    if (node.type == SPAN) != bool(unit):
        node.text = ""  # it was typed into the control of another comparison
    if unit in UNITS:
        node.unit = unit
    return node


def fit_type(node: Node) -> None:
    """Let the value be typed, and the comparison be one, that the field takes."""
    known = find_field(node.field)
    kind = known.kind if known else FieldKind.TEXT
    ops = {*(known.ops if known else Op), *([MISSING] if known else [])}
    if node.op not in ops:
        node.op = str(known.ops[0]) if known else Op.EQ.value
    fixed = find_fixed_type(kind, node.op)
    if node.type != JSON and (kind is not FieldKind.CUSTOM or fixed == SPAN):
        node.type = fixed
    if node.type not in {*([SPAN] if fixed == SPAN else [TEXT, NUMBER, FLAG, TIME]), JSON}:
        node.type = fixed
    if kind is FieldKind.CUSTOM and node.type == TIME:
        node.type = TEXT


def find_fixed_type(kind: FieldKind, op: str) -> str:
    """How a value of that kind is typed where there is no choice but JSON."""
    if op in RELATIVE:
        return SPAN
    return {FieldKind.TIME: TIME, FieldKind.FLAG: FLAG}.get(kind, TEXT)
