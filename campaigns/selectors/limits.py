"""Which promises hold for a way and a transfer: the vendor's, the operator's, the campaign's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Q, QuerySet

from campaigns.models import Account, Allowance, App, Attempt, Batch, Group, Throttle, Transfer
from campaigns.models.apps import MAX_SEND_RATE
from campaigns.selectors.addressing import find_told_kind
from campaigns.selectors.routes import Way, find_dialect
from providers.commands import TransferState
from providers.contract import CallKind, Limits
from providers.limits import apply_limits
from providers.outcomes import Outcome
from providers.pacing import (
    MAX_RETRY_AFTER,
    WINDOW,
    Bucket,
    DayQuota,
    find_day,
    find_ramped,
    find_reset,
)

ALL_APPS = 0  # a Throttle's app_id: what holds for an account as a whole
FINAL = frozenset({TransferState.SENT, TransferState.FAILED, TransferState.CANCELLED})
# How much may go at once after a wait, in seconds' worth. Calls are many and short.
RECIPIENT_BURST = 1.0
CALL_BURST = 0.5
# What a fan-out claims is written later, by a gate that holds a rate over any five seconds: claims
# need not be as even again, and where they were, a twentieth of the rate was never used.
CLAIMS_WINDOW = 60.0
# A vendor may ask for an hour, and a little is added so that not all come back at once. What lasts
# longer is left over from a clock that went back.
LONGEST_BLOCK = timedelta(seconds=MAX_RETRY_AFTER + 1)
# As long as this a call without an answer may have become a task.
OPEN_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """At most `rate` per second: recipients, or calls. With `ramp_up` only after that time.

    It holds over any `window` seconds.
    """

    scope: str
    owner_id: int
    rate: float
    counts_calls: bool = False
    ramp_up: int | None = None
    window: float = WINDOW


def list_promises(way: Way, transfer: Transfer, batch: Batch | None = None) -> list[Promise]:
    """Everything that bounds how fast this transfer, or a batch of it, goes out this way, each
    promise once."""
    options = {**way.account.options, **way.route.options}
    told = find_told_kind(batch.part.declared, way.account.pk) if batch else None
    call = CallKind(options=options, told=told, is_awaited=bool(batch and is_awaited(batch)))
    kind = way.dialect.name_call(call)
    return [*list_call_rates(way, kind), *_list_recipient_rates(way, transfer)]


def is_awaited(batch: Batch) -> bool:
    """Whether the outcome of the batch's one recipient is wanted with the vendor's answer."""
    transfer = batch.transfer
    return batch.count == 1 and (transfer.is_waited_for or transfer.is_test)


def list_call_rates(way: Way, kind: str = "") -> Iterator[Promise]:
    """How many calls a second the account takes; of all kinds, and of one."""
    limits, owner = way.limits, way.account.pk
    rates = {"calls": limits.requests_per_second, f"calls:{kind}": limits.call_rates.get(kind)}
    for scope, rate in rates.items():
        if rate:
            # Where every recipient is a call of its own, these are what is counted.
            counts_calls = not way.dialect.fans_out
            yield Promise(
                scope=scope,
                owner_id=owner,
                rate=rate,
                counts_calls=counts_calls,
                window=find_window(way, limits.calls_window),
            )


def find_window(way: Way, own: float = WINDOW) -> float:
    """Seconds over which claims keep to a rate of the account's that has a window of its `own`."""
    return max(own, CLAIMS_WINDOW) if way.dialect.fans_out else own


def find_group_rate(way: Way, group: Group) -> int | None:
    """Recipients per second to which a group holds what goes this way back, None for none.

    The highest rate holds nothing back: every group begins with it, and vendors take more. One
    with groups of its own keeps the group's rate itself.
    """
    is_bounded = group.send_rate < MAX_SEND_RATE and not way.dialect.has_groups
    return group.send_rate if is_bounded else None


def _list_recipient_rates(way: Way, transfer: Transfer) -> Iterator[Promise]:
    group = transfer.group
    rates = (
        ("account", way.account.pk, way.limits.recipients_per_second, find_window(way)),
        ("app", transfer.app_id, transfer.app.send_rate, WINDOW),
        ("group", group.pk, find_group_rate(way, group), WINDOW),
    )
    for scope, owner, rate, window in rates:
        if rate:
            yield Promise(scope=scope, owner_id=owner, rate=rate, window=window)
    if transfer.rate:
        yield Promise(
            scope="transfer", owner_id=transfer.pk, rate=transfer.rate, ramp_up=transfer.ramp_up
        )


