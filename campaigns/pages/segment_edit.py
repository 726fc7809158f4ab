"""What can be done to the segment editor's tree: add, remove, move, wrap and unwrap nodes."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

from django.utils.translation import gettext as _

from campaigns.pages.segment_tree import CONDITION, Node, Tree
from providers.audience import MAX_DEPTH, MAX_TERMS


@dataclass(frozen=True, slots=True)
class Edited:
    """What an action came to: the tree, the key of the node to go on at, and words for people.

    Where it is refused the tree is as it was.
    """

    tree: Tree
    focus: str
    words: str


@dataclass(frozen=True, slots=True)
class _Place:
    """A node, the group it stands in (None: it is the root) and its place there."""

    tree: Tree
    node: Node
    parent: Node | None
    index: int


def apply_action(tree: Tree, verb: str, key: str) -> Edited:
    """Do it to the node of that key; an unknown verb or key changes nothing."""
    changed = Tree(deepcopy(tree.root), tree.zone)
    place = _find_place(changed, key)
    act = ACTIONS.get(verb)
    if act is None or place is None:
        return Edited(tree, key, "")
    focus, words = act(place)
    refusal = _find_refusal(changed)
    return Edited(tree, key, refusal) if refusal else Edited(changed, focus, words)


def _find_refusal(tree: Tree) -> str:
    if tree.root.depth > MAX_DEPTH:
        return _("At most %(levels)s levels are allowed.") % {"levels": MAX_DEPTH}
    if sum(1 for node in tree.root.walk() if not node.terms) > MAX_TERMS:
        return _("At most %(terms)s conditions are allowed.") % {"terms": MAX_TERMS}
    return ""


def _find_place(tree: Tree, key: str) -> _Place | None:
    if tree.root.key == key:
        return _Place(tree, tree.root, None, 0)
    for parent in tree.root.walk():
        for index, node in enumerate(parent.terms):
            if node.key == key:
                return _Place(tree, node, parent, index)
    return None


def _add(place: _Place) -> tuple[str, str]:
    return _insert(place, place.tree.make_node())


def _add_group(place: _Place) -> tuple[str, str]:
    group = place.tree.make_node("or" if place.node.kind == "and" else "and")
    group.terms.append(Node(str(int(group.key) + 1)))
    return _insert(place, group)


def _insert(place: _Place, node: Node) -> tuple[str, str]:
    if place.node.kind not in {"and", "or"}:
        return place.node.key, ""
    place.node.terms.append(node)
    first = next(one for one in node.walk() if one.kind == CONDITION)
    return first.key, _("Added.")


def _copy(place: _Place) -> tuple[str, str]:
    if place.parent is None or place.parent.kind == "not":
        return place.node.key, _("It stands alone here; wrap it in a group first.")
    twin = deepcopy(place.node)
    first = int(place.tree.make_node().key)
    for number, node in enumerate(twin.walk(), first):
        node.key = str(number)
    place.parent.terms.insert(place.index + 1, twin)
    return twin.key, _("Copied.")


def _remove(place: _Place) -> tuple[str, str]:
    if place.parent is None:
        place.tree.root = Node(place.node.key, "and", [])
        return place.node.key, _("Removed.")
    if place.parent.kind == "not":
        upper = _find_place(place.tree, place.parent.key)
        return _remove(upper) if upper else (place.node.key, "")
    place.parent.terms.remove(place.node)
    return place.parent.key, _("Removed.")


def _move_up(place: _Place) -> tuple[str, str]:
    return _move(place, -1)


def _move_down(place: _Place) -> tuple[str, str]:
    return _move(place, 1)


def _move(place: _Place, by: int) -> tuple[str, str]:
    terms = place.parent.terms if place.parent else []
    to = place.index + by
    if not 0 <= to < len(terms):
        return place.node.key, _("It cannot be moved further; move it out of its group.")
    terms[place.index], terms[to] = terms[to], terms[place.index]
    return place.node.key, _("Moved.")


def _move_out(place: _Place) -> tuple[str, str]:
    upper = _find_place(place.tree, place.parent.key) if place.parent else None
    if upper is None or place.parent is None:
        return place.node.key, _("It is in no group that it could leave.")
    if place.parent.kind == "not" or upper.parent is None or upper.parent.kind == "not":
        return _replace(upper, place.node) if place.parent.kind == "not" else _stay(place)
    place.parent.terms.remove(place.node)
    upper.parent.terms.insert(upper.index + 1, place.node)
    return place.node.key, _("Moved out of its group.")


def _stay(place: _Place) -> tuple[str, str]:
    return place.node.key, _("There is no group around this one.")


def _move_in(place: _Place) -> tuple[str, str]:
    before = place.parent.terms[place.index - 1] if place.parent and place.index else None
    if place.parent is None or before is None or before.kind not in {"and", "or"}:
        return place.node.key, _("There is no group right above it.")
    place.parent.terms.remove(place.node)
    before.terms.append(place.node)
    return place.node.key, _("Moved into the group above.")


def _wrap(kind: str) -> Callable[[_Place], tuple[str, str]]:
    def wrap(place: _Place) -> tuple[str, str]:
        group = place.tree.make_node(kind)
        group.terms.append(place.node)
        _replace(place, group)
        return group.key, _("Wrapped.")

    return wrap


def _unwrap(place: _Place) -> tuple[str, str]:
    """Let the terms stand where their group stood."""
    if place.node.kind == CONDITION:
        return place.node.key, _("Only a group can be dissolved.")
    if len(place.node.terms) == 1:
        return _replace(place, place.node.terms[0])
    if place.parent is None or place.parent.kind == "not":
        return place.node.key, _("There is no group around this one to take its parts.")
    place.parent.terms[place.index : place.index + 1] = place.node.terms
    return place.parent.key, _("Dissolved.")


def _replace(place: _Place, node: Node) -> tuple[str, str]:
    if place.parent is None:
        place.tree.root = node
    else:
        place.parent.terms[place.index] = node
    return node.key, _("Dissolved.")


def _rewrite(place: _Place) -> tuple[str, str]:
    """Type other values instead of a long list."""
    place.node.kept, place.node.held = "", None
    return place.node.key, _("Write the new values.")


ACTIONS: dict[str, Callable[[_Place], tuple[str, str]]] = {
    "add": _add,
    "add_group": _add_group,
    "copy": _copy,
    "remove": _remove,
    "up": _move_up,
    "down": _move_down,
    "out": _move_out,
    "in": _move_in,
    "wrap_and": _wrap("and"),
    "wrap_or": _wrap("or"),
    "wrap_not": _wrap("not"),
    "unwrap": _unwrap,
    "rewrite": _rewrite,
}
