"""What the forms of the operator pages share: how a field is drawn, how long lists are pasted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any, cast

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.forms.renderers import TemplatesSetting
from django.forms.utils import ErrorDict, flatatt
from django.utils.choices import BaseChoiceIterator
from django.utils.html import format_html
from django.utils.safestring import SafeString

from campaigns.pages.field_html import (
    draw_field,
    draw_input,
    draw_plain_options,
    draw_select,
    draw_textarea,
    draw_wide_input,
)

SEPARATORS = re.compile(r"[\s,;]+")


class DayField(forms.DateField):
    """A day that every zone has."""

    default_validators = [
        MinValueValidator(date(2000, 1, 1)), MaxValueValidator(date(2999, 12, 31)),
    ]  # fmt: skip


class PageRenderer(TemplatesSetting):
    """Draws fields, and the plain widgets of a field, without templates (`field_html`)."""

    field_template_name = "field"

    def render(self, template_name: str, context: dict[str, Any], request: Any = None) -> str:
        """A field, or a widget of a field."""
        if template_name == self.field_template_name:
            return draw_field(context["field"])
        draw = _PLAIN.get(template_name)
        widget = context.get("widget", {})
        if draw is None or any(widget.get(name) for name in _BESIDE):
            return super().render(template_name, context, request)
        return draw(widget)


_PLAIN = {
    "django/forms/widgets/text.html": draw_input,
    "django/forms/widgets/number.html": draw_input,
    "django/forms/widgets/hidden.html": draw_input,
    "django/forms/widgets/date.html": draw_input,
    "django/forms/widgets/textarea.html": draw_textarea,
    "django/forms/widgets/select.html": draw_select,
    "unfold/widgets/text.html": draw_wide_input,
    "unfold/widgets/textarea.html": draw_textarea,
}
# What the shell draws beside an input, within its box.
_BESIDE = ("prefix", "prefix_icon", "suffix", "suffix_icon")


class Offered(BaseChoiceIterator):
    """Pairs, and groups of pairs, as they are: Django would look at each of hundreds of zones
    whether it is a group, for the field and for its widget."""

    def __init__(self, choices: list[tuple[Any, Any]]) -> None:
        self.choices = choices

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        return iter(self.choices)

    def __len__(self) -> int:
        return len(self.choices)


class PageForm(forms.Form):
    """A form of an operator page."""

    default_renderer = PageRenderer
    use_required_attribute = False  # an error in words beats a bubble over a hidden tab
    required_css_class = ""

    def forget_errors(self) -> None:
        """Draw what was typed without checking it."""
        self._errors = ErrorDict()
        self.cleaned_data = {}

    def offer(self, name: str, rows: Any) -> None:
        """Let a field choose among these rows."""
        field = cast("forms.ModelChoiceField[Any]", self.fields[name])
        field.queryset = rows

    def offer_choices(self, name: str, choices: list[tuple[Any, Any]]) -> None:
        """Let a field choose among these values."""
        field = cast(forms.ChoiceField, self.fields[name])
        field.choices = Offered(choices)

    def place_faults(self, faults: dict[str, str]) -> dict[str, str]:
        """Show faults at fields of these names; give back those that have no field here."""
        elsewhere = {}
        for name, sentence in faults.items():
            if name in self.fields:
                self.add_error(name, sentence)
            else:
                elsewhere[name] = sentence
        return elsewhere


class LinesArea(forms.Textarea):
    """Text of several lines. A browser counts a line break as one character and sends two: what is
    measured and kept is what was typed."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        """What was typed."""
        value = super().value_from_datadict(data, files, name)
        return value.replace("\r\n", "\n") if isinstance(value, str) else value


class LongSelect(forms.Select):
    """A choice among hundreds of plain values, drawn at once: a template each takes too long."""

    def optgroups(self, name: str, value: list[str], attrs: Any = None) -> list[Any]:
        """The usual ones are not needed."""
        return []

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """The element with its options."""
        own = self.build_attrs(self.attrs, {"name": name, **(attrs or {})})
        choices = tuple((str(key), str(label)) for key, label in self.choices)
        options = draw_plain_options(choices, "" if value is None else str(value))
        return format_html("<select{}>{}</select>", flatatt(own), options)


PLAIN_WIDGETS: tuple[type[forms.Widget], ...] = (
    forms.Select, forms.Textarea, forms.NumberInput, forms.TextInput,
)  # fmt: skip


def draw_plain(field: forms.Field) -> None:
    """Draw it by Django's own widget: these pages style elements by where they stand, and where
    there are hundreds of fields on one, the shell's lists of classes are most of its length."""
    shown = field.widget
    kind = next((kind for kind in PLAIN_WIDGETS if isinstance(shown, kind)), None)
    if kind is None:
        return
    field.widget = kind(
        attrs={name: value for name, value in shown.attrs.items() if name != "class"}
    )
    if isinstance(shown, forms.Select):
        cast(forms.Select, field.widget).choices = shown.choices


def split_ids(text: str) -> list[str]:
    """Ids pasted from a sheet or a file: apart by blanks, commas or lines; each once."""
    return [item for item in dict.fromkeys(SEPARATORS.split(text)) if item]


def shrink(values: dict[str, Any]) -> dict[str, Any]:
    """Without what is not set: nothing, an empty text or list, an unchecked box."""
    return {
        name: value
        for name, value in values.items()
        if value is not None and value is not False and value not in ("", [], {}, ())
    }
