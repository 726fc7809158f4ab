"""How accounts at vendors do: the last call that worked and the last that did not, what they have
used of today, for how long they wait. A few indexed look-ups for each account.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Case, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When

from campaigns.models import Account, Exchange, Throttle
from campaigns.selectors.account_expiry import SOON, expires_soon, find_last_day, has_expired
from campaigns.selectors.limits import ALL_APPS, DayUse, is_asked_to_wait
from campaigns.selectors.routes import find_dialect
from providers.contract import Limits
from providers.limits import apply_limits
from providers.pacing import find_day, find_reset

RECENT = 100  # calls of an account that are looked at
LATELY = timedelta(days=1)
MOST_RANKED = 500  # accounts
# The states of accounts, first those that stop what is sent now.
WORST_FIRST = (
    "bad", "expired", "failing", "used_up", "waiting", "expiring", "good", "unknown", "off",
)  # fmt: skip
Calls = list[tuple[datetime, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountHealth:
    """One account. `failures` are those among its last calls of a day, at most RECENT of them."""

    account: Account
    vendor: str
    succeeded_at: datetime | None
    failed_at: datetime | None
    reason: str
    has_just_failed: bool
    failures: int
    blocked_until: datetime | None
    day: DayUse
    last_day: date | None
    has_expired: bool
    expires_soon: bool

    @property
    def state(self) -> str:
        """`bad`, `off`, `expired`, `waiting`, `used_up`, `failing`, `expiring`, `good` or, never
        called, `unknown`."""
        if self.account.health == Account.Health.BAD:
            return "bad"
        if not self.account.is_enabled:
            return "off"
        if self.has_expired:
            return "expired"
        if self.blocked_until is not None:
            return "waiting"
        if self.day.limit is not None and self.day.used >= self.day.limit:
            return "used_up"
        return self._find_state_of_calls()

    def _find_state_of_calls(self) -> str:
        if self.has_just_failed:
            return "failing"
        if self.expires_soon:
            return "expiring"
        is_checked = self.account.health == Account.Health.GOOD
        return "good" if self.succeeded_at is not None or is_checked else "unknown"


def list_health(principal: Any, now: datetime, limit: int) -> list[AccountHealth]:
    """Accounts that the principal sees, those that need somebody first: the worst of all of them,
    whatever they are called."""
    accounts = list(_select_ranked(principal, now)[:MOST_RANKED])
    throttles = _list_throttles(accounts)
    ranks = {
        account.pk: WORST_FIRST.index(
            _describe(account, throttles[account.pk], _newest_call(account, now), now).state
        )
        for account in accounts
    }
    accounts.sort(key=lambda account: ranks[account.pk])
    return [
        _describe(account, throttles[account.pk], _list_calls(account), now)
        for account in accounts[:limit]
    ]


def count_accounts(principal: Any) -> int:
    """How many accounts the principal sees."""
    count: int = Account.objects.for_user(principal).count()
    return count


def _select_ranked(principal: Any, now: datetime) -> QuerySet[Any]:
    """With the reason of their newest call: "" where it worked, None where there was none."""
    newest = Exchange.objects.filter(account=OuterRef("pk")).order_by("-pk").values("reason")[:1]
    rows = Account.objects.for_user(principal).annotate(newest_reason=Subquery(newest))
    return rows.order_by(_put_worst_first(now), "name", "pk")


def _list_throttles(accounts: Sequence[Account]) -> dict[int, list[Throttle]]:
    throttles: dict[int, list[Throttle]] = {account.pk: [] for account in accounts}
    for throttle in Throttle.objects.filter(account__in=throttles):
        throttles[throttle.account_id].append(throttle)
    return throttles


def _newest_call(account: Any, now: datetime) -> Calls:
    return [] if account.newest_reason is None else [(now, account.newest_reason)]


def _list_calls(account: Account) -> Calls:
    recent = Exchange.objects.filter(account=account).order_by("-pk")
    return list(recent.values_list("at", "reason")[:RECENT])


def _put_worst_first(now: datetime) -> Case:
    soon = now + SOON
    ends = Q(credentials_expire_on__lt=soon.date()) | Q(certificate_until__lte=soon)
    return Case(
        When(health=Account.Health.BAD, then=Value(0)),
        When(is_enabled=False, then=Value(3)),
        When(ends, then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )


def _describe(
    account: Account, throttles: Sequence[Throttle], calls: Calls, now: datetime
) -> AccountHealth:
    dialect = find_dialect(account.dialect)
    failed = [(at, reason) for at, reason in calls if reason]
    blocked = [row.blocked_until for row in throttles if is_asked_to_wait(row, now)]
    return AccountHealth(
        account=account,
        vendor=dialect.label if dialect else account.dialect,
        succeeded_at=next((at for at, reason in calls if not reason), None),
        failed_at=failed[0][0] if failed else None,
        reason=failed[0][1] if failed else "",
        has_just_failed=bool(calls and calls[0][1]),
        failures=sum(at > now - LATELY for at, _reason in failed),
        blocked_until=max(filter(None, blocked), default=None),
        day=_read_day(account, throttles, now),
        last_day=find_last_day(account),
        has_expired=has_expired(account, now),
        expires_soon=expires_soon(account, now),
    )


def _read_day(account: Account, throttles: Iterable[Throttle], now: datetime) -> DayUse:
    dialect = find_dialect(account.dialect)
    limits = apply_limits(dialect.limits if dialect else Limits(), account.limits)
    today = find_day(now, limits.day_zone)
    used: Mapping[int, int] = {row.app_id: row.day_used for row in throttles if row.day == today}
    return DayUse(used.get(ALL_APPS, 0), limits.requests_per_day, find_reset(now, limits.day_zone))
