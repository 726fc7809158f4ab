"""Long lists in a segment: they stay with it, and the editor's form holds a name of each."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.models import Segment
from campaigns.pages.digests import digest
from campaigns.pages.segment_tree import CONDITION, Node, Tree, write_value
from campaigns.selectors.row_ids import read_id

# Letters that the values of a tree may have together before long ones are named instead.
ROOM = 30_000
SHORT = 200  # letters that are always shown
SHOWN = 5  # values of a list


def name_long(tree: Tree, segment: Segment) -> None:
    """Let long values of a tree that shows a stored segment stay with it."""
    room = ROOM
    for node in tree.root.walk():
        if node.kind != CONDITION:
            continue
        if len(node.text) > max(room, SHORT):
            node.held = write_value(node, tree.zone)
            node.kept, node.text = f"{segment.pk}:{digest(node.held)}", ""
        room -= len(node.text)


def hold_named(tree: Tree, principal: Any) -> None:
    """Give the nodes that name a list what it holds, as far as the principal sees its segment and
    it is there still."""
    known: dict[str, dict[str, Any]] = {}
    for node in tree.root.walk():
        if node.kept:
            pk, _colon, digest = node.kept.partition(":")
            if pk not in known:
                known[pk] = _read_stored(principal, read_id(pk))
            node.held = known[pk].get(digest)


def _read_stored(principal: Any, pk: int) -> dict[str, Any]:
    """What the conditions of a segment compare with, by digest."""
    segment = Segment.objects.for_user(principal).filter(pk=pk).first()
    values = _list_values(segment.expression) if segment else ()
    return {digest(value): value for value in values}


def _list_values(body: Any) -> Iterator[Any]:
    if isinstance(body, list):
        for item in body:
            yield from _list_values(item)
    elif isinstance(body, dict):
        if "field" in body:
            yield body.get("value")
        else:
            yield from _list_values([*body.values()])


def say_held(node: Node) -> str:
    """`10,000 values, kept as they are: a, b, c…`; "" where they are not stored so any more."""
    if node.held is None:
        return ""
    values = node.held if isinstance(node.held, list) else [node.held]
    words = ngettext("%(count)s value", "%(count)s values", len(values))
    words %= {"count": number_format(len(values), force_grouping=True)}
    some = ", ".join(str(value)[:40] for value in islice(values, SHOWN))
    return _("%(words)s, kept as they are: %(some)s…") % {"words": words, "some": some}
