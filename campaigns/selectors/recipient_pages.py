"""Settled recipients of one transfer, a page at a time, at a cost that its size does not change.

Who was not sent to is found by an index. What only a look at each row can tell is looked for in a
bounded number of rows; a page says where to look on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import CharField, Exists, Func, OuterRef, Q, QuerySet, Sum

from campaigns.models import (
    Cohort,
    Counter,
    Delivery,
    Part,
    ReceiptCount,
    ReceiptRollup,
    ReceiptRow,
    Rollup,
    Settled,
    Transfer,
)
from campaigns.selectors.deliveries import CURSOR

WINDOW = 50_000  # rows that one statement looks at
BUDGET = 150_000  # rows that one page looks at
MAX_PARTS = 500
NONE = "-"  # asks for those who have no language, country or reason
OF_COHORT = {
    "platform": "platform", "language": "language", "country": "country",
    "app_version": "app_major",
}  # fmt: skip
Hours = tuple[tuple[datetime, datetime], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What recipients are narrowed by; what is empty or None narrows nothing, NONE asks for those
    without. `step` is from 1, `receipt` a kind that came back from them, which the account
    `told_by` has told. `hours` are stretches of time in which their outcome was settled, or, with
    `is_by_receipt`, in which it came back. `planned_at` is when their own clocks had them due."""

    outcome: str = ""
    reason: str = ""
    platform: str = ""
    language: str = ""
    country: str = ""
    app_version: int | None = None
    receipt: str = ""
    channel: str = ""
    hours: Hours | None = None
    is_by_receipt: bool = False
    account: int | None = None
    told_by: int | None = None
    part: int | None = None
    step: int | None = None
    planned_at: datetime | None = None

    @property
    def is_indexed(self) -> bool:
        """Whether nothing has to be looked for row by row."""
        plain = Wanted(part=self.part, step=self.step, channel=self.channel)
        return self.outcome != Settled.SENT and replace(self, outcome="") == plain

    @property
    def is_of_settled(self) -> bool:
        """Whether nobody can fit who has no outcome yet."""
        return bool(self.outcome or self.reason or self.receipt) or not (
            self.hours is None and self.account is None
        )

    @property
    def cohort_values(self) -> dict[str, Any]:
        """By the columns of a cohort what is wanted of them."""
        given = {column: getattr(self, name) for name, column in OF_COHORT.items()}
        return {
            column: "" if value == NONE else value
            for column, value in given.items()
            if value not in ("", None)
        }


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
    """How many there are, from the books; None where they do not know, or not before the end."""
    if wanted.receipt:
        return _count_receipts(transfer, wanted)
    is_folded = wanted.hours is not None or set(wanted.cohort_values) - {"platform"}
    if is_folded and transfer.finished_at is None:
        return None
    counts = _select_rollup(transfer, wanted) if is_folded else _select_counters(wanted)
    of_parts = counts.filter(match_parts(wanted, "part__"), part__transfer=transfer)
    total: int | None = of_parts.aggregate(n=Sum("count"))["n"]
    return total or 0


def count_strangers(transfer: Transfer, wanted: Wanted) -> int:
    """Ids that nobody knows: the books count them, and no recipient is behind them."""
    is_other = wanted.receipt or wanted.account or wanted.outcome not in ("", Settled.SKIPPED)
    if is_other or wanted.planned_at or any(wanted.cohort_values.values()):
        return 0
    rows = Rollup.objects.filter(
        _match_outcome(wanted), match_parts(wanted, "part__"), _match_stretches(wanted, "hour"),
        part__transfer=transfer, cohort_id=0,
    )  # fmt: skip
    total: int | None = rows.aggregate(n=Sum("count"))["n"]
    return total or 0


def _select_counters(wanted: Wanted) -> QuerySet[Counter]:
    return Counter.objects.filter(_match_counters(wanted))


def _select_rollup(transfer: Transfer, wanted: Wanted) -> QuerySet[Rollup]:
    """Ids that nobody knows are of no cohort, and have no row of their own."""
    rows = Rollup.objects.filter(_match_outcome(wanted), _match_stretches(wanted, "hour"))
    if wanted.cohort_values:
        return rows.filter(cohort_id__in=list_cohorts(transfer, wanted))
    return rows.exclude(cohort_id=0)


def _count_receipts(transfer: Transfer, wanted: Wanted) -> int | None:
    """By what they are counted by: when they came, or by what their recipients were and when these
    were settled."""
    plain = replace(
        wanted, receipt="", platform="", language="", country="", app_version=None, told_by=None,
        hours=None, is_by_receipt=False, part=None, step=None, channel="",
    )  # fmt: skip
    of_sends = wanted.hours is not None and not wanted.is_by_receipt
    is_beside = bool(of_sends or set(wanted.cohort_values) - {"platform"})
    if plain != Wanted() or (is_beside and wanted.is_by_receipt):
        return None
    if is_beside and _waits_for_more(transfer):
        return None
    counts = _select_beside(transfer, wanted) if is_beside else _select_came(wanted)
    of_kind = counts.filter(
        _match_tellers(wanted), match_parts(wanted, "part__"), _match_stretches(wanted, "hour"),
        part__transfer=transfer, kind=wanted.receipt,
    )  # fmt: skip
    total: int | None = of_kind.aggregate(n=Sum("count"))["n"]
    return total or 0


