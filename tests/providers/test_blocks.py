"""A JSON object of a call, as every vendor reads it: nothing passes for a type that it is not."""

from __future__ import annotations

from typing import Any

import pytest

from providers.blocks import MAX_LONG, Block
from providers.outcomes import Refusal, RefusalKind


class PlainBlock(Block):
    __slots__ = ()

    def refuse_type(self, name: str, why: str) -> Refusal:
        return Refusal(RefusalKind.INVALID, why, field=self.at(name))


@pytest.mark.parametrize("read", ["find_text", "find_number", "find_flag", "find_block"])
@pytest.mark.parametrize("values", [{}, {"it": None}])
def test_what_is_not_set_is_nothing(read: str, values: dict[str, Any]) -> None:
    assert getattr(PlainBlock(values), read)("it") is None


@pytest.mark.parametrize("read", ["take_text", "take_number", "take_block"])
def test_what_must_be_there_is_refused_by_its_path(read: str) -> None:
    with pytest.raises(Refusal) as refused:
        getattr(PlainBlock({}, "push.target"), read)("it")

    assert refused.value.field == "push.target.it"


@pytest.mark.parametrize(
    ("read", "value"),
    [
        ("find_text", 1),
        ("find_text", "\x00"),
        ("find_text", "\ud83d"),
        ("find_text", "x" * 256),
        ("find_number", True),
        ("find_number", 1.0),
        ("find_number", "1"),
        ("find_number", -1),
        ("find_number", MAX_LONG + 1),
        ("find_flag", 1),
        ("find_flag", "true"),
        ("find_block", []),
        ("take_text", ""),
    ],
)
def test_a_wrong_value_is_refused(read: str, value: Any) -> None:
    with pytest.raises(Refusal) as refused:
        getattr(PlainBlock({"it": value}), read)("it")

    assert refused.value.field == "it"


@pytest.mark.parametrize(
    ("read", "value"),
    [
        ("find_text", ""),
        ("take_text", "x" * 255),
        ("find_number", 0),
        ("take_number", MAX_LONG),
        ("find_flag", False),
    ],
)
def test_a_right_value_is_given_as_it_is(read: str, value: Any) -> None:
    assert getattr(PlainBlock({"it": value}), read)("it") == value


def test_bounds_of_a_call_stand_for_the_classes_own() -> None:
    block = PlainBlock({"text": "long", "number": 0})

    for read in (lambda: block.find_text("text", 3), lambda: block.find_number("number", 1)):
        with pytest.raises(Refusal):
            read()


def test_what_stands_in_a_block_knows_where() -> None:
    block = PlainBlock({"to": {"who": {}}}).take_block("to").enter("who[3]", {"id": 1})

    assert type(block) is PlainBlock
    assert block.at("id") == "to.who[3].id"
