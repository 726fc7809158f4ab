"""What a report is made of: counts of each transfer, on each platform if that matters.

Everything comes from what was folded by hour. Deliveries are read only for distinct devices.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from django.db.models import Count, OuterRef, Q, Subquery, Sum, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from campaigns.errors import Invalid
from campaigns.models import (
    Account,
    Cohort,
    Counter,
    Delivery,
    Part,
    ReceiptCount,
    Rollup,
    Settled,
    Transfer,
    VendorCount,
)
from campaigns.models.bulk import IdList, Unindexed
from providers import registry
from providers.receipts import ReceiptKind
from providers.reporting import Cells
from providers.reports import Cell, Metric, ReportField

MAX_DISTINCT_TRANSFERS = 10_000
MAX_DAYS = 366  # of one report by any dimension
RECEIPT_METRICS = {
    ReceiptKind.DELIVERED.value: Metric.DELIVERED,
    ReceiptKind.SHOWN.value: Metric.SHOWN,
    ReceiptKind.OPENED.value: Metric.OPENED,
}
VENDOR_METRICS = frozenset({Metric.DELIVERED, Metric.SHOWN, Metric.OPENED})
# What an account with receipts of its own is known to tell, even before the first one came.
ALWAYS_TOLD = (Metric.DELIVERED, Metric.OPENED)
_IS_SENT = Q(outcome=Settled.SENT)


@dataclass(frozen=True, slots=True)
class Span:
    """Whole hours from `start` to before `end`, of transfers of these apps; tests left out."""

    apps: Collection[int]
    start: datetime
    end: datetime

    def of_parts(self, rows: Any, time: str) -> Any:
        """Rows that belong to a part, by the column that says when."""
        app = "part__transfer__app_id"
        if time == "hour":
            # These hours lead to fewer rows than one app, of which there may be every transfer.
            rows, app = rows.alias(owner=Unindexed(app)), "owner"
        return rows.order_by().filter(
            part__transfer__is_test=False,
            **{f"{app}__in": self.apps, f"{time}__gte": self.start, f"{time}__lt": self.end},
        )

    def is_earlier(self, path: str = "") -> Q:
        """Transfers that may have sent before: what comes back of these is of sends outside, too.

        `path` leads to them from the rows that are asked.
        """
        times = (f"{path}created_at__lt", f"{path}due_at__lt")
        return Q(**dict.fromkeys(times, self.start))


@dataclass(slots=True)
class Fact:
    """Counts that share their cells. A metric that nobody reports is not in `receipts`.

    `early_sent` and `early_opened` of them are of transfers that had begun before the span.
    """

    sent: int = 0
    receipts: dict[Metric, int] = field(default_factory=dict)
    parts: set[int] = field(default_factory=set)
    early_sent: int = 0
    early_opened: int = 0

    def add(self, other: Fact) -> None:
        self.sent += other.sent
        self.parts |= other.parts
        self.early_sent += other.early_sent
        self.early_opened += other.early_opened
        for metric, count in other.receipts.items():
            self.receipts[metric] = self.receipts.get(metric, 0) + count

    @property
    def open_rate(self) -> float | None:
        """Opens in percent of what was sent by transfers that began in the span."""
        opened = self.receipts.get(Metric.OPENED)
        if opened is None:
            return None
        return find_open_rate(self.sent - self.early_sent, opened - self.early_opened)


def find_open_rate(sent: int, opened: int) -> float | None:
    """In percent. None where nothing was sent, or more was opened than that: these opens, or some
    of them, are of other sends."""
    return 100 * opened / sent if 0 <= opened <= sent != 0 else None


Facts = dict[tuple[int, str], Fact]  # by transfer and platform


def make_span(apps: Collection[int], days: tuple[date, date], zone: tzinfo) -> Span:
    """Both days included. An hour belongs to the day in which it begins."""
    start = datetime.combine(days[0], time(), zone)
    end = datetime.combine(days[1] + timedelta(days=1), time(), zone)
    return Span(apps, _next_hour(start), _next_hour(end))


def find_day(moment: datetime, zone: tzinfo) -> date:
    """The day of a report that counts what was at this moment."""
    return moment.astimezone(UTC).replace(minute=0).astimezone(zone).date()


def _next_hour(moment: datetime) -> datetime:
    exact = moment.astimezone(UTC)
    whole = exact.replace(minute=0, second=0, microsecond=0)
    return whole if whole == exact else whole + timedelta(hours=1)


def load_facts(span: Span, *, by_platform: bool) -> Facts:
    """Facts of every transfer that began, sent or was answered in the span."""
    facts: Facts = {}
    _load_outcomes(span, by_platform, facts)
    _load_receipts(span, by_platform, facts)
    _load_vendor_counts(span, by_platform, facts)
    _load_silent_transfers(span, facts)
    _mark_earlier(span, facts)
    return facts


def _load_outcomes(span: Span, by_platform: bool, facts: Facts) -> None:
    """Adds what was sent, and 0 for the receipts that the accounts will tell of."""
    rows = span.of_parts(Rollup.objects, "hour")
    names = ["part_id", "part__transfer_id", "account_id"]
    if by_platform:
        rows = rows.exclude(cohort_id=0).annotate(platform=find_platform_of_cohort())
        names.append("platform")
    tellers = find_tellers()
    for row in rows.values(*names).annotate(sent=Sum("count", filter=_IS_SENT, default=0)):
        fact = facts.setdefault((row["part__transfer_id"], row.get("platform", "")), Fact())
        told = ALWAYS_TOLD if row["account_id"] in tellers else ()
        parts = {row["part_id"]} if row["sent"] else set()
        fact.add(Fact(row["sent"], dict.fromkeys(told, 0), parts))


def find_tellers() -> frozenset[int]:
    """Accounts that tell of every receipt."""
    dialects = [dialect.key for dialect in registry.all_dialects() if dialect.has_receipts]
    return frozenset(Account.objects.filter(dialect__in=dialects).values_list("pk", flat=True))


def find_platform_of_cohort() -> Any:
    """The platform of a roll-up's cohort, "" for none, to annotate with."""
    cohort = Cohort.objects.filter(pk=OuterRef("cohort_id")).values("platform")
    return Coalesce(Subquery(cohort), Value(""))


