"""What scripts send of their own, without a campaign, as a calendar shows it: the larger ones as
runs of one key to one app, small ones as a number for each day.

Bounded: scripts may make millions, most of them to one device each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo
from functools import lru_cache, reduce
from operator import or_
from typing import Any

from django.db.models import CharField, Count, IntegerField, Max, Min, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Cast, Left, Length

from campaigns.models import ApiKey, Part, TargetChunk, Transfer
from campaigns.models.packing import unpack_texts
from campaigns.models.prepared import Prepared, Slot
from campaigns.models.transfer import FEW

CLOSE = timedelta(hours=1)  # two sends of one run, or anything that comes near another
MOST_READ = 10_000  # larger ones
MOST_PLANNED = 500
MOST_RUNS = 200
MOST_NEAR = 20
LONG_AGO = timedelta(days=3)  # what has begun before is not looked for
OWN_CLOCKS = timedelta(hours=27)  # from the first zone on earth to the last, and an hour
MOST_SMALL = 100  # of a day that are counted
MOST_DAYS = 42  # of one view
HOUR_LETTERS = len("2026-11-20 09")
SHORT = 2_000  # bytes of packed ids; more than these are never few


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Sends of one script to one app that follow each other within the hour, on one day. The key
    is 0 where none is known any more; then the `door` says whose words it spoke. `transfer` is the
    newest of them."""

    app: int
    key: int
    door: str
    wall_clock: str
    first: datetime
    last: datetime
    count: int
    recipients: int
    transfer: int
    status: str
    name: str = ""

    @property
    def sender(self) -> tuple[Any, ...]:
        """Who sends to whom: what one run has in common."""
        return (self.app, self.key, self.door, self.wall_clock)


def list_runs(
    apps: Collection[int], start: datetime, end: datetime, zone: tzinfo
) -> tuple[list[Run], bool]:
    """What went to more than a few, and what is planned to, in the order of time; whether there is
    more."""
    larger, is_cut = _read_larger(apps, start, end)
    planned, is_more = list_planned(apps, start, end)
    coming = [_make_planned(row) for row in leave_out_small(planned)]
    runs = sorted(_join([*larger, *coming], zone), key=lambda run: run.first)
    return runs[-MOST_RUNS:], is_cut or is_more or len(runs) > MOST_RUNS


def select_larger(apps: Collection[int], start: datetime, end: datetime) -> Any:
    """Those to more than a few whose audience is known, by their times."""
    return Transfer.objects.filter(
        app__in=apps, campaign__isnull=True, is_test=False, audience__gt=FEW,
        due_at__gte=start, due_at__lt=end,
    )  # fmt: skip


def _read_larger(apps: Collection[int], start: datetime, end: datetime) -> tuple[list[Run], bool]:
    """As runs within an hour of the clock, which the database has put together."""
    rows = select_larger(apps, start, end)
    too_old = rows.order_by("-due_at").values_list("due_at", flat=True)
    bound = next(iter(too_old[MOST_READ : MOST_READ + 1]), None)
    if bound is not None:
        rows = rows.filter(due_at__gt=bound)
    # By the letters of the time: truncating it costs SQLite more than all the rest.
    hours = rows.annotate(hour=Left(Cast("due_at", CharField()), HOUR_LETTERS))
    same = ("app_id", "submission__api_key_id", "submission__door", "wall_clock", "hour")
    grouped = hours.order_by().values_list(*same).annotate(
        first=Min("due_at"), last=Max("due_at"), count=Count("pk"), recipients=Sum("audience"),
        newest=Max("pk"), status=Min("status"), name=Max("name"),
    )  # fmt: skip
    return [_make_run(*row) for row in grouped], bound is not None


