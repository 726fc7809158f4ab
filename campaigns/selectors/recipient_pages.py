"""Settled recipients of one transfer, a page at a time, at a cost that its size does not change.

Who was not sent to is found by an index. What only a look at each row can tell is looked for in a
bounded number of rows; a page says where to look on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import CharField, Exists, Func, OuterRef, Q, QuerySet, Sum

from campaigns.models import (
    Cohort,
    Counter,
    Delivery,
    Part,
    ReceiptCount,
    ReceiptRow,
    Settled,
    Transfer,
)
from campaigns.selectors.deliveries import CURSOR

WINDOW = 50_000  # rows that one statement looks at
BUDGET = 150_000  # rows that one page looks at
MAX_PARTS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What recipients are narrowed by; what is empty or None narrows nothing. `step` is from 1,
    `receipt` a kind that came back from them."""

    outcome: str = ""
    reason: str = ""
    platform: str = ""
    language: str = ""
    receipt: str = ""
    account: int | None = None
    part: int | None = None
    step: int | None = None

    @property
    def is_indexed(self) -> bool:
        """Whether nothing has to be looked for row by row."""
        if self.receipt:
            return False
        is_plain = not (self.outcome or self.reason or self.platform or self.language)
        return bool(self.outcome and self.outcome != Settled.SENT) or (
            is_plain and self.account is None
        )


@dataclass(frozen=True, slots=True)
class RecipientPage:
    """`after` is the place to go on from, "" at the end; `is_cut` when it was not read to its
    length because so many rows did not fit."""

    rows: tuple[Delivery, ...]
    after: str
    is_cut: bool


class _SentWord(Func):
    """The word itself, as the condition of the index has it: no parameter lets SQLite see it."""

    template = "'sent'"
    output_field = CharField()


def count_wanted(transfer: Transfer, wanted: Wanted) -> int | None:
    """How many there are, from the counters; None where they do not know."""
    if wanted.receipt and wanted == Wanted(receipt=wanted.receipt, platform=wanted.platform):
        return _count_receipts(transfer, wanted)
    if wanted.language or wanted.receipt:
        return None
    counters = Counter.objects.filter(_match_counters(wanted), part__transfer=transfer)
    total: int | None = counters.filter(_match_parts(wanted, "part__")).aggregate(n=Sum("count"))[
        "n"
    ]
    return total or 0


def _count_receipts(transfer: Transfer, wanted: Wanted) -> int:
    counts = ReceiptCount.objects.filter(part__transfer=transfer, kind=wanted.receipt)
    if wanted.platform:
        counts = counts.filter(platform=wanted.platform)
    total: int | None = counts.aggregate(n=Sum("count"))["n"]
    return total or 0


def read_recipients(transfer: Transfer, wanted: Wanted, after: str, limit: int) -> RecipientPage:
    """At most `limit` rows by part and recipient, behind a place."""
    walk = _Walk(transfer, wanted, limit + 1)
    rows, stopped = walk.read(*_read_place(after))
    shown = tuple(rows[:limit])
    if len(rows) > limit:
        return RecipientPage(shown, f"{shown[-1].part_id}-{shown[-1].recipient}", is_cut=False)
    return RecipientPage(shown, stopped, is_cut=bool(stopped))


