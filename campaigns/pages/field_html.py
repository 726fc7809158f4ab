"""Fields of forms as HTML, drawn without templates: compose has a hundred of them, and Django's
template for each input, option and attribute took longer than all of the rest of a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from django.forms import BoundField, CheckboxSelectMultiple, RadioSelect, Textarea
from django.utils.html import conditional_escape, escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

WIDE_WIDGETS = (Textarea, CheckboxSelectMultiple, RadioSelect)
NOTHING = mark_safe("")
STAR = mark_safe('<span class="pa-required" aria-hidden="true"> *</span>')


def draw_field(field: BoundField) -> SafeString:
    """A field with its label, help and errors, so that their ids always resolve.

    A form may set `counter` of a field, (name, platform), and `fates`, what becomes of its value.
    """
    errors, is_many = field.errors, field.use_fieldset
    return format_html(
        '<{} class="pa-field group{}{}"{}>\n{}\n{}{}{}{}</{}>',
        tag := "fieldset" if is_many else "div",
        " errors" if errors else "",
        " pa-field-wide" if is_wide(field) else "",
        _describe(field) if is_many else "",
        _draw_labelled(field, is_many=is_many),
        _draw_counter(field),
        _draw_fates(field),
        _draw_help(field),
        _draw_errors(field, errors) if errors else "",
        tag,
    )


def is_wide(field: BoundField) -> bool:
    """Whether a field takes the form's whole width."""
    widget = field.field.widget
    return isinstance(widget, WIDE_WIDGETS) or "data-pa-wide" in widget.attrs


def _describe(field: BoundField) -> SafeString:
    """Of a group of boxes; what is one element names its help and errors itself."""
    ids = field.aria_describedby
    return format_html(' aria-describedby="{}"', ids) if ids else NOTHING


def _draw_labelled(field: BoundField, *, is_many: bool) -> SafeString:
    if is_many:
        star = STAR if field.field.required else ""
        return format_html('<legend class="pa-label">{}{}</legend>{}', field.label, star, field)
    own = field.id_for_label
    if getattr(field.field.widget, "input_type", "") == "checkbox":
        html = '<div class="pa-check">{}<label class="pa-label" for="{}">{}</label></div>'
        return format_html(html, field, own, field.label)
    star = STAR if field.field.required else ""
    html = '<label class="pa-label" for="{}">{}{}</label>{}'
    return format_html(html, own, field.label, star, field)


def _draw_counter(field: BoundField) -> SafeString:
    """Where scripts say how much of a text a phone shows."""
    counter = getattr(field.field, "counter", None)
    if not counter:
        return NOTHING
    name, platform = counter
    return format_html(
        '<p class="pa-counter" data-pa-count="{}" data-pa-part="{}"{}></p>\n',
        field.id_for_label,
        name,
        format_html(' data-pa-of="{}"', platform) if platform else "",
    )


def _draw_fates(field: BoundField) -> SafeString:
    """What becomes of the value on its way: `carried` by one vendor, `dropped` by another."""
    fates = getattr(field.field, "fates", None)
    if not fates:
        return NOTHING
    drawn = (
        (
            mark_safe(' class="pa-fate-lossy"') if fate.is_lossy else "",
            format_html(' title="{}"', fate.note) if fate.note else "",
            fate.words,
        )
        for fate in fates
    )
    return format_html(
        '<p class="pa-fates">{}</p>\n', format_html_join("", "<span{}{}>{}</span>", drawn)
    )


def _draw_help(field: BoundField) -> SafeString:
    if not field.help_text:
        return NOTHING
    html = '<p class="pa-help" id="{}_helptext">{}</p>\n'
    return format_html(html, field.auto_id, field.help_text)


def _draw_errors(field: BoundField, errors: Iterable[Any]) -> SafeString:
    told = format_html_join("", '<p class="pa-error">{}</p>', ((error,) for error in errors))
    return format_html('<div id="{}_error">{}</div>\n', field.auto_id, told)


def write_attributes(values: Mapping[str, Any]) -> SafeString:
    """Attributes of an element in their order; what is True has no value, what is False is left
    out."""
    # As `format_html_join` does it, at half its cost: a page of many fields has a thousand.
    written = [
        f' {escape(key)}="{conditional_escape(value)}"'
        for key, value in values.items()
        if value is not None and value is not True and value is not False
    ]
    flags = [f" {escape(key)}" for key, value in values.items() if value is True]
    return SafeString("".join(written + flags))


def draw_input(widget: Mapping[str, Any]) -> SafeString:
    """An <input> from a widget's context."""
    value = {} if widget["value"] is None else {"value": widget["value"]}
    own = {"type": widget["type"], "name": widget["name"], **value, **widget["attrs"]}
    return format_html("<input{}>", write_attributes(own))


def draw_wide_input(widget: Mapping[str, Any]) -> SafeString:
    """An <input> in the shell's box."""
    return format_html('<div class="max-w-2xl relative w-full">{}</div>', draw_input(widget))


def draw_textarea(widget: Mapping[str, Any]) -> SafeString:
    """A <textarea> from a widget's context."""
    own = {"name": widget["name"], **widget["attrs"]}
    # A line end right behind the tag is none of the text.
    return format_html("<textarea{}>\n{}</textarea>", write_attributes(own), widget["value"] or "")


def draw_select(widget: Mapping[str, Any]) -> SafeString:
    """A <select> from a widget's context, with its groups."""
    own = {"name": widget["name"], **widget["attrs"]}
    groups = (_draw_group(name, options) for name, options, _index in widget["optgroups"])
    inner = format_html_join("", "{}", ((group,) for group in groups))
    return format_html("<select{}>{}</select>", write_attributes(own), inner)


def _draw_group(name: str | None, options: list[Mapping[str, Any]]) -> SafeString:
    drawn = format_html_join(
        "",
        '<option value="{}"{}>{}</option>',
        ((one["value"], write_attributes(one["attrs"]), one["label"]) for one in options),
    )
    return format_html('<optgroup label="{}">{}</optgroup>', name, drawn) if name else drawn


@lru_cache(maxsize=64)
def draw_plain_options(choices: tuple[tuple[str, str], ...], chosen: str) -> SafeString:
    """Hundreds of options, kept: the same zones stand in many pages."""
    return format_html_join(
        "",
        "<option{}{}>{}</option>",
        (
            (
                # Without one its text is its value.
                "" if key == label else format_html(' value="{}"', key),
                mark_safe(" selected") if key == chosen else "",
                label,
            )
            for key, label in choices
        ),
    )
