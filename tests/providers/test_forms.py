"""Fields that people fill in: what they give, and what they say when it is wrong."""

from __future__ import annotations

import pytest
from django import forms as django_forms
from django.core.exceptions import ValidationError

from providers import registry
from providers.fields import KINDS, FieldSpec
from providers.forms import BoundedJSONField, build_field, build_fields, merge_secrets
from providers.message_fields import COMMON_FIELDS
from providers.message_platforms import BLOCK_FIELDS

GOOD = {
    "text": (" Hi ", "Hi"),
    "long_text": ("a\r\nb ", "a\nb "),
    "secret": ("s3cr3t ", "s3cr3t "),
    "url": ("https://example.com/a", "https://example.com/a"),
    "link": ("shop://cart", "shop://cart"),
    "int": ("-2", -2),
    "bool": (True, True),
    "choice": ("high", "high"),
    "color": ("#FFFFFF", "#FFFFFF"),
    "int_list": ("0, 500 100", [0, 500, 100]),
    "number": ("0.25", 0.25),
    "buttons": (
        "Now | shop://{{ plan | upcase }} | now\nA \\| B ||x",
        [
            {"title": "Now", "link": "shop://{{ plan | upcase }}", "id": "now"},
            {"title": "A | B", "id": "x"},
        ],
    ),
    "titles": ("\nLater | never", ["", "Later | never"]),
    "json": ('["a"]', ["a"]),
    "json_object": ('{"a": 1}', {"a": 1}),
    "attachments": (
        "https://example.com/a.png png a1\nhttps://example.com/b.mp4\n"
        "https://example.com/{{ person.custom.name | default: 'x' }}.png  png",
        [
            {"file_url": "https://example.com/a.png", "file_type": "png", "id": "a1"},
            {"file_url": "https://example.com/b.mp4"},
            {
                "file_url": "https://example.com/{{ person.custom.name | default: 'x' }}.png",
                "file_type": "png",
            },
        ],
    ),
}


def make_spec(kind: str = "text", **values) -> FieldSpec:
    choices = ("high", "normal") if kind == "choice" else ()
    return FieldSpec(name="f", kind=kind, label="Field", choices=choices, **values)


def test_every_kind_has_an_example_here():
    assert set(GOOD) == KINDS


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_is_typed_becomes_a_value_that_the_spec_accepts(kind):
    spec = make_spec(kind)
    typed, value = GOOD[kind]

    cleaned = build_field(spec).clean(typed)

    assert cleaned == value
    assert spec.find_fault(cleaned) is None


@pytest.mark.parametrize("kind", sorted(KINDS - {"bool", "json"}))
def test_a_value_comes_back_as_text_that_gives_the_same_value(kind):
    field = build_field(make_spec(kind))
    value = GOOD[kind][1]

    assert field.clean(field.prepare_value(value)) == value


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_is_left_empty_is_not_set(kind):
    assert build_field(make_spec(kind)).clean("") is None
    assert build_field(make_spec(kind)).clean(None) is None


@pytest.mark.parametrize("kind", sorted(KINDS - {"bool"}))
def test_a_mandatory_field_is_asked_for(kind):
    with pytest.raises(ValidationError, match="required"):
        build_field(make_spec(kind, required=True)).clean("  ")


def test_a_switch_with_a_default_can_be_switched_off():
    assert build_field(make_spec("bool", default=True)).clean(False) is False