def _read_place(text: str) -> tuple[int, int]:
    found = CURSOR.fullmatch(text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def select_wanted(transfer: Transfer, wanted: Wanted) -> QuerySet[Delivery]:
    """All rows that fit, of any part."""
    rows = Delivery.objects.all()
    if wanted.outcome:
        rows = rows.filter(outcome=wanted.outcome)
        if wanted.outcome != Settled.SENT:
            rows = rows.filter(~Q(outcome=_SentWord()))
    if wanted.reason:
        rows = rows.filter(reason=wanted.reason)
    if wanted.account is not None:
        rows = rows.filter(account_id=wanted.account)
    if wanted.receipt:
        own = {"part_id": OuterRef("part_id"), "recipient": OuterRef("recipient")}
        rows = rows.filter(Exists(ReceiptRow.objects.filter(kind=wanted.receipt, **own)))
    if wanted.platform or wanted.language:
        rows = rows.filter(cohort_id__in=_list_cohorts(transfer, wanted))
    return rows


def _list_cohorts(transfer: Transfer, wanted: Wanted) -> list[int]:
    cohorts = Cohort.objects.filter(app=transfer.app_id)
    if wanted.platform:
        cohorts = cohorts.filter(platform=wanted.platform)
    if wanted.language:
        cohorts = cohorts.filter(language=wanted.language)
    return list(cohorts.values_list("pk", flat=True))


def _match_counters(wanted: Wanted) -> Q:
    """Counters of what is wanted; ids that nobody knows have no row of their own."""
    match = ~Q(platform="") & Q(count__gt=0)
    for name in ("outcome", "reason", "platform"):
        if value := getattr(wanted, name):
            match &= Q(**{name: value})
    return match if wanted.account is None else match & Q(account_id=wanted.account)


def _match_parts(wanted: Wanted, path: str = "") -> Q:
    match = Q() if wanted.part is None else Q(**{f"{path}number": wanted.part})
    return match if wanted.step is None else match & Q(**{f"{path}step": wanted.step - 1})


class _Walk:
    """Reads on from a place, part by part, until it has enough or has looked at enough."""

    def __init__(self, transfer: Transfer, wanted: Wanted, limit: int) -> None:
        self.wanted = wanted
        self.limit = limit
        self.left = BUDGET
        self.rows: list[Delivery] = []
        self.fitting = select_wanted(transfer, wanted)
        fitting = Counter.objects.filter(_match_counters(wanted), part=OuterRef("pk"))
        self.parts = Part.objects.filter(_match_parts(wanted), Exists(fitting), transfer=transfer)

    def read(self, part: int, recipient: int) -> tuple[list[Delivery], str]:
        """The rows, and the place at which it stopped early, "" when it came to the end."""
        listed = self.parts.filter(pk__gte=part).order_by("pk").values_list("pk", "audience")
        parts: list[tuple[int, int]] = list(listed[:MAX_PARTS])
        for group in _group_parts(parts):
            start = recipient if group[0] == part else 0
            stopped = self._read_part(group[0], start) if len(group) == 1 else ""
            if len(group) > 1:
                self._read_group(group, start)
            if stopped or len(self.rows) >= self.limit:
                return self.rows, stopped
        return self.rows, f"{parts[-1][0] + 1}-0" if len(parts) == MAX_PARTS else ""

    def _read_group(self, parts: Sequence[int], recipient: int) -> None:
        """Several small parts at once, the first of them from a recipient on."""
        own: Any = Q(part_id=parts[0], recipient__gt=recipient) | Q(part_id__in=parts[1:])
        rows = self.fitting.filter(own).order_by("part_id", "recipient")
        self.rows += rows[: self.limit - len(self.rows)]

    def _read_part(self, part: int, recipient: int) -> str:
        """One part; the place at which looking on would cost too much."""
        rows = self.fitting.filter(part_id=part).order_by("recipient")
        if self.wanted.is_indexed:
            self.rows += rows.filter(recipient__gt=recipient)[: self.limit - len(self.rows)]
            return ""
        while len(self.rows) < self.limit:
            if self.left <= 0:
                return f"{part}-{recipient}"
            end = _find_window_end(part, recipient)
            some = rows.filter(recipient__gt=recipient)
            if end is not None:
                some = some.filter(recipient__lte=end)
            self.rows += some[: self.limit - len(self.rows)]
            if end is None:
                return ""
            self.left, recipient = self.left - WINDOW, end
        return ""


def _find_window_end(part: int, recipient: int) -> int | None:
    """The last recipient of the next window; None when the part ends within it."""
    ids = Delivery.objects.filter(part_id=part, recipient__gt=recipient).order_by("recipient")
    found = list(ids.values_list("recipient", flat=True)[WINDOW - 1 : WINDOW])
    return found[0] if found else None


def _group_parts(parts: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    """Neighbours that a window holds together; a large part stands alone."""
    group: list[int] = []
    size = 0
    for pk, audience in parts:
        if group and size + audience > WINDOW:
            yield group
            group, size = [], 0
        group.append(pk)
        size += audience
    if group:
        yield group
