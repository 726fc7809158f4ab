"""Writes down what became of a claimed batch: every write is fenced with the claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from campaigns.dispatch import books, own_channel
from campaigns.dispatch.books import Member, Page, Verdict
from campaigns.dispatch.claim import Lease, find_lease_end
from campaigns.dispatch.deadlocks import redone_after_deadlock
from campaigns.dispatch.texts import Texts, find_texts
from campaigns.dispatch.tokens import DeadToken, disable_tokens
from campaigns.models import Attempt, Batch, Delivery, ReceiptRow
from campaigns.models import Exchange as ExchangeRow
from campaigns.models.bulk import IdList
from campaigns.models.packing import pack_cohorts, pack_ids, unpack_cohorts, unpack_ids
from providers.outbound import Exchange
from providers.outcomes import Failure, Outcome, Reason
from providers.receipts import ReceiptKind

MAX_KEPT_FAILURES = 20
Verdicts = Mapping[Verdict, Sequence[Member]]


class LeaseLost(Exception):
    """Somebody else has claimed the batch meanwhile; whatever we hold about it is void."""


@dataclass(slots=True, kw_only=True)
class Answer:
    """How a call is closed. `words` are the vendor's own; `poll_at` when to ask it again; `parts`
    what it came to in each of the vendor's apps, as objects."""

    outcome: str
    was_sent: bool | None
    reason: str = ""
    words: str = ""
    reference: str = ""
    poll_at: datetime | None = None
    exchanges: Sequence[Exchange] = ()
    parts: Sequence[Mapping[str, str]] | None = None


@dataclass(slots=True, kw_only=True)
class Flush:
    """What is written in one transaction. Who is not in `verdicts` stays owed until `due_at`.

    `unsent` is an open call that is known never to have arrived.
    """

    verdicts: Verdicts = field(default_factory=dict)
    unsent: Attempt | None = None
    attempt: Attempt | None = None
    answer: Answer | None = None
    due_at: datetime | None = None
    is_retry: bool = False
    dead_tokens: Sequence[DeadToken] = ()


@redone_after_deadlock
def flush(lease: Lease, what: Flush, now: datetime) -> Batch:
    """Settle, close the call, and give the batch back or end it. Raises LeaseLost."""
    with transaction.atomic():
        batch = lock_leased(lease)
        settle_members(batch, what.verdicts, what.attempt, now)
        if what.unsent is not None:
            _close_unsent(what.unsent, now)
        if what.attempt is not None and what.answer is not None:
            close_attempt(what.attempt, what.answer, now)
            keep_exchanges(lease, what.attempt, what.answer, now)
        disable_tokens(what.dead_tokens, now)
        release(batch, what, now)
    return batch


@redone_after_deadlock
def flush_own(lease: Lease, verdicts: Verdicts, now: datetime) -> None:
    """Settle those who go our own way and give the batch back for the rest. Raises LeaseLost."""
    with transaction.atomic():
        batch = lock_leased(lease)
        settle_own(batch, verdicts, now)
        release(batch, Flush(), now)


def lock_leased(lease: Lease) -> Batch:
    """The batch, locked, if it is still ours. Raises LeaseLost."""
    ours = Batch.objects.select_for_update().filter(
        pk=lease.batch.pk, fence=lease.batch.fence, state=Batch.State.LEASED
    )
    batch = ours.first()
    if batch is None:
        raise LeaseLost
    batch.part, batch.transfer = lease.batch.part, lease.transfer  # loaded when it was claimed
    return batch


def settle_members(
    batch: Batch, verdicts: Verdicts, attempt: Attempt | None, now: datetime
) -> None:
    """Append the outcomes of members of a locked batch; whom our own channel takes over is sent."""
    verdicts, caught = own_channel.catch(batch, verdicts, now)
    if caught:
        settle_own(batch, caught, now)
    page = Page(
        part_id=batch.part_id,
        platform=batch.platform,
        at=now,
        account_id=attempt.account_id if attempt else 0,
        attempt_id=attempt.pk if attempt else 0,
    )
    for verdict, members in sorted(verdicts.items(), key=lambda item: repr(item[0])):
        if members:
            batch.settled += books.append_members(batch, page, verdict, members)
        if verdict.outcome == "unknown":
            _clear_up_received(batch, members, now)


def settle_own(batch: Batch, verdicts: Verdicts, now: datetime) -> None:
    """Append the outcomes of members of a locked batch whom no vendor is called for."""
    page = Page(part_id=batch.part_id, platform=batch.platform, at=now)
    for verdict, members in sorted(verdicts.items(), key=repr):
        batch.settled += books.append_members(batch, page, verdict, members)
    own_channel.keep(batch, verdicts, now)


