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
from campaigns.models import Campaign, Counter, Part, ReceiptCount, Settled, Transfer
from campaigns.selectors.audience import (
    SAYS_AS_MUCH,
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
# Of larger transfers nobody reads the rows for a page: what was folded says how many at most.
MOST_READ = 20_000
SENT, FAILED, SKIPPED, EXPIRED, CANCELLED, UNKNOWN = (outcome.value for outcome in (
    Settled.SENT, Settled.FAILED, Settled.SKIPPED, Settled.EXPIRED, Settled.CANCELLED,
    Settled.UNKNOWN,
))  # fmt: skip
# Who was sent to, or may have been, can get it a second time; nothing arrived at these.
NOT_ARRIVED = frozenset({FAILED, SKIPPED, EXPIRED, CANCELLED})


@dataclass(frozen=True, slots=True)
class Choice:
    """Some of a transfer's recipients: how many there are, how many of them may get it twice.

    Not `is_exact`: there are at most so many.
    """

    key: str
    label: str | Promise
    asked: Mapping[str, Any]
    recipients: int
    twice: int
    is_exact: bool = True


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


CHOICES: tuple[tuple[str, Promise, dict[str, Any]], ...] = (
    (
        "failed",
        gettext_lazy("Failed or had no route, and another try can go better"),
        # Who has no route is left out before any call.
        {"outcomes": [FAILED, SKIPPED], "reasons": [reason.value for reason in RETRYABLE]},
    ),
    (
        "cancelled",
        gettext_lazy("Cancelled before it was sent to them, or asked back"),
        {"outcomes": [CANCELLED]},
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


def preview_resend(transfer: Transfer) -> Preview:
    """Every choice that there is, with its counts; bounds of them for a large transfer."""
    told = list_telling_accounts()
    sent = _count_settled(transfer).filter(outcome=SENT)
    silent = _sum(sent.exclude(account_id__in=told))
    fell = _count_settled(transfer).filter(outcome__in=[FAILED, SKIPPED])
    hopeless = _sum(fell.exclude(reason__in=RETRYABLE))
    is_exact = (transfer.audience or 0) <= MOST_READ
    count = _count_devices if is_exact else _bound_devices
    choices = tuple(
        _preview(key, label, asked, count(transfer, asked), is_exact)
        for key, label, asked in CHOICES
    )
    return Preview(choices, silent, hopeless)


def _preview(
    key: str, label: Promise, asked: Mapping[str, Any], total: int, is_exact: bool
) -> Choice:
    twice = 0 if NOT_ARRIVED.issuperset(asked["outcomes"]) else total
    return Choice(key, label, asked, total, twice, is_exact)


def _count_settled(transfer: Transfer) -> Any:
    return Counter.objects.filter(part__transfer=transfer, part__kind=Part.Kind.DEVICE)


def _sum(rows: Any) -> int:
    return rows.aggregate(n=Sum("count"))["n"] or 0


def _bound_devices(transfer: Transfer, asked: Mapping[str, Any]) -> int:
    """At most so many, by what was folded: devices may have gone since.

    One who opened it may have been reported as delivered too, so only the kind of receipt that
    came most often is taken off; and some of these may not have been counted as sent.
    """
    settled = _count_settled(transfer)
    rows = settled.filter(outcome__in=asked["outcomes"])
    if "reasons" in asked:
        rows = rows.filter(reason__in=asked["reasons"])
    if "without_receipt" not in asked:
        return _sum(rows)
    told = list_telling_accounts()
    total = _sum(rows.filter(account_id__in=told))
    others = _sum(settled.exclude(outcome__in=asked["outcomes"]).filter(account_id__in=told))
    came = ReceiptCount.objects.filter(
        part__transfer=transfer, part__kind=Part.Kind.DEVICE, account_id__in=told,
        kind__in=SAYS_AS_MUCH[asked["without_receipt"]],
    )  # fmt: skip
    kinds = came.values_list("kind").annotate(n=Sum("count")).values_list("n", flat=True)
    return total - max(0, max(kinds, default=0) - others)


def _count_devices(transfer: Transfer, asked: Mapping[str, Any]) -> int:
    return _select(transfer, asked).count()


def _select(transfer: Transfer, asked: Mapping[str, Any]) -> Any:
    audience = read_audience(transfer.app, _write_body(transfer, asked), principal=None)
    return select_devices(transfer.app, audience)


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
    if not _select(transfer, asked).exists():
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
