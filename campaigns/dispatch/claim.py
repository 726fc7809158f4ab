"""Leases one due batch of a transfer: through which account, and may it go now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from campaigns.dispatch.cuts import cut_batch, has_been_called, is_new
from campaigns.dispatch.pace import open_paces
from campaigns.dispatch.queue import has_any, list_queue
from campaigns.dispatch.texts import needs_rendering
from campaigns.models import Account, App, Attempt, Batch, Part, Transfer
from campaigns.selectors.addressing import can_carry, read_declared
from campaigns.selectors.own_way import find_channel
from campaigns.selectors.routes import Way, list_ways
from providers.message_fields import OWN_ONLY
from providers.outcomes import Reason


@dataclass(frozen=True, slots=True)
class Lease:
    """A batch that is ours until its lease ends. Without a way nothing is sent any more."""

    batch: Batch
    way: Way | None

    @property
    def transfer(self) -> Transfer:
        """The transfer that the batch belongs to, as it was when the batch was claimed."""
        transfer: Transfer = self.batch.transfer
        return transfer

    @property
    def is_first(self) -> bool:
        """Whether nobody has held the batch before: it has no earlier call, and no trace of one."""
        is_first: bool = self.batch.fence == 1
        return is_first

    def find_way(self) -> Way:
        """By which it goes; only what has a way is called."""
        if self.way is None:
            raise ValueError("Nothing is sent through no account.")
        return self.way

    def find_account(self) -> Account:
        """The account of the way."""
        return self.find_way().account


@dataclass(frozen=True, slots=True)
class _Choice:
    """What may happen to a batch now; neither way nor drain means that it must wait.

    `size` is how many of its recipients may be sent to, 0 for all of them.
    """

    way: Way | None = None
    drains: bool = False
    size: int = 0


def find_lease_end(now: datetime) -> datetime:
    """Until when a batch is ours if it is claimed or flushed now."""
    return now + timedelta(seconds=settings.LEASE_SECONDS)


def find_running() -> Q:
    """Transfers of which batches may be claimed, unless they have ended."""
    wanted = [Transfer.Status.SENDING, *Transfer.FINISHED]
    return Q(frozen_at__isnull=False, status__in=wanted)


def _list_claimable(transfer: Transfer, now: datetime) -> tuple[QuerySet[Batch], QuerySet[Batch]]:
    """What a worker that has gone held, and what is due."""
    queue = list_queue(transfer)
    lost = queue.filter(state=Batch.State.LEASED, lease_until__lte=now)
    ready = queue.filter(state=Batch.State.READY)
    if transfer.status == Transfer.Status.SENDING:
        ready = ready.filter(due_at__lte=now)  # what is over need not wait for its next try
    return lost, ready


def claim_batch(transfer: Transfer, now: datetime) -> Lease | None:
    """Lease a batch of a transfer that may be worked on now, or give None."""
    # Looked at without a lock first: an idle worker writes nothing.
    if not any(map(has_any, _list_claimable(transfer, now))):
        return None
    waiting: set[str] = set()
    while True:
        # A transaction for each platform: the rows that pace one are never held with another's.
        with transaction.atomic():
            batch = _lock_batch(transfer, waiting, now)
            if batch is None:
                return None
            choice = _choose_way(batch, now)
            if choice.way is not None or choice.drains:
                return _lease(batch, choice, now)
        waiting.add(batch.platform)


def _lock_batch(transfer: Transfer, waiting: set[str], now: datetime) -> Batch | None:
    for claimable in _list_claimable(transfer, now):
        others = claimable.exclude(platform__in=waiting)
        locked = others.select_for_update(skip_locked=True, of=("self",))
        batch = locked.select_related("transfer__group", "transfer__app", "part__message").first()
        if batch is not None:
            return None if batch.transfer.status == Transfer.Status.PAUSED else batch
    return None


def _lease(batch: Batch, choice: _Choice, now: datetime) -> Lease:
    way = choice.way
    if 0 < choice.size < batch.count - batch.settled:
        batch = cut_batch(batch, choice.size)
    batch.state = Batch.State.LEASED
    batch.lease_until = find_lease_end(now)
    batch.fence += 1
    batch.attempts += 1
    batch.account = way.account if way else batch.account
    batch.save(update_fields=["state", "lease_until", "fence", "attempts", "account"])
    note_turn(batch.transfer, now)
    return Lease(batch, way)


def note_turn(transfer: Transfer, now: datetime) -> None:
    """Whoever was served goes to the end of the line; in the caller's transaction."""
    Transfer.objects.filter(pk=transfer.pk).update(served_at=now)
    App.objects.filter(pk=transfer.app_id).update(last_claim_at=now)


