"""The segment editor's tree: the same thing as the JSON, whatever is done to it."""

from __future__ import annotations

import json

import pytest
from django.http import QueryDict
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.errors import Invalid
from campaigns.pages.segment_edit import ACTIONS, apply_action
from campaigns.pages.segment_editor import find_input, show_node
from campaigns.pages.segment_tree import (
    CONDITION,
    SPAN,
    TEXT,
    TIME,
    Tree,
    Unreadable,
    read_posted_tree,
    read_tree,
    start_tree,
)
from campaigns.selectors.expressions import check_expression
from providers.audience import MAX_DEPTH, write_expression
from tests.campaigns.test_expressions import expressions

ZONE = "Europe/Berlin"
GERMANS = {"field": "device.country", "op": "eq", "value": "DE"}
RECENT = {"field": "device.last_seen_at", "op": "within_last", "value": "30d"}
SEEN = {"field": "device.last_seen_at", "op": "gt", "value": "2026-11-20T15:00:00.5+05:00"}


def post(tree: Tree) -> QueryDict:
    """What a browser sends of the page that draws this tree, line ends included."""
    posted = QueryDict(mutable=True)
    posted["shape"] = tree.write_shape()
    for node in tree.root.walk():
        if node.kind != CONDITION:
            posted[f"kind-{node.key}"] = node.kind
            continue
        shown = show_node(node, {"device.custom.plan": TEXT}, "1", "")
        posted[f"field-{node.key}"] = shown.field_value
        if shown.own is not None:
            posted[f"own-{node.key}"] = shown.own
        posted[f"op-{node.key}"] = node.op
        if shown.types or shown.input == "json":
            posted[f"type-{node.key}"] = node.type
        if node.type == TIME:
            posted[f"was-{node.key}"] = node.was
        if shown.input == "span":
            posted[f"unit-{node.key}"] = node.unit
        values = list(shown.lines) if shown.input == "checks" else [node.text]
        texts = [value for value in values if shown.input not in {"none", "checks"} or value]
        posted.setlist(f"value-{node.key}", [text.replace("\n", "\r\n") for text in texts])
    return posted


@settings(max_examples=200)
@given(body=expressions)
def test_the_tree_is_the_json_on_the_way_there_and_back(body):
    stored = json.loads(json.dumps(write_expression(check_expression(body))))

    tree = read_tree(stored, ZONE)
    again = read_posted_tree(post(tree), ZONE)

    assert tree.write_body() == stored
    assert again.write_body() == stored
    assert again.check() == []
    assert not any(node.faults for node in again.root.walk())


@settings(max_examples=100)
@given(
    body=expressions,
    actions=st.lists(
        st.tuples(st.sampled_from(sorted(ACTIONS)), st.integers(1, 12).map(str)), max_size=12
    ),
)
def test_whatever_is_done_to_a_tree_it_stays_one(body, actions):
    tree = read_tree(json.loads(json.dumps(body)), ZONE)

    for verb, key in actions:
        edited = apply_action(tree, verb, key)
        tree = edited.tree
        keys = [node.key for node in tree.root.walk()]
        assert len(set(keys)) == len(keys)
        assert tree.root.depth <= MAX_DEPTH
        assert all(len(node.terms) == 1 for node in tree.root.walk() if node.kind == "not")
        assert read_posted_tree(post(tree), ZONE).write_shape() == tree.write_shape()


def edit(body, *actions):
    tree = read_tree(body, ZONE)
    words = ""
    for action in actions:
        edited = apply_action(tree, *action.split(":"))
        tree, words = edited.tree, edited.words
    return tree.write_body(), words


A, B, C = ({"field": "device.tag", "op": "eq", "value": name} for name in "abc")