@pytest.mark.parametrize(
    ("spec", "typed", "words"),
    [
        (make_spec("int", minimum=-2, maximum=2), "3", "from -2 to 2"),
        (make_spec("int"), "1.5", "whole number"),
        (make_spec("int"), "٣", "whole number"),
        (make_spec("int"), "9" * 30, "whole number"),
        (make_spec("int", maximum=5), "9", "at most 5"),
        (make_spec("text", maximum=3), "abcd", "Shorten it to 3 characters; it has 4"),
        (make_spec("secret", minimum=4), "abc", "at least 4"),
        (make_spec("color", pattern="#[0-9A-F]{6}", help="#RRGGBB."), "red", "#RRGGBB"),
        (make_spec("choice"), "low", "one of high, normal"),
        (make_spec("url"), "javascript:alert(1)", "https://"),
        (make_spec("url"), "example.com", "https://"),
        (make_spec("url"), "https://[", "https://"),
        (make_spec("url"), "https://a b", "https://"),
        (make_spec("link"), "JavaScript:alert(1)", "scheme"),
        (make_spec("link"), "cart", "scheme"),
        (make_spec("int_list"), "1, x", "commas"),
        (make_spec("json"), "{", "no JSON"),
        (make_spec("json"), "[" * 100_000, "JSON"),
        (make_spec("json_object"), "[]", "JSON object"),
        (make_spec("attachments"), "a.png", "https://"),
        (make_spec("buttons"), "a | b | c | d", "One button per line"),
        (make_spec("buttons"), "Show | cart", "with its scheme"),
        (make_spec("buttons", maximum=1), "a\nb", "at most 1"),
        (make_spec("titles", maximum=1), "a\nb", "at most 1"),
        (make_spec("number", minimum=0, maximum=1), "1.5", "from 0 to 1"),
        (make_spec("number"), "much", "0.5"),
        (make_spec("attachments"), "https://a.b/c png id more", "One attachment per line"),
    ],
)
def test_an_error_says_how_to_put_it_right(spec, typed, words):
    with pytest.raises(ValidationError) as caught:
        build_field(spec).clean(typed)

    assert words in caught.value.messages[0]


def render(spec: FieldSpec, secret: str = "") -> str:
    form_class = type("F", (django_forms.Form,), build_fields([spec], secrets={"f": secret}))
    return form_class({"f": "just-typed-secret"}).as_p()


def test_a_secret_is_never_drawn():
    html = render(make_spec("secret", required=True), secret="0123456789abcdef")

    assert "•••• cdef" in html
    assert "0123456789" not in html
    assert "just-typed" not in html


def test_a_secret_left_empty_stays_and_a_new_one_wins():
    specs = [make_spec("secret", required=True)]
    field = build_field(specs[0], secret="old-secret")

    assert merge_secrets(specs, {"f": field.clean("")}, {"f": "old-secret"}) == {"f": "old-secret"}
    assert merge_secrets(specs, {"f": field.clean("new")}, {"f": "old-secret"}) == {"f": "new"}


def list_all_specs() -> list[FieldSpec]:
    specs = [*COMMON_FIELDS, *(spec for block in BLOCK_FIELDS.values() for spec in block)]
    for dialect in registry.all_dialects():
        specs += dialect.credentials + dialect.base_urls + dialect.account_options
        specs += dialect.route_options + dialect.message_options
    return specs


@pytest.mark.parametrize("spec", list_all_specs(), ids=lambda spec: spec.name)
def test_every_field_there_is_can_be_drawn(spec):
    form_class = type("F", (django_forms.Form,), build_fields([spec], prefix="x_"))

    assert f'name="x_{spec.name}"' in form_class().as_p()


@pytest.mark.parametrize(
    "typed",
    [
        "NaN", '{"a": NaN}', '{"a": [-1e999]}', r'{"a": "\ud800"}', r'{"\udfff": 1}', r'["\u0000"]',
        r'["\\\u0000"]', "[" * 3000, '{"a": ' + "9" * 5000 + "}", "{",
    ],
)  # fmt: skip
def test_json_that_no_database_keeps_is_refused_and_drawn_as_it_was_typed(typed):
    class Form(django_forms.Form):
        extras = BoundedJSONField()

    form = Form({"extras": typed})

    assert not form.is_valid()
    assert form["extras"].value() == typed
    assert str(form).encode()


@pytest.mark.parametrize("typed", ['{"a": "é😀"}', r'["\\u0000"]', r'["\ud83d\ude00"]', "1e300"])
def test_json_with_odd_but_good_texts_is_taken(typed):
    assert BoundedJSONField().clean(typed) is not None