def _load_receipts(span: Span, by_platform: bool, facts: Facts) -> None:
    names = ["part__transfer_id", "kind", *(["platform"] if by_platform else [])]
    rows = span.of_parts(ReceiptCount.objects, "hour").filter(kind__in=RECEIPT_METRICS)
    for row in rows.values(*names).annotate(total=Sum("count")):
        key = row["part__transfer_id"], row.get("platform", "")
        counts = {RECEIPT_METRICS[row["kind"]]: row["total"]}
        facts.setdefault(key, Fact()).add(Fact(receipts=counts))


def _load_vendor_counts(span: Span, by_platform: bool, facts: Facts) -> None:
    """Totals that vendors report carry no hour: they count where their transfer began.

    An account that tells of every receipt is not counted a second time by its totals.
    """
    rows = span.of_parts(VendorCount.objects, "part__transfer__created_at")
    counts = list(
        rows.filter(metric__in=VENDOR_METRICS)
        .exclude(account_id__in=find_tellers())
        .values_list("part_id", "account_id", "part__transfer_id", "metric", "value")
    )
    platforms = find_only_platforms(rows) if by_platform else {}
    for part, account, transfer, metric, value in counts:
        platform = platforms.get((part, account)) if by_platform else ""
        if platform is not None:
            fact = facts.setdefault((transfer, platform), Fact())
            fact.add(Fact(receipts={Metric(metric): value}))


