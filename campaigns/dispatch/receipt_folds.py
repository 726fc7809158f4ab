"""Lays what came back beside the roll-up: by what a recipient was, and when he was settled.

A receipt may come before the answer of the call that sent to it, and then waits until the recipient
has an outcome. So wait, too, those that were kept before there was such a count.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import QuerySet

from campaigns.dispatch import books
from campaigns.models import Delivery, Part, ReceiptRollup, ReceiptRow
from campaigns.models.bulk import IdList, add_counts, change_rows

CHUNK = 5_000
KEY = ("part", "recipient", "kind")
ROLLUP_COLUMNS = ("part", "hour", "cohort_id", "account_id", "kind")
NOBODY = 0  # the cohort of whom nothing is known

Recipient = tuple[int, int]  # part, recipient


class Receipt(NamedTuple):
    """One that is kept; `account` told of it."""

    part: int
    recipient: int
    kind: str
    account: int
    at: datetime


class Place(NamedTuple):
    """Where a recipient stands in the roll-up."""

    cohort: int
    hour: datetime


def find_places(recipients: Iterable[Recipient]) -> dict[Recipient, Place]:
    """Of those who have an outcome."""
    by_part: dict[int, set[int]] = defaultdict(set)
    for part, recipient in recipients:
        by_part[part].add(recipient)
    places: dict[Recipient, Place] = {}
    for part, some in by_part.items():
        rows = Delivery.objects.filter(part_id=part, recipient__in=IdList(some))
        for recipient, cohort, at in rows.values_list("recipient", "cohort_id", "at"):
            places[part, recipient] = Place(cohort, books.find_hour(at))
    return places


def count_placed(placed: Mapping[Receipt, Place]) -> None:
    """Count receipts where their recipients stand. Runs in the caller's transaction."""
    tally: Tally[tuple[Any, ...]] = Tally()
    for receipt, place in placed.items():
        tally[(receipt.part, place.hour, place.cohort, receipt.account, receipt.kind)] += 1
    add_counts(ReceiptRollup, ROLLUP_COLUMNS, [(*key, count) for key, count in tally.items()])


def fold_waiting() -> bool:
    """Count the next receipts that wait; True when any of them need wait no longer."""
    last: Receipt | None = None
    while _select_waiting(last).exists():
        with transaction.atomic():
            # PostgreSQL locks rows; on SQLite the transaction is the lock.
            rows = _select_waiting(last).select_for_update(skip_locked=True)
            columns = rows.values_list("part_id", "recipient", "kind", "account_id", "at")
            waiting = [Receipt(*row) for row in columns[:CHUNK]]
            if _fold(waiting):
                return True
        if not waiting:
            return False  # somebody else is at them
        last = waiting[-1]
    return False


def _select_waiting(last: Receipt | None) -> QuerySet[ReceiptRow]:
    """Those behind the `last`, along their index."""
    rows = ReceiptRow.objects.filter(cohort_id__isnull=True).order_by("pk")
    return rows.filter(pk__gt=last[: len(KEY)]) if last else rows


def _fold(waiting: Sequence[Receipt]) -> bool:
    """Count those whose recipient has an outcome, or will not get one any more."""
    # Asked first: of a transfer that has ended by now everybody has the outcome that he will have.
    parts = Part.objects.filter(pk__in=IdList({receipt.part for receipt in waiting}))
    ends = dict(parts.values_list("pk", "transfer__finished_at"))
    placed = dict(_place(waiting, ends))
    # Of a part that is gone nothing is counted any more.
    count_placed({receipt: place for receipt, place in placed.items() if receipt.part in ends})
    # Last, as whoever is told the same again waits for a row that is changed, and may hold a count.
    cohorts = [(place.cohort, *receipt[: len(KEY)]) for receipt, place in placed.items()]
    change_rows(ReceiptRow, ["cohort_id"], KEY, cohorts)
    return bool(placed)


def _place(
    waiting: Sequence[Receipt], ends: Mapping[int, datetime | None]
) -> Iterator[tuple[Receipt, Place]]:
    places = find_places((receipt.part, receipt.recipient) for receipt in waiting)
    for receipt in waiting:
        end = ends.get(receipt.part, receipt.at)
        if place := places.get((receipt.part, receipt.recipient)):
            yield receipt, place
        elif end is not None:
            yield receipt, Place(NOBODY, books.find_hour(end))
