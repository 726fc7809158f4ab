"""Totals of transfers and of days, as dialects ask for them. Read from counters and roll-ups."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import F, Max, Sum

from campaigns.models import (
    Account,
    App,
    Batch,
    Counter,
    ReceiptCount,
    Rollup,
    Settled,
    Transfer,
    VendorCount,
)
from campaigns.selectors.report_facts import (
    ALWAYS_TOLD,
    RECEIPT_METRICS,
    Span,
    find_only_platforms,
    find_platform_of_cohort,
    find_tellers,
    make_span,
)
from campaigns.selectors.status import transfer_state
from providers.outcomes import Reason
from providers.receipts import ReceiptKind
from providers.reports import PlatformDay, Totals, TransferTotals

KIND_OF_METRIC = {metric.value: ReceiptKind(kind) for kind, metric in RECEIPT_METRICS.items()}
TOLD_KINDS = tuple(KIND_OF_METRIC[metric.value] for metric in ALWAYS_TOLD)
REASONS = frozenset(Reason)


@dataclass(slots=True)
class _Tally:
    """Counts on their way to `Totals`. A kind of receipt that nobody reports is not in it."""

    outcomes: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    failed: dict[Reason, int] = field(default_factory=lambda: defaultdict(int))
    receipts: dict[ReceiptKind, int] = field(default_factory=lambda: defaultdict(int))
    pending: int = 0

    def add_outcome(self, outcome: str, reason: str, count: int) -> None:
        self.outcomes[outcome] += count
        if outcome == Settled.FAILED:
            self.failed[Reason(reason) if reason in REASONS else Reason.VENDOR] += count

    def read(self) -> Totals:
        known = {name: self.outcomes.get(name, 0) for name in _PLAIN}
        return Totals(
            targets=sum(self.outcomes.values()) + self.pending,
            failed=dict(self.failed),
            pending=self.pending,
            receipts={kind: self.receipts.get(kind) for kind in ReceiptKind},
            **known,
        )


_PLAIN = ("sent", "skipped", "expired", "cancelled", "unknown")
_Tallies = dict[tuple[int, str], _Tally]  # by transfer and platform, "" = all together


def load_totals(transfers: Collection[Transfer]) -> tuple[TransferTotals, ...]:
    """Totals of each of these transfers, in their order, whatever their size in seven queries."""
    ids = [transfer.pk for transfer in transfers]
    tallies: _Tallies = defaultdict(_Tally)
    _load_outcomes(ids, tallies)
    _load_pending(ids, tallies)
    _load_receipts(ids, tallies)
    _load_vendor_counts(ids, tallies)
    latest = _find_latest(ids)
    return tuple(_describe(transfer, tallies, latest) for transfer in transfers)


def _describe(
    transfer: Transfer, tallies: _Tallies, latest: Mapping[int, datetime]
) -> TransferTotals:
    content = _find_content(transfer)
    return TransferTotals(
        transfer=str(transfer.pk),
        app=str(transfer.app_id),
        tag=transfer.tag,
        name=transfer.name,
        state=transfer_state(transfer).state,
        created_at=transfer.created_at,
        total=tallies[transfer.pk, ""].read(),
        by_platform={
            platform: tally.read()
            for (owner, platform), tally in sorted(tallies.items())
            if owner == transfer.pk and platform
        },
        title=content.get("title") or "",
        body=content.get("body") or "",
        last_at=latest.get(transfer.pk),
    )


def _find_content(transfer: Transfer) -> Mapping[str, Any]:
    """The first part's message; `transfers` come with it prefetched."""
    parts = sorted(transfer.parts.all(), key=lambda part: part.number)
    content: Mapping[str, Any] = parts[0].message.content if parts else {}
    return content


def _load_outcomes(ids: Collection[int], tallies: _Tallies) -> None:
    rows = Counter.objects.filter(part__transfer__in=ids).order_by()
    keys = rows.values_list("part__transfer_id", "platform", "outcome", "reason")
    for owner, platform, outcome, reason, count in keys.annotate(total=Sum("count")):
        for key in _spread(owner, platform):
            tallies[key].add_outcome(outcome, reason, count)


