"""The language of a report's filters."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.audience import And, Condition, Not, Op, Or
from providers.outcomes import Refusal, RefusalKind
from providers.vendors.appmetrica.wire_filters import read_filters

WORDS = ["ym:pc:tag", "ym:pc:group", "==", "=.", "=*", "'a'", "'*'", "(", ")", ",", "AND", "OR"]
pieces = st.sampled_from([*WORDS, "NOT", "'", "\\", " ", "1", "ym:", "é"])


def eq(field: str, value: str) -> Condition:
    return Condition(field, Op.EQ, value)


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("", None),
        ("  ", None),
        ("ym:pc:tag=='a'", eq("tag", "a")),
        ("ym:pc:transfer==99", eq("transfer", "99")),
        (" ym:pc:tag  ==  'a' ", eq("tag", "a")),
        (r"ym:pc:tag=='it\'s a \\'", eq("tag", "it's a \\")),
        ("ym:pc:tag!='a'", Condition("tag", Op.NE, "a")),
        ("ym:pc:tag=@'a'", Condition("tag", Op.CONTAINS, "a")),
        ("ym:pc:tag!@'a'", Not(Condition("tag", Op.CONTAINS, "a"))),
        ("ym:pc:tag=*'a*'", Condition("tag", Op.STARTS_WITH, "a")),
        ("ym:pc:tag=*'*a*'", Condition("tag", Op.CONTAINS, "a")),
        ("ym:pc:tag=*'a'", eq("tag", "a")),
        ("ym:pc:tag!*'a*'", Not(Condition("tag", Op.STARTS_WITH, "a"))),
        ("ym:pc:group=.('1', 2)", Condition("group", Op.IN, ("1", "2"))),
        ("ym:pc:group=.'1'", Condition("group", Op.IN, ("1",))),
        ("ym:pc:group!.(1)", Not(Condition("group", Op.IN, ("1",)))),
        ("ym:pc:operatingSystem=='iOS'", eq("platform", "ios")),
        (
            "(ym:pc:group=='12' OR ym:pc:group=='13')",
            Or((eq("group", "12"), eq("group", "13"))),
        ),
        (
            "ym:pc:tag=='a' OR ym:pc:tag=='b' AND NOT(ym:pc:tag=='c')",
            Or((eq("tag", "a"), And((eq("tag", "b"), Not(eq("tag", "c")))))),
        ),
        ("not ym:pc:tag=='a' and ym:pc:tag=='b'", And((Not(eq("tag", "a")), eq("tag", "b")))),
        ("ym:pc:tag=='a OR b'", eq("tag", "a OR b")),
    ],
)
def test_a_filter_is_understood(text: str, expression: Any) -> None:
    assert read_filters(text) == expression


@pytest.mark.parametrize(
    "text",
    [
        "ym:pc:tag",
        "ym:pc:tag==",
        "ym:pc:tag=='a",
        "ym:pc:tag=='a' AND",
        "AND ym:pc:tag=='a'",
        "(ym:pc:tag=='a'",
        "ym:pc:tag=='a')",
        "()",
        "ym:pc:tag=='a' ym:pc:tag=='b'",
        "ym:pc:tag=~'a.*'",
        "ym:pc:tag>'a'",
        "ym:pc:tag='a'",
        'ym:pc:tag=="a"',
        r"ym:pc:tag=='a\n'",
        "ym:pc:tag=.()",
        "ym:pc:tag=.('a',)",
        "ym:pc:tag=.('a'",
        "ym:pc:tag==('a')",
        "ym:pc:tag=*'a*b'",
        "ym:pc:tag=*'*a'",
        "ym:pc:tag==5abc",
        "ym:pc:sentDevices>5",
        "ym:ge:regionCity=='Moscow'",
        "ym:pc:tag=='a\x00'",
        "ym:pc:tag=='\ud800'",
        "(" * 5000,
        "(" * 11 + "ym:pc:tag=='a'" + ")" * 11,
        "NOT " * 2000 + "ym:pc:tag=='a'",
        " AND ".join(["ym:pc:tag=='a'"] * 21),
        f"ym:pc:tag=.({','.join(['1'] * 101)})",
        f"ym:pc:tag=='{'a' * 10_000}'",
    ],
)
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_filters(text)

    assert (caught.value.kind, caught.value.field) == (RefusalKind.INVALID, "filters")
    assert caught.value.message.startswith("Wrong parameter: 'filters', value: ")
    assert caught.value.message.encode()


def test_twenty_conditions_are_allowed() -> None:
    assert read_filters(" AND ".join(["ym:pc:tag=='a'"] * 20)) is not None


@given(st.lists(pieces, max_size=20).map("".join) | st.text(max_size=50))
def test_a_filter_of_any_letters_is_taken_or_refused(text: str) -> None:
    try:
        outcome: object = read_filters(text)
    except Refusal as refusal:
        outcome = refusal

    assert isinstance(outcome, Refusal | And | Or | Not | Condition | None)
