"""The languages that stand in for others in one message, by name, apart by commas."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextInputWidget

from campaigns.selectors.language_names import read_languages, spell_language
from providers.fields import FieldSpec
from providers.forms import SpecField

NONE = gettext_lazy("none")
JSON = ("[", "null")  # as it was typed once, and stands in what a browser has kept


class MessageLanguagesField(SpecField):
    """Several in their order, each once; "none" for an empty list, and nothing for the app's."""

    def __init__(self, spec: FieldSpec) -> None:
        super().__init__(spec)
        self.widget: forms.Widget = UnfoldAdminTextInputWidget(
            {"data-pa-wide": "", "list": "pa-known-languages", "autocomplete": "off"}
        )
        self.help_text = gettext_lazy(
            "For who has no translation: by name or code, in this order, with commas between them. "
            "“none” for no other language; empty: the app's."
        )

    def prepare_value(self, value: Any) -> Any:
        """As a person reads it; what is no list of languages as it was typed."""
        if not isinstance(value, list):
            return super().prepare_value(value)
        return ", ".join(spell_language(str(one)) for one in value) or str(NONE)

    def to_python(self, value: Any) -> Any:
        """Codes; None when empty. Raises ValidationError with a sentence for each fault."""
        text = "" if value is None else str(value).strip(" ,\r\n\t")
        if not text or text.startswith(JSON):
            return super().to_python(text)
        if text.casefold() in {"none", str(NONE).casefold()}:
            return []
        tags, faults = read_languages([text])
        if faults:
            raise ValidationError(faults)
        return tags
