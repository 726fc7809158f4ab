"""How fast a transfer went from its first minute to its last, in few enough pieces to be drawn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from django.db.models import Max, Min, Sum
from django.db.models.functions import TruncHour

from campaigns.models import SendMinute, Transfer

MOST = 60  # pieces
DAY = 86400
SPANS = (60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, DAY)  # seconds
BY_HOUR = timedelta(hours=12)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Piece:
    """Recipients whom vendors took in `seconds` from `at`, and how many that is per second."""

    at: datetime
    seconds: float
    count: int

    @property
    def rate(self) -> float:
        """Recipients per second."""
        return self.count / max(self.seconds, 1.0)


@dataclass(frozen=True, slots=True)
class Course:
    """Pieces of `span` seconds each, empty ones included; none before anything was sent."""

    span: int = 60
    pieces: tuple[Piece, ...] = ()

    @property
    def highest(self) -> float:
        """The fastest piece."""
        return max((piece.rate for piece in self.pieces), default=0.0)


def read_course(transfer: Transfer, *, now: datetime) -> Course:
    """The whole course: by minutes, or by hours where it took longer than half a day."""
    rows: Any = SendMinute.objects.filter(part__transfer=transfer).order_by()
    ends = rows.aggregate(first=Min("minute"), last=Max("minute"))
    if ends["first"] is None:
        return Course()
    first, last = ends["first"], ends["last"]
    if last - first > BY_HOUR:
        rows = rows.annotate(moment=TruncHour("minute"))
        first = first.replace(minute=0)
        counts = rows.values_list("moment").annotate(total=Sum("count"))
    else:
        counts = rows.values_list("minute").annotate(total=Sum("count"))
    # The seconds before it began and after it ended are none of its own.
    end = max(min(now, transfer.finished_at or now), last + timedelta(seconds=1))
    begun = max(first, min(transfer.frozen_at or first, end - timedelta(seconds=1)))
    return _cut(counts, first, begun, end)


def _cut(
    counts: Iterable[tuple[datetime, int]], first: datetime, begun: datetime, end: datetime
) -> Course:
    seconds = (end - first).total_seconds()
    least = 3600 if end - first > BY_HOUR else 60
    fitting = (span for span in SPANS if span >= least and seconds <= MOST * span)
    span = next(fitting, ceil(seconds / MOST / DAY) * DAY)
    sums: dict[int, int] = defaultdict(int)
    for moment, count in counts:
        sums[int((moment - first).total_seconds() // span)] += count
    return Course(span, tuple(_list_pieces(sums, (first, begun, end), span)))


def _list_pieces(
    sums: dict[int, int], times: tuple[datetime, datetime, datetime], span: int
) -> Iterable[Piece]:
    first, begun, end = times
    at, number = first, 0
    while at < end or number in sums:
        # The last piece is no longer than what has passed of it.
        passed = (min(end, at + timedelta(seconds=span)) - max(at, begun)).total_seconds()
        yield Piece(at, passed if passed > 0 else span, sums.get(number, 0))
        at, number = at + timedelta(seconds=span), number + 1
