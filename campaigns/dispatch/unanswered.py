"""Calls that nobody knows the end of: the no-answer table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from campaigns.dispatch import pace, settle
from campaigns.dispatch.answers import MAX_RETRIES, UNKNOWN, find_retry
from campaigns.dispatch.books import Member, Verdict
from campaigns.dispatch.claim import Lease, is_over
from campaigns.dispatch.outbound import connect_way
from campaigns.models import Attempt, Policy, VendorGroup
from campaigns.selectors.routes import Way, find_way_back
from providers.commands import FetchStatus, TransferState, TransferStatus
from providers.contract import Idempotency, StatusTeller
from providers.outcomes import Failure, Outcome, Reason

POISON = 5
POLL_AFTER = timedelta(seconds=5)


@dataclass(slots=True)
class Resolution:
    """What is to be done about an open call: flush this and stop, or send (again).

    `may_have_gone`: it may have arrived, and nobody knows to whom of those who are owed.
    """

    flush: settle.Flush | None = None
    resent: int = 0
    may_have_gone: bool = False


def resolve_attempt(
    lease: Lease, attempt: Attempt, owed: list[Member], now: datetime
) -> Resolution:
    """Decide about an open call by policy and by what the vendor can do."""
    way = _find_way(lease, attempt)
    if lease.transfer.policy == Policy.AT_MOST_ONCE or way is None:
        return _give_up(attempt, owed)
    if way.dialect.idempotency is Idempotency.LOOKUP:
        return _ask(lease, attempt, way, owed, now)
    is_stuck = lease.batch.attempts > POISON or lease.batch.retries > MAX_RETRIES
    if is_stuck or lease.way is None or is_over(lease.batch, now):
        return _give_up(attempt, owed)
    if way.dialect.idempotency is Idempotency.KEY:
        return Resolution(may_have_gone=True)
    if way.dialect.blind_resend:
        return Resolution(resent=len(owed), may_have_gone=True)
    return _give_up(attempt, owed)


def _give_up(attempt: Attempt, owed: list[Member]) -> Resolution:
    answer = settle.Answer(
        outcome=Outcome.UNKNOWN.value, was_sent=None, reason=Reason.NO_ANSWER.value,
        words=attempt.words,
    )  # fmt: skip
    return Resolution(settle.Flush(verdicts={UNKNOWN: owed}, attempt=attempt, answer=answer))


def _find_way(lease: Lease, attempt: Attempt) -> Way | None:
    if lease.way is not None and lease.way.account.pk == attempt.account_id:
        return lease.way
    return find_way_back(attempt.account, lease.batch.app_id, lease.batch.platform)


def _ask(lease: Lease, attempt: Attempt, way: Way, owed: list[Member], now: datetime) -> Resolution:
    known_at = attempt.started_at + timedelta(seconds=way.dialect.lookup_lag)
    if now < known_at:
        return Resolution(settle.Flush(due_at=known_at))
    pace.count_call(way, now)
    try:
        status = _fetch_status(attempt, way, lease.transfer.group_id)
    except Failure as failure:
        tries = lease.batch.retries
        pace.heed_failure(way.account.pk, lease.batch.app_id, failure, tries, now)
        if lease.batch.retries > MAX_RETRIES:
            return _give_up(attempt, owed)
        due_at = find_retry(lease, failure.reason, failure.retry_after, now)
        return Resolution(settle.Flush(due_at=due_at, is_retry=True))
    if status is None:
        return Resolution()  # definitely not known there, so it was never sent
    return Resolution(_settle_known(attempt, status, owed, now))


def _fetch_status(attempt: Attempt, way: Way, group_id: int) -> TransferStatus | None:
    known = VendorGroup.objects.filter(group_id=group_id, account=way.account).first()
    command = FetchStatus(group=known.vendor_id if known else "", client_key=attempt.key)
    client: StatusTeller = connect_way(way)
    return client.fetch_status(command)


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
