"""Sends a transfer's message again to some of its recipients, by what became of them.

It makes a draft: whoever sends looks at it like at any other. How many may get it twice is told
before, and the books of the transfer stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Sum
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.errors import Conflict, Invalid
from campaigns.models import Campaign, Counter, Part, Settled, Transfer
from campaigns.selectors.audience import (
    AudienceKind,
    list_telling_accounts,
    read_audience,
    select_devices,
)
from campaigns.services.campaigns import save_new
from campaigns.services.repeats import draft_repeat
from providers.outcomes import Reason

KIND = AudienceKind.OUTCOMES_OF.value
# Nothing about the recipient or the message: another try can go better.
RETRYABLE = (
    Reason.CREDENTIAL, Reason.THROTTLED, Reason.VENDOR, Reason.OURS, Reason.NO_ANSWER,
    Reason.NO_ROUTE,
)  # fmt: skip
SENT, FAILED, UNKNOWN = (outcome.value for outcome in (
    Settled.SENT, Settled.FAILED, Settled.UNKNOWN
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Choice:
    """Some of a transfer's recipients: how many there are, how many of them may get it twice."""

    key: str
    label: str | Promise
    asked: Mapping[str, Any]
    recipients: int
    twice: int


@dataclass(frozen=True, slots=True)
class Preview:
    """Who may be sent to again. `silent` were sent to by accounts that report no receipts: nobody
    knows whether they got it, so they are in none of the choices that miss a receipt."""

    choices: tuple[Choice, ...]
    silent: int


CHOICES: tuple[tuple[str, Promise, dict[str, Any]], ...] = (
    (
        "failed",
        gettext_lazy("Failed, and another try can go better"),
        {"outcomes": [FAILED], "reasons": [reason.value for reason in RETRYABLE]},
    ),
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


def preview_resend(transfer: Transfer) -> Preview:
    """Every choice that there is, with its counts."""
    told = list_telling_accounts()
    sent = Counter.objects.filter(
        part__transfer=transfer, part__kind=Part.Kind.DEVICE, outcome=SENT
    )
    silent = sent.exclude(account_id__in=told).aggregate(n=Sum("count"))["n"] or 0
    choices = tuple(
        Choice(key, label, asked, *_count(transfer, asked)) for key, label, asked in CHOICES
    )
    return Preview(choices, silent)


def _count(transfer: Transfer, asked: Mapping[str, Any]) -> tuple[int, int]:
    total = _count_devices(transfer, asked)
    # What failed did not arrive; whoever was sent to, or may have been, can get it a second time.
    outcomes = [outcome for outcome in asked["outcomes"] if outcome in (SENT, UNKNOWN)]
    if not outcomes or not total:
        return total, 0
    return total, _count_devices(transfer, {**asked, "outcomes": outcomes})


def _count_devices(transfer: Transfer, asked: Mapping[str, Any]) -> int:
    audience = read_audience(transfer.app, _write_body(transfer, asked), principal=None)
    return select_devices(transfer.app, audience).count()


def _write_body(transfer: Transfer, asked: Mapping[str, Any]) -> dict[str, Any]:
    return {KIND: {"transfer": transfer.pk, **asked}}


def plan_resend(transfer: Transfer, asked: Any, *, actor: str, now: datetime) -> Campaign:
    """A draft with the same message to these recipients: `{"outcomes", "reasons",
    "without_receipt"}`. Who they are is settled when it is launched.

    Raises Invalid for what is none, Conflict when the transfer has not ended, when nobody is meant,
    or when they got different messages.
    """
    if not isinstance(asked, dict) or "transfer" in asked or "outcomes" not in asked:
        words = _("Name the outcomes.")
        raise Invalid(words, fields={"outcomes": words})
    body = _write_body(transfer, asked)
    read_audience(transfer.app, body, principal=None)
    if transfer.finished_at is None:
        raise Conflict(_("It has not ended yet; wait until it has."), code="not_ended")
    if not _count_devices(transfer, asked):
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
