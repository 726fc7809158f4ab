"""Fields of forms as HTML, drawn without templates: compose has a hundred of them, and Django's
template for each input, option and attribute took longer than all of the rest of a page."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.forms import BoundField, CheckboxSelectMultiple, RadioSelect, Textarea
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from campaigns.pages.drawing import draw, draw_each, escape

WIDE_WIDGETS = (Textarea, CheckboxSelectMultiple, RadioSelect)
NOTHING = mark_safe("")
MOST_DRAWN = 2_000  # empty fields in one language each
_drawn: dict[Hashable, SafeString] = {}
STAR = mark_safe('<span class="pa-required" aria-hidden="true"> *</span>')


def draw_field(field: BoundField) -> SafeString:
    """A field with its label, help and errors, so that their ids always resolve.

    A form may set `counter` of a field, (name, platform), and `fates`, what becomes of its value;
    and `is_kept`, if nothing else of it depends on who asks: then it is drawn once while empty.
    """
    key = _find_key(field)
    if key is None:
        return _draw_anew(field)
    drawn = _drawn.get(key)
    if drawn is None:
        if len(_drawn) >= MOST_DRAWN:
            _drawn.clear()
        drawn = _drawn[key] = _draw_anew(field)
    return drawn


def _find_key(field: BoundField) -> Hashable | None:
    """What an empty field looks by; None where more than that is to be seen."""
    own = field.field
    if not getattr(own, "is_kept", False) or field.errors or hasattr(own, "left"):
        return None
    value = field.value()
    if not (value is None or value is False or value == ""):
        return None
    return get_language(), field.auto_id, field.html_name, value, tuple(getattr(own, "fates", ()))


@dataclass(frozen=True, slots=True)
class LeftText:
    """A text that is not drawn, for it is long: how long, and how it begins. Without letters it is
    not stored so any more."""

    letters: int
    start: str


def draw_left_input(name: str, *attributes: SafeString) -> SafeString:
    """What says in a post that the field was left where it is stored."""
    more = SafeString("".join(attributes))
    return draw('<input type="hidden" name="left_field" value="{}"{}>', name, more)


def _draw_left(field: BoundField, left: LeftText) -> SafeString:
    """Its beginning, and a button that fetches it; this has its id, so that links lead there."""
    path = field.field.widget.attrs.get("data-pa-path", "")
    told = draw(' data-pa-path="{}" data-pa-start="{}"', path, left.start)
    words = _("%(count)s letters, which stay as they are.") % {"count": f"{left.letters:,}"}
    if not left.letters:
        words = _("This text is not stored so any more. Reload the page.")
    return draw(
        '<div class="pa-field pa-field-wide{}" data-pa-left-field="{}"><p class="pa-label">{}</p>{}'
        '<p class="pa-words">{}…</p><p class="pa-help">{}</p>{}<div><button type="button" '
        'class="pa-button pa-button-small" id="{}" hx-get="{}?field={}" '
        'hx-include="[name=stored_in]" hx-target="closest [data-pa-left-field]" '
        'hx-swap="outerHTML" aria-label="{}">{}</button></div></div>',
        " errors" if field.errors else "", field.html_name, field.label,
        draw_left_input(field.html_name, told), left.start, words,
        _draw_errors(field, field.errors) if field.errors else "",
        field.id_for_label, reverse("texts"), field.html_name,
        _("Show it: %(field)s") % {"field": field.label}, _("Show it"),
    )  # fmt: skip


def _draw_anew(field: BoundField) -> SafeString:
    if left := getattr(field.field, "left", None):
        return _draw_left(field, left)
    errors, is_many = field.errors, field.use_fieldset
    return draw(
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
    return draw(' aria-describedby="{}"', ids) if ids else NOTHING


def _draw_labelled(field: BoundField, *, is_many: bool) -> SafeString:
    if is_many:
        star = STAR if field.field.required else ""
        return draw('<legend class="pa-label">{}{}</legend>{}', field.label, star, field)
    own = field.id_for_label
    if getattr(field.field.widget, "input_type", "") == "checkbox":
        html = '<div class="pa-check">{}<label class="pa-label" for="{}">{}</label></div>'
        return draw(html, field, own, field.label)
    star = STAR if field.field.required else ""
    html = '<label class="pa-label" for="{}">{}{}</label>{}'
    return draw(html, own, field.label, star, field)


def _draw_counter(field: BoundField) -> SafeString:
    """Where scripts say how much of a text a phone shows."""
    counter = getattr(field.field, "counter", None)
    if not counter:
        return NOTHING
    name, platform = counter
    return draw(
        '<p class="pa-counter" data-pa-count="{}" data-pa-part="{}"{}></p>\n',
        field.id_for_label,
        name,
        draw(' data-pa-of="{}"', platform) if platform else "",
    )


def _draw_fates(field: BoundField) -> SafeString:
    """What becomes of the value on its way: `carried` by one vendor, `dropped` by another."""
    fates = getattr(field.field, "fates", None)
    if not fates:
        return NOTHING
    drawn = (
        (
            mark_safe(' class="pa-fate-lossy"') if fate.is_lossy else "",
            draw(' title="{}"', fate.note) if fate.note else "",
            fate.words,
        )
        for fate in fates
    )
    return draw('<p class="pa-fates">{}</p>\n', draw_each("<span{}{}>{}</span>", drawn))


def _draw_help(field: BoundField) -> SafeString:
    if not field.help_text:
        return NOTHING
    # No <p>: what Django says of passwords is a list.
    html = '<div class="pa-help" id="{}_helptext">{}</div>\n'
    return draw(html, field.auto_id, field.help_text)


def _draw_errors(field: BoundField, errors: Iterable[Any]) -> SafeString:
    told = draw_each('<p class="pa-error">{}</p>', ((error,) for error in errors))
    return draw('<div id="{}_error">{}</div>\n', field.auto_id, told)


def write_attributes(values: Mapping[str, Any]) -> SafeString:
    """Attributes of an element in their order; what is True has no value, what is False is left
    out."""
    written = [
        f' {escape(key)}="{escape(value)}"'
        for key, value in values.items()
        if value is not None and value is not True and value is not False
    ]
    flags = [f" {escape(key)}" for key, value in values.items() if value is True]
    return SafeString("".join(written + flags))


def draw_input(widget: Mapping[str, Any]) -> SafeString:
    """An <input> from a widget's context."""
    value = {} if widget["value"] is None else {"value": widget["value"]}
    own = {"type": widget["type"], "name": widget["name"], **value, **widget["attrs"]}
    return draw("<input{}>", write_attributes(own))


