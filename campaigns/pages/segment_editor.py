"""The segment editor's form: the expression as a tree or as JSON, one and the same thing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.errors import Invalid
from campaigns.models import App, Segment
from campaigns.pages.segment_edit import apply_action
from campaigns.pages.segment_lists import hold_named, name_long, say_held
from campaigns.pages.segment_tree import (
    CONDITION,
    FLAG,
    JSON,
    NUMBER,
    SPAN,
    TEXT,
    TIME,
    Node,
    Tree,
    Unreadable,
    find_fixed_type,
    read_posted_tree,
    read_tree,
    start_tree,
)
from campaigns.selectors.audience_fields import FieldKind, find_field
from campaigns.selectors.doubts import list_doubts
from campaigns.selectors.expressions import check_expression
from campaigns.selectors.identifiers import identifier_kinds
from campaigns.selectors.segment_words import (
    GROUPS,
    MISSING,
    SECTIONS,
    list_plain_fields,
    name_field,
    say_op,
)
from campaigns.selectors.suggestions import list_custom
from providers.audience import RELATIVE, Expression, Op

MAX_JSON = 1_000_000  # characters: 10,000 values of 60 and what is around them
OWN = ("person.custom.", "device.custom.")
TYPES = {
    TEXT: gettext_lazy("text"),
    NUMBER: gettext_lazy("number"),
    FLAG: gettext_lazy("yes or no"),
    JSON: gettext_lazy("as JSON"),
}
TREE_VIEW, JSON_VIEW = "tree", "json"


@dataclass(slots=True)
class Editor:
    """What the page shows: of `tree` and `text` the one of the `view` holds.

    `faults` are sentences by the name of a field, "expression" for the whole; `focus` is the key of
    the node to go on at, `words` what has just been done. `version` is of the segment that was
    opened. `told` are keys of nodes that a save was refused for, and the JSON view: until then
    nobody is told that what they have not begun is not finished.
    """

    app: App
    name: str = ""
    description: str = ""
    view: str = TREE_VIEW
    tree: Tree | None = None
    text: str = ""
    version: str = ""
    faults: dict[str, str] = field(default_factory=dict)
    focus: str = ""
    words: str = ""
    told: frozenset[str] = frozenset()

    @property
    def root(self) -> ShownNode | None:
        """The tree as it is drawn; None in the JSON view."""
        if self.tree is None or self.view != TREE_VIEW:
            return None
        return show_node(self.tree.root, find_usual_types(self.app), self.tree.root.key, self.focus)

    @property
    def shape(self) -> str:
        return self.tree.write_shape() if self.tree else ""

    def read_body(self) -> Any:
        """The expression's JSON. Raises Invalid for text that is none."""
        return self.tree.write_body() if self.tree and self.view == TREE_VIEW else parse(self.text)

    def check(self) -> Expression | None:
        """The expression; None when there are faults, which then stand where they belong."""
        if self.tree is not None and self.view == TREE_VIEW:
            whole = self.tree.check()
            if whole:
                self.faults["expression"] = whole[0]
            elif not any(node.faults for node in self.tree.root.walk()):
                return check_expression(self.tree.write_body())
            return None
        try:
            return check_expression(parse(self.text))
        except Invalid as error:
            self.faults["expression"] = say_place(error)
            return None

    def doubt(self, expression: Expression) -> tuple[str, ...]:
        """What is probably a slip in an expression without faults, noted at its conditions too."""
        doubts = list(list_doubts([self.app], expression))
        if self.tree is not None and self.view == TREE_VIEW:
            nodes = (node for node in self.tree.root.walk() if node.kind == CONDITION)
            for node, sentences in zip(nodes, doubts, strict=True):
                node.doubts = sentences
        return tuple(dict.fromkeys(chain.from_iterable(doubts)))

    def tell_all(self) -> None:
        """Remember that a save was refused: what is wrong now is told from here on."""
        nodes = self.tree.root.walk() if self.tree is not None else ()
        keys = {node.key for node in nodes if node.faults}
        self.told |= {JSON_VIEW} if self.view == JSON_VIEW else keys

    def hush(self) -> None:
        """Say nothing yet of conditions that have not been begun."""
        if self.view == JSON_VIEW and JSON_VIEW not in self.told and _only_waits(self):
            self.faults.pop("expression", None)
        for node in self.tree.root.walk() if self.tree is not None else ():
            if node.key not in self.told and not has_begun(node):
                node.faults = []

    def take_usual_type(self, key: str) -> None:
        """Let the value of an attribute that has just been chosen be what it is with most."""
        nodes = self.tree.root.walk() if self.tree is not None else ()
        usual = find_usual_types(self.app)
        for node in nodes:
            if node.key == key and node.field in usual and node.op not in RELATIVE:
                node.type = usual[node.field]

    def act(self, action: str) -> None:
        """Change the tree (`remove:7`) or the view (`show:json`)."""
        verb, _colon, key = action.partition(":")
        if verb == "show":
            self._show(key)
        elif self.tree is not None and self.view == TREE_VIEW:
            edited = apply_action(self.tree, verb, key)
            self.tree, self.focus, self.words = edited.tree, edited.focus, edited.words

    def _show(self, view: str) -> None:
        if view == JSON_VIEW and self.view == TREE_VIEW and self._has_named():
            words = _("It is too long to be edited as JSON here; scripts read and write it whole.")
            self.faults["expression"] = words
        elif view == JSON_VIEW and self.view == TREE_VIEW:
            self.text = dump(self.read_body())
            self._turn(JSON_VIEW)
        elif view == TREE_VIEW and self.view == JSON_VIEW:
            try:
                self.tree = read_tree(parse(self.text), self.app.timezone)
                self._turn(TREE_VIEW)
            except Unreadable as error:
                place = f"expression.{error.path}".rstrip(".")
                self.faults["expression"] = f"{place}: {error}"
            except Invalid as error:
                self.faults["expression"] = say_place(error)

    def _turn(self, view: str) -> None:
        self.view, self.told = view, frozenset()  # the other view has other nodes

    def _has_named(self) -> bool:
        return self.tree is not None and any(node.kept for node in self.tree.root.walk())