def _clear_up_received(batch: Batch, members: Sequence[Member], now: datetime) -> None:
    """A receipt may have come before anybody gave up waiting for the call's answer."""
    recipients = IdList(recipient for recipient, _cohort in members)
    came = ReceiptRow.objects.filter(part_id=batch.part_id, recipient__in=recipients)
    received = came.exclude(kind=ReceiptKind.UNREGISTERED).values_list("recipient", flat=True)
    if received:
        books.correct_deliveries(batch, sorted(set(received)), books.RECEIVED, now)


def release(batch: Batch, what: Flush, now: datetime) -> None:
    """Give a locked batch back, or end it when nobody in it is owed any more."""
    batch.state = Batch.State.DONE if batch.settled >= batch.count else Batch.State.READY
    batch.lease_until = None
    batch.attempts = 0
    batch.retries += what.is_retry
    batch.due_at = what.due_at or now
    fields = ["state", "lease_until", "attempts", "retries", "due_at", "settled"]
    if batch.texts is not None and batch.state == Batch.State.DONE:
        batch.texts = None  # what was said to somebody is nobody's business any more
        fields.append("texts")
    batch.save(update_fields=fields)


@dataclass(slots=True)
class Call:
    """A call that is about to be made: its key, and who is left out of it.

    `repeats` is an open call that the vendor perhaps has, `resent` counts who may then get it
    twice; `since` is when the first of the same calls was written. `unsent` as in Flush. With a
    `failure` nothing will leave. `runs_at_vendor` as in Batch.
    """

    key: str
    skipped: Verdicts
    repeats: Attempt | None = None
    resent: int = 0
    since: datetime | None = None
    unsent: Attempt | None = None
    failure: Failure | None = None
    runs_at_vendor: bool = False


@redone_after_deadlock
def begin_attempt(lease: Lease, call: Call, now: datetime) -> Attempt | None:
    """Write down a call right before its first byte, with those who are left out of it.

    None when nobody is left to be called. Raises LeaseLost.
    """
    with transaction.atomic():
        batch = lock_leased(lease)
        settle_members(batch, call.skipped, None, now)
        if call.repeats is not None:
            close_repeated(call.repeats, now)
        if call.unsent is not None:
            _close_unsent(call.unsent, now)
        if batch.settled >= batch.count:
            release(batch, Flush(), now)
            return None
        if call.resent:
            books.count_resent(batch.part_id, min(call.resent, batch.count - batch.settled))
        batch.lease_until = find_lease_end(now)
        batch.runs_at_vendor = call.runs_at_vendor
        batch.save(update_fields=["lease_until", "settled", "runs_at_vendor"])
        attempt = Attempt(
            batch=batch,
            account=lease.find_account(),
            key=call.key,
            last=batch.count - 1,
            started_at=call.since or now,
        )
        if call.failure is not None:
            _close_unwritten(attempt, call.failure, now)
        attempt.save()
        return attempt


def _close_unwritten(attempt: Attempt, failure: Failure, now: datetime) -> None:
    """Whoever dies from here on leaves no doubt: the call could not be written, nothing left."""
    attempt.was_sent, attempt.outcome = False, Outcome.FAILED.value
    attempt.reason, attempt.answered_at = failure.reason.value, now


def close_repeated(attempt: Attempt, now: datetime) -> None:
    """Nobody will ever know of a call that is made again."""
    answer = Answer(
        outcome=Outcome.UNKNOWN.value,
        was_sent=None,
        reason=Reason.NO_ANSWER.value,
        words=attempt.words,
    )
    close_attempt(attempt, answer, now)


def _close_unsent(attempt: Attempt, now: datetime) -> None:
    answer = Answer(
        outcome=Outcome.FAILED.value,
        was_sent=False,
        reason=Reason.NO_ANSWER.value,
        words=attempt.words,
    )
    close_attempt(attempt, answer, now)


def close_attempt(attempt: Attempt, answer: Answer, now: datetime) -> None:
    """Fill in what came of a call; one without a known answer stays open unless it is `unknown`."""
    attempt.was_sent = answer.was_sent
    attempt.outcome = answer.outcome
    attempt.reason = answer.reason
    attempt.words = answer.words[:500]
    attempt.reference = answer.reference[:64]
    attempt.poll_at = answer.poll_at
    attempt.parts = answer.parts
    attempt.answered_at = now if answer.outcome else None
    attempt.save()