def find_bucket(promise: Promise, row: Allowance | None, now: datetime) -> Bucket:
    """The token bucket of a promise as it is kept; one that is not kept yet is full."""
    rate = find_ramped(promise.rate, promise.ramp_up, row.taken if row else 0)
    burst = _find_burst(rate, counts_calls=promise.counts_calls)
    if row is None:
        return Bucket.full(rate, now=now, burst=burst, counted=promise.window)
    return Bucket(rate, burst, min(row.level, burst), row.filled_at, promise.window)


def _find_burst(rate: float, *, counts_calls: bool) -> float:
    return max(1.0, rate * (CALL_BURST if counts_calls else RECIPIENT_BURST))


def find_seconds(
    rate: float, amount: int, *, counts_calls: bool = False, window: float = WINDOW
) -> float:
    """How long so many recipients, or calls, take at a rate when nothing else holds them back."""
    burst = _find_burst(rate, counts_calls=counts_calls)
    now = datetime.fromtimestamp(0, UTC)
    bucket = Bucket.full(rate, now=now, burst=burst, counted=window)
    return max(0.0, amount - burst) / bucket.steady


def is_asked_to_wait(row: Throttle, now: datetime) -> bool:
    """Whether a vendor's Retry-After has not passed yet."""
    until: datetime | None = row.blocked_until
    return until is not None and now < until <= now + LONGEST_BLOCK


@dataclass(frozen=True, slots=True)
class DayUse:
    """Calls of an account on the vendor's present day; `limit` None where there is none."""

    used: int
    limit: int | None
    resets_at: datetime


def read_day(account: Account, now: datetime) -> DayUse:
    """What is used of today's calls."""
    dialect = find_dialect(account.dialect)
    limits = apply_limits(dialect.limits if dialect else Limits(), account.limits)
    whole = Throttle.objects.filter(account=account, app_id=ALL_APPS).first()
    is_today = whole is not None and whole.day == find_day(now, limits.day_zone)
    used = whole.day_used if whole is not None and is_today else 0
    return DayUse(used, limits.requests_per_day, find_reset(now, limits.day_zone))


def list_waits(account: Account, now: datetime) -> list[tuple[App, datetime]]:
    """Apps for which the account's vendor asked us to wait, and until when."""
    rows = Throttle.objects.filter(account=account, blocked_until__gt=now).exclude(app_id=ALL_APPS)
    until = {row.app_id: row.blocked_until for row in rows if is_asked_to_wait(row, now)}
    apps = App.objects.filter(pk__in=until).order_by("name")
    return [(app, moment) for app in apps if (moment := until[app.pk])]


def count_in_flight(account_id: int, now: datetime) -> int:
    """Batches that somebody is calling an account for."""
    leased = Batch.objects.filter(account_id=account_id, state=Batch.State.LEASED)
    return leased.filter(lease_until__gt=now).count()


def find_quota(way: Way, whole: Throttle) -> DayQuota | None:
    """How many calls of a day are left, if there is a limit."""
    limits = way.limits
    if limits.requests_per_day is None:
        return None
    return DayQuota(limits.requests_per_day, limits.day_zone, whole.day, whole.day_used)


def select_tasks(account_id: int, seconds: float, now: datetime) -> QuerySet[Attempt]:
    """Calls of an account that its vendor is, or may be, still working on.

    What can be asked about counts until the vendor says that it is over; what cannot, for
    `seconds`; and what nobody knows the end of, for as long as a call can take.
    """
    accepted = Q(was_sent=True, outcome=Outcome.ACCEPTED.value) & ~Q(reference="")
    asked = accepted & Q(poll_at__isnull=False) & ~Q(polled_state__in=FINAL)
    untold = accepted & Q(
        poll_at__isnull=True, polled_state="", answered_at__gt=now - timedelta(seconds=seconds)
    )
    lost = Q(answered_at__isnull=True, started_at__gt=now - timedelta(seconds=OPEN_SECONDS))
    # While its batch is leased, a call is counted as one in flight.
    lost &= ~Q(batch__state=Batch.State.LEASED)
    return Attempt.objects.filter(asked | untold | lost, account_id=account_id)
