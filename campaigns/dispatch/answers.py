"""Reads a vendor's answer: who is settled how, who is tried again and when, who is told."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import cast

from campaigns.dispatch import bursts, pace, settle, steer
from campaigns.dispatch.addresses import Addressed
from campaigns.dispatch.books import Member, Verdict
from campaigns.dispatch.claim import Lease, find_expiry, find_pinned_account
from campaigns.dispatch.outbound import Reply
from campaigns.dispatch.tokens import DeadToken
from campaigns.errors import ChangedMeanwhile, IllegalMove
from campaigns.models import Account, Attempt, Counter, Policy, Transfer
from campaigns.selectors.routes import list_ways
from providers.commands import Fault, FaultKind
from providers.outcomes import Failure, Outcome, Reason, Receipt, Result
from providers.pacing import find_retry_wait

ACTOR = "dispatch"
MAX_RETRIES = 10
POLL_AFTER = timedelta(seconds=5)
UNKNOWN = Verdict("unknown", Reason.NO_ANSWER.value)
VERDICTS = {
    Outcome.ACCEPTED: Verdict("sent"),
    Outcome.DELIVERED: Verdict("sent"),
    Outcome.EXPIRED: Verdict("expired", Reason.TOO_LATE.value),
    Outcome.UNKNOWN: UNKNOWN,
}


def settle_reply(
    lease: Lease, attempt: Attempt, addressed: Addressed, reply: Reply, now: datetime
) -> None:
    """Write down what a call came to. Raises LeaseLost."""
    if isinstance(reply.result, Receipt):
        _settle_receipt(lease, attempt, addressed, reply, now)
    else:
        _settle_failure(lease, attempt, addressed, reply, now)


def _settle_receipt(
    lease: Lease, attempt: Attempt, addressed: Addressed, reply: Reply, now: datetime
) -> None:
    receipt = cast(Receipt, reply.result)
    fault = bursts.find_fault(receipt)
    if fault is None:
        bursts.mark_taken(lease.find_account(), now)
    verdicts, retried = _sort_results(receipt, addressed, lease)
    is_asked = lease.way is not None and lease.way.dialect.can_be_asked
    settle.flush(
        lease,
        settle.Flush(
            verdicts=verdicts,
            attempt=attempt,
            answer=settle.Answer(
                outcome=receipt.outcome.value,
                was_sent=True,
                words=_find_words(receipt),
                reference=receipt.reference,
                poll_at=now + POLL_AFTER if is_asked and receipt.reference else None,
                exchanges=reply.exchanges,
                parts=[asdict(part) for part in receipt.parts] or None,
            ),
            due_at=find_next_try(lease, retried, now),
            is_retry=bool(retried),
            dead_tokens=_find_dead_tokens(receipt, addressed),
        ),
        now,
    )
    if fault is not None:
        bursts.watch_fault(lease, attempt, fault, now)


def _sort_results(
    receipt: Receipt, addressed: Addressed, lease: Lease
) -> tuple[dict[Verdict, list[Member]], list[Result]]:
    # Of an audience nobody was named, so no place means anybody.
    results = receipt.results if addressed.targets else ()
    named = {result.index: result for result in results}
    verdicts: dict[Verdict, list[Member]] = defaultdict(list)
    retried = []
    may_retry = lease.batch.retries < MAX_RETRIES
    for index, member in enumerate(addressed.members):
        result = named.get(index)
        if result is not None and result.retry_after is not None and may_retry:
            retried.append(result)
        else:
            verdicts[judge(receipt.outcome, result)] += addressed.list_with_mates(member)
    return verdicts, retried


def judge(outcome: Outcome, result: Result | None) -> Verdict:
    """How a recipient is settled: by its own result, else as the whole call."""
    if result is not None:
        outcome = result.outcome
    if outcome in VERDICTS:
        return VERDICTS[outcome]
    reason = result.reason if result and result.reason else Reason.VENDOR
    return Verdict("failed", reason.value)


def _find_words(receipt: Receipt) -> str:
    words = [result.message for result in receipt.results]
    words += [f"{part.name}: {part.words}" for part in receipt.parts if part.words]
    return next(filter(None, words), "")


def _find_dead_tokens(receipt: Receipt, addressed: Addressed) -> list[DeadToken]:
    words, dead = _find_words(receipt), []
    for result in receipt.results:
        if result.reason is Reason.TOKEN and 0 <= result.index < len(addressed.members):
            recipient = addressed.members[result.index][0]
            if recipient in addressed.tokens:
                token = addressed.tokens[recipient]
                since = result.dead_since
                dead.append(DeadToken(recipient, token, result.message or words, since))
    return dead


def find_next_try(lease: Lease, retried: Sequence[Result], now: datetime) -> datetime | None:
    """When those are tried again whom the vendor may take another time; None if nobody is."""
    if not retried:
        return None
    longest = max(retried, key=lambda result: result.retry_after or 0)
    reason = longest.reason or Reason.VENDOR
    return find_retry(lease, reason, longest.retry_after, now)


def find_retry(lease: Lease, reason: Reason, retry_after: float | None, now: datetime) -> datetime:
    """When a batch is tried again; not later than it expires, so that it can be settled then."""
    wait = find_retry_wait(reason, lease.batch.retries, random.random(), retry_after)  # noqa: S311 jitter
    due = now + timedelta(seconds=wait)
    expires_at = find_expiry(lease.batch)
    return min(due, expires_at) if expires_at else due


def _settle_failure(
    lease: Lease, attempt: Attempt, addressed: Addressed, reply: Reply, now: datetime
) -> None:
    failure = cast(Failure, reply.result)
    what = settle.Flush(attempt=attempt, answer=_close(failure, reply))
    if failure.was_sent is None:
        _leave_open(lease, what, failure, now)
    elif failure.reason is Reason.CREDENTIAL:
        _settle_refused(lease, what, addressed, failure, now)
        return
    elif failure.is_permanent or lease.batch.retries >= MAX_RETRIES:
        what.verdicts = {_judge_failure(attempt, failure): addressed.list_all()}
    else:
        what.is_retry = True
        what.due_at = find_retry(lease, failure.reason, failure.retry_after, now)
    # Whatever becomes of this batch, a vendor that asks for a pause gets one.
    tries = lease.batch.retries
    pace.heed_failure(attempt.account_id, lease.batch.app_id, failure, tries, now)
    settle.flush(lease, what, now)
    if failure.reason is Reason.PAYLOAD and failure.is_permanent:
        bursts.watch_fault(lease, attempt, failure, now)


def _close(failure: Failure, reply: Reply) -> settle.Answer:
    return settle.Answer(
        # No answer leaves the call open: the next claim asks the no-answer table.
        outcome="" if failure.was_sent is None else Outcome.FAILED.value,
        was_sent=failure.was_sent,
        reason=failure.reason.value,
        words=failure.message,
        exchanges=reply.exchanges,
    )


def _leave_open(lease: Lease, what: settle.Flush, failure: Failure, now: datetime) -> None:
    what.is_retry = True
    wait = failure.retry_after
    if lease.transfer.policy == Policy.AT_MOST_ONCE:
        what.due_at = now
    else:
        what.due_at = find_retry(lease, failure.reason, wait, now)


def _judge_failure(attempt: Attempt, failure: Failure) -> Verdict:
    """What a final failure says about the recipients, who may have been sent to by a first try."""
    earlier = Attempt.objects.filter(batch_id=attempt.batch_id, key=attempt.key)
    earlier = earlier.exclude(pk=attempt.pk)
    # Our own mistake with a key that was used before means that the first call was taken.
    if failure.reason is Reason.OURS and earlier.exists():
        return UNKNOWN
    # What is refused for its content was refused then too; no other word is one about the first.
    if failure.reason is not Reason.PAYLOAD and earlier.filter(was_sent__isnull=True).exists():
        return UNKNOWN
    return Verdict("failed", failure.reason.value)


def _settle_refused(
    lease: Lease, what: settle.Flush, addressed: Addressed, failure: Failure, now: datetime
) -> None:
    """The account's credentials are bad: another account, a person, or the end."""
    attempt = cast(Attempt, what.attempt)
    bursts.mark_refused(attempt.account_id, failure, now)
    transfer = lease.transfer
    if has_other_way(lease, attempt):
        settle.flush(lease, what, now)
    elif transfer.campaign_id is not None:
        settle.flush(lease, what, now)
        bursts.watch_refusal(lease, attempt, failure, now)
    else:
        what.verdicts = {_judge_failure(attempt, failure): addressed.list_all()}
        settle.flush(lease, what, now)
        fail_unsent(transfer, lease.batch.platform, failure, now)


def has_other_way(lease: Lease, attempt: Attempt) -> bool:
    """Whether another account may take over who is owed after this call was refused."""
    if find_pinned_account(lease.batch, but=attempt) is not None:
        return False
    ways = list_ways(lease.batch.app_id, lease.batch.platform)
    return any(way.account.health != Account.Health.BAD for way in ways)


def fail_unsent(transfer: Transfer, platform: str, failure: Failure, now: datetime) -> None:
    """End a script's transfer of which nobody was reached, and nobody will be."""
    reached = Counter.objects.filter(
        part__transfer=transfer, outcome__in=["sent", "unknown"], count__gt=0
    )
    if reached.exists():
        return
    fault = Fault(FaultKind.CREDENTIALS, platform, detail=failure.message[:500])
    transfer.refresh_from_db()
    try:
        steer.fail_transfer(transfer, fault, actor=ACTOR, now=now)
    except (ChangedMeanwhile, IllegalMove):
        return  # another batch has just ended it
