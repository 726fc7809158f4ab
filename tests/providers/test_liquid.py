"""Values are data, every render ends, and what is wrong with a template is said with its line."""

from __future__ import annotations

import string
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.liquid import BRACES, TemplateFault, parse
from providers.liquid_sandbox import Mode, RenderFault, write_value

NAME, CITY = "person.custom.name", "person.custom.city"
HOSTILE = st.one_of(
    st.text(max_size=40),
    st.lists(
        st.sampled_from(
            ["{{", "}}", "{%", "%}", "{% raw %}", "{{ app.name }}", "{% include 'x' %}", "\u202e",
             "\u0000", "\u2066", "👩‍👩‍👧", "ش", '"', "\\", "</script>", "'", "\r\n", "|"]
        ),
        max_size=6,
    ).map("".join),
)  # fmt: skip


@pytest.mark.parametrize(
    ("source", "words", "line"),
    [
        ("Hi {{ person.custom.name", "expected '}}'", 1),
        ("Hi\n\n{{ person.custom.name }} }}", "without its other half", 3),
        ("{% raw %}{{ x }}{% endraw %}", "without its other half", 1),
        ("a\n{% include 'secret' %}", "unexpected tag 'include'", 2),
        ("{% render 'secret' %}", "unexpected tag 'render'", 1),
        ("{% increment x %}", "unexpected tag", 1),
        ("\n{{ 'eA==' | base64_decode }}", "no filter named base64_decode", 2),
        ("{% if person.custom.name %}", "expected tag endif", 1),
        ("{% if a %}" * 20 + "{% endif %}" * 20, "nesting limit", 1),
        ("{{ }}", "expected", 1),
    ],
)
def test_what_is_no_template_is_told_with_its_line(source: str, words: str, line: int) -> None:
    with pytest.raises(TemplateFault, match=words) as caught:
        parse(source, Mode.TEXT)

    assert caught.value.line == line


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in (1..100000000) %}a{% endfor %}",
        "{% for i in (1..900) %}{% for j in (1..900) %}{% endfor %}{% endfor %}",
        "{% for i in (1..999) %}{% assign a = i | plus: 1 | plus: 1 %}{% endfor %}" * 30,
        "{% assign x = (1..100000000) %}{{ x | join: ',' }}",
        "{% assign x = 'aaaaaaaaaa' %}" + "{% assign x = x | append: x %}" * 40 + "{{ x }}",
        "{% assign x = 9 %}" + "{% assign x = x | times: x %}" * 60 + "{{ x }}",
        "{% assign x = 'aaaaaaaaaa' %}" + "{% assign x = x | replace: 'a', x %}" * 20 + "{{ x }}",
        "{{ 1 | divided_by: 0 }}",
        "{% for i in (1..1000) %}" + "a" * 100 + "{% endfor %}",
    ],
)
def test_what_would_not_end_is_ended(source: str) -> None:
    template = parse(source, Mode.TEXT)

    with pytest.raises(RenderFault):
        template.render({})


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ("Hi {{ person.custom.name }}!", NAME),
        ("{% if true %}Hi {{ person.custom.name }}{% endif %}", NAME),
        ("{% assign n = person.custom.name %}Hi {{ n }}", "n"),
        ("Hi {{ person.custom.name | append: '!' }}", ""),
        ("Hi {{ 'dear ' | append: person.custom.name }}", ""),
    ],
)
@pytest.mark.parametrize("value", [None, "", "  \n", "\u202e"])
def test_no_text_is_written_around_a_gap(source: str, missing: str, value: str | None) -> None:
    with pytest.raises(RenderFault) as caught:
        parse(source, Mode.TEXT).render({NAME: value})

    assert caught.value.variable == missing


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Hi {{ person.custom.name | default: 'you' }}", "Hi you"),
        ("Hi {{ person.custom.name | default: '' }}", "Hi "),
        ("Hi {{ person.custom.name | default: person.custom.city }}", "Hi Rome"),
        ("{% if person.custom.name %}a{% else %}b{% endif %}", "b"),
        ("{% if person.custom.name > 3 %}a{% else %}b{% endif %}", "b"),
        ("{% unless person.custom.name == 'x' %}b{% endunless %}", "b"),
        ("{{ person.custom.name | default: 'ann' | upcase }}", "ANN"),
    ],
)
def test_a_default_or_a_condition_fills_a_gap(source: str, text: str) -> None:
    assert parse(source, Mode.TEXT).render({CITY: "Rome"}) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(3, "3"), (3.0, "3"), (2.5, "2.5"), (True, "true"), (["a", 1], "a1"), (10**20, str(10**20))],
)
def test_values_are_written_as_people_write_them(value: object, text: str) -> None:
    template = parse("{{ person.custom.name }}", Mode.TEXT)

    assert template.render({NAME: value}) == text
    assert template.run({NAME: value}) == text


def test_an_object_has_no_text() -> None:
    for run in (parse("{{ person.custom.name }}", Mode.TEXT), parse("{{ person }}", Mode.TEXT)):
        with pytest.raises(RenderFault):
            run.run({NAME: {"a": 1}})


def test_an_attribute_may_have_any_name() -> None:
    template = parse("{{ person.custom['first.name x'] }}", Mode.TEXT)

    assert [one.name for one in template.variables] == ["person.custom.first.name x"]
    assert template.render({"person.custom.first.name x": "Ann"}) == "Ann"


def test_what_lies_in_a_value_is_reached_by_the_interpreter() -> None:
    template = parse("{{ person.custom.name.last }}/{{ person.custom.name[0] }}", Mode.TEXT)

    assert template.pieces is None
    assert [one.name for one in template.variables] == [NAME]
    assert template.render({NAME: ["a", "b"]}) == "b/a"


@given(HOSTILE, HOSTILE)
def test_a_value_is_shown_as_it_is_and_never_interpreted(name: str, city: str) -> None:
    source = "A {{ person.custom.name | default: 'n' }}, {{ person.custom.city | default: 'c' }}."
    template = parse(source, Mode.TEXT)
    shown = [write_value(value) if write_value(value).strip() else other
             for value, other in ((name, "n"), (city, "c"))]  # fmt: skip

    text = template.render({NAME: name, CITY: city})

    assert text == f"A {shown[0]}, {shown[1]}."
    assert text == template.run({NAME: name, CITY: city})
    assert not {"\u202e", "\u0000", "\u2066"} & set(text)


@given(HOSTILE)
def test_a_value_in_an_address_stays_where_it_was_put(name: str) -> None:
    source = "https://shop.example/{{ person.custom.name | default: 'n' }}?a=b"
    template = parse(source, Mode.URL)
    shown = write_value(name)

    address = template.render({NAME: name})

    inner = address.removeprefix("https://shop.example/").removesuffix("?a=b")
    assert set(inner) <= set(string.ascii_letters + string.digits + "-_.~%")
    assert unquote(inner) == (shown if shown.strip() else "n")
    assert address == template.run({NAME: name})


@given(st.text(alphabet="{}%| ab.'person", max_size=60))
def test_no_text_that_is_accepted_leaves_a_brace(source: str) -> None:
    try:
        text = parse(source, Mode.TEXT).render({})
    except (TemplateFault, RenderFault):
        return
    assert not BRACES.search(text)
