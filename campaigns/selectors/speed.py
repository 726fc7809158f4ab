"""How fast a transfer was promised to go, how fast it goes, and what holds it back just now.

Read from roll-ups and from the rows that pace it, never from recipients or batches' contents.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Max, Min, Q, Sum
from django.utils.translation import gettext as _

from campaigns.models import Allowance, Batch, SendMinute, Throttle, Transfer
from campaigns.selectors.limits import (
    ALL_APPS,
    Promise,
    count_in_flight,
    find_bucket,
    find_quota,
    is_asked_to_wait,
    list_promises,
    select_tasks,
)
from campaigns.selectors.routes import Way, list_ways
from providers.pacing import find_ramped, find_reset

PLOTTED = 60  # minutes
LOOK_BACK = timedelta(seconds=3)
OPEN = (Batch.State.READY, Batch.State.LEASED)


@dataclass(frozen=True, slots=True)
class Hold:
    """What holds a transfer back: a code for programs, words for people, until when if known."""

    code: str
    words: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Minute:
    """Recipients per second that vendors took in one minute, of which `seconds` were its own."""

    at: datetime
    rate: float
    seconds: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Recipients per second. `promised` is an upper bound, None where there is none; `achieved` is
    the last minute's while it runs, and of what has ended the average of its whole course.

    Of what has ended the promise is the one that it was kept with, None where nothing bound it or
    nobody kept it: the limits of today are not those of then. Nothing holds it any more.
    """

    promised: float | None
    achieved: float
    minutes: tuple[Minute, ...] = ()
    holds: tuple[Hold, ...] = ()


def read_speed(transfer: Transfer, *, now: datetime, owed: Collection[str] | None = None) -> Speed:
    """Promise, achievement and obstacles of one transfer.

    `owed` are the platforms that are still owed something, where the caller knows them.
    """
    minutes = tuple(_list_minutes(transfer, now))
    if transfer.finished_at is not None:
        average = _find_average(transfer, transfer.finished_at)
        return Speed(promised=transfer.promised, achieved=average, minutes=minutes)
    achieved = _find_achieved(minutes, transfer, now)
    ways = _list_ways(transfer, list_owed(transfer) if owed is None else owed)
    return Speed(
        promised=find_promised(_list_first(ways), transfer),
        achieved=achieved,
        minutes=minutes,
        holds=tuple(_list_holds(transfer, ways, now)),
    )


def _list_minutes(transfer: Transfer, now: datetime) -> Iterator[Minute]:
    """The last hour's minutes from the first that something was sent in, empty ones included."""
    rows = SendMinute.objects.filter(part__transfer=transfer).values_list("minute")
    newest = rows.annotate(total=Sum("count")).order_by("-minute")[:PLOTTED]
    counts = dict(newest)
    if not counts:
        return
    last = min(now, transfer.finished_at or now)
    at = max(min(counts), last.replace(second=0, microsecond=0) - timedelta(minutes=PLOTTED - 1))
    while at <= last:
        begun = max(at, transfer.frozen_at or at)
        seconds = (min(last, at + timedelta(minutes=1)) - begun).total_seconds()
        yield Minute(at, counts.get(at, 0) / max(seconds, 1.0), max(seconds, 1.0))
        at += timedelta(minutes=1)


def _find_achieved(minutes: Sequence[Minute], transfer: Transfer, now: datetime) -> float:
    """Of the last whole minute while it runs, before that of the present one; else on average."""
    if not minutes:
        return 0.0
    if transfer.status == Transfer.Status.SENDING:
        is_early = now - minutes[-1].at < timedelta(seconds=20) and len(minutes) > 1
        return minutes[-2 if is_early else -1].rate
    seconds = sum(minute.seconds for minute in minutes)
    return sum(minute.rate * minute.seconds for minute in minutes) / seconds