def draw_wide_input(widget: Mapping[str, Any]) -> SafeString:
    """An <input> in the shell's box."""
    return draw('<div class="max-w-2xl relative w-full">{}</div>', draw_input(widget))


def draw_textarea(widget: Mapping[str, Any]) -> SafeString:
    """A <textarea> from a widget's context."""
    own = {"name": widget["name"], **widget["attrs"]}
    # A line end right behind the tag is none of the text.
    return draw("<textarea{}>\n{}</textarea>", write_attributes(own), widget["value"] or "")


def draw_select(widget: Mapping[str, Any]) -> SafeString:
    """A <select> from a widget's context, with its groups."""
    own = {"name": widget["name"], **widget["attrs"]}
    groups = (_draw_group(name, options) for name, options, _index in widget["optgroups"])
    inner = draw_each("{}", ((group,) for group in groups))
    return draw("<select{}>{}</select>", write_attributes(own), inner)


def _draw_group(name: str | None, options: list[Mapping[str, Any]]) -> SafeString:
    drawn = draw_each(
        '<option value="{}"{}>{}</option>',
        ((one["value"], write_attributes(one["attrs"]), one["label"]) for one in options),
    )
    return draw('<optgroup label="{}">{}</optgroup>', name, drawn) if name else drawn


@lru_cache(maxsize=64)
def draw_plain_options(choices: tuple[tuple[str, str], ...], chosen: str) -> SafeString:
    """Hundreds of options, kept: the same zones stand in many pages."""
    return draw_each(
        "<option{}{}>{}</option>",
        (
            (
                # Without one its text is its value.
                "" if key == label else draw(' value="{}"', key),
                mark_safe(" selected") if key == chosen else "",
                label,
            )
            for key, label in choices
        ),
    )
