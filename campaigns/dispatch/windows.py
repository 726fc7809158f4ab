"""The books of a fan-out while it runs: how far calls may have been written, and what came back.

`Attempt.last` is committed before any call up to that place is written, so whoever goes on after
a crash knows whom to doubt: owed places of the range, and `Attempt.doubts`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction

from campaigns.dispatch import books, pace, settle
from campaigns.dispatch.books import Member
from campaigns.dispatch.claim import Lease, find_lease_end, is_over
from campaigns.dispatch.deadlocks import redone_after_deadlock
from campaigns.dispatch.harvest import Harvest
from campaigns.dispatch.tokens import disable_tokens
from campaigns.models import Attempt, Batch, Delivery, Transfer
from campaigns.models import Exchange as ExchangeRow
from campaigns.models.bulk import IdList
from campaigns.models.packing import pack_ids, unpack_ids

NOBODY = pack_ids([])


@dataclass(frozen=True, slots=True)
class Reach:
    """Places `first` to `last` of a batch, of which calls may be on their way.

    `resent` counts those who come into it now and may have been reached before.
    """

    first: int
    last: int
    resent: int = 0


def find_no_reach(batch: Batch) -> Reach:
    """Nobody's call is on its way."""
    return Reach(batch.count, batch.count - 1)


@dataclass(frozen=True, slots=True)
class Opening:
    """A fan-out that is about to begin; `repeats` is the one that was left open, `doubts` whom it
    may have reached."""

    key: str
    reach: Reach
    skipped: settle.Verdicts
    doubts: Collection[int] = ()
    repeats: Attempt | None = None


@dataclass(frozen=True, slots=True)
class Apart:
    """Members of a batch whom nobody has called, while others have to wait for another try."""

    members: list[Member]
    due_at: datetime


def find_doubted(batch: Batch, attempt: Attempt, owed: list[Member]) -> list[Member]:
    """Whom of those who are owed an open call may have reached."""
    if attempt.doubts is None:
        return owed
    within = unpack_ids(batch.recipients)[attempt.first : attempt.last + 1]
    doubted = {*unpack_ids(attempt.doubts), *within}
    return [member for member in owed if member[0] in doubted]


@redone_after_deadlock
def open_window(lease: Lease, opening: Opening, now: datetime) -> Attempt:
    """Write down the fan-out and its first window. Raises LeaseLost."""
    with transaction.atomic():
        batch = settle.lock_leased(lease)
        settle.settle_members(batch, opening.skipped, None, now)
        if opening.repeats is not None:
            settle.close_repeated(opening.repeats, now)
        _count_resent(batch, opening.reach)
        batch.lease_until = find_lease_end(now)
        batch.save(update_fields=["lease_until", "settled"])
        return Attempt.objects.create(
            batch=batch,
            account=lease.find_account(),
            key=opening.key,
            first=opening.reach.first,
            last=opening.reach.last,
            started_at=now,
            doubts=pack_ids(sorted(opening.doubts)),
        )


@redone_after_deadlock
def move_window(
    lease: Lease, attempt: Attempt, harvest: Harvest, reach: Reach, now: datetime
) -> None:
    """Settle what came back and let calls go on to a further place. Raises LeaseLost."""
    with transaction.atomic():
        batch = _settle(lease, attempt, harvest, now)
        _count_resent(batch, reach)
        attempt.first, attempt.last = reach.first, reach.last
        attempt.save(update_fields=["first", "last", "doubts"])
        batch.lease_until = find_lease_end(now)
        batch.attempts = 0 if len(harvest) else batch.attempts
        batch.save(update_fields=["lease_until", "settled", "attempts"])