def _find_average(transfer: Transfer, ended: datetime) -> float:
    """From the first to the last recipient that was sent to, pauses between them included."""
    sent = SendMinute.objects.filter(part__transfer=transfer).aggregate(
        total=Sum("count"), first=Min("minute"), last=Max("minute")
    )
    if sent["first"] is None:
        return 0.0
    first, minute = sent["first"], timedelta(minutes=1)
    frozen = transfer.frozen_at
    # Seconds of the first minute before it began and of the last after it ended are not its own.
    begun = frozen if frozen and first <= frozen < first + minute else first
    end = max(min(ended, sent["last"] + minute), sent["last"])
    return float(sent["total"] / max((end - begun).total_seconds(), 1.0))


def list_owed(transfer: Transfer) -> Collection[str]:
    """Platforms that are still owed something."""
    batches = Batch.objects.filter(transfer=transfer, is_folded=False, state__in=OPEN)
    return set(batches.values_list("platform", flat=True).distinct())


def _list_ways(transfer: Transfer, owed: Collection[str]) -> Mapping[str, list[Way]]:
    """By platform that is owed something; by every platform when none is."""
    chosen = sorted(owed or transfer.app.platforms)
    return {platform: list_ways(transfer.app_id, platform) for platform in chosen}


def _list_first(ways: Mapping[str, list[Way]]) -> list[Way]:
    return [way for some in ways.values() for way in some[:1]]


def list_first_ways(transfer: Transfer, platforms: Collection[str]) -> list[Way]:
    """The ways by which these platforms are sent to first."""
    return _list_first(_list_ways(transfer, platforms)) if platforms else []


def find_promised(ways: Collection[Way], transfer: Transfer) -> float | None:
    """Recipients per second that these ways together may send at most."""
    own: list[float] = []
    by_account: dict[int, float] = {}
    for way in ways:
        promises = list_promises(way, transfer)
        shared = [one.rate for one in promises if one.scope in ("app", "group", "transfer")]
        own += shared
        # A call carries as many as the vendor takes, and what may go at once if that is less.
        size = min([float(way.limits.batch_size), *shared])
        rates = [one.rate * (size if one.counts_calls else 1) for one in promises]
        by_account[way.account.pk] = min(rates, default=float("inf"))
    most = min([*own, sum(by_account.values())], default=float("inf"))
    return most if ways and most != float("inf") else None


def _list_holds(transfer: Transfer, ways: Mapping[str, list[Way]], now: datetime) -> Iterable[Hold]:
    if transfer.status != Transfer.Status.SENDING or transfer.frozen_at is None:
        return ()
    holds = (_find_hold(some, transfer, now) for some in ways.values())
    return dict.fromkeys(hold for hold in holds if hold is not None)


def _find_hold(ways: Sequence[Way], transfer: Transfer, now: datetime) -> Hold | None:
    """Why nothing goes out these ways at this moment; the first that is open decides."""
    blocked = []
    for way in ways:
        hold = _find_block(way, transfer, now)
        if hold is None:
            return _find_short_promise(way, transfer, now) or _find_full(way, now)
        blocked.append(hold)
    return min(blocked, key=lambda hold: hold.until or now, default=None)


def _find_block(way: Way, transfer: Transfer, now: datetime) -> Hold | None:
    account = way.account
    rows = list(Throttle.objects.filter(account=account, app_id__in=[ALL_APPS, transfer.app_id]))
    asked = [row.blocked_until for row in rows if is_asked_to_wait(row, now)]
    if asked:
        words = _("%(account)s asked us to wait (Retry-After)")
        return Hold("retry_after", words % {"account": account.name}, max(filter(None, asked)))
    whole = next((row for row in rows if row.app_id == ALL_APPS), None)
    quota = find_quota(way, whole) if whole else None
    if quota is None or not quota.find_wait(1, now):
        return None
    words = _("today's %(limit)s calls of %(account)s are used up")
    hint = {"limit": quota.limit, "account": account.name}
    return Hold("day_quota", words % hint, find_reset(now, quota.zone))


