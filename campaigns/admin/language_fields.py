"""Fields that take languages by name, or by code: one, or several in an order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from unfold.widgets import INPUT_CLASSES, UnfoldAdminTextInputWidget

from campaigns.selectors.language_names import (
    MOST_TYPED,
    find_language_fault,
    list_spelled,
    read_language,
    read_languages,
    spell_language,
    split_languages,
)
from providers.languages import MAX_FALLBACKS

LIST = "known-languages"
BOXES, SPARE = 3, 2  # so many at least; so many empty ones behind those that are filled in


class LanguageInput(UnfoldAdminTextInputWidget):
    """One language; the names come from the list that a `LanguagesInput` of the page draws."""

    def __init__(self) -> None:
        super().__init__({"list": LIST, "autocomplete": "off", "spellcheck": "false"})


class LanguagesInput(forms.Widget):
    """A box for each language in their order and some empty ones, with a list of their names."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        """What was typed, without the empty boxes."""
        typed = data.getlist(name) if hasattr(data, "getlist") else data.get(name) or []
        return [text.strip() for text in typed if text.strip()]

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        """Empty boxes stand for no language."""
        return False

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """The boxes, and the list that they choose from."""
        known = format_html_join("", '<option value="{}"></option>', ((n,) for n in list_spelled()))
        boxes = min(max(BOXES, len(value or ()) + SPARE), MAX_FALLBACKS)
        texts = [*(value or ()), *[""] * boxes][: max(boxes, len(value or ()))]
        rows = format_html_join(
            "", '<li class="staff-row">{}{}</li>',
            ((self._draw_box(name, number, text, attrs or {}), self._draw_mover(number))
             for number, text in enumerate(texts, 1)),
        )  # fmt: skip
        html = '<ol class="staff-languages" data-languages>{}</ol><datalist id="{}">{}</datalist>'
        return format_html(html, rows, LIST, known)

    def _draw_box(self, name: str, number: int, text: str, attrs: Mapping[str, Any]) -> SafeString:
        own: dict[str, Any] = {
            "type": "text", "name": name, "value": text, "list": LIST, "autocomplete": "off",
            "spellcheck": "false", "class": " ".join(INPUT_CLASSES), "maxlength": MOST_TYPED,
            "aria-label": _("Language %(number)d") % {"number": number},
            "id": attrs["id"] if number == 1 else f"{attrs['id']}_{number}",
            "aria-describedby": attrs.get("aria-describedby"),
            "aria-invalid": "true" if text and not read_language(text) else None,
        }  # fmt: skip
        return format_html("<input{}>", flatatt({k: v for k, v in own.items() if v is not None}))

    def _draw_mover(self, number: int) -> SafeString:
        """A script shows it; without one a language is typed where it belongs."""
        words = _("Move language %(number)d up") % {"number": number}
        html = '<button type="button" class="staff-button" data-up hidden aria-label="{}">'
        html += "\N{UPWARDS ARROW}</button>"
        return format_html(html, words) if number > 1 else SafeString("")


class LanguageField(forms.CharField):
    """A language by its name, or by its code; what it is of is the code."""

    widget = LanguageInput

    def prepare_value(self, value: Any) -> Any:
        return spell_language(value) if value else value

    def clean(self, value: Any) -> str:
        """The code. Raises ValidationError, with what to write instead."""
        text = super().clean(value)
        if fault := find_language_fault(text):
            raise ValidationError(fault)
        return read_language(text)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return read_language(data or "") != (initial or "")


class LanguagesField(forms.Field):
    """Languages in an order, each of them once; several may stand in one box, as when a list is
    pasted."""

    widget = LanguagesInput

    def prepare_value(self, value: Any) -> Any:
        return [spell_language(one) for one in value or ()]

    def clean(self, value: Sequence[str]) -> list[str]:
        """The codes. Raises ValidationError with a sentence for each that is no language."""
        codes, faults = read_languages(value)
        if faults:
            raise ValidationError(faults)
        return codes

    def has_changed(self, initial: Any, data: Any) -> bool:
        return [read_language(text) for text in split_languages(data)] != list(initial or ())
