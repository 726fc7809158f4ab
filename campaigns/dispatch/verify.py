"""Recounts the books from the rows: does every recipient of every part stand in one place?

audience = sent + failed + skipped + expired + cancelled + unknown + pending, where pending is
what the batches still owe.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery, Sum

from campaigns.models import (
    Attempt,
    Batch,
    Campaign,
    Cohort,
    Counter,
    Delivery,
    Occurrence,
    Part,
    ReceiptCount,
    ReceiptRollup,
    ReceiptRow,
    RejectedIds,
    Rollup,
    Settled,
    Transfer,
)
from providers.outcomes import Reason

UNKNOWN_ID = (Settled.SKIPPED.value, Reason.UNKNOWN_ID.value)


@dataclass(slots=True)
class Audit:
    """How much was recounted, and a sentence for each thing that does not add up."""

    parts: int = 0
    transfers: int = 0
    recipients: int = 0
    resent: int = 0  # who may have been sent to twice; beside the equation
    faults: list[str] = field(default_factory=list)


def check_books(transfers: QuerySet[Any] | None = None) -> Audit:
    """Recount transfers (all by default), each part in a transaction of its own.

    Short transactions keep writers going meanwhile; what one reads, no write can split.
    """
    audit = Audit()
    wanted = Transfer.objects.all() if transfers is None else transfers
    for transfer_id in wanted.order_by("pk").values_list("pk", flat=True).iterator():
        _check_transfer(transfer_id, audit)
    audit.faults += [*_find_campaign_faults(), *_find_occurrence_faults()]
    return audit


def _check_transfer(transfer_id: int, audit: Audit) -> None:
    audit.transfers += 1
    with transaction.atomic():
        transfer = Transfer.objects.get(pk=transfer_id)
        parts = list(transfer.parts.order_by("number"))
        total = sum(part.audience for part in parts)
        if transfer.frozen_at and transfer.audience != total:
            audit.faults.append(
                f"Transfer {transfer_id}: audience {transfer.audience}, its parts have {total}."
            )
    for part in parts:
        audit.parts += 1
        audit.recipients += part.audience
        audit.resent += part.resent
        with transaction.atomic():
            part.refresh_from_db()
            audit.faults += [f"Part {part.pk}: {fault}" for fault in _find_part_faults(part)]


def _find_part_faults(part: Part) -> Iterator[str]:
    ledger = _Ledger(part)
    for check in CHECKS:
        yield from check(ledger)


class _Ledger:
    """What the rows of one part say, read once."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.is_finished = part.transfer.finished_at is not None
        self.rows = self._read_deliveries()
        rejected = RejectedIds.objects.filter(part=part).aggregate(n=Sum("count"))["n"]
        self.rejected: int = rejected or 0
        batches = Batch.objects.filter(part=part)
        self.owed: int = batches.aggregate(n=Sum(F("count") - F("settled")))["n"] or 0
        self.has_unfolded = batches.filter(is_folded=False).exists()

    def _read_deliveries(self) -> Tally[tuple[Any, ...]]:
        """Deliveries by (hour, cohort, account, outcome, reason)."""
        tally: Tally[tuple[Any, ...]] = Tally()
        keys = ("at", "cohort_id", "account_id", "outcome", "reason")
        rows = Delivery.objects.filter(part_id=self.part.pk).values_list(*keys)
        for at, *rest, count in rows.annotate(n=Count("recipient")).order_by():
            tally[(at.replace(minute=0, second=0, microsecond=0), *rest)] += count
        return tally

    def count_by_counter(self) -> Tally[tuple[Any, ...]]:
        """What the counters should say, by (platform, account, outcome, reason)."""
        cohorts = {cohort for _hour, cohort, *_rest in self.rows}
        platforms = dict(Cohort.objects.filter(pk__in=cohorts).values_list("pk", "platform"))
        tally: Tally[tuple[Any, ...]] = Tally()
        for (_hour, cohort, *rest), count in self.rows.items():
            tally[(platforms.get(cohort, ""), *rest)] += count
        if self.rejected:
            tally[("", 0, *UNKNOWN_ID)] += self.rejected
        return tally


def _check_equation(ledger: _Ledger) -> Iterator[str]:
    settled = ledger.rows.total() + ledger.rejected
    if ledger.part.audience != settled + ledger.owed:
        yield (
            f"audience {ledger.part.audience}, but {settled} have an outcome and "
            f"{ledger.owed} are still owed."
        )
    if ledger.is_finished and ledger.owed:
        yield f"the transfer has ended and still owes {ledger.owed} recipients."


