"""How many get a message a second time when it is sent again to recipients of a transfer.

It is told before, kept with the campaign that sends again, and stands in words beside its books:
`resent` counts the engine's own repeats of one call.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.db.models import Sum

from campaigns.models import Campaign, Counter, Part, ReceiptCount, Settled, Transfer
from campaigns.selectors.audience import (
    SAYS_AS_MUCH,
    AudienceKind,
    list_telling_accounts,
    read_audience,
    select_devices,
)
from providers.outcomes import Reason

KIND = AudienceKind.OUTCOMES_OF.value
# Of larger transfers nobody reads the rows for a page: what was folded says how many at most.
MOST_READ = 20_000
# What failed, was left out or expired did not arrive; what was cancelled did not either, but where
# a vendor took it back: some may have been shown it before.
MAY_HAVE_IT = (Settled.SENT.value, Settled.UNKNOWN.value)
CANCELLED = Settled.CANCELLED.value


def declare_twice(campaign: Campaign) -> None:
    """Set, on a campaign that sends again, how many of its recipients may get it twice.

    Somebody may have changed its audience: then it is at most whoever was sent to before.
    """
    first = campaign.repeats
    if first is None:
        return
    asked = _find_asked(first, campaign.audience)
    twice = [outcome for outcome in asked["outcomes"] if outcome in MAY_HAVE_IT]
    count, is_exact = count_asked(first, {**asked, "outcomes": twice}) if twice else (0, True)
    recalled = _count_recalled(first, asked)
    campaign.twice = count + recalled
    is_bound = campaign.only_primary or not is_exact or recalled > 0
    campaign.is_twice_bound = campaign.twice > 0 and is_bound


def _count_recalled(first: Transfer, asked: Mapping[str, Any]) -> int:
    reasons = asked.get("reasons") or [Reason.RECALLED.value]
    if CANCELLED not in asked["outcomes"] or Reason.RECALLED.value not in reasons:
        return 0
    return add_up(count_settled(first).filter(outcome=CANCELLED, reason=Reason.RECALLED.value))


def _find_asked(first: Transfer, audience: Mapping[str, Any]) -> Mapping[str, Any]:
    """Which of the first transfer's recipients an audience means."""
    if audience.get(AudienceKind.UNKNOWN_OF.value) == first.pk:
        return {"outcomes": [Settled.UNKNOWN.value]}
    asked = audience.get(KIND) or {}
    return asked if asked.get("transfer") == first.pk else {"outcomes": MAY_HAVE_IT}


def may_have_it(outcomes: Collection[str]) -> bool:
    """Whether somebody with one of these outcomes can get it a second time."""
    return not set(MAY_HAVE_IT).isdisjoint(outcomes)


def count_asked(transfer: Transfer, asked: Mapping[str, Any]) -> tuple[int, bool]:
    """How many recipients are meant, and whether it is exact: else there are at most so many."""
    is_audience = Settled.SENT.value not in asked["outcomes"] or asked.get("without_receipt")
    if is_audience and (transfer.audience or 0) <= MOST_READ:
        return _count_devices(transfer, asked), True
    return _bound_devices(transfer, asked), False


def count_settled(transfer: Transfer) -> Any:
    """Counters of its devices."""
    return Counter.objects.filter(part__transfer=transfer, part__kind=Part.Kind.DEVICE)


def add_up(rows: Any) -> int:
    """The recipients that these counters count."""
    return rows.aggregate(n=Sum("count"))["n"] or 0


def _bound_devices(transfer: Transfer, asked: Mapping[str, Any]) -> int:
    """At most so many, by what was folded: devices may have gone since.

    One who opened it may have been reported as delivered too, so only the kind of receipt that
    came most often is taken off; and some of these may not have been counted as sent.
    """
    settled = count_settled(transfer)
    rows = settled.filter(outcome__in=asked["outcomes"])
    if asked.get("reasons"):
        rows = rows.filter(reason__in=asked["reasons"])
    if not asked.get("without_receipt"):
        return add_up(rows)
    told = list_telling_accounts()
    total = add_up(rows.filter(account_id__in=told))
    others = add_up(settled.exclude(outcome__in=asked["outcomes"]).filter(account_id__in=told))
    came = ReceiptCount.objects.filter(
        part__transfer=transfer, part__kind=Part.Kind.DEVICE, account_id__in=told,
        kind__in=SAYS_AS_MUCH[asked["without_receipt"]],
    )  # fmt: skip
    kinds = came.values_list("kind").annotate(n=Sum("count")).values_list("n", flat=True)
    return total - max(0, max(kinds, default=0) - others)


def _count_devices(transfer: Transfer, asked: Mapping[str, Any]) -> int:
    return select_asked(transfer, asked).count()


def select_asked(transfer: Transfer, asked: Mapping[str, Any]) -> Any:
    """The devices that are meant."""
    audience = read_audience(transfer.app, write_body(transfer, asked), principal=None)
    return select_devices(transfer.app, audience)


def write_body(transfer: Transfer, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Them as an audience."""
    return {KIND: {"transfer": transfer.pk, **asked}}
