"""Whether an account may be called now: blocks, buckets, quotas, calls and tasks running.

The values live in rows that the caller's transaction locks, so they hold over every process and
host. They are locked in one order, so that no two claims wait for each other.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from campaigns.models import Allowance, Batch, Throttle, Transfer
from campaigns.selectors.limits import (
    ALL_APPS,
    Promise,
    count_in_flight,
    find_bucket,
    find_quota,
    is_asked_to_wait,
    list_call_rates,
    list_promises,
    select_tasks,
)
from campaigns.selectors.routes import Way
from providers.outcomes import Failure, Reason
from providers.pacing import Bucket, DayQuota, find_retry_wait

Key = tuple[str, int]  # scope and owner of an Allowance
# What a fan-out takes of a burst at once. Who waits for a whole one loses what would have come in
# from the moment at which the bucket is full until somebody looks; smaller calls cost no more here.
FAN_OUT_SHARE = 0.5
# For so long after a wait that was asked for a fan-out is as small as what is written at once: an
# account that asks again has stopped it at the first answers, and all of it had been made ready.
WARY = timedelta(seconds=5)


_waits: ContextVar[list[float] | None] = ContextVar("waits", default=None)
_kept: ContextVar[set[Key] | frozenset[Key]] = ContextVar("kept", default=frozenset())


@contextmanager
def watching() -> Iterator[list[float]]:
    """Gathers after how many seconds what was refused for its rate may go."""
    waits: list[float] = []
    token = _waits.set(waits)
    try:
        yield waits
    finally:
        _waits.reset(token)


@contextmanager
def keeping_order() -> Iterator[None]:
    """Transfers are tried in the order of their turns: what one waits for, none behind it takes.

    Else whoever wants little at a time would keep a shared bucket empty before one who wants much.
    """
    token = _kept.set(set())
    try:
        yield
    finally:
        _kept.reset(token)


def _note_waits(waits: Mapping[Key, float]) -> None:
    short = {key for key, wait in waits.items() if wait}
    watched, kept = _waits.get(), _kept.get()
    if watched is not None:
        watched.append(max(waits.values()))
    # Who has to wait for a rate of its own loses nothing to others.
    if isinstance(kept, set) and not any(scope == "transfer" for scope, _owner in short):
        kept |= short


@dataclass(slots=True)
class Gauge:
    """A locked token bucket of one promise."""

    promise: Promise
    row: Allowance
    bucket: Bucket

    @property
    def key(self) -> Key:
        """What tells its row from others."""
        return self.promise.scope, self.promise.owner_id

    def find_amount(self, recipients: int) -> int:
        """What a call with so many recipients takes from it."""
        return 1 if self.promise.counts_calls else recipients

    def take(self, recipients: int, now: datetime) -> None:
        """Use it for one call; what it lacks becomes a debt."""
        amount = self.find_amount(recipients)
        taken = self.bucket.take(amount, now)
        self.row.level, self.row.filled_at = taken.level, taken.filled_at
        self.row.taken += amount


@dataclass(slots=True)
class Pace:
    """One way for one transfer, its throttle rows and buckets locked."""

    way: Way
    whole: Throttle
    own: Throttle
    gauges: Sequence[Gauge]
    now: datetime

    def is_blocked(self) -> bool:
        """The vendor asked us to wait, or its calls of today are used up."""
        if any(is_asked_to_wait(row, self.now) for row in (self.whole, self.own)):
            return True
        quota = find_quota(self.way, self.whole)
        return quota is not None and quota.find_wait(1, self.now) > 0

    def find_most(self) -> int:
        """How many may be in a call now, whatever its rate lets go."""
        limits = self.way.limits
        if self.way.dialect.fans_out and self._has_just_waited():
            return min(limits.streams, limits.batch_size)
        return limits.batch_size

    def _has_just_waited(self) -> bool:
        since = self.now - WARY
        return any(
            row.blocked_until and row.blocked_until > since for row in (self.whole, self.own)
        )

    def find_size(self, owed: int, *, is_whole: bool) -> int:
        """How many of `owed` may be sent in a call now; 0: wait. `is_whole`: all or none."""
        bursts = [one.bucket.burst for one in self.gauges if not one.promise.counts_calls]
        share = FAN_OUT_SHARE if self.way.dialect.fans_out else 1.0
        size = owed if is_whole else max(1, min([owed, *(int(one * share) for one in bursts)]))
        waits = {gauge.key: self._find_wait(gauge, size) for gauge in self.gauges}
        if any(waits.values()):
            _note_waits(waits)
            return 0
        return size if self._has_room() and not waits.keys() & _kept.get() else 0

    def _find_wait(self, gauge: Gauge, size: int) -> float:
        return gauge.bucket.find_wait(gauge.find_amount(size), self.now)

    def _has_room(self) -> bool:
        limits, account = self.way.limits, self.way.account
        running = count_in_flight(account.pk, self.now)
        if running >= limits.in_flight or limits.running_tasks is None:
            return running < limits.in_flight
        tasks = select_tasks(account.pk, limits.task_seconds, self.now).count()
        return running + tasks < limits.running_tasks

    def take(self, recipients: int) -> None:
        """Use one call with so many recipients, or a call for each of them."""
        for gauge in self.gauges:
            gauge.take(recipients, self.now)
        _save_gauges(self.gauges)
        calls = recipients if self.way.dialect.fans_out else 1
        _count_today(self.whole, self.way, self.now, calls)

    def give_back(self, recipients: int) -> None:
        """Of those that `take` was told of so many were not called for."""
        for gauge in self.gauges:
            gauge.take(-recipients, self.now)
        _save_gauges(self.gauges)
        used = DayQuota(0, self.way.limits.day_zone, self.whole.day, self.whole.day_used)
        _count_today(self.whole, self.way, self.now, -min(recipients, used.find_used(self.now)))


def _save_gauges(gauges: Iterable[Gauge]) -> None:
    rows = [gauge.row for gauge in gauges]
    Allowance.objects.bulk_update(rows, ["level", "filled_at", "taken"])


def _count_today(whole: Throttle, way: Way, now: datetime, calls: int = 1) -> None:
    used = DayQuota(0, way.limits.day_zone, whole.day, whole.day_used).take(calls, now)
    whole.day, whole.day_used = used.day, used.used
    whole.save(update_fields=["day", "day_used"])


def open_paces(
    ways: Sequence[Way], transfer: Transfer, now: datetime, batch: Batch | None = None
) -> list[Pace]:
    """Lock everything that paces these ways for a transfer's batch, in the caller's
    transaction."""
    pairs = {(way.account.pk, app) for way in ways for app in (ALL_APPS, transfer.app_id)}
    throttles = _lock_throttles(pairs)
    promises = {way.account.pk: list_promises(way, transfer, batch) for way in ways}
    rows = _lock_allowances([one for some in promises.values() for one in some], now)
    return [
        Pace(
            way,
            throttles[way.account.pk, ALL_APPS],
            throttles[way.account.pk, transfer.app_id],
            _read_gauges(promises[way.account.pk], rows, now),
            now,
        )
        for way in ways
    ]


def _lock_throttles(pairs: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Throttle]:
    wanted = sorted(pairs)
    match = Q(*(Q(account_id=account, app_id=app) for account, app in wanted), _connector=Q.OR)
    locked = Throttle.objects.select_for_update().filter(match).order_by("account_id", "app_id")
    rows = {(row.account_id, row.app_id): row for row in locked}
    if len(rows) == len(wanted):
        return rows
    missing = [Throttle(account_id=account, app_id=app) for account, app in wanted]
    Throttle.objects.bulk_create(missing, ignore_conflicts=True)
    return {(row.account_id, row.app_id): row for row in locked.all()}


def _lock_allowances(promises: Sequence[Promise], now: datetime) -> dict[Key, Allowance]:
    if not promises:
        return {}
    wanted = {(one.scope, one.owner_id): one for one in promises}
    match = Q(*(Q(scope=scope, owner_id=owner) for scope, owner in wanted), _connector=Q.OR)
    locked = Allowance.objects.select_for_update().filter(match).order_by("scope", "owner_id")
    rows = {(row.scope, row.owner_id): row for row in locked}
    if len(rows) == len(wanted):
        return rows
    missing = [
        Allowance(scope=scope, owner_id=owner, level=level, filled_at=now)
        for (scope, owner), one in sorted(wanted.items())
        for level in [find_bucket(one, None, now).level]
    ]
    Allowance.objects.bulk_create(missing, ignore_conflicts=True)
    return {(row.scope, row.owner_id): row for row in locked.all()}


def _read_gauges(
    promises: Iterable[Promise], rows: Mapping[Key, Allowance], now: datetime
) -> list[Gauge]:
    kept = ((one, rows[one.scope, one.owner_id]) for one in promises)
    return [Gauge(one, row, find_bucket(one, row, now)) for one, row in kept]


def give_back(way: Way, batch: Batch, recipients: int, now: datetime) -> None:
    """What a claim took for recipients of a fan-out who were not called for."""
    with transaction.atomic():
        [pace] = open_paces([way], batch.transfer, now, batch)
        pace.give_back(recipients)


def block_pair(account_id: int, app_id: int, until: datetime) -> None:
    """No call for this app through this account before `until`; a later block stays."""
    Throttle.objects.get_or_create(account_id=account_id, app_id=app_id)
    rows = Throttle.objects.filter(account_id=account_id, app_id=app_id)
    rows.filter(Q(blocked_until__isnull=True) | Q(blocked_until__lt=until)).update(
        blocked_until=until
    )


def heed_failure(account_id: int, app_id: int, failure: Failure, tries: int, now: datetime) -> None:
    """Leave the pair alone when the vendor asked for it, or called this one call too many."""
    if failure.reason is Reason.THROTTLED or failure.retry_after is not None:
        jitter = random.random()  # noqa: S311 jitter
        wait = find_retry_wait(failure.reason, tries, jitter, failure.retry_after)
        block_pair(account_id, app_id, now + timedelta(seconds=wait))


def find_block(account_id: int, app_id: int, now: datetime) -> datetime | None:
    """Until when the vendor asked to be left alone by an app, if it still does."""
    pair = Throttle.objects.filter(account_id=account_id, app_id__in=[ALL_APPS, app_id])
    moments = [row.blocked_until for row in pair if is_asked_to_wait(row, now)]
    return max(filter(None, moments), default=None)


def take_call(way: Way, app_id: int, now: datetime) -> datetime | None:
    """Use a call that is no send and can wait; when to come again where it has to."""
    account, promises = way.account.pk, list(list_call_rates(way))
    with transaction.atomic():
        throttles = _lock_throttles([(account, ALL_APPS), (account, app_id)])
        gauges = _read_gauges(promises, _lock_allowances(promises, now), now)
        asked = [row.blocked_until for row in throttles.values() if is_asked_to_wait(row, now)]
        quota = find_quota(way, throttles[account, ALL_APPS])
        waits = [gauge.bucket.find_wait(1, now) for gauge in gauges]
        waits += [quota.find_wait(1, now)] if quota else []
        waits += [(until - now).total_seconds() for until in asked if until]
        if any(waits):
            return now + timedelta(seconds=max(waits))
        for gauge in gauges:
            gauge.take(1, now)
        _save_gauges(gauges)
        _count_today(throttles[account, ALL_APPS], way, now)
    return None


def count_call(way: Way, now: datetime) -> None:
    """Count a call beside the sends (a status, a report): it is made, and the sends wait for it."""
    promises = list(list_call_rates(way))
    with transaction.atomic():
        whole = _lock_throttles([(way.account.pk, ALL_APPS)])[way.account.pk, ALL_APPS]
        gauges = _read_gauges(promises, _lock_allowances(promises, now), now)
        for gauge in gauges:
            gauge.take(1, now)
        _save_gauges(gauges)
        _count_today(whole, way, now)