def _make_run(
    app: int, key: int | None, door: str | None, wall_clock: str, _hour: str, *own: Any
) -> Run:
    first, last, count, recipients, newest, status, name = own
    return Run(
        app=app, key=key or 0, door=door or "", wall_clock=wall_clock, first=first, last=last,
        count=count, recipients=recipients, transfer=newest, status=status,
        name=name if count == 1 else "",
    )  # fmt: skip


def list_planned(
    apps: Collection[int], start: datetime, end: datetime
) -> tuple[list[Transfer], bool]:
    """Those whose audience is not known yet, for their time has not come."""
    rows = Transfer.objects.filter(
        status__in=[Transfer.Status.ACCEPTED, Transfer.Status.PAUSED], finished_at__isnull=True,
        frozen_at__isnull=True, campaign__isnull=True, is_test=False, app__in=apps,
        due_at__gte=start, due_at__lt=end,
    )  # fmt: skip
    listed = rows.select_related("app", "submission__api_key").order_by("due_at")
    found = list(listed[: MOST_PLANNED + 1])
    return found[:MOST_PLANNED], len(found) > MOST_PLANNED


def leave_out_small(planned: Sequence[Transfer]) -> list[Transfer]:
    """Without those that name a few: whom a script describes may be anybody."""
    if not planned:
        return []
    parts = Part.objects.filter(transfer__in=planned)
    described = set(parts.exclude(audiences=None).values_list("transfer_id", flat=True))
    chunks = TargetChunk.objects.filter(part__transfer__in=planned).annotate(size=Length("ids"))
    long = set(chunks.filter(size__gt=SHORT).values_list("part__transfer_id", flat=True))
    named: Counter[int] = Counter()
    short = chunks.filter(size__lte=SHORT).values_list("part__transfer_id", "ids")
    for transfer, ids in short:
        named[transfer] += len(unpack_texts(ids))
    return [row for row in planned if row.pk in described or row.pk in long or named[row.pk] > FEW]


def _make_planned(row: Transfer) -> Run:
    submission = row.submission
    return Run(
        app=row.app_id, key=(submission and submission.api_key_id) or 0,
        door=submission.door if submission else "", wall_clock=row.wall_clock, first=row.due_at,
        last=row.due_at, count=1, recipients=0, transfer=row.pk, status=row.status, name=row.name,
    )  # fmt: skip


def _join(runs: Iterable[Run], zone: tzinfo) -> Iterator[Run]:
    """Runs that follow each other, as one; each day has its own."""
    by_sender = sorted(runs, key=lambda run: (run.sender, run.first))
    joined: list[Run] = []
    day: date | None = None
    for run in by_sender:
        own_day = run.first.astimezone(zone).date()
        if joined and not (day == own_day and _goes_on(joined[-1], run)):
            yield _sum_up(joined)
            joined = []
        joined.append(run)
        day = own_day
    if joined:
        yield _sum_up(joined)


def _goes_on(run: Run, other: Run) -> bool:
    return run.sender == other.sender and other.first - run.last <= CLOSE


