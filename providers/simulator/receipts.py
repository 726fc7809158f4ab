"""What comes back from the recipients of accepted calls, and when."""

from __future__ import annotations

import heapq
import math
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from providers.outcomes import Refusal, RefusalKind
from providers.receipts import FetchReceipts, ReceiptEvent, ReceiptKind, ReceiptPage
from providers.simulator.transfers import SentTransfer

_CURSOR = re.compile(r"(\d+\.\d+)-(\d+)-(\d+)", re.ASCII)
AGAIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True, order=True)
class Coming:
    """A receipt that comes at `comes_at` and tells of `at` (timestamps)."""

    comes_at: float
    transfer: int
    index: int
    recipient: str = ""
    kind: ReceiptKind = ReceiptKind.DELIVERED
    at: float = 0.0

    def write_cursor(self) -> str:
        return f"{self.comes_at!r}-{self.transfer}-{self.index}"


@dataclass(slots=True)
class Inbox:
    """One account's receipts: those to come as a heap, those that came as a list."""

    unread: list[SentTransfer] = field(default_factory=list)
    coming: list[Coming] = field(default_factory=list)
    came: list[Coming] = field(default_factory=list)

    def fetch(self, command: FetchReceipts, now: float) -> ReceiptPage:
        """What came after the cursor; raises `Refusal`."""
        self._advance(now)
        start = self._find_place(command.cursor)
        came = self.came[start : start + command.limit]
        events = tuple(
            ReceiptEvent(item.recipient, item.kind, datetime.fromtimestamp(item.at, UTC))
            for item in came
        )
        last = came[-1] if came else Coming(now, 0, 0)
        return ReceiptPage(events, last.write_cursor())

    def replace(self, transfer: SentTransfer) -> None:
        """A call has become something else: what has not come yet comes from that."""
        self.unread = [item for item in self.unread if item.id != transfer.id]
        self.coming = [item for item in self.coming if item.transfer != transfer.id]
        heapq.heapify(self.coming)
        known = {(item.recipient, item.kind) for item in self.came if item.transfer == transfer.id}
        for item in list_receipts(transfer):
            if (item.recipient, item.kind) not in known:
                heapq.heappush(self.coming, item)

    def _advance(self, now: float) -> None:
        # A receipt never comes before its call, and a call's time is later than every reading
        # before it: so what has come only ever grows at its end.
        for transfer in self.unread:
            for item in list_receipts(transfer):
                heapq.heappush(self.coming, item)
        self.unread.clear()
        while self.coming and self.coming[0].comes_at <= now:
            self.came.append(heapq.heappop(self.coming))

    def _find_place(self, cursor: str) -> int:
        if not cursor:
            return 0
        if cursor.isascii() and cursor.isdigit():
            return int(cursor)  # given by an earlier version: a place in the list
        found = _CURSOR.fullmatch(cursor)
        if found is None:
            raise Refusal(RefusalKind.INVALID, "This cursor was never given.", field="cursor")
        last = Coming(float(found[1]), int(found[2]), int(found[3]), "\U0010ffff")
        return bisect_right(self.came, last)


def list_receipts(transfer: SentTransfer) -> Iterator[Coming]:
    """Each recipient's receipts, in no order."""
    end = transfer.recalled_at.timestamp() if transfer.recalled_at else math.inf
    count = 0
    for place, _, recipient in transfer.list_places():
        for comes_at, kind, at in list_of_one(transfer, place, recipient):
            if at < end:
                yield Coming(comes_at, transfer.id, count, recipient, kind, at)
            count += 1


_One = tuple[float, ReceiptKind, float]


def list_of_one(transfer: SentTransfer, place: int, recipient: str) -> list[_One]:
    """When a recipient's receipts come, their kinds, and of when they tell (timestamps)."""
    how = transfer.behaviour
    delivered, opened, wait, read = how.draw("receipt", recipient)
    if delivered * 100 >= how.delivered_percent:
        return []
    start = transfer.starts_at.timestamp()
    at = start + wait * how.receipt_seconds / 2
    events: list[_One] = [(at, ReceiptKind.DELIVERED, at)]
    if opened * 100 < how.opened_percent:
        opened_at = at + read * how.receipt_seconds / 2
        events.append((opened_at, ReceiptKind.OPENED, opened_at))
    for quirk in transfer.quirks:
        if place in quirk.places:
            events = _spoil(quirk.name, quirk.seconds, events, start)
    return events


def _spoil(name: str, seconds: float, events: list[_One], start: float) -> list[_One]:
    match name:
        case "receipts_late":
            return [(comes_at + seconds, kind, at) for comes_at, kind, at in events]
        case "receipts_early":
            return [(start, kind, start) for _, kind, _ in events]
        case "receipts_twice":
            again = [(comes_at + AGAIN_SECONDS, kind, at) for comes_at, kind, at in events]
            return events + again
    # Out of order: the last thing that happened is told first.
    moments = [comes_at for comes_at, _, _ in events]
    return [
        (moment, kind, at) for moment, (_, kind, at) in zip(reversed(moments), events, strict=True)
    ]
