"""Where a transfer came from, and what its vendors were told instead of every recipient."""

from __future__ import annotations

import json
from dataclasses import dataclass

from django.utils.text import Truncator
from django.utils.translation import gettext as _

from campaigns.models import Account, Transfer
from campaigns.models.audience import PLATFORMS
from campaigns.selectors.addressing import read_declared
from campaigns.selectors.counters import Counters
from campaigns.selectors.routes import find_dialect
from providers.audience import write_expression
from providers.recipients import Audience


@dataclass(frozen=True, slots=True)
class Declared:
    """Whom one account's vendor was told to send to, and that it alone sees whom it reached."""

    account: str
    platforms: tuple[str, ...]
    words: str


@dataclass(frozen=True, slots=True)
class Again:
    """Which transfer one sends to some of again, and how many of those whom it has gone to so far
    may have got it twice, or at most so many."""

    first: int
    twice: int
    is_bound: bool


def find_again(transfer: Transfer, counters: Counters) -> Again | None:
    """What this sends again, if it does."""
    campaign = transfer.campaign
    if campaign is None or campaign.repeats_id is None:
        return None
    gone = counters.sent + counters.unknown
    if campaign.twice is None:  # it was made before anybody counted
        return Again(campaign.repeats_id, gone, is_bound=True)
    return Again(campaign.repeats_id, min(gone, campaign.twice), campaign.is_twice_bound)


def name_door(transfer: Transfer) -> str:
    """The API that the script spoke whose call made this transfer; "" where none did."""
    if transfer.submission is None:
        return ""
    dialect = find_dialect(transfer.submission.door)
    return dialect.label if dialect else _("the native API")


def find_words(transfer: Transfer) -> tuple[str, str]:
    """The title and the text that it says: the common ones, else those of the first platform."""
    contents = transfer.parts.order_by("number").values_list("message__content", flat=True)
    content = contents.first() or {}
    blocks = [content, *(content.get(key) or {} for key, _label in PLATFORMS)]
    said = next((block for block in blocks if block.get("title") or block.get("body")), {})
    return said.get("title", ""), said.get("body", "")


def name_transfer(transfer: Transfer) -> str:
    """What the page is called: a script seldom names its push, so by what it says."""
    title, body = find_words(transfer)
    said = title or body
    return str(transfer) if transfer.name or not said else f"{Truncator(said).chars(60)} {transfer}"


def list_declared(transfer: Transfer) -> list[Declared]:
    """The audiences that vendors were told of, each once."""
    parts = transfer.parts.exclude(declared=None).order_by("number")
    kept = [declared for declared in parts.values_list("declared", flat=True) if declared]
    ids = {int(pk) for declared in kept for pk in declared}
    names = dict(Account.objects.filter(pk__in=ids).values_list("pk", "name"))
    lines = [
        _describe(names.get(int(pk), pk), declared, int(pk)) for declared in kept for pk in declared
    ]
    return list(dict.fromkeys(line for line in lines if line is not None))


def _describe(name: str, declared: dict[str, object], pk: int) -> Declared | None:
    told = read_declared(declared, pk)
    if told is None:
        return None
    platforms, audience = told
    labels = dict(PLATFORMS)
    return Declared(name, tuple(str(labels[item.value]) for item in platforms), _word(audience))


def _word(audience: Audience) -> str:
    """The audience in a line."""
    words = [_("label %(name)s") % {"name": name} for name in audience.labels]
    if audience.expression is not None:
        words.append(json.dumps(write_expression(audience.expression), ensure_ascii=False))
    return ", ".join(words) or _("everyone")
