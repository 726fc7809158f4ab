"""Which translation an audience gets, and translations on their way to a translator and back.

The table is CSV: a row per text of the message, a column per language; the first is the text's
path in a translation (`body`, `android.title`), the second says it in the common language.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from campaigns.errors import Invalid
from campaigns.models import App
from providers.languages import TAG, is_right_to_left
from providers.message import PushMessage, find_message_faults, read_message, write_message
from providers.message_fields import MAX_TRANSLATIONS, Platform

FIELDS = ("title", "body")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # OWASP, CSV injection
MAX_BYTES = 2_000_000


@dataclass(frozen=True, slots=True)
class LanguageCount:
    """Recipients of one language: `gets` is the translation, "" for the common text."""

    language: str
    recipients: int
    gets: str
    is_exact: bool
    is_right_to_left: bool


def count_languages(
    app: App, message: PushMessage, spoken: Mapping[str, int]
) -> list[LanguageCount]:
    """What those who speak each language get, the most frequent first.

    `spoken` is what `count_devices` counts as `languages`.
    """
    default = message.default_language or app.default_language
    rows = []
    for language, count in sorted(spoken.items(), key=lambda item: (-item[1], item[0])):
        gets = message.find_language(language, app.chain)
        said_in = gets or default
        is_exact = language == said_in or language.startswith(f"{said_in}-")
        rows.append(LanguageCount(language, count, gets, is_exact, is_right_to_left(said_in)))
    return rows


def write_translations(app: App, message: PushMessage, languages: Sequence[str]) -> str:
    """The table for translators, with these languages beside those that there are."""
    columns = list(dict.fromkeys([*message.translations, *languages]))
    common = message.default_language or app.default_language
    body, sheet = write_message(message), io.StringIO()
    table = csv.writer(sheet)
    table.writerow(["field", f"{common} (common)", *columns])
    for path, text in _list_texts(message):
        found = [_find(body["translations"].get(one, {}), path) if message.translations else ""
                 for one in columns]  # fmt: skip
        table.writerow([path, *map(_guard, [text, *found])])
    return sheet.getvalue()


def _list_texts(message: PushMessage) -> Iterator[tuple[str, str]]:
    """Every text that a translation may say, as the common content says it."""
    for name in FIELDS:
        yield name, getattr(message, name)
    for platform in Platform:
        block = getattr(message, platform.value, None)
        for name in FIELDS:
            if getattr(block, name, None):
                yield f"{platform.value}.{name}", getattr(block, name)


def _find(translation: Mapping[str, Any], path: str) -> str:
    block, _dot, name = path.rpartition(".")
    own = translation.get(block) or {} if block else translation
    return str(own.get(name) or "")


def _guard(text: str) -> str:
    """A spreadsheet must not take it for a formula."""
    return f"'{text}" if text.startswith((*FORMULA, "'")) else text


def read_translations(message: PushMessage, text: str) -> PushMessage:
    """The message with the translations of a table; languages that it does not name stay.

    Raises Invalid, which names line and language. An empty cell says nothing of its own.
    """
    if len(text.encode()) > MAX_BYTES:
        raise Invalid(_("The table is too large: at most 2 MB."))
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    if not rows or rows[0][:1] != ["field"] or len(rows[0]) < 3:
        raise Invalid(_("The first line names the columns: field, the common text, languages."))
    languages = rows[0][2:]
    _check_languages(languages)
    translations: dict[str, dict[str, Any]] = {language: {} for language in languages}
    for number, row in enumerate(rows[1:], 2):
        _read_row(translations, languages, row, number)
    body = write_message(message)
    body["translations"] = body.get("translations", {}) | translations
    faults = find_message_faults(body)
    if faults:
        path, words = next(iter(faults.items()))
        sentence = _("%(path)s: %(words)s") % {"path": path, "words": words}
        raise Invalid(sentence, fields=faults)
    return read_message(body)


def _check_languages(languages: Sequence[str]) -> None:
    bad = [one for one in languages if not TAG.fullmatch(one)]
    if bad or len(set(languages)) < len(languages) or len(languages) > MAX_TRANSLATIONS:
        words = _("Each column after the second is a language of its own such as pt-BR: %(name)s")
        raise Invalid(words % {"name": ascii(bad[0]) if bad else ", ".join(languages[:10])})


def _read_row(
    translations: Mapping[str, dict[str, Any]],
    languages: Sequence[str],
    row: Sequence[str],
    number: int,
) -> None:
    if not any(row):
        return
    path, cells = row[0], row[2:]
    block, _dot, name = path.rpartition(".")
    if name not in FIELDS or block not in {"", *Platform} or len(cells) > len(languages):
        words = _("Line %(number)d: %(path)s is no text of a message, or has too many columns.")
        raise Invalid(words % {"number": number, "path": ascii(path)})
    for language, cell in zip(languages, cells, strict=False):
        text = cell[1:] if cell.startswith("'") else cell
        if text:
            own = translations[language]
            (own.setdefault(block, {}) if block else own)[name] = text