def _waits_for_more(transfer: Transfer) -> bool:
    """Whether something came back that is not counted yet by whom it is of."""
    parts = transfer.parts.values("pk")
    return bool(ReceiptRow.objects.filter(part__in=parts, cohort_id__isnull=True).exists())


def _select_came(wanted: Wanted) -> QuerySet[Any]:
    rows = ReceiptCount.objects.all()
    return rows.filter(platform=wanted.platform) if wanted.platform else rows


def _select_beside(transfer: Transfer, wanted: Wanted) -> QuerySet[Any]:
    """Of whom nothing is known nobody can be listed."""
    rows = ReceiptRollup.objects.exclude(cohort_id=0)
    return (
        rows.filter(cohort_id__in=list_cohorts(transfer, wanted)) if wanted.cohort_values else rows
    )


def _match_tellers(wanted: Wanted) -> Q:
    return Q() if wanted.told_by is None else Q(account_id=wanted.told_by)


def read_recipients(
    transfer: Transfer, wanted: Wanted, after: str, limit: int, total: int | None = None
) -> RecipientPage:
    """At most `limit` rows by part and recipient, behind a place. Who knows how many there are in
    `total` says it, and it is not looked on for more."""
    most = limit + 1
    if total is not None and not after:
        most = min(most, total)
    if not most:
        return RecipientPage((), "", is_cut=False)
    walk = _Walk(transfer, wanted, most)
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
    rows = _select_outcome(wanted)
    if wanted.reason:
        rows = rows.filter(reason="" if wanted.reason == NONE else wanted.reason)
    if wanted.account is not None:
        rows = rows.filter(account_id=wanted.account)
    if wanted.receipt:
        own = {"part_id": OuterRef("part_id"), "recipient": OuterRef("recipient")}
        came = ReceiptRow.objects.filter(_match_tellers(wanted), kind=wanted.receipt, **own)
        rows = rows.filter(Exists(came.filter(_match_hours(wanted, is_receipt=True))))
    rows = rows.filter(_match_hours(wanted, is_receipt=False))
    if wanted.cohort_values:
        rows = rows.filter(cohort_id__in=list_cohorts(transfer, wanted))
    return rows


def _select_outcome(wanted: Wanted) -> QuerySet[Delivery]:
    rows = Delivery.objects.all()
    if wanted.outcome:
        rows = rows.filter(outcome=wanted.outcome)
        if wanted.outcome != Settled.SENT:
            rows = rows.filter(~Q(outcome=_SentWord()))
    return rows


def _match_hours(wanted: Wanted, *, is_receipt: bool) -> Q:
    """Rows of the wanted stretches; of all where the stretches are those of the other rows."""
    if is_receipt != (wanted.is_by_receipt and bool(wanted.receipt)):
        return Q()
    return _match_stretches(wanted, "at")


def _match_stretches(wanted: Wanted, time: str) -> Q:
    """By the column that says when."""
    if wanted.hours is None:
        return Q()
    match = Q() if wanted.hours else Q(part_id__in=[])
    for start, end in wanted.hours:
        match |= Q(**{f"{time}__gte": start, f"{time}__lt": end})
    return match


def list_cohorts(transfer: Transfer, wanted: Wanted) -> list[int]:
    """Ids of the cohorts of its app that fit."""
    cohorts = Cohort.objects.filter(app=transfer.app_id, **wanted.cohort_values)
    return list(cohorts.values_list("pk", flat=True))


def _match_counters(wanted: Wanted) -> Q:
    """Counters of what is wanted; ids that nobody knows have no row of their own."""
    match = _match_outcome(wanted) & ~Q(platform="") & Q(count__gt=0)
    return match & Q(platform=wanted.platform) if wanted.platform else match


def _match_outcome(wanted: Wanted) -> Q:
    match = Q() if wanted.account is None else Q(account_id=wanted.account)
    for name in ("outcome", "reason"):
        if value := getattr(wanted, name):
            match &= Q(**{name: "" if value == NONE else value})
    return match


def match_parts(wanted: Wanted, path: str = "") -> Q:
    """The parts that are wanted, by the path that leads to them."""
    match = Q() if wanted.part is None else Q(**{f"{path}number": wanted.part})
    if wanted.channel:
        match &= Q(**{f"{path}channel": wanted.channel})
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
        self.parts = Part.objects.filter(match_parts(wanted), Exists(fitting), transfer=transfer)

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
            end = _find_window_end(self.wanted, part, recipient)
            some = rows.filter(recipient__gt=recipient)
            if end is not None:
                some = some.filter(recipient__lte=end)
            self.rows += some[: self.limit - len(self.rows)]
            if end is None:
                return ""
            self.left, recipient = self.left - WINDOW, end
        return ""


def _find_window_end(wanted: Wanted, part: int, recipient: int) -> int | None:
    """The last recipient of the next window; None when the part ends within it. Of those who were
    not sent to only such are counted: their index holds nobody else."""
    rows = Delivery.objects if wanted.outcome == Settled.SENT else _select_outcome(wanted)
    ids = rows.filter(part_id=part, recipient__gt=recipient).order_by("recipient")
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
