"""The last thirty days beside the thirty before them. Days that are over are remembered for an
hour, for they hardly change; the last two are read each time.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.core.cache import cache
from django.db.models import Sum

from campaigns.models import Account, ReceiptCount, Rollup, Settled
from campaigns.selectors.report_facts import find_tellers, make_span
from campaigns.selectors.reports import find_zone
from providers.receipts import ReceiptKind
from providers.reporting import read_zone

DAYS = 30
FRESH = 2  # days that are read each time
KEPT = 3600  # seconds
KINDS = (ReceiptKind.DELIVERED.value, ReceiptKind.OPENED.value)
Numbers = dict[str, int]  # by outcome and by kind of receipt


@dataclass(frozen=True, slots=True)
class Change:
    """One number now and before; None where nobody reports it."""

    key: str
    now: int | None
    before: int | None

    @property
    def share(self) -> float | None:
        """By how much it has grown, of 1; None where there was nothing to compare with."""
        if self.now is None or not self.before:
            return None
        return (self.now - self.before) / self.before


@dataclass(frozen=True, slots=True)
class Month:
    """Changes of sent, failed, delivered and opened; outcomes of each of the last days."""

    changes: tuple[Change, ...]
    days: tuple[tuple[date, Mapping[str, int]], ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing was settled in all the time that is looked at."""
        settled = [change for change in self.changes if change.key not in KINDS]
        return not any(change.now or change.before for change in settled)


def read_month(app_ids: Collection[int], now: datetime) -> Month:
    """By calendar days of the first app's zone, today included."""
    zone = read_zone(find_zone(app_ids))
    today = now.astimezone(zone).date()
    first, middle = today - timedelta(days=2 * DAYS - 1), today - timedelta(days=DAYS - 1)
    fresh = today - timedelta(days=FRESH - 1)
    totals = _remember(app_ids, first, fresh - timedelta(days=1), str(zone))
    totals |= _read(app_ids, fresh, today, str(zone))
    tells = _has_teller(app_ids)
    keys = (Settled.SENT.value, Settled.FAILED.value, *KINDS)
    days = [middle + timedelta(days=number) for number in range(DAYS)]
    changes = [
        Change(
            key,
            _sum(totals, key, middle, today, tells=tells),
            _sum(totals, key, first, middle - timedelta(days=1), tells=tells),
        )
        for key in keys
    ]
    return Month(tuple(changes), tuple((day, totals.get(day, {})) for day in days))


def _sum(
    totals: Mapping[date, Numbers], key: str, first: date, last: date, *, tells: bool
) -> int | None:
    within = [numbers for day, numbers in totals.items() if first <= day <= last]
    known = [numbers[key] for numbers in within if key in numbers]
    if not known and key in KINDS and not tells:
        return None
    return sum(known)


def _has_teller(app_ids: Collection[int]) -> bool:
    """Whether an account on these apps' routes tells what came back."""
    return Account.objects.filter(routes__app__in=app_ids, pk__in=find_tellers()).exists()


def _remember(app_ids: Collection[int], first: date, last: date, zone: str) -> dict[date, Numbers]:
    ids = ",".join(map(str, sorted(app_ids)))
    key = f"month:{hashlib.sha256(ids.encode()).hexdigest()[:24]}:{last}:{zone}"
    found: dict[date, Numbers] | None = cache.get(key)
    if found is None:
        found = _read(app_ids, first, last, zone)
        cache.set(key, found, KEPT)
    return dict(found)


def _read(app_ids: Collection[int], first: date, last: date, zone: str) -> dict[date, Numbers]:
    place = read_zone(zone)
    span = make_span(app_ids, (first, last), place)
    totals: dict[date, Numbers] = defaultdict(lambda: defaultdict(int))
    rows = span.of_parts(Rollup.objects, "hour").values_list("hour", "outcome")
    for hour, key, count in rows.annotate(total=Sum("count")):
        totals[hour.astimezone(place).date()][key] += count
    rows = span.of_parts(ReceiptCount.objects, "hour").filter(kind__in=KINDS)
    for hour, key, count in rows.values_list("hour", "kind").annotate(total=Sum("count")):
        totals[hour.astimezone(place).date()][key] += count
    return {day: dict(numbers) for day, numbers in totals.items()}
