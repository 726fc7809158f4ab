"""The texts of a message as a file that translators fill in, and back: CSV or JSON.

CSV has a line per language and a column per text (`title`, `ios.subtitle`), apart by commas,
semicolons or tabs as a spreadsheet saves it; its first line of texts is the common one, `language`
empty, which is for reading and never taken. JSON is the message's `translations`. What comes back
is compared first and changes nothing by itself.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from campaigns.errors import Invalid
from campaigns.models import Campaign
from campaigns.services.campaigns import update_campaign
from campaigns.services.cells import rearm, write_csv
from campaigns.services.device_rows import LANGUAGE
from campaigns.services.import_text import find_delimiter
from providers.message_channels import TRANSLATED
from providers.message_faults import find_message_faults
from providers.message_json import read_message, write_message

MOST = 2_000_000  # characters of a file
LISTS = frozenset(column for column, spec in TRANSLATED.items() if spec.kind == "titles")
HEADER = ["language", *TRANSLATED]
# Without one of these somebody reads nothing in his language.
BODIES = tuple(column for column in TRANSLATED if column.rpartition(".")[2] == "body")


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that is not taken: where it is, what it says its language is, and why not."""

    row: int
    language: str
    reason: str


@dataclass(slots=True)
class Difference:
    """What a file would change: languages by what becomes of them, and all texts after it.

    A language that the file does not name stays as it is.
    """

    new: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    translations: dict[str, Any] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether taking it would change nothing."""
        return not self.new and not self.changed


def write_translation_csv(content: Mapping[str, Any]) -> bytes:
    """The texts of a stored message; nothing in them is run by a spreadsheet."""
    translations = content.get("translations") or {}
    lines = [{"language": "", **_read_common(content)}]
    lines += [{"language": language, **_flatten(text)} for language, text in translations.items()]
    return write_csv([HEADER, *([line.get(name) for name in HEADER] for line in lines)])


def write_translation_json(content: Mapping[str, Any]) -> bytes:
    """The message's `translations`."""
    return json.dumps(content.get("translations") or {}, ensure_ascii=False, indent=2).encode()


def _read_common(content: Mapping[str, Any]) -> dict[str, str]:
    """The message's own texts by their columns."""
    found = {}
    for column in TRANSLATED:
        block, _dot, name = column.rpartition(".")
        said = ((content.get(block) or {}) if block else content).get(name)
        if column in LISTS:
            said = "\n".join(one["title"] for one in said or ())
        found[column] = said or ""
    return found


def _flatten(text: Mapping[str, Any]) -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in text.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}.{part}": said for part, said in _flatten(value).items()}
        elif isinstance(value, list):
            flat[name] = "\n".join(value)
        else:
            flat[name] = value
    return flat


def compare_translations(content: Mapping[str, Any], text: str) -> Difference:
    """What a file says against a stored message. Raises Invalid, field `file`, for one that is
    neither CSV with these columns nor a JSON object."""
    if len(text) > MOST:
        raise _refuse(_("The file is longer than two million characters."))
    text = text.replace("\r\n", "\n")  # as texts are kept; a browser changes what it sends back
    is_json = text.lstrip("\ufeff \r\n\t").startswith("{")
    rows = _read_json(text) if is_json else _read_csv(text)
    before = content.get("translations") or {}
    found = Difference(translations=dict(before))
    seen: set[str] = set()
    for number, language, said in rows:
        reason = _find_reason(language, said, seen)
        seen.add(language)
        if reason:
            found.rejected.append(Rejected(number, language, reason))
            continue
        wanted = _tidy({language: said})[language]
        known = before.get(language)
        place = found.new if known is None else found.changed
        if known is not None and _tidy({language: known})[language] == wanted:
            place = found.same
        place.append(language)
        found.translations[language] = wanted
    return found


def apply_translations(
    campaign: Campaign, principal: Any, text: str, *, actor: str, now: datetime
) -> Difference:
    """Take what a file says into a draft, without the lines that are rejected.

    Raises Invalid for a file that is none or a text that is wrong, Conflict once it runs.
    """
    content = campaign.message.content
    found = compare_translations(content, text)
    if not found.is_empty:
        body = {"message": content | {"translations": found.translations}}
        update_campaign(campaign, principal, body, actor=actor, now=now)
    return found


def _tidy(translations: dict[str, Any]) -> dict[str, Any]:
    """As a stored message has them."""
    tidied: dict[str, Any] = write_message(read_message({"translations": translations}))
    return dict(tidied["translations"])


def _find_reason(language: str, said: Any, seen: set[str]) -> str:
    if not LANGUAGE.fullmatch(language) or len(language) > 16:
        return _("This is no language tag such as de or pt-BR.")
    if language in seen:
        return _("This language is there twice.")
    faults = find_message_faults({"translations": {language: said}})
    for path, fault in faults.items():
        return f"{path.removeprefix(f'translations.{language}').lstrip('.')}: {fault}".lstrip(": ")
    flat = _flatten(said)
    if not any((flat.get(name) or "").strip() for name in BODIES):
        return _("There is no text.")
    return ""


def _read_json(text: str) -> Iterator[tuple[int, str, Any]]:
    try:
        body = json.loads(text.lstrip("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise _refuse(_("This is no JSON: %(error)s.") % {"error": error}) from error
    for number, (language, said) in enumerate(body.items(), start=1):
        yield number, language, said


def _read_csv(text: str) -> Iterator[tuple[int, str, Any]]:
    text = text.lstrip("\ufeff")
    source = io.StringIO(text, newline="")
    lines = csv.reader(source, delimiter=find_delimiter(text), strict=True)
    try:
        header = [name.strip() for name in next(lines, [])]
        _check_header(header)
        for number, line in enumerate(lines, start=2):
            row = dict(zip(header, line, strict=False))
            language = row.pop("language", "").strip()
            if language:  # the common text, and empty lines, are nobody's translation
                yield number, language, _unflatten(row)
    except csv.Error as error:
        raise _refuse(_("This is no CSV: %(error)s.") % {"error": error}) from error


def _check_header(header: list[str]) -> None:
    unknown = sorted(set(header) - set(HEADER))
    if "language" not in header or unknown:
        words = _("The first line names the columns: %(columns)s.")
        raise _refuse(words % {"columns": ", ".join(HEADER)})


def _unflatten(row: Mapping[str, str]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for column, cell in row.items():
        if not cell.strip():
            continue
        platform, _dot, name = column.rpartition(".")
        home = said.setdefault(platform, {}) if platform else said
        home[name] = _read_titles(cell) if column in LISTS else rearm(cell)
    return said


def _read_titles(cell: str) -> list[str]:
    return [title.strip() for title in rearm(cell).rstrip().splitlines()]


def _refuse(words: str) -> Invalid:
    return Invalid(words, fields={"file": words})
