"""How far transfers are, read from their counters: cheap, whatever the size of the audience."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Sum

from campaigns.models import Counter, Exchange, Part, Settled, Transfer
from campaigns.selectors.status import count_receipts
from providers.commands import ReceiptKind


@dataclass(slots=True)
class Progress:
    """The books of one transfer: `audience` is the six outcomes and what is pending."""

    transfer: Transfer
    outcomes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(Settled.values, 0))
    platforms: dict[str, dict[str, int]] = field(default_factory=dict)
    reasons: list[tuple[str, str, int]] = field(default_factory=list)  # outcome, reason, count
    receipts: Mapping[str, int | None] = field(default_factory=dict)
    resent: int = 0

    @property
    def settled(self) -> int:
        """Recipients whose outcome is known."""
        return sum(self.outcomes.values())

    @property
    def pending(self) -> int:
        """Recipients still owed an outcome."""
        return max(0, self.transfer.audience - self.settled)

    @property
    def share(self) -> int:
        """Settled, as a whole percentage."""
        audience = self.transfer.audience
        return 100 * self.settled // audience if audience else 0

    def rate(self, now: datetime) -> float | None:
        """Recipients settled per second on average since the audience was frozen."""
        start = self.transfer.frozen_at
        end = self.transfer.finished_at or now
        seconds = (end - start).total_seconds() if start else 0
        return self.settled / seconds if seconds >= 1 and self.settled else None

    def remaining(self, now: datetime) -> timedelta | None:
        """How long it goes on at that rate; None when that cannot be told."""
        rate = self.rate(now)
        is_sending = self.transfer.status == Transfer.Status.SENDING
        return timedelta(seconds=round(self.pending / rate)) if rate and is_sending else None

    @property
    def delivered(self) -> int | None:
        """None when nobody reports it."""
        return self.receipts.get(ReceiptKind.DELIVERED.value)

    @property
    def opened(self) -> int | None:
        """None when nobody reports it."""
        return self.receipts.get(ReceiptKind.OPENED.value)

    @property
    def figures(self) -> list[tuple[str, str, int]]:
        """Outcome, its label and its count, in the order of the equation."""
        return [(key, str(label), self.outcomes[key]) for key, label in Settled.choices]


def read_progress(transfers: Iterable[Transfer]) -> list[Progress]:
    """The books of several transfers, in as many queries as those of one."""
    rows = {transfer.pk: Progress(transfer) for transfer in transfers}
    counters = Counter.objects.filter(part__transfer__in=rows)
    columns = ("part__transfer_id", "platform", "outcome", "reason")
    for pk, platform, outcome, reason, count in (
        counters.values_list(*columns).annotate(total=Sum("count")).order_by("-total")
    ):
        _add(rows[pk], platform, outcome, reason, count)
    for pk, receipts in count_receipts(list(rows)).items():
        rows[pk].receipts = receipts
    resent = Part.objects.filter(transfer__in=rows).values_list("transfer_id")
    for pk, count in resent.annotate(total=Sum("resent")).order_by():
        rows[pk].resent = count
    return list(rows.values())


def _add(row: Progress, platform: str, outcome: str, reason: str, count: int) -> None:
    row.outcomes[outcome] += count
    by_outcome = row.platforms.setdefault(platform, dict.fromkeys(Settled.values, 0))
    by_outcome[outcome] += count
    if reason and count:
        row.reasons.append((outcome, reason, count))


def list_last_words(transfer: Transfer) -> Any:
    """The last calls that went wrong, as the vendor put it."""
    return (
        Exchange.objects.filter(transfer_id=transfer.pk)
        .exclude(reason="")
        .select_related("account")
        .order_by("-pk")[:10]
    )
