"""What status pages show beside the books of `selectors.status`: their order and shares."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

from django.utils import timezone

from campaigns.models import Settled, Transfer
from campaigns.selectors.hours import find_next_starts
from campaigns.selectors.status import Counters, count_receipts, count_transfers
from providers.receipts import ReceiptKind


@dataclass(frozen=True, slots=True)
class Standing:
    """How far one transfer is. A receipt count is None where nobody reports it; `next_at` is when
    the next recipients are due, if some wait for the hour on their own clocks."""

    transfer: Transfer
    counters: Counters
    delivered: int | None
    opened: int | None
    next_at: datetime | None = None

    @property
    def settled(self) -> int:
        """Recipients whose outcome is known."""
        return self.counters.settled

    @property
    def share(self) -> int:
        """Settled, as a whole percentage; all of nobody is all."""
        if not self.counters.audience and self.transfer.status in Transfer.FINISHED:
            return 100
        return self.counters.share

    @property
    def figures(self) -> list[tuple[str, str, int]]:
        """Outcome, its label and its count, in the order of the equation."""
        return list_figures(self.counters)


def list_figures(counters: Counters) -> list[tuple[str, str, int]]:
    """The six outcomes with their labels and counts."""
    counts = asdict(counters)
    return [(key, str(label), counts[key]) for key, label in Settled.choices]


def read_standings(transfers: Iterable[Transfer]) -> list[Standing]:
    """How far several transfers are, in the order given."""
    rows, now = list(transfers), timezone.now()
    ids = [transfer.pk for transfer in rows]
    counters, receipts = count_transfers(ids), count_receipts(ids)
    local = [transfer.pk for transfer in rows if transfer.wall_clock]
    starts = find_next_starts(local, now) if local else {}
    return [
        Standing(
            transfer,
            counters[transfer.pk],
            receipts[transfer.pk][ReceiptKind.DELIVERED.value],
            receipts[transfer.pk][ReceiptKind.OPENED.value],
            starts.get(transfer.pk) or find_start(transfer, now),
        )
        for transfer in rows
    ]


def find_start(transfer: Transfer, now: datetime) -> datetime | None:
    """When a transfer that only waits for its time begins, None for all others."""
    is_waiting = transfer.status == Transfer.Status.ACCEPTED and transfer.due_at > now
    return transfer.due_at if is_waiting else None
