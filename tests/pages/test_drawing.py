"""What pages write into HTML is escaped as Django does it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django import forms
from django.utils import timezone
from django.utils.functional import lazystr
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy, override
from hypothesis import example, given
from hypothesis import strategies as st

from campaigns.pages.drawing import draw, draw_each, escape
from campaigns.templatetags.pa import ago, change, language_names, plain

SAFE_LAZY = lazystr(mark_safe("<i>&amp;</i>"))


class Loud(str):
    """A text of a class of its own, which is no HTML."""


class Name(forms.Form):
    name = forms.CharField(initial='<b>"')


@given(st.text())
@example("""<a href='x' onclick="y">&amp;</a>""")
def test_a_text_is_escaped_as_django_escapes_it(text):
    assert escape(text) == conditional_escape(text)
    assert draw('<b title="{}">{}</b>', text, text) == format_html(
        '<b title="{}">{}</b>', text, text
    )


@pytest.mark.parametrize(
    "value",
    [
        mark_safe("<b>&</b>"), Loud("<b>"), lazystr("<i>"), SAFE_LAZY, gettext_lazy("Home"),
        None, 0, 1.5,
        ["<b>"], Name()["name"], ValueError("<x>"),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_whatever_is_written_is_written_as_django_does_it(value):
    drawn = escape(value)

    assert drawn == conditional_escape(value)
    assert isinstance(drawn, SafeString)
    assert draw_each("<td>{}</td>", [(value,), (value,)]) == f"<td>{drawn}</td>" * 2


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("free", "free"), ("DE", "DE"), ("41", "“41”"), ("true", "“true”"), ("", "“”"),
        (" ", "“ ”"),
        ('["a"]', '“["a"]”'), (41, "41"), (True, "true"), (["a", 1], '["a", 1]'),
    ],
)  # fmt: skip
def test_a_value_is_bare_unless_it_would_pass_for_another_kind(value, words):
    assert plain(value) == words


def test_a_difference_has_its_sign():
    assert [change(0.273), change(-0.37), change(0), change(None)] == [
        "+27.3 %", "\N{MINUS SIGN}37.0 %", "0.0 %", "\N{EN DASH}",
    ]  # fmt: skip


def test_how_long_ago_something_was_is_told_in_words():
    now = timezone.now()

    assert ago(now) == "just now"
    assert ago(now - timedelta(hours=3, minutes=1)).startswith("3\N{NO-BREAK SPACE}hours")


def test_languages_are_named_one_behind_the_other():
    assert language_names(["de", "x-none"]) == "German, x-none"


def test_lazy_words_are_in_the_language_of_the_page():
    words = gettext_lazy("Yes")

    with override("de"):
        assert draw("{}", words) == "Ja"
    with override("en"):
        assert draw("{}", words) == "Yes"
