"""How a transfer or a campaign stands: counters, pace, errors, receipts. Plain values.

Nothing here reads recipients, so a page that asks every second costs the same for any audience.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Max, Sum

from campaigns.models import (
    Account,
    Attempt,
    Batch,
    Counter,
    Exchange,
    Part,
    ReceiptCount,
    Transfer,
    TransferEvent,
    VendorCount,
)
from campaigns.models.access import visible_app_ids
from campaigns.selectors.app_parts import AppPartLine, list_app_parts
from campaigns.selectors.counters import Counters, balance_counters
from campaigns.selectors.hours import Hour, find_next_hour, find_seconds_left, list_hours
from campaigns.selectors.recalls import Recall, list_recalls
from campaigns.selectors.speed import Speed, read_speed
from campaigns.selectors.step_counts import StepStanding, find_next_handover, list_steps
from providers import registry
from providers.commands import Fault, FaultKind, TransferState
from providers.receipts import ReceiptKind

RATE_WINDOW = timedelta(seconds=10)
# The newest rows that are looked at: bounds the cost, whatever else is running.
RECENT_ATTEMPTS = 2000
RECENT_EXCHANGES = 200
MAX_ERRORS = 5
MAX_WORDS = 500
# What an account with receipts is known to tell, even before the first one came.
TOLD_KINDS = (ReceiptKind.DELIVERED.value, ReceiptKind.OPENED.value)


def count_transfers(ids: Collection[int]) -> dict[int, Counters]:
    """Counters of each of these transfers, in two queries."""
    return _fill(ids, _count_by("transfer_id", {"transfer_id__in": ids}))


def count_campaigns(ids: Collection[int]) -> dict[int, Counters]:
    """Counters of each of these campaigns over all their transfers, in two queries."""
    return _fill(ids, _count_by("transfer__campaign_id", {"transfer__campaign_id__in": ids}))


def count_occurrences(ids: Collection[int]) -> dict[int, Counters]:
    """Counters of each of these times of series over all its transfers, in two queries."""
    return _fill(ids, _count_by("transfer__occurrence_id", {"transfer__occurrence_id__in": ids}))


def count_begun(principal: Any, ids: Collection[int]) -> dict[int, Counters]:
    """Counters of those of these campaigns that have transfers, over all whose apps the principal
    sees, in two queries."""
    seen = {"transfer__campaign_id__in": ids, "transfer__app__in": visible_app_ids(principal)}
    return _count_by("transfer__campaign_id", seen)


def _fill(ids: Collection[int], counted: Mapping[int, Counters]) -> dict[int, Counters]:
    return {owner: counted.get(owner) or Counters() for owner in ids}


def _count_by(key: str, where: Mapping[str, Any]) -> dict[int, Counters]:
    """Of those that have parts; the others have not begun."""
    outcomes: dict[int, dict[str, int]] = defaultdict(dict)
    # Counters first: a chunk that is frozen between the two reads then only adds to `pending`.
    settled = Counter.objects.filter(**{f"part__{name}": value for name, value in where.items()})
    rows = settled.values_list(f"part__{key}", "outcome").annotate(total=Sum("count"))
    for owner, outcome, total in rows:
        outcomes[owner][outcome] = total
    sizes = Part.objects.filter(**where).values_list(key).order_by()
    return {
        owner: balance_counters(outcomes[owner], audience, resent)
        for owner, audience, resent in sizes.annotate(a=Sum("audience"), r=Sum("resent"))
    }


@dataclass(frozen=True, slots=True)
class PlatformCounters:
    """The books of one platform; "" holds ids that nobody knows."""

    platform: str
    counters: Counters


def platform_counters(transfer: Transfer) -> tuple[PlatformCounters, ...]:
    """Counters by platform, in the order of their names."""
    outcomes: dict[str, dict[str, int]] = defaultdict(dict)
    rows = Counter.objects.filter(part__transfer=transfer).values_list("platform", "outcome")
    for platform, outcome, total in rows.annotate(total=Sum("count")):
        outcomes[platform][outcome] = total
    pending = _count_pending(transfer)
    return tuple(
        PlatformCounters(platform, _add_pending(outcomes[platform], pending.get(platform, 0)))
        for platform in sorted({*outcomes, *pending})
    )


def _add_pending(outcomes: Mapping[str, int], pending: int) -> Counters:
    return Counters(audience=sum(outcomes.values()) + pending, pending=pending, **outcomes)


def _count_pending(transfer: Transfer) -> dict[str, int]:
    """Recipients of open batches, of which there are few: a batch holds a thousand or more."""
    if transfer.status in Transfer.FINISHED:
        return {}
    open_batches = Batch.objects.filter(
        transfer=transfer, is_folded=False, state__in=[Batch.State.READY, Batch.State.LEASED]
    )
    rows = open_batches.values_list("platform").annotate(n=Sum(F("count") - F("settled")))
    return {platform: count for platform, count in rows if count}


@dataclass(frozen=True, slots=True)
class ErrorLine:
    """One failed call: when, through which account, whose fault, and the vendor's own words."""

    at: datetime
    account: str
    reason: str
    words: str
    status: int | None
    exchange_id: int


