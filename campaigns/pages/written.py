"""What a message says, as the review shows it: as much as fits, the rest when it is unfolded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from campaigns.errors import NotFound
from campaigns.models import Campaign
from campaigns.models.audience import PLATFORM_KEYS
from campaigns.pages.layout import measure
from campaigns.pages.message_form import BLOCK_NAMES
from campaigns.pages.shell import draw_fragment, operator_page
from campaigns.pages.stored_texts import STORED_IN, find_stored, name_stored
from campaigns.pages.translation_form import TEXTS
from campaigns.selectors.language_names import name_language
from campaigns.services.translated_checks import name_text
from providers.message_json import read_message

ROOM = 60_000  # bytes of HTML for what is folded, as it is measured
MARKUP = 500  # of one part, beside what it says
LONGEST = 20_000  # letters of one value: what is longer is no text that anybody reads
OPEN = 3  # as many languages stand open
LANGUAGE, BLOCK = "language", "block"


@dataclass(frozen=True, slots=True)
class Part:
    """One language, or one block of fields; `address` where it is fetched, "" of what is here."""

    kind: str
    key: str
    name: str
    said: Mapping[str, Any]
    address: str = ""


def list_written(campaign: Campaign) -> dict[str, list[Part]]:
    """The blocks and the languages of its message, in their order."""
    content, place = campaign.message.content, name_stored(campaign)
    room, parts = ROOM, []
    for part in [*_list_blocks(content), *_list_languages(content)]:
        cost = MARKUP + measure(json.dumps(part.said, ensure_ascii=False))
        parts.append(part if cost <= room else _leave(part, place))
        room -= cost if cost <= room else 0
    return {kind: [part for part in parts if part.kind == kind] for kind in (BLOCK, LANGUAGE)}


def _leave(part: Part, place: str) -> Part:
    address = f"{reverse('written')}?{urlencode({STORED_IN: place, part.kind: part.key})}"
    return replace(part, said={}, address=address)


@operator_page
def written(request: HttpRequest) -> HttpResponse:
    """One part of the message that is `stored_in` a campaign: of a `language`, or a `block`."""
    content = find_stored(request.user, request.GET.get(STORED_IN, "")).content
    kind = LANGUAGE if LANGUAGE in request.GET else BLOCK
    found = _list_languages(content) if kind == LANGUAGE else _list_blocks(content)
    part = next((part for part in found if part.key == request.GET.get(kind)), None)
    if part is None:
        raise NotFound(_("This text is not stored so any more. Reload the page."))
    return draw_fragment(request, "pages/written_part.html", {"part": part})


def _list_blocks(content: Mapping[str, Any]) -> Iterator[Part]:
    for key, name in BLOCK_NAMES.items():
        if content.get(key):
            said = {field: write_plain(value) for field, value in content[key].items()}
            yield Part(BLOCK, key, str(name), said)


def _list_languages(content: Mapping[str, Any]) -> Iterator[Part]:
    for language, text in (content.get("translations") or {}).items():
        others = ((key, text.get(key) or {}) for key in PLATFORM_KEYS)
        said = {
            "text": {name: text.get(name) for name in TEXTS},
            "others": [(key, own) for key, own in others if any(own.get(one) for one in TEXTS)],
            "words": _list_single_words(text),
        }
        yield Part(LANGUAGE, language, name_language(language), said)


def _list_single_words(text: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What it says in single fields, by their names."""
    said = read_message({"translations": {"": text}}).translations[""].fields
    return [(name_text(path), words) for path, words in said.items()]


def write_plain(value: Any, longest: int = LONGEST) -> Any:
    """A field's value as one line: of buttons and attachments what their parts say."""
    if isinstance(value, list):
        parts = (item.values() if isinstance(item, dict) else [item] for item in value)
        value = " · ".join(" ".join(map(str, part)) for part in parts)
    if isinstance(value, str | dict) and len(str(value)) > longest:
        return _("%(text)s… (%(count)s letters)") % {
            "text": str(value)[:longest], "count": f"{len(str(value)):,}",
        }  # fmt: skip
    return value
