"""Calls that nobody knows the end of: the no-answer table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from campaigns.dispatch import pace, settle
from campaigns.dispatch.answers import MAX_RETRIES, POLL_AFTER, UNKNOWN, find_retry
from campaigns.dispatch.books import Member, Verdict
from campaigns.dispatch.claim import Lease, is_over
from campaigns.dispatch.outbound import fetch_status
from campaigns.models import Attempt, Batch, Policy
from campaigns.models.packing import unpack_ids
from campaigns.selectors.routes import Way, find_way_back
from providers.commands import TransferState, TransferStatus
from providers.contract import Idempotency
from providers.outcomes import Failure, Outcome, Reason

POISON = 5


@dataclass(slots=True)
class Resolution:
    """What is to be done about an open call: write this down and stop, or send.

    `repeats` is the call that sending repeats, which the vendor perhaps has; `resent` counts who
    may then get it twice. Without it the vendor certainly never got the call.
    """

    flush: settle.Flush | None = None
    repeats: Attempt | None = None
    resent: int = 0


def find_doubt(batch: Batch) -> Attempt | None:
    """The call of a batch that perhaps arrived: an open one, or one whose repeat was turned down.

    What a vendor has said of a repeat with the same key, it has said of the call.
    """
    calls = Attempt.objects.filter(batch=batch).select_related("account")
    open_call = calls.filter(answered_at__isnull=True).first()
    if open_call is not None:
        return open_call
    # Whom a fan-out left in doubt, the one that repeated it has taken over.
    whole = calls.filter(outcome=Outcome.UNKNOWN, doubts__isnull=True)
    call = whole.order_by("-pk").first()
    if call is None:
        return None
    taken = calls.filter(outcome__in=[Outcome.ACCEPTED, Outcome.DELIVERED], key=call.key)
    return None if taken.filter(pk__gt=call.pk).exists() else call


def resolve_attempt(
    lease: Lease, attempt: Attempt, owed: list[Member], now: datetime
) -> Resolution:
    """Decide about an open call by policy and by what the vendor can do."""
    way = _find_way(lease, attempt)
    if lease.transfer.policy == Policy.AT_MOST_ONCE or way is None:
        return Resolution(write_off(attempt, way, owed, now))
    if way.idempotency is Idempotency.LOOKUP:
        return _ask(lease, attempt, way, owed, now)
    if _may_repeat(lease, now) and way.idempotency is Idempotency.KEY:
        return Resolution(repeats=attempt)
    # Whom an audience means a second time nobody could count.
    is_named = lease.batch.form != Batch.Form.AUDIENCE
    if is_named and _may_repeat(lease, now) and way.dialect.blind_resend:
        return Resolution(repeats=attempt, resent=len(owed))
    culprit = _find_culprit(lease, attempt, owed)
    if culprit:
        return Resolution(settle.Flush(verdicts={UNKNOWN: culprit}))
    return Resolution(write_off(attempt, way, owed, now))


def _find_culprit(lease: Lease, attempt: Attempt, owed: list[Member]) -> list[Member]:
    """The only one who was called in a fan-out when its last worker died, and so many had before:
    the call stays open for the others that it may have reached."""
    is_poison = lease.batch.attempts > POISON and attempt.doubts is not None
    if not is_poison or attempt.first != attempt.last:
        return []
    [recipient] = unpack_ids(lease.batch.recipients)[attempt.first : attempt.last + 1]
    return [member for member in owed if member[0] == recipient]


def _may_repeat(lease: Lease, now: datetime) -> bool:
    """Whether a call can still be made at all: there is a way, a reason to hope, and time."""
    is_stuck = lease.batch.attempts > POISON or lease.batch.retries > MAX_RETRIES
    return lease.way is not None and not is_stuck and not is_over(lease.batch, now)


def write_off(attempt: Attempt, way: Way | None, owed: list[Member], now: datetime) -> settle.Flush:
    """Nobody knows: for a human to decide. A vendor that can be asked is asked later all the
    same, and corrects it."""
    can_ask = way is not None and way.idempotency is Idempotency.LOOKUP
    answer = settle.Answer(
        outcome=Outcome.UNKNOWN.value, was_sent=None, reason=Reason.NO_ANSWER.value,
        words=attempt.words, poll_at=_find_known_at(attempt, way, now) if can_ask else None,
    )  # fmt: skip
    return settle.Flush(verdicts={UNKNOWN: owed}, attempt=attempt, answer=answer)


def _find_known_at(attempt: Attempt, way: Way | None, now: datetime) -> datetime:
    """When the vendor knows for sure whether it has a call."""
    lag = timedelta(seconds=way.dialect.lookup_lag if way else 0)
    return max(attempt.started_at + lag, now + POLL_AFTER)


def _find_way(lease: Lease, attempt: Attempt) -> Way | None:
    if lease.way is not None and lease.way.account.pk == attempt.account_id:
        return lease.way
    return find_way_back(attempt.account, lease.batch.app_id, lease.batch.platform)


def _ask(lease: Lease, attempt: Attempt, way: Way, owed: list[Member], now: datetime) -> Resolution:
    known_at = attempt.started_at + timedelta(seconds=way.dialect.lookup_lag)
    if now < known_at:
        return Resolution(settle.Flush(due_at=known_at))
    # Workers that die of asking must not go on for ever; others may still die of what comes then.
    if lease.batch.attempts > 2 * POISON:
        return Resolution(write_off(attempt, way, owed, now))
    pace.count_call(way, now)
    try:
        status = fetch_status(attempt, way, lease.transfer.group_id)
    except Failure as failure:
        tries = lease.batch.retries
        pace.heed_failure(way.account.pk, lease.batch.app_id, failure, tries, now)
        if lease.batch.retries > MAX_RETRIES:
            return Resolution(write_off(attempt, way, owed, now))
        due_at = find_retry(lease, failure.reason, failure.retry_after, now)
        return Resolution(settle.Flush(due_at=due_at, is_retry=True))
    if status is None and lease.batch.retries > MAX_RETRIES:
        return Resolution(_settle_unsent(attempt, owed))
    if status is None:
        return Resolution()  # definitely not known there, so it was never sent
    return Resolution(_settle_known(attempt, status, owed, now))


def _settle_unsent(attempt: Attempt, owed: list[Member]) -> settle.Flush:
    """Tried as often as anything is, and never taken: it failed, and nobody got it."""
    answer = settle.Answer(
        outcome=Outcome.FAILED.value, was_sent=False, reason=Reason.VENDOR.value,
        words=attempt.words,
    )  # fmt: skip
    verdict = Verdict("failed", Reason.VENDOR.value)
    return settle.Flush(verdicts={verdict: owed}, attempt=attempt, answer=answer)


def _settle_known(
    attempt: Attempt, status: TransferStatus, owed: list[Member], now: datetime
) -> settle.Flush:
    has_failed = status.state is TransferState.FAILED
    verdict = Verdict("failed", Reason.VENDOR.value) if has_failed else Verdict("sent")
    outcome = Outcome.FAILED if has_failed else Outcome.ACCEPTED
    return settle.Flush(
        verdicts={verdict: owed},
        attempt=attempt,
        answer=settle.Answer(
            outcome=outcome.value,
            was_sent=True,
            reason=verdict.reason,
            words="; ".join(fault.detail for fault in status.faults),
            reference=status.transfer,
            poll_at=None if has_failed else now + POLL_AFTER,
        ),
    )