def list_errors(transfer: Transfer, limit: int = MAX_ERRORS) -> tuple[ErrorLine, ...]:
    """The last failed calls of a transfer, newest first."""
    exchanges = Exchange.objects.filter(transfer_id=transfer.pk).select_related("account")
    recent = exchanges.order_by("-pk").defer("request")[:RECENT_EXCHANGES]
    failed = [exchange for exchange in recent if exchange.reason][:limit]
    attempts = [exchange.attempt_id for exchange in failed if exchange.attempt_id]
    words = dict(Attempt.objects.filter(pk__in=attempts).values_list("pk", "words"))
    return tuple(_describe_error(exchange, words) for exchange in failed)


def _describe_error(exchange: Exchange, words: Mapping[int, str]) -> ErrorLine:
    return ErrorLine(
        at=exchange.at,
        account=exchange.account.name,
        reason=exchange.reason,
        words=(words.get(exchange.attempt_id or 0) or exchange.response)[:MAX_WORDS],
        status=exchange.status,
        exchange_id=exchange.pk,
    )


def find_pause_words(transfers: Iterable[Transfer]) -> dict[int, str]:
    """Why those that are paused were paused, by id; "" where nobody has said."""
    paused = [row.pk for row in transfers if row.status == Transfer.Status.PAUSED]
    events = TransferEvent.objects.filter(transfer__in=paused, new=Transfer.Status.PAUSED)
    return dict(events.order_by("pk").values_list("transfer_id", "note"))


def measure_rate(transfer: Transfer, *, now: datetime) -> float:
    """Recipients per second that vendors took in the last seconds; 0 when nothing runs."""
    return measure_rates([transfer], now=now)[transfer.pk]


def measure_rates(transfers: Iterable[Transfer], *, now: datetime) -> dict[int, float]:
    """The same of several transfers by their ids, in two queries."""
    rows = list(transfers)
    sending = [row for row in rows if row.status == Transfer.Status.SENDING]
    taken: dict[int, int] = {}
    if sending:
        newest = Attempt.objects.aggregate(newest=Max("pk"))["newest"] or 0
        answered = Attempt.objects.filter(
            pk__gt=newest - RECENT_ATTEMPTS,
            batch__transfer__in=[row.pk for row in sending],
            answered_at__gt=now - RATE_WINDOW,
            was_sent=True,
        )
        by_transfer = answered.order_by().values_list("batch__transfer")
        taken = dict(by_transfer.annotate(n=Sum(F("last") - F("first") + 1)))
    return {row.pk: taken.get(row.pk, 0) / _find_seconds(row, now) for row in rows}


def _find_seconds(transfer: Transfer, now: datetime) -> float:
    """The time in which it can have been counted: it may have begun a moment ago."""
    running = now - transfer.status_since
    return min(RATE_WINDOW, max(running, timedelta(seconds=1))).total_seconds()


@dataclass(frozen=True, slots=True)
class VendorFigure:
    """A total that a vendor reports, beside the equation and never in it."""

    account: str
    metric: str
    value: int
    as_of: datetime


def list_vendor_figures(transfer: Transfer) -> tuple[VendorFigure, ...]:
    """What vendors count of a transfer, over all its parts; `as_of` is the oldest answer."""
    figures: dict[tuple[str, str], VendorFigure] = {}
    counts = VendorCount.objects.filter(part__transfer=transfer).select_related("account")
    for row in counts.order_by("account__name", "metric", "pk"):
        key = (row.account.name, row.metric)
        known = figures.get(key)
        value = row.value + (known.value if known else 0)
        as_of = min(row.as_of, known.as_of) if known else row.as_of
        figures[key] = VendorFigure(*key, value, as_of)
    return tuple(figures.values())


