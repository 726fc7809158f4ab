"""Expressions compiled to SQL mean what they mean in plain Python."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.errors import Invalid
from campaigns.selectors.audience_fields import FieldKind, field_catalogue, find_field
from campaigns.selectors.expressions import check_expression
from campaigns.selectors.identifiers import identifier_kinds
from providers.audience import RELATIVE, Op, write_expression
from tests import builders
from tests.campaigns.audience_oracle import is_meant
from tests.campaigns.crowd import CUSTOM, NAMES, TEXTS, TIMES, VERSIONS, WORDS, make_crowd, select

pytestmark = pytest.mark.database
NOW = builders.NOW
DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
# Up to each of the times in the crowd, and to where a day begins and ends.
SPANS = ["5d", "117h", "118h", "1h", "12h", "1d", "17d", "420h", "421h", "18d", "19d", "3650d"]


@pytest.fixture
def crowd(app):
    return make_crowd(app)


def values_of(field, op):
    if op is Op.EXISTS:
        return st.booleans()
    if op in RELATIVE:
        return st.sampled_from(SPANS)
    one = {
        FieldKind.TEXT: st.sampled_from(field.choices or TEXTS),
        FieldKind.VERSION: st.sampled_from([text for text in VERSIONS[1:] if "x" not in text]),
        FieldKind.FLAG: st.booleans(),
        FieldKind.TIME: st.sampled_from([moment.isoformat() for moment in TIMES]),
        FieldKind.CUSTOM: st.sampled_from(custom_values(op)),
        FieldKind.SET: st.sampled_from([*WORDS, "", "vip0", "VIP7", "Ä20"]),
    }[field.kind]
    # A long list is written to the statement in another way than a short one.
    many = st.lists(one, max_size=3).map(lambda some: some * 9)
    return st.lists(one, max_size=3) | many if op is Op.IN else one


def custom_values(op):
    scalars = [value for value in CUSTOM if isinstance(value, str | int | float)]
    if op in {Op.CONTAINS, Op.STARTS_WITH}:
        return [value for value in scalars if isinstance(value, str)]
    if op in {Op.EQ, Op.NE, Op.IN}:
        return scalars
    return [value for value in scalars if not isinstance(value, bool)]


@st.composite
def conditions(draw):
    name = draw(st.sampled_from([field.name for field in field_catalogue()]))
    name = name.replace("<name>", draw(st.sampled_from(NAMES)))
    field = find_field(name.replace("<kind>", draw(st.sampled_from(sorted(identifier_kinds())))))
    op = draw(st.sampled_from(field.ops))
    return {"field": field.name, "op": op.value, "value": draw(values_of(field, op))}


expressions = st.recursive(
    conditions(),
    lambda terms: st.one_of(
        st.builds(lambda items: {"and": items}, st.lists(terms, max_size=3)),
        st.builds(lambda items: {"or": items}, st.lists(terms, max_size=3)),
        st.builds(lambda item: {"not": item}, terms),
    ),
    max_leaves=6,
)


@settings(max_examples=300)
@given(body=expressions)
def test_the_query_selects_what_plain_python_selects(crowd, body):
    expression = check_expression(body)

    found = set(select(crowd[0].app, body).values_list("pk", flat=True))

    assert found == {device.pk for device in crowd if is_meant(device, expression)}


@given(body=expressions)
def test_an_expression_and_its_negation_share_everybody(crowd, body):
    either = [{"not": body}, body]

    found = [set(select(crowd[0].app, part).values_list("pk")) for part in either]

    assert found[0] | found[1] == {(device.pk,) for device in crowd}
    assert not found[0] & found[1]


@given(body=expressions)
def test_a_checked_expression_is_written_as_it_was_read(body):
    expression = check_expression(body)

    assert check_expression(write_expression(expression)) == expression


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"field": "device.colour", "op": "eq", "value": "red"}, "expression"),
        ({"field": "country", "op": "eq", "value": "DE"}, "expression"),
        ({"field": "device.custom.", "op": "eq", "value": "DE"}, "expression"),
        ({"field": 'device.custom.a"b', "op": "eq", "value": "DE"}, "expression"),
        ({"field": "device.custom.a\\b", "op": "eq", "value": "DE"}, "expression"),
        ({"field": "device.country", "op": "eq", "value": 1}, "expression"),
        ({"field": "device.country", "op": "eq", "value": "D\0E"}, "expression"),
        ({"field": "device.country", "op": "eq", "value": "\ud800"}, "expression"),
        ({"field": "device.country", "op": "eq", "value": "x" * 1025}, "expression"),
        ({"field": "device.platform", "op": "in", "value": ["ios", "beos"]}, "expression"),
        ({"field": "device.is_secure", "op": "eq", "value": "true"}, "expression"),
        ({"field": "device.is_secure", "op": "gt", "value": True}, "expression"),
        ({"field": "device.app_version", "op": "gt", "value": "two"}, "expression"),
        ({"field": "device.last_seen_at", "op": "gt", "value": "2026-11-20"}, "expression"),
        ({"field": "device.last_seen_at", "op": "eq", "value": "2026-11-20T00:00Z"}, "expression"),
        *(({"field": "device.last_seen_at", "op": op, "value": value}, "expression")
          for op in ("within_last", "longer_ago_than", "within_next")
          for value in ("0d", "30", "d", "1w", "1.5d", "-1d", " 1d", "3651d", "87601h", "٣d", 30,
                        True, "2026-11-20T00:00Z")),
        ({"field": "device.country", "op": "within_last", "value": "30d"}, "expression"),
        ({"field": "device.last_seen_at", "op": "within_next", "value": "7d"}, "expression"),
        ({"field": "device.last_seen_at", "op": "within_last", "value": {"days": 1}}, "expression"),
        ({"field": "device.custom.a", "op": "gt", "value": True}, "expression"),
        ({"field": "device.custom.a", "op": "eq", "value": 2**60}, "expression"),
        ({"field": "device.custom.a", "op": "eq", "value": float("nan")}, "expression"),
        ({"field": "device.custom.a", "op": "contains", "value": 1}, "expression"),
        ({"field": "device.custom.a", "op": "exists", "value": 1}, "expression"),
        ({"field": "device.country", "op": "like", "value": "D"}, "expression"),
        ({"field": "device.tag", "op": "ne", "value": "vip"}, "expression"),
        ({"field": "device.tag", "op": "eq", "value": 1}, "expression"),
        ({"field": "device.id.shoe_size", "op": "eq", "value": "43"}, "expression"),
        ({"field": "device.id.", "op": "eq", "value": "43"}, "expression"),
        ({"field": "person.label", "op": "in", "value": ["vip", "\0"]}, "expression"),
        ({"and": [{"not": {"field": "x", "op": "eq", "value": 1}}]}, "expression.and[0].not"),
        ({"and": [{"or": []}], "or": []}, "expression"),
        ({"or": [{"and": []}] * 101}, "expression.or[100].and"),
        ({"and": {}}, "expression.and"),
        ([], "expression"),
        (None, "expression"),
    ],
)  # fmt: skip
def test_a_wrong_expression_is_refused_where_it_is_wrong(body, path):
    with pytest.raises(Invalid) as refused:
        check_expression(body)

    assert list(refused.value.fields) == [path]
    assert refused.value.message.endswith(".")


def test_too_deep_an_expression_is_refused():
    body = {"field": "device.country", "op": "eq", "value": "DE"}
    for _level in range(10):
        body = {"not": body}

    with pytest.raises(Invalid):
        check_expression(body)


def test_an_attribute_of_another_type_never_equals(app):
    builders.make_device(app, "a", attributes={"n": 1})
    builders.make_device(app, "b", attributes={"n": "1"})
    builders.make_device(app, "c", attributes={"n": True})

    found = {
        value: select(app, {"field": "device.custom.n", "op": "eq", "value": value}).get().token
        for value in ("1", 1)
    }

    assert found == {"1": "b", 1: "a"}


def test_times_compare_as_instants(app):
    seen = datetime(2026, 11, 20, 12, tzinfo=UTC)
    device = builders.make_device(app, "a", last_seen_at=seen)
    body = {"field": "device.last_seen_at", "op": "gte", "value": "2026-11-20T15:00:00+03:00"}

    found = select(app, body)

    assert list(found) == [device]
    assert device.last_seen_at - seen == timedelta(0)


@pytest.mark.parametrize(
    ("op", "span", "meant"),
    [
        ("within_last", "30d", "cde"),
        ("longer_ago_than", "30d", "ab"),
        ("within_last", "1h", "de"),
        ("longer_ago_than", "1h", "abc"),
        ("within_last", "87600h", "bcde"),
        ("within_last", "3650d", "bcde"),
    ],
)
def test_a_relative_time_counts_from_the_moment_at_which_it_is_asked(app, op, span, meant):
    ages = {"a": 3651 * DAY, "b": 30 * DAY + SECOND, "c": 30 * DAY, "d": HOUR, "e": -DAY}
    for token, age in ages.items():
        builders.make_device(app, token, last_seen_at=NOW - age)
    builders.make_device(app, "never seen")
    body = {"field": "device.last_seen_at", "op": op, "value": span}

    found = select(app, body)

    assert "".join(sorted(found.values_list("token", flat=True))) == meant


@pytest.mark.values(10)
@pytest.mark.parametrize(
    ("op", "span", "meant"),
    [
        ("within_last", "30d", "bcde"),
        ("longer_ago_than", "30d", "a"),
        ("within_next", "7d", "efg"),
        ("within_next", "168h", "efg"),
        ("longer_ago_than", "1h", "abcd"),
    ],
)
@pytest.mark.parametrize("is_number", [False, True])
def test_an_attribute_is_a_time_as_a_text_in_utc_or_as_seconds(app, op, span, meant, is_number):
    ages = {"a": 30 * DAY + SECOND, "b": 30 * DAY, "c": 29 * DAY, "d": HOUR + SECOND,
            "e": 0 * DAY, "f": -DAY, "g": -7 * DAY, "h": -7 * DAY - SECOND}  # fmt: skip
    for place, (token, age) in enumerate(ages.items()):
        ends = NOW - age
        written = ends.isoformat() if place % 2 else f"{ends:%Y-%m-%dT%H:%M:%SZ}"
        value = ends.timestamp() if is_number else written
        builders.make_device(app, token, attributes={"ends": value})
    builders.make_device(app, "none")
    body = {"field": "device.custom.ends", "op": op, "value": span}

    found = select(app, body)

    assert "".join(sorted(found.values_list("token", flat=True))) == meant


@pytest.mark.values(16)
@pytest.mark.parametrize(
    "value",
    ["2026-11-20 11:00:00Z", "2026-11-20T11:00:00", "2026-11-20T14:00:00+03:00",
     "2026-11-20T11:00Z", "20.11.2026", "2026-11", "2026-11-20T", True, None, ["2026-11-20"], ""],
)  # fmt: skip
@pytest.mark.parametrize("op", ["within_last", "longer_ago_than", "within_next"])
def test_an_attribute_that_is_no_time_in_utc_is_in_no_stretch_of_time(app, op, value):
    builders.make_device(app, "t", attributes={"ends": value})

    found = select(app, {"field": "device.custom.ends", "op": op, "value": "1d"})

    assert not found.exists()


@pytest.mark.parametrize(("op", "like"), [("within_last", "gte"), ("longer_ago_than", "lt")])
def test_a_relative_time_is_the_very_query_of_an_absolute_one(app, op, like):
    field = "device.last_seen_at"
    absolute = {"field": field, "op": like, "value": (NOW - 30 * DAY).isoformat()}

    relative = select(app, {"field": field, "op": op, "value": "30d"})

    assert str(relative.query) == str(select(app, absolute).query)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("device.custom.plan", "v{}"),
        ("device.app_version", "1.{}"),
        ("device.country", "c{}"),
        ("device.tag", "t{}"),
        ("person.label", "l{}"),
    ],
)
def test_ten_thousand_values_can_be_chosen_from_and_no_more(app, field, value):
    values = [value.format(number) for number in range(10_000)]
    body = {"field": field, "op": "in", "value": values}

    with pytest.raises(Invalid) as refused:
        check_expression({"or": [body, {"field": field, "op": "eq", "value": values[0]}]})

    assert refused.value.fields.keys() == {"expression"}
    assert not select(app, body).exists()