@redone_after_deadlock
def close_window(
    lease: Lease, attempt: Attempt, harvest: Harvest, what: settle.Flush, now: datetime,
    apart: Apart | None = None,
) -> None:  # fmt: skip
    """Settle the rest, close the fan-out unless somebody is in doubt, and give the batch back; who
    is `apart` goes on in a batch of their own, but for those whom an open call may have reached.

    Raises LeaseLost.
    """
    assert what.answer is not None  # noqa: S101 a fan-out always ends with one
    with transaction.atomic():
        batch = _settle(lease, attempt, harvest, now)
        settle.settle_members(batch, what.verdicts, attempt, now)
        left, answer = _list_left(batch, attempt), what.answer
        if apart is not None:
            _set_apart(batch, apart, left)
        if left:
            # It stays open, for them alone: nothing is on its way any more.
            attempt.doubts = pack_ids(left)
            reach = find_no_reach(batch)
            attempt.first, attempt.last = reach.first, reach.last
            answer = replace(answer, outcome="", was_sent=None)
        settle.close_attempt(attempt, answer, now)
        settle.release(batch, what, now)


@redone_after_deadlock
def close_unsent(
    lease: Lease, skipped: settle.Verdicts, repeats: Attempt | None, now: datetime
) -> None:
    """Settle those whom no call is made for; nobody else is owed. Raises LeaseLost."""
    with transaction.atomic():
        batch = settle.lock_leased(lease)
        settle.settle_members(batch, skipped, None, now)
        if repeats is not None:
            settle.close_repeated(repeats, now)
        settle.release(batch, settle.Flush(), now)


def _set_apart(batch: Batch, apart: Apart, left: list[int]) -> None:
    """Whoever is in doubt stays: the call that was left open is the batch's."""
    stays = set(left)
    members = [member for member in apart.members if member[0] not in stays]
    if members:
        settle.set_apart(batch, members, apart.due_at)


def _list_left(batch: Batch, attempt: Attempt) -> list[int]:
    """Who is in doubt and was not settled since."""
    doubts = unpack_ids(attempt.doubts or NOBODY)
    if not doubts:
        return []
    rows = Delivery.objects.filter(part_id=batch.part_id, recipient__in=IdList(doubts))
    settled = set(rows.values_list("recipient", flat=True))
    return [recipient for recipient in doubts if recipient not in settled]


def _settle(lease: Lease, attempt: Attempt, harvest: Harvest, now: datetime) -> Batch:
    batch = settle.lock_leased(lease)
    settle.settle_members(batch, harvest.list_verdicts(), attempt, now)
    if harvest.doubts:
        attempt.doubts = pack_ids(sorted({*unpack_ids(attempt.doubts or NOBODY), *harvest.doubts}))
    disable_tokens(harvest.dead, now)
    for reason, exchanges in harvest.exchanges.items():
        settle.append_exchanges(attempt, batch, exchanges, reason, now)
    return batch


def _count_resent(batch: Batch, reach: Reach) -> None:
    if reach.resent:
        books.count_resent(batch.part_id, reach.resent)


def may_go_on(lease: Lease, now: datetime) -> bool:
    """Whether more may be written: nobody has moved the transfer, and the vendor wants more."""
    sending = Transfer.objects.filter(pk=lease.transfer.pk, status=Transfer.Status.SENDING)
    if is_over(lease.batch, now) or not sending.exists():
        return False
    account = lease.find_account()
    return pace.find_block(account.pk, lease.batch.app_id, now) is None


class Record:
    """Which exchanges of a batch are worth keeping: one success, the first of each failure."""

    def __init__(self, lease: Lease) -> None:
        rows: Iterable[str] = ()
        if not lease.is_first:
            same = ExchangeRow.objects.filter(batch_id=lease.batch.pk)
            rows = same.values_list("reason", flat=True)
        self.kept: dict[str, int] = {}
        for reason in rows:
            self.kept[reason] = self.kept.get(reason, 0) + 1

    @property
    def wants_success(self) -> bool:
        """Whether none of a call that was taken is kept yet."""
        return not self.kept.get("")

    def takes(self, reason: str) -> bool:
        """Whether there is room for another one; then it counts."""
        kept = self.kept.get(reason, 0)
        if kept >= (settle.MAX_KEPT_FAILURES if reason else 1):
            return False
        self.kept[reason] = kept + 1
        return True