def count_receipts(ids: Collection[int]) -> dict[int, dict[str, int | None]]:
    """What came back for each of these transfers, by kind, in three queries.

    None where no account of the transfer reports that kind.
    """
    rows = ReceiptCount.objects.filter(part__transfer__in=ids)
    keys = rows.order_by().values_list("part__transfer_id", "kind")
    counts: dict[int, dict[str, int]] = defaultdict(dict)
    for owner, kind, total in keys.annotate(total=Sum("count")):
        counts[owner][kind] = total
    talkative = _find_talkative(ids)
    return {owner: _fill_receipts(counts[owner], is_told=owner in talkative) for owner in ids}


def _fill_receipts(counts: Mapping[str, int], *, is_told: bool) -> dict[str, int | None]:
    baseline = dict.fromkeys(TOLD_KINDS, 0) if is_told else {}
    known = baseline | dict(counts)
    return {kind.value: known.get(kind.value) for kind in ReceiptKind}


def _find_talkative(ids: Collection[int]) -> set[int]:
    """Transfers of which an account that tells what came back has taken something."""
    dialects = [dialect.key for dialect in registry.all_dialects() if dialect.has_receipts]
    accounts = set(Account.objects.filter(dialect__in=dialects).values_list("pk", flat=True))
    used = Counter.objects.filter(part__transfer__in=ids).exclude(account_id=0)
    pairs = used.values_list("part__transfer_id", "account_id").distinct()
    return {owner for owner, account in pairs if account in accounts}


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Everything that the status page and the API show of one transfer.

    `rate` in recipients per second; `seconds_left` None when nobody can say; `paused_because` a
    sentence where the engine has paused it. `hours` only where
    recipients' own clocks decide, and `next_hour` the one that is waited for. `steps` only of a
    scenario; `next_handover` is when people next come to a later one.
    """

    counters: Counters
    platforms: tuple[PlatformCounters, ...]
    rate: float
    seconds_left: float | None
    errors: tuple[ErrorLine, ...]
    receipts: Mapping[str, int | None]
    vendor_figures: tuple[VendorFigure, ...]
    hours: tuple[Hour, ...] = ()
    next_hour: Hour | None = None
    speed: Speed
    paused_because: str = ""
    recalls: tuple[Recall, ...] = ()
    steps: tuple[StepStanding, ...] = ()
    next_handover: datetime | None = None
    app_parts: tuple[AppPartLine, ...] = ()


def progress(transfer: Transfer, *, now: datetime) -> Progress:
    """How one transfer stands."""
    counters = count_transfers([transfer.pk])[transfer.pk]
    rate = measure_rate(transfer, now=now)
    hours = list_hours(transfer)
    platforms = platform_counters(transfer)
    owed = [row.platform for row in platforms if row.counters.pending]
    return Progress(
        counters=counters,
        platforms=platforms,
        rate=rate,
        seconds_left=find_seconds_left(counters.pending, rate, hours, now),
        errors=list_errors(transfer),
        receipts=count_receipts([transfer.pk])[transfer.pk],
        vendor_figures=list_vendor_figures(transfer),
        hours=hours,
        next_hour=find_next_hour(hours, now),
        speed=read_speed(transfer, now=now, owed=owed),
        paused_because=find_pause_words([transfer]).get(transfer.pk, ""),
        recalls=list_recalls(transfer),
        steps=list_steps(transfer),
        next_handover=find_next_handover(transfer),
        app_parts=list_app_parts(transfer),
    )


@dataclass(frozen=True, slots=True)
class StateOfTransfer:
    """What a dialect answers about a transfer: its state and, where it failed, why."""

    state: TransferState
    faults: tuple[Fault, ...] = ()


def transfer_state(transfer: Transfer) -> StateOfTransfer:
    """The life of a transfer in a dialect's few words. It never goes back."""
    faults = read_faults(transfer)
    match transfer.status:
        case Transfer.Status.SENT:
            return StateOfTransfer(TransferState.SENT)
        case Transfer.Status.FAILED:
            return StateOfTransfer(TransferState.FAILED, faults)
        case Transfer.Status.CANCELLED:
            return StateOfTransfer(TransferState.CANCELLED, (Fault(FaultKind.CANCELLED),))
    # What is paused before its audience was complete starts anew as accepted when it goes on.
    has_begun = transfer.status == Transfer.Status.SENDING or transfer.frozen_at is not None
    return StateOfTransfer(TransferState.SENDING if has_begun else TransferState.ACCEPTED)


def read_faults(transfer: Transfer) -> tuple[Fault, ...]:
    """The faults of a transfer as values."""
    return tuple(Fault(**body | {"kind": FaultKind(body["kind"])}) for body in transfer.faults)