def _sum_up(joined: Sequence[Run]) -> Run:
    if len(joined) == 1:
        return joined[0]
    statuses = {run.status for run in joined}
    return replace(
        joined[0], last=joined[-1].last, name="", count=sum(run.count for run in joined),
        recipients=sum(run.recipients for run in joined),
        transfer=max(run.transfer for run in joined),
        status=statuses.pop() if len(statuses) == 1 else Transfer.Status.SENT.value,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class NearScripts:
    """Larger sends of scripts around some times: those whose recipients are `known`, the newest
    first, how many more name theirs by ids that nobody has looked up yet, and whether there are
    more."""

    known: tuple[Transfer, ...]
    unknown: int
    is_cut: bool


def find_near_scripts(
    apps: Collection[int], spans: Sequence[tuple[datetime, datetime]], now: datetime
) -> NearScripts:
    """What has gone out or will within an hour of one of the spans, or began earlier and is still
    being sent."""
    near = reduce(or_, [_match_near(start, end) for start, end in spans])
    first = spans[0][0]
    if first - CLOSE < now:
        near |= Q(finished_at__isnull=True, due_at__lte=first)
    begun = select_larger(apps, first - LONG_AGO, spans[-1][1] + CLOSE).filter(near)
    begun = begun.exclude(status=Transfer.Status.CANCELLED)
    named = begun.select_related("app", "submission__api_key").order_by("-due_at")
    found = list(named[: MOST_NEAR + 1])
    planned, is_more = list_planned(apps, first - CLOSE, spans[-1][1] + CLOSE)
    coming = [row for row in leave_out_small(planned) if _is_near(row, spans)]
    described = _list_described(coming)
    known = [*(row for row in coming if row.pk in described), *found[:MOST_NEAR]]
    unknown = sum(row.pk not in described for row in coming)
    return NearScripts(tuple(known), unknown, len(found) > MOST_NEAR or is_more)


def _match_near(start: datetime, end: datetime) -> Q:
    near = Q(due_at__gte=start - CLOSE, due_at__lte=end + CLOSE)
    # By recipients' own clocks it goes on for more than a day.
    own = ~Q(wall_clock="") & Q(due_at__gte=start - OWN_CLOCKS, due_at__lte=end + CLOSE)
    return near | (own & (Q(finished_at__isnull=True) | Q(finished_at__gte=start - CLOSE)))


def _is_near(row: Transfer, spans: Iterable[tuple[datetime, datetime]]) -> bool:
    return any(start - CLOSE <= row.due_at <= end + CLOSE for start, end in spans)


def _list_described(rows: Sequence[Transfer]) -> set[int]:
    parts = Part.objects.filter(transfer__in=rows).exclude(audiences=None)
    return set(parts.values_list("transfer_id", flat=True)) if rows else set()


def name_keys(runs: Iterable[Run]) -> dict[int, str]:
    """What the keys are called that sent these, by id."""
    keys = ApiKey.objects.filter(pk__in={run.key for run in runs if run.key})
    return dict(keys.values_list("pk", "name"))


class _CountOf(Subquery):
    """How many rows a query gives."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()


def _select_small(apps: Collection[int], start: Slot, end: Slot) -> QuerySet[Any, Any]:
    # By when they came, which an index has for each app: few are planned for later.
    small = Transfer.objects.filter(
        app__in=apps, campaign__isnull=True, is_test=False, frozen_at__isnull=False,
        audience__lte=FEW, created_at__gte=start, created_at__lt=end,
    ).order_by()  # fmt: skip
    return small.values("pk")[: MOST_SMALL + 1]


@lru_cache(maxsize=64)
def _prepare_counts(apps: tuple[int, ...]) -> Prepared[tuple[int, ...]]:
    """One statement, whose words are made once: Django takes longer for them than it takes to
    count."""

    def select(**ends: Slot) -> QuerySet[Any, Any]:
        numbers = range(MOST_DAYS)
        counts = [
            _CountOf(_select_small(apps, ends[f"start{n}"], ends[f"end{n}"])) for n in numbers
        ]
        return Transfer.objects.order_by().values_list(*counts)[:1]

    names = (f"{end}{n}" for n in range(MOST_DAYS) for end in ("start", "end"))
    return Prepared(select, *names)


def count_small(
    apps: Collection[int], days: Mapping[date, tuple[datetime, datetime]]
) -> dict[date, int]:
    """What scripts asked for on each of at most `MOST_DAYS` days that went to a few, up to one more
    than `MOST_SMALL`."""
    if not days or not apps:
        return {}
    ends = list(days.values())
    ends += [(ends[0][0], ends[0][0])] * (MOST_DAYS - len(ends))
    values: dict[str, datetime] = {}
    for number, (start, end) in enumerate(ends):
        values |= {f"start{number}": start, f"end{number}": end}
    row = _prepare_counts(tuple(apps)).first(**values)
    return {day: count for day, count in zip(days, row or (), strict=False) if count}
