"""Sends a transfer's message again to some of its recipients, by what became of them.

It makes a draft: whoever sends looks at it like at any other. How many may get it twice is told
before (`services/twice`), and the books of the transfer stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.errors import Conflict, Invalid
from campaigns.models import Campaign, Part, Settled, Transfer
from campaigns.selectors.audience import list_telling_accounts, read_audience
from campaigns.selectors.forgotten import FORGOTTEN, find_forgotten, may_be_forgotten
from campaigns.services.campaigns import save_new
from campaigns.services.repeats import draft_repeat
from campaigns.services.twice import (
    add_up,
    count_asked,
    count_settled,
    may_have_it,
    select_asked,
    write_body,
)
from providers.outcomes import Reason

# Nothing about the recipient or the message: another try can go better.
RETRYABLE = (
    Reason.CREDENTIAL, Reason.THROTTLED, Reason.VENDOR, Reason.OURS, Reason.NO_ANSWER,
    Reason.NO_ROUTE,
)  # fmt: skip
SENT, FAILED, SKIPPED, EXPIRED, CANCELLED, UNKNOWN = (outcome.value for outcome in (
    Settled.SENT, Settled.FAILED, Settled.SKIPPED, Settled.EXPIRED, Settled.CANCELLED,
    Settled.UNKNOWN,
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Choice:
    """Some of a transfer's recipients: how many there are, how many of them may get it twice.

    Not `is_exact`: there are at most so many. With `is_forgotten` nobody knows any more who they
    are.
    """

    key: str
    label: str | Promise
    asked: Mapping[str, Any]
    recipients: int
    twice: int
    is_exact: bool = True
    is_forgotten: bool = False


@dataclass(frozen=True, slots=True)
class Preview:
    """Who may be sent to again. `silent` were sent to by accounts that report no receipts: nobody
    knows whether they got it, so they are in none of the choices that miss a receipt. `hopeless`
    failed or were left out for a reason of their own or the message's, and are in none either."""

    choices: tuple[Choice, ...]
    silent: int
    hopeless: int

    @property
    def is_bound(self) -> bool:
        """Whether its counts are bounds."""
        return not all(choice.is_exact for choice in self.choices)

    @property
    def is_forgotten(self) -> bool:
        """Whether of some choice nobody knows any more who it is."""
        return any(choice.is_forgotten for choice in self.choices)


CHOICES: tuple[tuple[str, Promise, dict[str, Any]], ...] = (
    (
        "failed",
        gettext_lazy("Failed or had no route, and another try can go better"),
        # Who has no route is left out before any call.
        {"outcomes": [FAILED, SKIPPED], "reasons": [reason.value for reason in RETRYABLE]},
    ),
    (
        "cancelled",
        gettext_lazy("Cancelled before it was sent to them"),
        # What a vendor took back some may have been shown before.
        {"outcomes": [CANCELLED], "reasons": [Reason.CANCELLED.value]},
    ),
    ("expired", gettext_lazy("Too late: expired before it reached them"), {"outcomes": [EXPIRED]}),
    ("unknown", gettext_lazy("Nobody knows whether they got it"), {"outcomes": [UNKNOWN]}),
    (
        "undelivered",
        gettext_lazy("Sent, and not reported as delivered"),
        {"outcomes": [SENT], "without_receipt": "delivered"},
    ),
    (
        "unopened",
        gettext_lazy("Sent, and not reported as opened"),
        {"outcomes": [SENT], "without_receipt": "opened"},
    ),
)


def preview_resend(transfer: Transfer, *, now: datetime) -> Preview:
    """Every choice that there is, with its counts; bounds of them for a large transfer."""
    sent = count_settled(transfer).filter(outcome=SENT)
    silent = add_up(sent.exclude(account_id__in=list_telling_accounts()))
    fell = count_settled(transfer).filter(outcome__in=[FAILED, SKIPPED])
    hopeless = add_up(fell.exclude(reason__in=RETRYABLE))
    choices = (_preview(transfer, key, label, asked, now) for key, label, asked in CHOICES)
    return Preview(tuple(choices), silent, hopeless)


def _preview(
    transfer: Transfer, key: str, label: Promise, asked: Mapping[str, Any], now: datetime
) -> Choice:
    if "without_receipt" in asked and may_be_forgotten(transfer, now):
        return Choice(key, label, asked, 0, 0, is_forgotten=True)
    total, is_exact = count_asked(transfer, asked)
    twice = total if may_have_it(asked["outcomes"]) else 0
    return Choice(key, label, asked, total, twice, is_exact)


def share_resend(
    transfer: Transfer, asked: Mapping[str, Any], *, actor: str, now: datetime
) -> tuple[Campaign, bool]:
    """The draft for these recipients that waits already, else a new one; True for a new one. Two
    who ask in one moment come to the same. Raises what `plan_resend` does."""
    with transaction.atomic():
        list(Transfer.objects.select_for_update(no_key=True).filter(pk=transfer.pk).values("pk"))
        drafts = Campaign.objects.filter(repeats=transfer, status__in=Campaign.EDITABLE)
        body = write_body(transfer, asked)
        waiting = next((one for one in drafts.order_by("pk") if one.audience == body), None)
        if waiting is not None:
            return waiting, False
        return plan_resend(transfer, asked, actor=actor, now=now), True


def plan_resend(transfer: Transfer, asked: Any, *, actor: str, now: datetime) -> Campaign:
    """A draft with the same message to these recipients: `{"outcomes", "reasons",
    "without_receipt"}`. Who they are is settled when it is launched.

    Raises Invalid for what is none, Conflict when the transfer has not ended, when nobody is meant
    or nobody knows any more who is, or when they got different messages.
    """
    if not isinstance(asked, dict) or "transfer" in asked or "outcomes" not in asked:
        words = _("Name the outcomes.")
        raise Invalid(words, fields={"outcomes": words})
    body = write_body(transfer, asked)
    read_audience(transfer.app, body, principal=None)
    if transfer.finished_at is None:
        raise Conflict(_("It has not ended yet; wait until it has."), code="not_ended")
    forgotten = find_forgotten(body, now)
    if forgotten:
        raise Conflict(forgotten, code=FORGOTTEN)
    if not select_asked(transfer, asked).exists():
        raise Conflict(_("Nobody is meant by this."), code="nobody_meant")
    part = _find_part(transfer)
    with transaction.atomic():
        campaign = draft_repeat(transfer, part, body, actor=actor, now=now)
        return save_new(campaign, "plan_resend", actor=actor, now=now)


def _find_part(transfer: Transfer) -> Part:
    parts = transfer.parts.filter(kind=Part.Kind.DEVICE, audience__gt=0, step=0)
    found = list(parts.select_related("message")[:2])
    if len(found) != 1:
        words = _("Its recipients got different messages; write a campaign for some of them.")
        raise Conflict(words, code="several_messages")
    return found[0]


def list_resends(transfer: Transfer) -> list[Campaign]:
    """Campaigns that send, or have sent, to some of its recipients again; the newest first."""
    rows = Campaign.objects.filter(repeats=transfer).exclude(status=Campaign.Status.CANCELLED)
    return list(rows.order_by("-pk")[:10])
