"""Ends things: folds closed batches into the roll-up, then transfers, then campaigns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from django.db import transaction
from django.db.models import Q, Sum
from django.utils.translation import gettext as _

from campaigns.dispatch import books
from campaigns.dispatch.plan import write_fault
from campaigns.errors import ChangedMeanwhile, IllegalMove
from campaigns.models import Attempt, Batch, Campaign, Counter, Transfer
from campaigns.models.packing import unpack_ids
from providers.commands import Fault, FaultKind
from providers.outcomes import Reason

ACTOR = "dispatch"
FOLD_RECIPIENTS = 25_000  # per transaction, or one batch if that is larger


def fold_step(now: datetime) -> bool:
    """Fold and end whatever open transfer has closed batches; True when something was done."""
    did = False
    frozen = Transfer.objects.filter(finished_at__isnull=True, frozen_at__isnull=False)
    for transfer in frozen.order_by("priority", "pk")[:100]:
        folded = fold_batches(transfer)
        did = finish_transfer(transfer, now) or folded or did
    return did


def fold_batches(transfer: Transfer) -> bool:
    """Fold the closed batches of one transfer into the roll-up, a few per transaction."""
    closed = Batch.objects.filter(transfer=transfer, state=Batch.State.DONE, is_folded=False)
    counts = list(closed.values_list("pk", "count"))
    for ids in _cut_batches(counts):
        with transaction.atomic():
            # PostgreSQL locks rows; on SQLite the transaction is the lock.
            batches = list(closed.filter(pk__in=ids).select_for_update(skip_locked=True))
            for batch in batches:
                books.fold_deliveries(batch.part_id, unpack_ids(batch.recipients))
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
    batches = Batch.objects.filter(transfer=transfer)
    if batches.filter(state__in=[Batch.State.READY, Batch.State.LEASED]).exists():
        return False
    if batches.filter(is_folded=False).exists():
        return False
    transfer.refresh_from_db()
    if transfer.status == Transfer.Status.PAUSED or transfer.finished_at is not None:
        return False
    try:
        _end(transfer, now)
    except (ChangedMeanwhile, IllegalMove):
        return False  # paused or cancelled at this instant, or ended by another worker
    follow_transfers(transfer.campaign, now)
    return True


def _end(transfer: Transfer, now: datetime) -> None:
    if transfer.status in Transfer.FINISHED:
        Transfer.objects.filter(pk=transfer.pk, finished_at__isnull=True).update(finished_at=now)
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
