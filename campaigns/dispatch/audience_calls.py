"""One call for a whole audience: the first of its batches makes it, the others share its end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from campaigns.dispatch import books, settle
from campaigns.dispatch.aims import list_called
from campaigns.dispatch.answers import VERDICTS
from campaigns.dispatch.books import Member, Verdict
from campaigns.dispatch.claim import Lease
from campaigns.models import Attempt, Batch, Delivery
from campaigns.models.packing import unpack_ids
from providers.commands import TransferState
from providers.outcomes import Outcome, Reason

LOOK_AGAIN = timedelta(seconds=1)


def find_leader(batch: Batch) -> Batch | None:
    """The batch that makes a batch's call; None where it makes it itself."""
    if batch.form != Batch.Form.AUDIENCE:
        return None
    first = list_called(batch)[0]
    return None if first.pk == batch.pk else first


def follow(lease: Lease, leader: Batch, owed: Sequence[Member], now: datetime) -> None:
    """Settle a batch as the call was that its leader made, or look again later. Raises
    LeaseLost."""
    if leader.state != Batch.State.DONE:
        settle.flush(lease, settle.Flush(due_at=now + LOOK_AGAIN), now)
        return
    attempt, verdict = _find_end(leader)
    settle.flush(lease, settle.Flush(verdicts={verdict: owed}, attempt=attempt), now)


def _find_end(leader: Batch) -> tuple[Attempt | None, Verdict]:
    """The call, if there was one, and what it was to everybody in it."""
    rows = Delivery.objects.filter(
        part_id=leader.part_id, recipient=unpack_ids(leader.recipients)[0]
    )
    attempt_id, outcome, reason = rows.values_list("attempt_id", "outcome", "reason").get()
    attempt = Attempt.objects.filter(pk=attempt_id).first()
    if attempt is None:
        return None, Verdict(outcome, reason)
    # What one recipient's receipt has cleared up says nothing of the others.
    if attempt.outcome == Outcome.FAILED or attempt.polled_state == TransferState.FAILED:
        return attempt, Verdict("failed", attempt.reason or Reason.VENDOR.value)
    if attempt.outcome == Outcome.UNKNOWN:
        return attempt, Verdict("unknown", Reason.NO_ANSWER.value)
    return attempt, VERDICTS[Outcome(attempt.outcome)]


def correct_call(
    batch: Batch, recipients: Sequence[int], change: books.Change, now: datetime
) -> int:
    """Correct recipients of a batch's call, in whichever of its batches they are; gives how many.

    Runs in the caller's transaction.
    """
    wanted, moved = set(recipients), 0
    for one in list_called(batch):
        own = sorted(wanted.intersection(unpack_ids(one.recipients)))
        if own:
            locked = Batch.objects.select_for_update().get(pk=one.pk)
            moved += books.correct_deliveries(locked, own, change, now)
    return moved
