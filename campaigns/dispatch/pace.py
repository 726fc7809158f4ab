"""Whether an account may be called now: blocks, buckets, quotas, rates, calls in flight.

The values live in rows that the caller's transaction locks, so they hold over every worker.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, Q

from campaigns.models import Batch, Group, Throttle, Transfer
from campaigns.selectors.routes import Way
from providers.pacing import Bucket, DayQuota, find_day

ALL_APPS = 0


@dataclass(slots=True)
class Pace:
    """One way for one transfer, its throttle rows locked."""

    way: Way
    transfer: Transfer
    whole: Throttle
    own: Throttle
    now: datetime

    def is_blocked(self) -> bool:
        """The vendor asked us to wait, or its calls of today are used up."""
        blocks = (self.whole.blocked_until, self.own.blocked_until)
        if any(until is not None and until > self.now for until in blocks):
            return True
        quota = self.find_quota()
        return quota is not None and quota.find_wait(1, self.now) > 0

    def find_quota(self) -> DayQuota | None:
        """How many calls a day there are, if there is a limit."""
        limits = self.way.dialect.limits
        if limits.requests_per_day is None:
            return None
        return DayQuota(
            limits.requests_per_day, limits.day_zone, self.whole.day, self.whole.day_used
        )

    def find_bucket(self) -> Bucket | None:
        """Calls per second, if there is a limit."""
        rate = self.way.dialect.limits.requests_per_second
        if rate is None:
            return None
        if self.whole.refilled_at is None:
            return Bucket.full(rate, now=self.now)
        return Bucket(rate, max(1.0, rate), self.whole.tokens, self.whole.refilled_at)

    def may_send(self) -> bool:
        """Nothing asks to wait a moment longer."""
        bucket = self.find_bucket()
        if bucket is not None and bucket.find_wait(1, self.now) > 0:
            return False
        moments = (
            self.transfer.paced_until,
            self.transfer.group.paced_until,
            self.whole.paced_until,
        )
        if any(until is not None and until > self.now for until in moments):
            return False
        return self._count_in_flight() < self.way.dialect.limits.in_flight

    def _count_in_flight(self) -> int:
        unfinished = Transfer.objects.filter(finished_at__isnull=True)
        leased = Batch.objects.filter(
            transfer__in=unfinished.values("pk"), state=Batch.State.LEASED, lease_until__gt=self.now
        )
        return leased.filter(account=self.way.account).count()

    def take(self, recipients: int) -> None:
        """Use one call with so many recipients."""
        bucket, quota = self.find_bucket(), self.find_quota()
        if bucket is not None:
            taken = bucket.take(1, self.now)
            self.whole.tokens, self.whole.refilled_at = taken.level, taken.filled_at
        if quota is not None:
            used = quota.take(1, self.now)
            self.whole.day, self.whole.day_used = used.day, used.used
        rate = self.way.dialect.limits.recipients_per_second
        self.whole.paced_until = self._advance(self.whole.paced_until, rate, recipients)
        self.whole.save()
        self._pace_rows(recipients)

    def _pace_rows(self, recipients: int) -> None:
        group = self.transfer.group
        if self.transfer.rate:
            until = self._advance(self.transfer.paced_until, self.transfer.rate, recipients)
            Transfer.objects.filter(pk=self.transfer.pk).update(paced_until=until)
        if not self.way.dialect.has_groups:
            until = self._advance(group.paced_until, group.send_rate, recipients)
            Group.objects.filter(pk=group.pk).update(paced_until=until)

    def _advance(
        self, until: datetime | None, rate: float | None, recipients: int
    ) -> datetime | None:
        if not rate:
            return until
        start = self.now if until is None else max(self.now, until)
        return start + timedelta(seconds=recipients / rate)


def open_pace(way: Way, transfer: Transfer, now: datetime) -> Pace:
    """Lock the throttle rows of a way for a transfer's app."""
    whole = _lock_throttle(way, ALL_APPS)
    own = _lock_throttle(way, transfer.app_id)
    # Read under the lock: another worker may have moved them since the batch was found.
    transfer.refresh_from_db(fields=["paced_until"])
    transfer.group.refresh_from_db(fields=["paced_until"])
    return Pace(way, transfer, whole, own, now)


def _lock_throttle(way: Way, app_id: int) -> Throttle:
    throttle, _is_new = Throttle.objects.select_for_update().get_or_create(
        account=way.account, app_id=app_id
    )
    return throttle


def block_pair(account_id: int, app_id: int, until: datetime) -> None:
    """No call for this app through this account before `until`; a later block stays."""
    Throttle.objects.get_or_create(account_id=account_id, app_id=app_id)
    rows = Throttle.objects.filter(account_id=account_id, app_id=app_id)
    rows.filter(Q(blocked_until__isnull=True) | Q(blocked_until__lt=until)).update(
        blocked_until=until
    )


def count_call(account_id: int, zone: str, now: datetime) -> None:
    """Count a call beside the sends (a status, a report) against the day's quota."""
    today = find_day(now, zone)
    row, _is_new = Throttle.objects.get_or_create(account_id=account_id, app_id=ALL_APPS)
    rows = Throttle.objects.filter(pk=row.pk)
    if not rows.filter(day=today).update(day_used=F("day_used") + 1):
        rows.update(day=today, day_used=1)
