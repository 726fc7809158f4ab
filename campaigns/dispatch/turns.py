"""Whose turn it is: one order for what has to be frozen and what has to be sent, so that nobody's
million keeps somebody else's hundred waiting."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db.models import F, Q

from campaigns.dispatch import claim, freeze, local_hours, pace, send
from campaigns.models import Transfer

Clock = Callable[[], datetime]
CANDIDATES = 500  # enough that those which have to wait hide nobody else


def take_turn(worker: str, clock: Clock) -> bool:
    """Freeze a piece or work off a batch of whoever has waited longest; False if nobody waits."""
    with pace.keeping_order():
        return any(_serve(transfer, worker, clock) for transfer in _list_waiting(clock()))


def _serve(transfer: Transfer, worker: str, clock: Clock) -> bool:
    if transfer.frozen_at is None:
        return freeze.freeze_step(transfer, worker, clock())
    if send.send_batch(transfer, clock):
        return True
    if transfer.wall_clock:
        local_hours.rest(transfer, clock())
    return False


def _list_waiting(now: datetime) -> list[Transfer]:
    unfinished = Transfer.objects.filter(finished_at__isnull=True)
    resting = Q(status=Transfer.Status.SENDING, next_due_at__gt=now)
    waiting = unfinished.filter(freeze.find_due(now) | claim.find_running()).exclude(resting)
    # Of equal priority the app that has waited longest is served, and in it the transfer.
    order = (
        "priority",
        F("app__last_claim_at").asc(nulls_first=True),
        F("served_at").asc(nulls_first=True),
        "pk",
    )
    return list(waiting.select_related("group").order_by(*order)[:CANDIDATES])
