"""Whose turn it is: one order for what has to be frozen and what has to be sent, so that nobody's
million keeps somebody else's hundred waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from django.db.models import Exists, F, OuterRef, Q

from campaigns.dispatch import bursts, claim, freeze, pace, send
from campaigns.dispatch.fan_out import ShouldStop, go_on
from campaigns.dispatch.mishaps import stopping
from campaigns.dispatch.queue import list_queue
from campaigns.models import Batch, Transfer

Clock = Callable[[], datetime]
ONCE = 20  # transfers that are read at once; mostly the first is served


def take_turn(worker: str, clock: Clock, should_stop: ShouldStop = go_on) -> bool:
    """Freeze a piece or work off a batch of whoever has waited longest; False if nobody waits."""
    with pace.keeping_order():
        return any(
            _serve(transfer, worker, clock, should_stop) for transfer in _list_waiting(clock())
        )


def find_resting(now: datetime) -> Q:
    """Transfers of which nothing is due yet."""
    return Q(status=Transfer.Status.SENDING, next_due_at__gt=now)


def _serve(transfer: Transfer, worker: str, clock: Clock, should_stop: ShouldStop) -> bool:
    if transfer.frozen_at is None:
        return _freeze(transfer, worker, clock)
    if send.send_batch(transfer, clock, should_stop):
        return True
    _rest(transfer, clock())
    return False


def _freeze(transfer: Transfer, worker: str, clock: Clock) -> bool:
    """An audience that cannot be read pauses its transfer, and the turn goes to the next."""
    with stopping(transfer, lambda words: _stop_freezing(transfer, words, clock())):
        return freeze.freeze_step(transfer, worker, clock())
    return False


def _stop_freezing(transfer: Transfer, words: str, now: datetime) -> None:
    # One that was ended meanwhile stays so: whoever is frozen by now is all there is.
    if transfer.status in Transfer.FINISHED:
        freeze.end_freeze(transfer, now)
    else:
        bursts.pause(transfer, words, now)


def _rest(transfer: Transfer, now: datetime) -> None:
    """Leave a transfer out of the turns until its next batch is due, or those that wait would be
    looked at before each batch of those that send."""
    ready = list_queue(transfer).filter(state=Batch.State.READY)
    next_due_at = ready.values_list("due_at", flat=True).first()
    if next_due_at is None or next_due_at <= now:
        return
    # Who holds a batch may give it back for an earlier try; of the others none is due sooner, and
    # so nobody else can come to hold one sooner.
    queue = Batch.objects.filter(transfer=OuterRef("pk"), is_folded=False)
    is_held = Exists(queue.filter(state=Batch.State.LEASED))
    is_sooner = Exists(queue.filter(state=Batch.State.READY, due_at__lt=next_due_at))
    rows = Transfer.objects.filter(~is_held, ~is_sooner, pk=transfer.pk)
    rows.update(next_due_at=next_due_at)


def _list_waiting(now: datetime) -> Iterator[Transfer]:
    unfinished = Transfer.objects.filter(finished_at__isnull=True)
    waiting = unfinished.filter(freeze.find_due(now) | claim.find_running())
    # Of equal priority the app that has waited longest is served, and in it the transfer.
    order = (
        "priority",
        F("app__last_claim_at").asc(nulls_first=True),
        F("served_at").asc(nulls_first=True),
        "pk",
    )
    # All of them: those which have to wait must hide nobody else.
    ids = list(waiting.exclude(find_resting(now)).order_by(*order).values_list("pk", flat=True))
    for start in range(0, len(ids), ONCE):
        some = ids[start : start + ONCE]
        rows = Transfer.objects.in_bulk(some)
        yield from (rows[pk] for pk in some if pk in rows)
