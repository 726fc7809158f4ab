"""What a long message leaves where it is stored: its page names the place, and a post takes the
rest from there.

A page says `stored_in`, such as `campaign:7:12`: the campaign and the message that it had then, or
a template and when it was changed last. Where that is not so any more nothing is taken from there,
and what the page did not hold is marked as wrong, so that no save goes without it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import BadRequest
from django.http import QueryDict

from campaigns.models import Campaign, MessageTemplate
from campaigns.pages.message_form import MessageForm, read_initial
from campaigns.pages.translation_form import GONE, STAYS, TranslationForm, read_translations
from campaigns.selectors.row_ids import read_id
from providers.contract import Dialect
from providers.message_fields import MAX_LANGUAGE, MAX_TRANSLATIONS

STORED_IN = "stored_in"
LEFT_FIELD = "left_field"  # a field of the message itself
LEFT = "translations-left"  # as `Layout.left` writes it
TOTAL = "translations-TOTAL_FORMS"


@dataclass(frozen=True, slots=True)
class Stored:
    """A message as it is stored, and the name by which a page says where; none of a new one."""

    name: str = ""
    content: Mapping[str, Any] = field(default_factory=dict)

    def find_row(self, language: str) -> dict[str, Any] | None:
        """The translation as its form's values."""
        text = (self.content.get("translations") or {}).get(language)
        rows = read_translations({"translations": {language: text}}) if text is not None else []
        return rows[0] if rows else None


def name_stored(row: Campaign | MessageTemplate) -> str:
    """What a page calls the place."""
    if isinstance(row, Campaign):
        return f"campaign:{row.pk}:{row.message_id}"
    return f"template:{row.pk}:{row.updated_at.isoformat()}"


def keep_stored(row: Campaign | MessageTemplate) -> Stored:
    """What its page may leave there."""
    content = row.message.content if isinstance(row, Campaign) else row.content
    return Stored(name_stored(row), content)


def find_stored(principal: Any, name: str) -> Stored:
    """What is stored where a page says, as long as it has not changed and the principal sees it."""
    if not name:
        return Stored()
    kind, _colon, rest = name.partition(":")
    pk = read_id(rest.partition(":")[0])
    rows: Any = MessageTemplate.objects.for_user(principal)
    if kind == "campaign":
        rows = Campaign.objects.for_user(principal).select_related("message")
    row = rows.filter(pk=pk).first()
    if row is None or name_stored(row) != name:
        return Stored(name)
    return keep_stored(row)


def read_stored_fields(stored: Stored, dialects: Iterable[Dialect]) -> MessageForm:
    """The fields of the message itself."""
    return MessageForm(initial=read_initial(stored.content), dialects=dialects)


def take_fields_from(stored: Stored, post: QueryDict, dialects: Iterable[Dialect]) -> set[str]:
    """Put into the post the fields that its page left where they are stored; gives those that are
    not there any more."""
    left = {name for name in post.getlist(LEFT_FIELD) if name not in post}
    if not left or not stored.content:
        return left
    fields = read_stored_fields(stored, dialects)
    for name in left & fields.fields.keys():
        post[name] = fields.read_text(name)
    return set()


def take_from(stored: Stored, post: QueryDict) -> QueryDict:
    """The post with the texts that its page left where they are stored, as if it had held them."""
    whole = post.copy()
    whole.setdefault(TOTAL, "0")
    whole["translations-INITIAL_FORMS"] = "0"
    for number, language in _read_left(whole):
        prefix = f"translations-{number}"
        if f"{prefix}-language" in whole:  # it came with the page after all
            continue
        row = stored.find_row(language)
        whole[f"{prefix}-language"] = language
        if row is None:
            whole[f"{prefix}-{GONE}"] = "1"
            continue
        whole[f"{prefix}-{STAYS}"] = "1"
        for name, value in TranslationForm(initial=row, prefix=prefix).hidden_values:
            whole[name] = value
    return whole


def _read_left(post: QueryDict) -> Iterator[tuple[int, str]]:
    """Raises BadRequest for what no page has written: to pass over it would lose a language."""
    try:
        left = json.loads(post.get(LEFT) or "[]")
        for number, language, *_is_wrong in left:
            if not 0 <= int(number) < MAX_TRANSLATIONS * 2 or len(str(language)) > MAX_LANGUAGE:
                raise ValueError(number)
            # JSON may hold half a character, which no page can be drawn with.
            str(language).encode()
            yield int(number), str(language)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise BadRequest(LEFT) from error