@pytest.mark.parametrize(
    ("body", "action", "after"),
    [
        ({"and": [A, B]}, "up:3", {"and": [B, A]}),
        ({"and": [A, B]}, "down:2", {"and": [B, A]}),
        ({"and": [A, B]}, "remove:2", {"and": [B]}),
        ({"and": [A, {"not": B}]}, "remove:4", {"and": [A]}),
        ({"and": [A, {"or": [B, C]}]}, "out:4", {"and": [A, {"or": [C]}, B]}),
        ({"and": [{"or": [A]}, B]}, "in:4", {"and": [{"or": [A, B]}]}),
        ({"and": [A, {"or": [B, C]}]}, "unwrap:3", {"and": [A, B, C]}),
        ({"and": [{"not": A}]}, "unwrap:2", {"and": [A]}),
        ({"and": [{"not": A}]}, "out:3", {"and": [A]}),
        ({"and": [A, B]}, "wrap_not:3", {"and": [A, {"not": B}]}),
        ({"and": [A, B]}, "wrap_or:1", {"or": [{"and": [A, B]}]}),
        ({"or": [A]}, "copy:2", {"or": [A, A]}),
        (A, "remove:1", {"and": []}),
        (A, "wrap_and:1", {"and": [A]}),
    ],
)
def test_parts_are_moved_wrapped_and_dissolved(body, action, after):
    assert edit(body, action)[0] == after


@pytest.mark.parametrize(
    "action", ["up:2", "down:3", "out:2", "in:3", "unwrap:1", "unwrap:2", "copy:1", "fly:2", "up:9"]
)
def test_what_cannot_be_done_changes_nothing(action):
    body = {"and": [A, B]}

    assert edit(body, action)[0] == body


def test_an_eleventh_level_is_refused_in_words():
    body = A
    for _level in range(MAX_DEPTH - 1):
        body = {"not": body}

    after, words = edit(body, f"wrap_not:{MAX_DEPTH}")

    assert (after, words) == (body, "At most 10 levels are allowed.")


def test_a_time_stays_as_it_was_written_until_another_is_typed():
    tree = read_tree(SEEN, ZONE)
    posted = post(tree)

    same = read_posted_tree(posted, ZONE).write_body()
    posted["value-1"] = "2026-07-01T08:30"
    other = read_posted_tree(posted, ZONE).write_body()

    assert tree.root.text == "2026-11-20T11:00:00"
    assert same == SEEN
    assert other["value"] == "2026-07-01T08:30:00+02:00"


@pytest.mark.parametrize(
    ("condition", "control"),
    [
        (GERMANS, "text"),
        ({"field": "device.platform", "op": "eq", "value": "ios"}, "choice"),
        ({"field": "device.platform", "op": "in", "value": ["ios", "beos"]}, "checks"),
        ({"field": "device.is_secure", "op": "eq", "value": True}, "flag"),
        ({"field": "device.country", "op": "eq", "value": "D\nE"}, "json"),
        ({"field": "device.tag", "op": "in", "value": ["a", ""]}, "json"),
        ({"field": "device.custom.n", "op": "in", "value": [1, "1"]}, "json"),
        ({"field": "device.custom.n", "op": "in", "value": [1, 2.5]}, "lines"),
        ({"field": "device.last_seen_at", "op": "gt", "value": "soon"}, "json"),
        ({"field": "device.last_seen_at", "op": "within_last", "value": "30d"}, "span"),
        ({"field": "device.custom.n", "op": "within_next", "value": "7d"}, "span"),
        ({"field": "device.custom.n", "op": "within_next", "value": 7}, "json"),
        ({"field": "device.last_seen_at", "op": "longer_ago_than", "value": "0h"}, "span"),
        ({"field": "device.last_seen_at", "op": "within_last", "value": "d"}, "span"),
        ({"field": "device.last_seen_at", "op": "within_last", "value": {"days": 3}}, "json"),
        ({"field": "device.last_seen_at", "op": "within_last", "value": "a week"}, "json"),
        ({"field": "device.country", "op": "exists", "value": False}, "none"),
        ({"field": "device.colour", "op": "eq", "value": "red"}, "text"),
    ],
)
def test_every_value_finds_a_control_that_keeps_it(condition, control):
    tree = read_tree(condition, ZONE)

    assert find_input(tree.root) == control
    assert read_posted_tree(post(tree), ZONE).write_body() == condition