def find_only_platforms(counts: Any) -> dict[tuple[int, int], str]:
    """The platform of a part at an account, where there is only one: totals cannot be split."""
    rows = Counter.objects.filter(part_id__in=counts.values("part_id")).exclude(account_id=0)
    found: dict[tuple[int, int], set[str]] = {}
    for part, account, platform in rows.values_list("part_id", "account_id", "platform"):
        found.setdefault((part, account), set()).add(platform)
    return {key: only.pop() for key, only in found.items() if len(only) == 1}


def _load_silent_transfers(span: Span, facts: Facts) -> None:
    """A transfer of which nothing was settled in the span has a row of its own all the same."""
    known = {transfer for transfer, _platform in facts}
    began = Transfer.objects.filter(
        app_id__in=span.apps, is_test=False, created_at__gte=span.start, created_at__lt=span.end
    )
    for transfer in began.values_list("pk", flat=True):
        if transfer not in known:
            facts[transfer, ""] = Fact()


def _mark_earlier(span: Span, facts: Facts) -> None:
    ids = IdList({transfer for transfer, _platform in facts})
    earlier = set(
        Transfer.objects.filter(span.is_earlier(), pk__in=ids).values_list("pk", flat=True)
    )
    for (transfer, _platform), fact in facts.items():
        if transfer in earlier:
            fact.early_sent = fact.sent
            fact.early_opened = fact.receipts.get(Metric.OPENED, 0)


def name_cells(facts: Facts) -> dict[tuple[int, str], Cells]:
    """How each fact is called in every dimension."""
    ids = {transfer for transfer, _platform in facts}
    rows = Transfer.objects.select_related("group").in_bulk(ids)
    return {
        (transfer, platform): {
            ReportField.GROUP: Cell(rows[transfer].group.name, str(rows[transfer].group_id)),
            ReportField.TAG: Cell(rows[transfer].tag),
            ReportField.TRANSFER: Cell(str(transfer), str(transfer)),
            ReportField.PLATFORM: Cell(platform),
        }
        for transfer, platform in facts
    }


PATHS = {
    ReportField.GROUP: "part__transfer__group_id",
    ReportField.TAG: "part__transfer__tag",
    ReportField.TRANSFER: "part__transfer_id",
    ReportField.PLATFORM: "platform",
}


def count_users(
    span: Span, keys: Collection[tuple[int, str]], dimensions: Sequence[ReportField]
) -> dict[tuple[str, ...], int]:
    """Distinct recipients of what was sent, by the ids of `dimensions`, over some facts only.

    Raises Invalid where too many transfers would have to be read.
    """
    transfers: dict[str, set[int]] = {}
    for transfer, platform in keys:
        transfers.setdefault(platform, set()).add(transfer)
    if len(set().union(*transfers.values())) > MAX_DISTINCT_TRANSFERS:
        raise Invalid(
            _("Distinct devices cannot be counted over so many transfers; ask for fewer days.")
        )
    rows = span.of_parts(Delivery.objects, "at").filter(_IS_SENT)
    rows = rows.annotate(platform=find_platform_of_cohort()).filter(_match_facts(transfers))
    names = [PATHS[item] for item in dimensions]
    # Devices and persons have numbers of their own each.
    devices, persons = (
        Count("recipient", distinct=True, filter=Q(part__kind=kind)) for kind in Part.Kind
    )
    users = devices + persons
    if not names:
        return {(): rows.aggregate(users=users)["users"]}
    counts = rows.values(*names).annotate(users=users)
    return {tuple(str(row[name]) for name in names): row["users"] for row in counts}


def _match_facts(transfers: Mapping[str, set[int]]) -> Q:
    """Q of the facts; platform "" stands for all of them."""
    found = Q(pk__in=[])
    for platform, ids in transfers.items():
        of_platform = Q(platform=platform) if platform else Q()
        found |= of_platform & Q(part__transfer_id__in=ids)
    return found