def _spread(owner: int, platform: str) -> Iterable[tuple[int, str]]:
    return ((owner, ""), (owner, platform)) if platform else ((owner, ""),)


def _load_pending(ids: Collection[int], tallies: _Tallies) -> None:
    """What open batches still hold; a finished transfer has none that count."""
    waiting = Batch.objects.filter(
        transfer__in=ids,
        transfer__finished_at__isnull=True,
        is_folded=False,
        state__in=[Batch.State.READY, Batch.State.LEASED],
    ).order_by()
    left = Sum(F("count") - F("settled"))
    for owner, platform, count in waiting.values_list("transfer_id", "platform").annotate(n=left):
        for key in _spread(owner, platform):
            tallies[key].pending += count


def _load_receipts(ids: Collection[int], tallies: _Tallies) -> None:
    """Adds what came back, and 0 for what the accounts that were used will tell."""
    tellers = find_tellers()
    used = Counter.objects.filter(part__transfer__in=ids, account_id__in=tellers).order_by()
    for owner, platform in used.values_list("part__transfer_id", "platform").distinct():
        for key in _spread(owner, platform):
            for kind in TOLD_KINDS:
                tallies[key].receipts[kind] += 0
    rows = ReceiptCount.objects.filter(part__transfer__in=ids).order_by()
    keys = rows.values_list("part__transfer_id", "platform", "kind")
    for owner, platform, kind, count in keys.annotate(total=Sum("count")):
        for key in _spread(owner, platform):
            tallies[key].receipts[ReceiptKind(kind)] += count


def _load_vendor_counts(ids: Collection[int], tallies: _Tallies) -> None:
    """Totals that vendors report, where no account tells of each recipient.

    They belong to a platform where the part has only one.
    """
    rows = VendorCount.objects.filter(part__transfer__in=ids, metric__in=KIND_OF_METRIC)
    rows = rows.exclude(account_id__in=find_tellers())
    platforms = find_only_platforms(rows)
    for part, account, owner, metric, value in rows.values_list(
        "part_id", "account_id", "part__transfer_id", "metric", "value"
    ):
        for key in _spread(owner, platforms.get((part, account), "")):
            tallies[key].receipts[KIND_OF_METRIC[metric]] += value


def _find_latest(ids: Collection[int]) -> dict[int, datetime]:
    """The hour of the last receipt of each transfer that has one."""
    rows = ReceiptCount.objects.filter(part__transfer__in=ids).order_by()
    return dict(rows.values_list("part__transfer_id").annotate(last=Max("hour")))


def load_days(app: App, days: tuple[date, date], platform: str = "") -> tuple[PlatformDay, ...]:
    """Counts by day of the app's zone and platform, both days included, in that order.

    Tests are left out. An hour belongs to the day in which it begins.
    """
    zone = ZoneInfo(app.timezone)
    span = make_span([app.pk], days, zone)
    tallies: dict[tuple[date, str], _Tally] = defaultdict(_Tally)
    for hour, where, outcome, reason, count in _list_hours(span):
        tallies[hour.astimezone(zone).date(), where].add_outcome(outcome, reason, count)
    tells = _has_teller(app)
    for tally in tallies.values() if tells else ():
        tally.receipts.update(dict.fromkeys(TOLD_KINDS, 0))
    receipts = span.of_parts(ReceiptCount.objects, "hour").values_list("hour", "platform", "kind")
    for hour, where, kind, count in receipts.annotate(total=Sum("count")):
        tallies[hour.astimezone(zone).date(), where].receipts[ReceiptKind(kind)] += count
    return tuple(
        PlatformDay(day, where, tally.read())
        for (day, where), tally in sorted(tallies.items())
        if where and platform in ("", where)
    )


def _list_hours(span: Span) -> Any:
    rows = span.of_parts(Rollup.objects, "hour").exclude(cohort_id=0)
    rows = rows.annotate(platform=find_platform_of_cohort())
    keys = rows.values_list("hour", "platform", "outcome", "reason")
    return keys.annotate(total=Sum("count"))


def _has_teller(app: App) -> bool:
    """Whether an account on the app's routes tells what came back."""
    return Account.objects.filter(routes__app=app, pk__in=find_tellers()).exists()