@pytest.mark.parametrize(
    ("number", "unit", "most"),
    [("", "d", 3650), ("0", "d", 3650), ("2.5", "h", 87600), ("-1", "h", 87600), ("ten", "d", 3650),
     ("3651", "d", 3650), ("87601", "h", 87600), ("٣", "d", 3650)],
)  # fmt: skip
def test_a_length_of_time_that_is_none_says_what_to_enter(number, unit, most):
    posted = post(read_tree(RECENT, ZONE))
    posted["value-1"], posted["unit-1"] = number, unit

    tree = read_posted_tree(posted, ZONE)
    tree.check()

    assert tree.root.faults == [f"Enter a whole number from 1 to {most}."]
    assert (tree.root.text, tree.root.unit) == (number, unit)


def test_another_comparison_takes_nothing_that_was_typed_for_the_one_before():
    absolute, relative = post(read_tree(SEEN, ZONE)), post(read_tree(RECENT, ZONE))
    absolute["op-1"], relative["op-1"] = RECENT["op"], SEEN["op"]

    nodes = [read_posted_tree(posted, ZONE).root for posted in (absolute, relative)]

    assert [(node.type, node.text) for node in nodes] == [(SPAN, ""), (TIME, "")]


def test_a_time_that_has_just_been_chosen_is_asked_for_as_how_long_ago():
    posted = post(read_tree(GERMANS, ZONE))
    posted["field-1"] = "device.last_seen_at"

    tree = read_posted_tree(posted, ZONE)

    assert (tree.root.op, find_input(tree.root)) == ("within_last", "span")


def test_faults_stand_at_their_nodes_and_what_was_typed_stays():
    body = {"and": [GERMANS, {"field": "device.colour", "op": "eq", "value": "red"},
                    {"field": "device.custom.n", "op": "gt", "value": 1}]}  # fmt: skip
    tree = read_tree(body, ZONE)
    posted = post(tree)
    posted["value-4"] = "ten"

    again = read_posted_tree(posted, ZONE)
    whole = again.check()

    assert whole == []
    assert [len(node.faults) for node in again.root.walk()] == [0, 0, 1, 1]
    assert again.write_body()["and"][2]["value"] == "ten"


def test_a_new_tree_asks_for_an_attribute():
    tree = start_tree(ZONE)

    tree.check()

    assert tree.root.terms[0].faults == ["A condition needs a field."]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (None, ""), ([], ""), ({"and": {}}, ""), ({"and": [], "or": []}, ""), ({"not": 1}, "not"),
        ({"and": [GERMANS, {"field": 1}]}, "and[1]"), ({"field": "x", "op": "like"}, ""),
        ({**GERMANS, "more": 1}, ""), ({"or": [{"and": []}] * 400}, "or[299]"),
    ],
)  # fmt: skip
def test_json_that_is_no_tree_says_where(body, path):
    with pytest.raises(Unreadable) as refused:
        read_tree(body, ZONE)

    assert refused.value.path == path


@pytest.mark.parametrize(
    "shape",
    [
        "", "x", "[]", "{}", "[[1]]", "[1.5]", "[true]", "[-1]", "[" * 15_000, "1" * 30_000,
        "[1" + ",[2" * 3000 + "]" * 3001,
    ],
)  # fmt: skip
def test_a_forged_form_is_refused(shape):
    posted = QueryDict(mutable=True)
    posted["shape"] = shape

    with pytest.raises(Invalid):
        read_posted_tree(posted, ZONE)


@pytest.mark.parametrize("kind", ["", "xor", "condition"])
def test_a_group_of_no_known_kind_is_refused_with_all_that_is_in_it(kind):
    posted = QueryDict(mutable=True)
    posted.update({"shape": "[1,[2]]", "kind-1": kind, "field-2": "device.platform"})

    with pytest.raises(Invalid):
        read_posted_tree(posted, ZONE)
