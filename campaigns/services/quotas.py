"""A vendor's limits on calls, imitated per key and class of calls, for all web processes."""

from __future__ import annotations

import sys
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from campaigns.errors import Refused
from campaigns.models import Allowance, ApiKey, App, KeyUse
from campaigns.models.prepared import Prepared, update
from providers.contract import Dialect
from providers.inbound import Quota
from providers.outcomes import RefusalKind
from providers.pacing import Bucket, DayQuota, find_day

RESET_ZONE = "UTC"
GUEST_SCOPE = "guests of an app"
GUEST_RATE = 200.0  # calls per second
GUEST_BURST = 2_000.0
COUNTED = ("level", "filled_at", "day", "day_used")


def _select_use(api_key: Any, dialect: Any, quota: Any) -> QuerySet[KeyUse]:
    return KeyUse.objects.filter(api_key=api_key, dialect=dialect, quota=quota)


_USES: Prepared[KeyUse] = Prepared(_select_use, "api_key", "dialect", "quota")
_LOCKED: Prepared[KeyUse] = Prepared(
    lambda **slots: _select_use(**slots).select_for_update(), "api_key", "dialect", "quota"
)


@dataclass(slots=True)
class Meter:
    """How much of a quota a key has used."""

    use: KeyUse
    quota: Quota

    def find_wait(self, now: datetime) -> float:
        """Seconds until one call may be made; 0 means now."""
        bucket, day = self._read()
        return max(
            bucket.find_wait(1, now) if self.quota.rate else 0.0,
            day.find_wait(1, now) if day.limit else 0.0,
        )

    def count_room(self, now: datetime) -> int:
        """How many calls may be made now."""
        bucket, day = self._read()
        rooms = []
        if self.quota.rate:
            # A bucket's level is a sum of fractions: what rounding takes is no call less.
            rooms.append(int(bucket.refill(now).level + 1e-6))
        if day.limit:
            rooms.append(day.limit - day.take(0, now).used)
        return max(0, min(rooms)) if rooms else sys.maxsize

    def take(self, count: int, now: datetime) -> None:
        """Count so many calls, in the locked row."""
        self.count(count, now)
        update(self.use, *COUNTED)

    def count(self, count: int, now: datetime) -> None:
        """Count so many calls, without a word to the database."""
        bucket, day = self._read()
        use = self.use
        if self.quota.rate:
            bucket = bucket.take(count, now)
            use.level, use.filled_at = bucket.level, bucket.filled_at
        use.day, use.day_used = find_day(now, RESET_ZONE), day.take(count, now).used

    def _read(self) -> tuple[Bucket, DayQuota]:
        use, quota = self.use, self.quota
        bucket = Bucket(quota.rate, max(1.0, quota.burst), use.level, use.filled_at)
        return bucket, DayQuota(quota.per_day or 0, RESET_ZONE, use.day, use.day_used)


def use_quota(key: ApiKey, dialect: Dialect, name: str, *, now: datetime) -> None:
    """Count one call against the dialect's quota of that name; raises Refused when it is used up.

    A call that is refused is not counted.
    """
    quota = dialect.quotas.get(name)
    if quota is None:
        return
    wait = _take_call(key, dialect.key, name, quota, now)
    if wait > 0:
        refusal = Refused(_("Too many calls."), kind=RefusalKind.THROTTLED, code="throttled")
        refusal.retry_after = wait
        raise refusal


def use_guest_quota(app: App, *, now: datetime) -> None:
    """Count one call to an app by somebody without a key; raises Refused when there are too many.

    Devices are many and call seldom: what this bounds is somebody who makes things up.
    """
    _use_app_rate(app, GUEST_SCOPE, GUEST_RATE, GUEST_BURST, now)


def use_app_quota(app: App, dialect: Dialect, name: str, *, now: datetime) -> None:
    """Count one call against a quota that all callers of an app share; raises as `use_quota`."""
    quota = dialect.quotas[name]
    _use_app_rate(app, f"{dialect.key} {name}", quota.rate, quota.burst, now)


def _use_app_rate(app: App, scope: str, rate: float, burst: float, now: datetime) -> None:
    own = {"scope": scope, "owner_id": app.pk}
    fresh = {"level": burst, "filled_at": now}
    with transaction.atomic():
        rows = Allowance.objects.select_for_update()
        allowance, _is_new = rows.get_or_create(**own, defaults=fresh)
        bucket = Bucket(rate, burst, allowance.level, allowance.filled_at)
        wait = bucket.find_wait(1, now)
        if wait <= 0:
            bucket = bucket.take(1, now)
            allowance.level, allowance.filled_at = bucket.level, bucket.filled_at
            allowance.save(update_fields=["level", "filled_at"])
    if wait > 0:
        refusal = Refused(_("Too many calls."), kind=RefusalKind.THROTTLED, code="throttled")
        refusal.retry_after = wait
        raise refusal


def use_some(
    key: ApiKey, dialect: Dialect, name: str, count: int, *, now: datetime
) -> tuple[int, float]:
    """Count as many of `count` calls as the dialect's quota of that name has room for.

    Gives how many these are and, where they are fewer, the seconds until there is room again.
    """
    quota = dialect.quotas.get(name)
    if quota is None or count <= 0:
        return count, 0.0
    with transaction.atomic():
        meter = _lock_meter(key, dialect.key, name, quota, now)
        taken = min(count, meter.count_room(now))
        meter.take(taken, now)
    return taken, meter.find_wait(now) if taken < count else 0.0


def _take_call(key: ApiKey, dialect: str, name: str, quota: Quota, now: datetime) -> float:
    """Seconds until the call may be made; 0 when it was counted."""
    use = _USES.first(api_key=key.pk, dialect=dialect, quota=name)
    if use is not None and _take_quickly(Meter(use, quota), now):
        return 0.0
    with transaction.atomic():
        meter = _lock_meter(key, dialect, name, quota, now)
        wait = meter.find_wait(now)
        if wait <= 0:
            meter.take(1, now)
    return wait


def _take_quickly(meter: Meter, now: datetime) -> bool:
    """Count a call without a lock, where none of the key's has been counted since it was read."""
    known = copy(meter.use)
    if meter.find_wait(now) > 0:
        return False
    meter.count(1, now)
    return update(meter.use, *COUNTED, known=known)


def _lock_meter(key: ApiKey, dialect: str, name: str, quota: Quota, now: datetime) -> Meter:
    fresh = {
        "level": max(1.0, quota.burst),
        "filled_at": now,
        "day": find_day(now, RESET_ZONE),
    }
    use = _LOCKED.first(api_key=key.pk, dialect=dialect, quota=name)
    if use is None:
        use, _is_new = KeyUse.objects.select_for_update().get_or_create(
            api_key=key, dialect=dialect, quota=name, defaults=fresh
        )
    return Meter(use, quota)
