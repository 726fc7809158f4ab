"""Two campaigns or transfers side by side: outcomes, what came back, and how fast."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Any

from django.db.models import Min, Sum

from campaigns.models import Counter, ReceiptCount, Transfer, VendorCount
from campaigns.selectors.dimensions import RECEIPTS
from campaigns.selectors.lines import Line, sum_lines
from campaigns.selectors.report_facts import ALWAYS_TOLD, RECEIPT_METRICS, find_tellers
from providers.reports import Metric

HOURS = 48  # after the start: later opens are few


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two. `platforms` are lines by platform, `opened` is how many had opened by the
    end of each hour after its start, None from the first hour on that has not begun; None where
    nobody reports opens.
    """

    audience: int
    started_at: datetime | None
    total: Line
    platforms: dict[str, Line]
    opened: tuple[int | None, ...] | None


def read_side(transfers: Iterable[Transfer], now: datetime) -> Side:
    """What the books say of some transfers together."""
    ids = [transfer.pk for transfer in transfers]
    rows = Transfer.objects.filter(pk__in=ids)
    known = rows.aggregate(audience=Sum("audience"), started_at=Min("due_at"))
    platforms = _read_platforms(ids)
    total = sum_lines(platforms.values())
    for metric, count in _count_vendors(ids):
        total.vendor[metric] = count
    return Side(
        audience=known["audience"] or 0,
        started_at=known["started_at"],
        total=total,
        platforms=platforms,
        opened=_read_opened(ids, known["started_at"], total, now),
    )


def _read_platforms(ids: list[int]) -> dict[str, Line]:
    lines: dict[str, Line] = {}
    tellers = find_tellers()
    counters = Counter.objects.filter(part__transfer__in=ids).order_by()
    names = ("platform", "outcome", "account_id")
    for platform, outcome, account, count in counters.values_list(*names).annotate(
        total=Sum("count")
    ):
        line = lines.setdefault(platform, Line(platform, platform))
        line.outcomes[outcome] = line.outcomes.get(outcome, 0) + count
        if account in tellers:
            line.receipts |= {metric: line.receipts.get(metric, 0) for metric in ALWAYS_TOLD}
    receipts = ReceiptCount.objects.filter(part__transfer__in=ids, kind__in=RECEIPT_METRICS)
    for platform, kind, count in (
        receipts.order_by().values_list("platform", "kind").annotate(total=Sum("count"))
    ):
        line = lines.setdefault(platform, Line(platform, platform))
        metric = RECEIPT_METRICS[kind]
        line.receipts[metric] = line.receipts.get(metric, 0) + count
    return lines


def _count_vendors(ids: list[int]) -> Any:
    rows = VendorCount.objects.filter(part__transfer__in=ids, metric__in=RECEIPTS).order_by()
    counts = rows.values_list("metric").annotate(total=Sum("value"))
    return [(Metric(metric), count) for metric, count in counts]


def _read_opened(
    ids: list[int], start: datetime | None, total: Line, now: datetime
) -> tuple[int | None, ...] | None:
    if start is None or Metric.OPENED not in total.receipts:
        return None
    begin = start.replace(minute=0, second=0, microsecond=0)
    rows = ReceiptCount.objects.filter(part__transfer__in=ids, kind="opened").order_by()
    by_hour = [0] * HOURS
    for hour, count in rows.values_list("hour").annotate(total=Sum("count")):
        place = int((hour - begin).total_seconds() // 3600)
        if 0 <= place < HOURS:
            by_hour[place] += count
    begun = int((now - begin).total_seconds() // 3600) + 1
    return tuple(
        opened if place < begun else None for place, opened in enumerate(accumulate(by_hour))
    )