def _check_counters(ledger: _Ledger) -> Iterator[str]:
    keys = ("platform", "account_id", "outcome", "reason")
    counters = Counter.objects.filter(part=ledger.part)
    counted = Tally({tuple(key): n for *key, n in counters.values_list(*keys, "count") if n})
    yield from _compare("counter", counted, ledger.count_by_counter())


def _check_rollup(ledger: _Ledger) -> Iterator[str]:
    keys = ("hour", "cohort_id", "account_id", "outcome", "reason")
    rows = Rollup.objects.filter(part=ledger.part)
    folded: Tally[tuple[Any, ...]] = Tally()
    rejected = 0
    for *key, count in rows.values_list(*keys, "count"):
        if key[1] == 0 and tuple(key[3:]) == UNKNOWN_ID:
            rejected += count
        elif count:
            folded[tuple(key)] += count
    if rejected != ledger.rejected:
        yield f"the roll-up has {rejected} unknown ids, the list has {ledger.rejected}."
    if not ledger.has_unfolded:
        yield from _compare("roll-up", folded, ledger.rows)
    elif folded - ledger.rows:
        yield "the roll-up counts recipients who have no such outcome."


def _check_batches(ledger: _Ledger) -> Iterator[str]:
    batches = Batch.objects.filter(part=ledger.part, state=Batch.State.DONE)
    short = batches.exclude(settled=F("count")).count()
    if short:
        yield f"{short} batches are done but not wholly settled."
    open_calls = Attempt.objects.filter(batch__in=batches, answered_at__isnull=True).count()
    if open_calls:
        yield f"{open_calls} calls of finished batches are still open."


def _check_receipts(ledger: _Ledger) -> Iterator[str]:
    """In one statement: something comes back also when nothing is sent any more."""
    waiting = ReceiptRow.objects.filter(cohort_id__isnull=True)
    row = Part.objects.filter(pk=ledger.part.pk).values_list(
        _sum_of_part(ReceiptCount.objects, Sum("count")),
        _sum_of_part(ReceiptRollup.objects, Sum("count")),
        _sum_of_part(waiting, Count("*")),
    )
    came, beside, waits = (count or 0 for count in row.get())
    if came != beside + waits:
        yield (
            f"{came} receipts are counted by when they came, {beside} beside what they are of, "
            f"and {waits} wait for it."
        )


def _sum_of_part(rows: Any, number: Sum | Count) -> Subquery:
    of_part = rows.filter(part=OuterRef("pk")).order_by().values("part")
    return Subquery(of_part.annotate(n=number).values("n"))


def _compare(what: str, kept: Tally[Any], counted: Tally[Any]) -> Iterator[str]:
    for key in sorted(kept.keys() | counted.keys(), key=str):
        if kept[key] != counted[key]:
            name = ", ".join(str(item) for item in key if item not in ("", 0))
            yield f"the {what} ({name}) says {kept[key]}, the rows say {counted[key]}."


CHECKS: tuple[Callable[[_Ledger], Iterator[str]], ...] = (
    _check_equation,
    _check_counters,
    _check_rollup,
    _check_batches,
    _check_receipts,
)


def _find_campaign_faults() -> list[str]:
    running = Q(transfers__finished_at__isnull=True, transfers__isnull=False)
    ended = Campaign.objects.filter(running, status__in=Campaign.FINISHED).distinct()
    return [
        f"Campaign {pk} has ended, one of its transfers has not."
        for pk in ended.exclude(status=Campaign.Status.CANCELLED).values_list("pk", flat=True)
    ]


def _find_occurrence_faults() -> Iterator[str]:
    """Times of series that say they were fired and were not, or the other way round, or twice."""
    fired = Q(state=Occurrence.State.FIRED)
    idle = Occurrence.objects.filter(fired, transfers__isnull=True)
    for pk in idle.values_list("pk", flat=True):
        yield f"Occurrence {pk} was fired and has no transfer."
    busy = Occurrence.objects.filter(~fired, transfers__isnull=False).distinct()
    for pk in busy.values_list("pk", flat=True):
        yield f"Occurrence {pk} was not fired and has a transfer."
    pairs = Transfer.objects.filter(occurrence__isnull=False).values("occurrence", "app")
    for row in pairs.annotate(n=Count("pk")).filter(n__gt=1):
        yield f"Occurrence {row['occurrence']} was fired {row['n']} times for one app."