def _find_short_promise(way: Way, transfer: Transfer, now: datetime) -> Hold | None:
    """The promise whose bucket has to fill for longest, if any has to."""
    promises = list_promises(way, transfer)
    if not promises:
        return None  # no condition would match every row
    match = Q(*(Q(scope=p.scope, owner_id=p.owner_id) for p in promises), _connector=Q.OR)
    kept = {(row.scope, row.owner_id): row for row in Allowance.objects.filter(match)}
    rows = [kept.get((one.scope, one.owner_id)) for one in promises]
    buckets = [find_bucket(one, row, now) for one, row in zip(promises, rows, strict=True)]
    # What a claim would ask for: a whole batch, or as much as the lowest rate lets go at once.
    bursts = [b.burst for b, one in zip(buckets, promises, strict=True) if not one.counts_calls]
    size = min([_find_next_size(transfer, way.limits.batch_size), *bursts])
    waits = [
        (
            bucket.find_wait(1 if one.counts_calls else size, _find_look(row, now)),
            one,
            row.taken if row else 0,
        )
        for bucket, one, row in zip(buckets, promises, rows, strict=True)
    ]
    wait, longest, taken = max(waits, key=lambda item: item[0], default=(0.0, None, 0))
    return _describe_promise(longest, way, taken) if longest and wait else None


def _find_next_size(transfer: Transfer, most: int) -> float:
    """How many recipients the next batch has, as far as one call takes them."""
    ready = Batch.objects.filter(transfer=transfer, is_folded=False, state=Batch.State.READY)
    counts = ready.order_by("due_at", "pk").values_list("count", "settled")[:1]
    return float(min([most, *(count - settled for count, settled in counts)]))


def _find_look(row: Allowance | None, now: datetime) -> datetime:
    """When to look at a bucket: as the last call left it, unless that is long ago.

    What a rate holds back is ready for a moment before each call; that is no other state.
    """
    is_recent = row is not None and timedelta() <= now - row.filled_at < LOOK_BACK
    return row.filled_at if row is not None and is_recent else now


def _describe_promise(promise: Promise, way: Way, taken: int) -> Hold:
    hint = {"rate": f"{promise.rate:g}", "account": way.account.name}
    if promise.counts_calls:
        return Hold("calls_per_second", _("the %(rate)s calls per second of %(account)s") % hint)
    if promise.scope == "account":
        words = _("the %(rate)s recipients per second of %(account)s")
        return Hold("recipients_per_second", words % hint)
    if promise.scope == "app":
        return Hold("app_rate", _("the app's rate of %(rate)s per second") % hint)
    if promise.scope == "group":
        return Hold("group_rate", _("the group's rate of %(rate)s per second") % hint)
    ramped = find_ramped(promise.rate, promise.ramp_up, taken)
    if ramped < promise.rate:
        hint["now"] = f"{ramped:.0f}"
        words = _("its ramp-up: %(now)s of %(rate)s recipients per second by now")
        return Hold("ramp_up", words % hint)
    return Hold("rate", _("its own rate of %(rate)s per second") % hint)


def _find_full(way: Way, now: datetime) -> Hold | None:
    limits, account = way.limits, way.account
    running = count_in_flight(account.pk, now)
    if limits.running_tasks is not None:
        running_tasks = running + select_tasks(account.pk, limits.task_seconds, now).count()
        if running_tasks >= limits.running_tasks:
            words = _("%(account)s works on %(count)s tasks at the same time")
            hint = {"account": account.name, "count": limits.running_tasks}
            return Hold("running_tasks", words % hint)
    if running >= limits.in_flight:
        words = _("%(account)s takes %(count)s calls at the same time")
        if way.dialect.fans_out:
            words = _("%(account)s works off %(count)s batches at the same time")
        return Hold("in_flight", words % {"account": account.name, "count": limits.in_flight})
    return None
