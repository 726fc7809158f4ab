"""Ends things: folds closed batches into the roll-up, then transfers, then campaigns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery, Sum
from django.utils.translation import gettext as _

from campaigns.dispatch import books, handover, outbox, recalls
from campaigns.dispatch.plan import write_fault
from campaigns.dispatch.promises import note_last_promise
from campaigns.dispatch.queue import has_any, list_queue
from campaigns.errors import ChangedMeanwhile, IllegalMove
from campaigns.models import Attempt, Batch, Campaign, Counter, Transfer
from campaigns.models.packing import unpack_ids
from providers.commands import Fault, FaultKind
from providers.outcomes import Reason

ACTOR = "dispatch"
FOLD_RECIPIENTS = 25_000  # per transaction, or one batch if that is larger
ONCE = 100  # transfers of one turn
FOLD_BATCHES = 500  # in one go; what is left is folded in the next


def fold_step(now: datetime) -> bool:
    """Fold and end whatever open transfer has closed batches; True when something was done."""
    did = False
    for transfer in _select_left().order_by("priority", "pk")[:ONCE]:
        folded = fold_batches(transfer, now)
        did = finish_transfer(transfer, now) or folded or did
    return did


def _select_left() -> QuerySet[Transfer]:
    """Open transfers with closed batches, or with nothing left to do; a paused one ends later."""
    # Not EXISTS: PostgreSQL would answer that by a look through all that was ever sent.
    queue = list_queue(OuterRef("pk")).values("pk")
    frozen = Transfer.objects.filter(finished_at__isnull=True, frozen_at__isnull=False)
    open_transfers = frozen.alias(
        left=Subquery(queue[:1]), closed=Subquery(queue.filter(state=Batch.State.DONE)[:1])
    )
    is_over = Q(left__isnull=True) & ~Q(status=Transfer.Status.PAUSED)
    return open_transfers.filter(Q(closed__isnull=False) | is_over)


def fold_batches(transfer: Transfer, now: datetime) -> bool:
    """Fold the closed batches of one transfer into the roll-up, a few per transaction."""
    closed = list_queue(transfer).filter(state=Batch.State.DONE)
    counts = list(closed.values_list("pk", "count")[:FOLD_BATCHES])
    for ids in _cut_batches(counts):
        with transaction.atomic():
            # PostgreSQL locks rows; on SQLite the transaction is the lock.
            batches = list(closed.filter(pk__in=ids).select_for_update(skip_locked=True))
            for batch in batches:
                books.fold_deliveries(batch.part_id, unpack_ids(batch.recipients))
            if transfer.has_steps:
                handover.note_closed(batches, now)
            outbox.note_batches(transfer, batches, now)
            Batch.objects.filter(pk__in=[batch.pk for batch in batches]).update(is_folded=True)
    return bool(counts)


def _cut_batches(counts: Iterable[tuple[int, int]]) -> Iterator[list[int]]:
    """Ids of batches, a few at a time, that hold some recipients together."""
    ids: list[int] = []
    total = 0
    for pk, count in counts:
        if ids and total + count > FOLD_RECIPIENTS:
            yield ids
            ids, total = [], 0
        ids.append(pk)
        total += count
    if ids:
        yield ids


def finish_transfer(transfer: Transfer, now: datetime) -> bool:
    """End a transfer of which every batch is closed and folded."""
    if _has_more(transfer):
        return False
    transfer.refresh_from_db()
    if transfer.status == Transfer.Status.PAUSED or transfer.finished_at is not None:
        return False
    try:
        with transaction.atomic():
            if transfer.has_steps and _has_more_by_now(transfer):
                return False
            _end(transfer, now)
            outbox.note_end(transfer, now)
    except (ChangedMeanwhile, IllegalMove):
        return False  # paused or cancelled at this instant, or ended by another worker
    follow_transfers(transfer.campaign, now)
    return True


def _has_more(transfer: Transfer) -> bool:
    """Whether anything of it is not folded yet, or somebody waits for a later step."""
    return has_any(list_queue(transfer)) or (transfer.has_steps and handover.has_open(transfer))


def _has_more_by_now(transfer: Transfer) -> bool:
    """The same, while nobody can hand anybody on: whoever does needs the transfer's row."""
    Transfer.objects.select_for_update(of=("self",)).get(pk=transfer.pk)
    return _has_more(transfer)


def _end(transfer: Transfer, now: datetime) -> None:
    note_last_promise(transfer)
    if transfer.status in Transfer.FINISHED:
        Transfer.objects.filter(pk=transfer.pk, finished_at__isnull=True).update(finished_at=now)
        recalls.follow_cancelled(transfer.pk, now)  # calls that were in flight when it was
        return
    faults = _find_faults(transfer)
    new = Transfer.Status.FAILED if faults else Transfer.Status.SENT
    transfer.move_to(new, actor=ACTOR, now=now, finished_at=now, faults=faults)


def _find_faults(transfer: Transfer) -> list[dict[str, str]]:
    """Why nothing at all was sent, if a vendor or we are at fault; dead tokens are no fault."""
    counts = Counter.objects.filter(part__transfer=transfer)
    reached = Q(outcome__in=["sent", "unknown"])
    blamed = Q(outcome="failed") & ~Q(reason=Reason.TOKEN)
    totals = counts.aggregate(
        reached=Sum("count", filter=reached), blamed=Sum("count", filter=blamed)
    )
    if totals["reached"] or not totals["blamed"]:
        return []
    last = Attempt.objects.filter(batch__transfer=transfer).exclude(words="").order_by("-pk")
    words = last.values_list("words", flat=True).first() or ""
    return [write_fault(Fault(FaultKind.OTHER, detail=words))]


def follow_transfers(campaign: Campaign | None, now: datetime) -> None:
    """Let a campaign's status follow its transfers: it ends with the last, or waits with all."""
    if campaign is None:
        return
    campaign.refresh_from_db()
    if campaign.status not in Campaign.RUNNING:
        return
    statuses = list(campaign.transfers.values_list("status", "finished_at"))
    unfinished = {status for status, finished_at in statuses if finished_at is None}
    try:
        if not unfinished:
            _end_campaign(campaign, {status for status, _at in statuses}, now)
        elif unfinished == {Transfer.Status.PAUSED} and campaign.status != Campaign.Status.PAUSED:
            campaign.move_to(
                Campaign.Status.PAUSED,
                actor=ACTOR,
                now=now,
                note=_("What is left to send is paused; the transfer says why."),
            )
    except (ChangedMeanwhile, IllegalMove):
        return  # a person was faster


def _end_campaign(campaign: Campaign, statuses: set[str], now: datetime) -> None:
    goes_on = campaign.recurrence is not None and campaign.due_at is not None
    if goes_on:
        return
    ends = {
        frozenset({"cancelled"}): Campaign.Status.CANCELLED,
        frozenset({"failed"}): Campaign.Status.FAILED,
        frozenset({"failed", "cancelled"}): Campaign.Status.FAILED,
        frozenset(): Campaign.Status.FAILED,  # a series of which every run was missed
    }
    if campaign.status == Campaign.Status.PAUSED:
        campaign.move_to(campaign.running_status, actor=ACTOR, now=now)
    note = "" if statuses else _("None of its runs has been sent.")
    end = ends.get(frozenset(statuses), Campaign.Status.SENT)
    campaign.move_to(end, actor=ACTOR, now=now, note=note, unchanged=["due_at"])