def has_begun(node: Node) -> bool:
    """Whether so much of a condition is said that what is wrong with it is worth telling."""
    if not node.field or node.field in OWN:
        return False
    is_said = node.op in {Op.EXISTS, MISSING} or find_field(node.field) is None
    return bool(is_said or node.kept or node.text.strip())


def _only_waits(editor: Editor) -> bool:
    """Whether nothing is wrong with what is written as JSON but conditions not begun."""
    try:
        tree = read_tree(parse(editor.text), editor.app.timezone)
    except (Unreadable, Invalid):
        return False
    whole = tree.check()
    return not whole and all(not node.faults or not has_begun(node) for node in tree.root.walk())


def say_place(error: Invalid) -> str:
    """A refusal with the place in the expression that it is about."""
    return "; ".join(f"{place}: {words}" for place, words in error.fields.items()) or error.message


def parse(text: str) -> Any:
    """JSON as somebody typed it. Raises Invalid."""
    if len(text) > MAX_JSON:
        raise Invalid(_("This is too long: at most %(most)s characters.") % {"most": MAX_JSON})
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Invalid(_("This is no JSON yet: %(error)s.") % {"error": error}) from error


def dump(body: Any) -> str:
    """JSON for people to edit."""
    return json.dumps(body, indent=2, ensure_ascii=False)


def open_editor(app: App, segment: Segment | None) -> Editor:
    """The editor of what is stored, or of a new segment."""
    if segment is None:
        return Editor(app, tree=start_tree(app.timezone))
    editor = Editor(
        app,
        name=segment.name,
        description=segment.description,
        version=segment.updated_at.isoformat(),
    )
    put_body(editor, segment.expression)
    if editor.tree is not None:
        name_long(editor.tree, segment)
    return editor


def put_body(editor: Editor, body: Any) -> None:
    """Show this expression; as JSON where it is no tree."""
    try:
        editor.tree, editor.view = read_tree(body, editor.app.timezone), TREE_VIEW
    except Unreadable:
        editor.text, editor.view = dump(body), JSON_VIEW


def read_editor(app: App, posted: QueryDict, principal: Any) -> Editor:
    """The editor as it was posted."""
    view = JSON_VIEW if posted.get("view") == JSON_VIEW else TREE_VIEW
    tree = read_posted_tree(posted, app.timezone) if view == TREE_VIEW else None
    if tree is not None:
        hold_named(tree, principal)
    return Editor(
        app,
        name=posted.get("name") or "",
        description=posted.get("description") or "",
        version=posted.get("version") or "",
        view=view,
        tree=tree,
        text=posted.get("json") or "",
        told=frozenset((posted.get("told") or "").split()),
    )


