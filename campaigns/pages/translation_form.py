"""The texts of a message in other languages as forms, one for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from campaigns.pages.fields import LinesArea, PageForm, draw_plain, shrink
from campaigns.pages.message_form import (
    BLOCK_NAMES,
    COUNTED,
    NOT_SET,
    PLATFORM_NAMES,
    Fold,
    prefix_names,
)
from providers.forms import build_field
from providers.message_channels import TRANSLATED, TRANSLATED_SINGLY
from providers.message_fields import MAX_TRANSLATIONS, TRANSLATED_FIELDS, Platform

TEXTS = tuple(spec.name for spec in TRANSLATED_FIELDS)
BLOCKS = tuple(dict.fromkeys(path.partition(".")[0] for path in TRANSLATED if "." in path))
GONE = "gone"  # of a row whose texts were left where they are not stored any more
STAYS = "stays"  # of a row whose texts were left where they are stored
LANGUAGE = RegexValidator(
    r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$",
    gettext_lazy("Write a language tag such as de or pt-BR."),
)


@cache
def _build_fields(language: str) -> dict[str, forms.Field]:
    """What each language has beside its title and text, with labels in the `language` of the page.
    Shared by the forms: to build them for a hundred languages takes longer than to draw them."""
    buttons = build_field(TRANSLATED_FIELDS[-1])
    draw_plain(buttons)  # which keeps an empty first line, too
    fields: dict[str, forms.Field] = {"buttons": buttons}
    for path, spec in TRANSLATED.items():
        if "." in path:
            field = fields[path.replace(".", "-")] = build_field(spec)
            draw_plain(field)
            field.help_text = ""  # it is told once
    return fields


class TranslationForm(PageForm):
    """Title and text in one more language, other ones for single platforms, and what else people
    read: `android-title`, `ios-subtitle`.
    """

    language = forms.CharField(
        label=gettext_lazy("Language"),
        max_length=16,
        validators=[LANGUAGE],
        help_text=gettext_lazy("For example de or pt-BR."),
    )
    title = forms.CharField(label=gettext_lazy("Title"), max_length=1024, required=False)
    body = forms.CharField(
        label=gettext_lazy("Text"),
        max_length=4096,
        required=False,
        widget=LinesArea(attrs={"rows": 2}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in COUNTED:
            setattr(self.fields[name], "counter", (name, ""))  # noqa: B010 - draw_field
        self.fields |= _build_fields(get_language() or "")

    def clean(self) -> dict[str, Any]:
        """A language without a text would be left out, and what is written in it lost."""
        given = self.cleaned_data
        if self.add_prefix(GONE) in self.data:
            words = _("Somebody else has just changed this. Reload the page.")
            self.add_error("body", words)
        said = [given.get("body"), *(given.get(f"{platform}-body") for platform in Platform)]
        if not any(said) and "body" not in self.errors:
            words = _("Write the text in this language, or remove the language.")
            self.add_error("body", words)
        return given

    @property
    def stays(self) -> bool:
        """Whether its page left it where it is stored."""
        return self.add_prefix(STAYS) in self.data

    @property
    def platform_blocks(self) -> list[Fold]:
        """Per platform its title and text; of one that compose does not offer, only what is set."""
        offered = {platform.value: tab for platform, tab in PLATFORM_NAMES.items()}
        blocks = []
        for platform in Platform:
            fields = [self[f"{platform.value}-{name}"] for name in TEXTS]
            fold = Fold(str(offered.get(platform.value, platform.value)), fields)
            if platform.value in offered or fold.is_used:
                blocks.append(fold)
        return blocks

    @property
    def single_blocks(self) -> list[Fold]:
        """What is said in single fields, block by block; a script hides what the message itself
        does not say."""
        return [
            Fold(str(BLOCK_NAMES[block]), fields)
            for block in BLOCKS
            if (fields := [self[name] for name in _list_single_names(block)])
        ]

    @property
    def platforms_fold(self) -> Fold:
        """All of them, for their heading."""
        fields = [field for block in self.platform_blocks for field in block.fields]
        return Fold(_("Other words on single platforms"), fields)

    @property
    def hidden_values(self) -> Iterator[tuple[str, str]]:
        """What is written here by the names of its inputs, in their order on the page. Scripts read
        the language's own texts by their names, so these are there even while they are empty."""
        written = [name for name in self.fields if self._read(name) not in NOT_SET]
        has_platforms = any("-" in name for name in written)
        own = ("language", "title", "body", *(["buttons"] if has_platforms else []))
        for name in dict.fromkeys([*own, *written]):
            field = self[name]
            value = field.field.widget.format_value(field.value())
            yield self.add_prefix(name), str(value or "").replace("\r\n", "\n")

    def _read(self, name: str) -> Any:
        return self.data.get(self.add_prefix(name)) if self.is_bound else self.initial.get(name)

    def write_text(self) -> dict[str, Any]:
        """The translation's JSON form. Only when valid."""
        given = self.cleaned_data
        text: dict[str, Any] = {name: given.get(name) for name in TEXTS}
        for block in BLOCKS:
            names = [path for path in TRANSLATED if path.startswith(f"{block}.")]
            said = {path.partition(".")[2]: given.get(path.replace(".", "-")) for path in names}
            text[block] = shrink(said)
        return shrink(text)


class Translations(forms.BaseFormSet):
    """The translations of a message, one row each; an emptied row is left out."""

    def clean(self) -> None:
        """A language may come once."""
        seen: set[str] = set()
        for form in self.forms:
            language = getattr(form, "cleaned_data", {}).get("language", "")
            if language and language in seen:
                form.add_error("language", _("This language is there already."))
            seen.add(language)

    def write_content(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        """`{language: {"title", "body", "android": {"title", "body"}, ...}}`; what a page left
        where it is `stored` is to the letter as it is there."""
        rows = {form.cleaned_data.get("language", ""): form for form in self.forms}
        return {
            language: (stored.get(language) if form.stays else None) or form.write_text()
            for language, form in rows.items()
            if language
        }

    def place_fault(self, path: str, sentence: str) -> bool:
        """Show a fault of `<language>.<field>` at its field, if there is one."""
        language, _dot, name = path.partition(".")
        for form in self.forms:
            if form["language"].value() == language:
                return not form.place_faults({name.replace(".", "-") or "language": sentence})
        return False


TranslationFormSet = forms.formset_factory(
    TranslationForm,
    formset=Translations,
    extra=0,
    max_num=MAX_TRANSLATIONS,
    validate_max=True,
)


def read_translations(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of the translations of a stored message."""
    translations = content.get("translations") or {}
    return [{"language": language, **_flatten(text)} for language, text in translations.items()]


def _list_single_names(block: str) -> list[str]:
    return [path.replace(".", "-") for path in TRANSLATED_SINGLY if path.startswith(f"{block}.")]


def _flatten(text: Mapping[str, Any]) -> dict[str, Any]:
    """A translation as its form's values: `android-title` for what is inside of `android`."""
    flat: dict[str, Any] = {}
    for name, value in text.items():
        flat |= prefix_names(name, value) if name in BLOCKS else {name: value}
    return flat