def keep_exchanges(lease: Lease, attempt: Attempt, answer: Answer, now: datetime) -> None:
    """Keep the first failures of each reason, and one success of a batch."""
    if not answer.exchanges:
        return
    same = ExchangeRow.objects.filter(batch_id=lease.batch.pk, reason=answer.reason)
    kept = 0 if lease.is_first else same.count()
    room = (MAX_KEPT_FAILURES if answer.reason else 1) - kept
    if room > 0:
        append_exchanges(attempt, lease.batch, answer.exchanges[-room:], answer.reason, now)


def append_exchanges(
    attempt: Attempt, batch: Batch, exchanges: Sequence[Exchange], reason: str, now: datetime
) -> None:
    """Keep what went over the wire about a call of a batch."""
    ExchangeRow.objects.bulk_create(
        ExchangeRow(
            account_id=attempt.account_id,
            transfer_id=batch.transfer_id,
            batch_id=batch.pk,
            attempt_id=attempt.pk,
            at=now,
            method=exchange.method,
            url=exchange.url[:500],
            request=exchange.request,
            status=exchange.status,
            response=exchange.response,
            seconds=exchange.seconds,
            reason=reason,
        )
        for exchange in exchanges
    )


@redone_after_deadlock
def split_batch(
    lease: Lease, owed: Sequence[Member], unsent: Attempt | None, now: datetime
) -> None:
    """Halve what a crashing batch still owes, so that the recipient at fault ends up alone.

    `unsent` as in Flush. Raises LeaseLost.
    """
    with transaction.atomic():
        batch = lock_leased(lease)
        if unsent is not None:
            _close_unsent(unsent, now)
        _shrink(batch, _list_others(batch, owed))
        middle, texts = len(owed) // 2, find_texts(lease.batch)
        for half in (owed[:middle], owed[middle:]):
            _add_batch(batch, half, texts, due_at=now)


def set_apart(batch: Batch, members: Sequence[Member], due_at: datetime) -> None:
    """Give members of a locked batch one of their own, which has been tried as often.

    None of them may be in doubt, and no call may be on its way: until it has ended it names whom it
    may have reached by the places in a batch.
    """
    texts, others = find_texts(batch), _list_others(batch, members)
    _add_batch(batch, sorted(members), texts, due_at=due_at, retries=batch.retries)
    recipients = _hold(batch, others)
    if texts is not None:
        batch.texts = texts.pack(recipients)
    batch.save(update_fields=["recipients", "cohorts", "count", "texts"])


def _list_others(batch: Batch, members: Sequence[Member]) -> list[Member]:
    """Who else is in the batch."""
    gone = {recipient for recipient, _cohort in members}
    known = zip(unpack_ids(batch.recipients), unpack_cohorts(batch.cohorts), strict=True)
    return [member for member in known if member[0] not in gone]


def _add_batch(batch: Batch, members: Sequence[Member], texts: Texts | None, **fields: Any) -> None:
    """Another one of the same calls, for some of its members."""
    more = Batch(
        part_id=batch.part_id,
        transfer_id=batch.transfer_id,
        app_id=batch.app_id,
        platform=batch.platform,
        language=batch.language,
        local_at=batch.local_at,
        expires_at=batch.expires_at,
        **fields,
    )
    recipients = _hold(more, members)
    more.texts = texts.pack(recipients) if texts else None
    more.save()


def _hold(batch: Batch, members: Sequence[Member]) -> list[int]:
    """Let a batch be of these members; gives their ids."""
    recipients = [recipient for recipient, _cohort in members]
    batch.recipients = pack_ids(recipients)
    batch.cohorts = pack_cohorts(cohort for _recipient, cohort in members)
    batch.count = len(members)
    return recipients


def leave_settled(batch: Batch, settled: Sequence[Member]) -> None:
    """End a locked batch whose other members are in batches of their own by now."""
    if not settled and not batch.settled:
        batch.delete()
        return
    members = dict(zip(unpack_ids(batch.recipients), unpack_cohorts(batch.cohorts), strict=True))
    known = Delivery.objects.filter(part_id=batch.part_id, recipient__in=IdList(members))
    _shrink(
        batch, [(one, members[one]) for one in sorted(known.values_list("recipient", flat=True))]
    )


def _shrink(batch: Batch, settled: Sequence[Member]) -> None:
    _hold(batch, settled)
    batch.settled = batch.count
    batch.state = Batch.State.DONE
    batch.lease_until = batch.texts = None
    batch.save()
