"""Faults that only a person can set right: too many of them pause the campaign and say what to do.

A script's transfer is never paused: nobody would resume it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.conf import settings
from django.db.models import Q, Sum
from django.utils.translation import gettext as _

from campaigns.dispatch import folds, steer
from campaigns.dispatch.claim import Lease
from campaigns.dispatch.queue import has_any, list_queue
from campaigns.errors import ChangedMeanwhile, IllegalMove
from campaigns.models import Account, Attempt, Batch, Counter, Transfer
from campaigns.models.audience import PLATFORMS
from providers import registry
from providers.contract import Dialect
from providers.outcomes import Failure, Outcome, Reason, Receipt

ACTOR = "dispatch"
FAULTS = frozenset({Reason.PAYLOAD, Reason.CREDENTIAL})
MAX_WORDS = 200

Tallies = Mapping[str, list[int]]  # platform -> recipients that vendors answered for, and refused


def count_answers(transfer_id: int) -> dict[str, list[int]]:
    """By platform: recipients whom a vendor has answered for, and those among them at whom a
    person has to look."""
    answered = Q(outcome__in=["sent", "failed", "expired"])
    refused = Q(outcome="failed") & (Q(reason__in=FAULTS) | _match_foreign())
    rows = Counter.objects.filter(part__transfer=transfer_id, account_id__gt=0)
    sums = rows.values_list("platform").annotate(
        answered=Sum("count", filter=answered, default=0),
        refused=Sum("count", filter=refused, default=0),
    )
    return {platform: counts for platform, *counts in sums}


def _match_foreign() -> Q:
    """Tokens that a vendor takes for none of its own."""
    judging = [dialect.key for dialect in registry.all_dialects() if dialect.judges_tokens]
    accounts = Account.objects.filter(dialect__in=judging)
    return Q(reason=Reason.NOT_ADDRESSABLE, account_id__in=accounts.values("pk"))


def find_faults(dialect: Dialect) -> frozenset[Reason]:
    """What a gateway says of a single recipient that only a person can set right."""
    own = [Reason.NOT_ADDRESSABLE] if dialect.judges_tokens else []
    return frozenset([Reason.PAYLOAD, *own])


def find_fault(receipt: Receipt) -> Failure | None:
    """The first recipient of an accepted call whose fault a person has to set right."""
    for result in receipt.results:
        if result.reason in FAULTS and result.outcome is Outcome.FAILED:
            return Failure(result.reason, result.message, is_permanent=True, was_sent=True)
    return None


def watch_fault(
    lease: Lease, attempt: Attempt, fault: Failure, now: datetime, recent: int = 0
) -> None:
    """After a fault was settled: mark the account, and pause the campaign if that is too many, of
    all answers or, in percent, of the last ones."""
    if fault.reason is Reason.CREDENTIAL:
        mark_refused(attempt.account_id, fault, now)
    transfer = lease.transfer
    if transfer.campaign_id is None or _was_moved(transfer):
        return
    platform = lease.batch.platform
    share = _find_share(transfer, platform)
    is_recent = recent > share
    if max(share, recent) > settings.PAUSE_PERCENT and _has_more(transfer):
        note = _describe(fault, attempt, platform, max(share, recent), is_recent=is_recent)
        pause(transfer, note, now)


def watch_refusal(lease: Lease, attempt: Attempt, fault: Failure, now: datetime) -> None:
    """After a whole call was refused for its credentials, with no other account to go to."""
    transfer = lease.transfer
    if not _was_moved(transfer):
        pause(transfer, _describe(fault, attempt, lease.batch.platform, 100), now)


def mark_refused(account_id: int, fault: Failure, now: datetime) -> None:
    """Tell everybody that the account's credentials are not taken; other accounts go first."""
    Account.objects.filter(pk=account_id).update(
        health=Account.Health.BAD, health_words=fault.message[:500], checked_at=now
    )


def mark_taken(account: Account, now: datetime) -> None:
    """The vendor has taken a call: whatever it refused the account for is mended."""
    if account.health == Account.Health.BAD:
        bad = Account.objects.filter(pk=account.pk, health=Account.Health.BAD)
        bad.update(health=Account.Health.GOOD, health_words="", checked_at=now)


def _find_share(transfer: Transfer, platform: str) -> float:
    """Percent of what was answered since the transfer was last resumed: old faults are past."""
    before: Tallies = transfer.fault_base or {}
    old_answered, old_refused = before.get(platform, [0, 0])
    answered, refused = count_answers(transfer.pk).get(platform, [0, 0])
    fresh = answered - old_answered
    return 100 * (refused - old_refused) / fresh if fresh > 0 else 0


def _was_moved(transfer: Transfer) -> bool:
    """Whether somebody paused or resumed it since the batch was claimed: a call that was on its way
    then proves nothing. Reads the transfer anew."""
    claimed_since = transfer.status_since
    transfer.refresh_from_db()
    moved: bool = transfer.status_since != claimed_since
    return moved


def _has_more(transfer: Transfer) -> bool:
    """A pause of what is over would only hide its end."""
    return has_any(list_queue(transfer).exclude(state=Batch.State.DONE))


def _describe(
    fault: Failure, attempt: Attempt, platform: str, share: float, *, is_recent: bool = False
) -> str:
    if fault.reason is Reason.CREDENTIAL:
        sentence = _(
            "The vendor refuses the credentials of the account %(account)s: “%(words)s”. "
            "Correct the account, then resume: nobody who is still owed is lost."
        )
    elif fault.reason is Reason.NOT_ADDRESSABLE:
        sentence = _(
            "The vendor takes tokens for none of its own (%(share)d %% of its answers for "
            "%(platform)s): “%(words)s”. Look at the account of the route, then resume; no device "
            "was switched off."
        )
    elif is_recent:
        sentence = _(
            "The vendor has begun to refuse the message (%(share)d %% of its last answers for "
            "%(platform)s): “%(words)s”. If the cause is at the vendor, mend it there and resume; "
            "otherwise cancel, and send a corrected copy."
        )
    else:
        sentence = _(
            "The vendor refuses the message (%(share)d %% of its answers for %(platform)s): "
            "“%(words)s”. If the cause is at the vendor, mend it there and resume; otherwise "
            "cancel, and send a corrected copy."
        )
    return sentence % {
        "account": attempt.account,
        "words": fault.message[:MAX_WORDS].rstrip("."),
        "share": int(share),
        "platform": dict(PLATFORMS).get(platform, platform),
    }


def pause(transfer: Transfer, note: str, now: datetime) -> None:
    """Pause a transfer, unless somebody was faster; its campaign follows."""
    try:
        steer.pause_transfer(transfer, note, actor=ACTOR, now=now)
    except (ChangedMeanwhile, IllegalMove):
        return  # paused already, or ended
    folds.follow_transfers(transfer.campaign, now)