# What the template draws ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownNode:
    """A node with all that its fields offer; `number` is the place that screen readers hear."""

    node: Node
    label: str
    is_root: bool
    is_focused: bool
    terms: tuple[ShownNode, ...] = ()
    field_value: str = ""
    field_label: str = ""
    own: str | None = None
    ops: tuple[tuple[str, str], ...] = ()
    types: tuple[tuple[str, str], ...] = ()
    input: str = ""
    choices: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    held: str = ""


def find_usual_types(app: App) -> dict[str, str]:
    """Custom attributes that occur, and as what a value of theirs is typed most often."""
    return {
        one.name: usual if (usual := one.kinds[0][0]) in TYPES else JSON for one in list_custom(app)
    }


def show_node(node: Node, usual: Mapping[str, str], root: str, focus: str) -> ShownNode:
    """The node and all below it; `usual` has custom attributes that occur."""
    shared: dict[str, Any] = {
        "node": node,
        "is_root": node.key == root,
        "is_focused": node.key == focus,
    }
    if node.kind != CONDITION:
        terms = tuple(show_node(term, usual, root, focus) for term in node.terms)
        return ShownNode(**shared, label=str(GROUPS[node.kind]), terms=terms)
    known = find_field(node.field)
    is_custom = known is not None and known.kind is FieldKind.CUSTOM
    prefix = next((prefix for prefix in OWN if node.field.startswith(prefix)), "")
    own = node.field.removeprefix(prefix) if prefix and node.field not in usual else None
    chosen = prefix if own is not None else node.field
    return ShownNode(
        **shared,
        label=name_field(node.field) if node.field else _("Condition"),
        field_value=chosen,
        field_label=name_option(chosen, usual),
        own=own,
        ops=tuple(list_ops(node.field)),
        types=list_types(node, is_custom),
        input=find_input(node),
        choices=known.choices if known else (),
        lines=tuple(node.text.replace("\r\n", "\n").split("\n")),
        held=say_held(node) if node.kept else "",
    )


def name_option(name: str, usual: Mapping[str, str]) -> str:
    """A field in the list of attributes; one of the app's own with the type of its values."""
    if name in OWN:
        return _("Another attribute…")
    if name in usual:
        return f"{name_field(name)} ({TYPES[usual[name]]})"
    return name_field(name) or _("Choose an attribute")


def list_ops(name: str) -> Iterator[tuple[str, str]]:
    """Comparisons of a field, and what they are called; of no field yet all there are."""
    known = find_field(name)
    for op in known.ops if known else tuple(Op):
        yield op.value, say_op(name, op.value)
    yield MISSING, say_op(name, MISSING)


def list_types(node: Node, is_custom: bool) -> tuple[tuple[str, str], ...]:
    """How the value may be typed, where there is a choice."""
    if node.op in {Op.EXISTS, MISSING} or node.type == SPAN:
        return ()
    if is_custom and node.op not in RELATIVE:
        return tuple((key, str(label)) for key, label in TYPES.items())
    if node.type == JSON:
        known = find_field(node.field)
        fixed = find_fixed_type(known.kind if known else FieldKind.TEXT, node.op)
        fixed = TEXT if fixed == FLAG else fixed
        return ((fixed, _("typed")), (JSON, str(TYPES[JSON])))
    return ()


def find_input(node: Node) -> str:
    """Which control the value gets: none, kept, json, lines, checks, choice, flag, time, span,
    text."""
    known = find_field(node.field)
    if node.op in {Op.EXISTS, MISSING}:
        return "none"
    if node.kept:
        return "kept"
    if node.type == JSON:
        return "json"
    has_choices = bool(known and known.choices)
    if node.op == Op.IN:
        return "checks" if has_choices else "lines"
    if node.type in {FLAG, TIME, SPAN}:
        return node.type
    is_chosen = has_choices and node.op in {Op.EQ, Op.NE}
    return "choice" if is_chosen else "text"


def list_options(app: App) -> list[tuple[str, list[tuple[str, str]]]]:
    """The catalogue for the list of attributes, by section; custom ones that really occur."""
    usual = find_usual_types(app)
    names: Sequence[str] = [
        *list_plain_fields(),
        *(f"device.id.{kind}" for kind in sorted(identifier_kinds())),
        *usual,
    ]
    sections: dict[str, list[tuple[str, str]]] = {prefix: [] for prefix, _title in SECTIONS}
    for name in names:
        prefix = max((one for one in sections if name.startswith(one)), key=len)
        sections[prefix].append((name, name_option(name, usual)))
    for prefix in OWN:
        sections[prefix].append((prefix, name_option(prefix, usual)))
    return [(str(title), sections[prefix]) for prefix, title in SECTIONS]