def _choose_way(batch: Batch, now: datetime) -> _Choice:
    transfer = batch.transfer
    if is_over(batch, now) or _calls_nobody(batch):
        return _Choice(drains=True)
    ways = _list_suiting(batch)
    if not ways:
        return _Choice(drains=True)
    if batch.form == Batch.Form.AUDIENCE and _has_leader(batch):
        return _Choice(ways[0])  # it makes no call of its own
    owed = batch.count - batch.settled
    is_whole = batch.form != Batch.Form.DEVICE or has_been_called(batch)
    for pace in open_paces(ways, transfer, now, batch):
        if pace.is_blocked():
            continue
        # It may have been frozen for another account, whose calls are larger.
        most = owed if is_whole else min(owed, pace.find_most())
        size = pace.find_size(most, is_whole=is_whole)
        if not size:
            return _Choice()  # a moment's pace is no reason to change the account
        pace.take(size)
        return _Choice(pace.way, size=size)
    return _Choice()


def _calls_nobody(batch: Batch) -> bool:
    """Whether there is no call to be made for it, or none before its texts are rendered."""
    return needs_rendering(batch) or find_channel(batch.part) in OWN_ONLY


def _list_suiting(batch: Batch) -> list[Way]:
    """The ways by which the batch may go, in their order."""
    ways = [way for way in list_ways(batch.app_id, batch.platform) if _suits(way, batch)]
    pinned = find_pinned_account(batch)
    return [way for way in ways if pinned in (None, way.account.pk)]


def _suits(way: Way, batch: Batch) -> bool:
    """Whether the batch's recipients can be named to this vendor as they were frozen for it."""
    if batch.form == Batch.Form.AUDIENCE:
        return read_declared(batch.part.declared, way.account.pk) is not None
    return batch.part.kind == Part.Kind.PERSON or can_carry(way, batch.form)


def _has_leader(batch: Batch) -> bool:
    return bool(Batch.objects.filter(list_same(batch), pk__lt=batch.pk).exists())


def list_same(batch: Batch) -> Q:
    """The batches of the call that names an audience, of which this is one."""
    return Q(part_id=batch.part_id, form=Batch.Form.AUDIENCE, platform=batch.platform)


def is_over(batch: Batch, now: datetime) -> bool:
    """Nothing of it is sent any more: its transfer was ended, or its time has run out."""
    expires_at = find_expiry(batch)
    has_expired = expires_at is not None and expires_at <= now
    return has_expired or batch.transfer.status in Transfer.FINISHED


def find_expiry(batch: Batch) -> datetime | None:
    """When a batch expires: its own time, counted from its recipients' hour, or its transfer's."""
    expires_at: datetime | None = batch.expires_at or batch.transfer.expires_at
    return expires_at


def find_pinned_account(batch: Batch, but: Attempt | None = None) -> int | None:
    """The account that has, or may have, sent something of this batch: it stays with it.

    `but` is a call that is left out of account.
    """
    if is_new(batch):
        return None
    refused = Q(was_sent=False) | Q(reason__in=[Reason.CREDENTIAL, Reason.THROTTLED])
    tried = Attempt.objects.filter(batch=batch).exclude(Q(answered_at__isnull=False) & refused)
    tried = tried if but is None else tried.exclude(pk=but.pk)
    return tried.order_by("-pk").values_list("account_id", flat=True).first()
