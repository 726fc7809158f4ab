"""What one person or device was sent, in all transfers, and what came back from them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, Q, QuerySet

from campaigns.models import Account, Cohort, Delivery, Part, ReceiptRow, Transfer
from campaigns.models.bulk import IdList
from campaigns.selectors.deliveries import CURSOR, write_cursor

Key = tuple[int, int]  # part, recipient


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One settled delivery with what it belongs to. `receipts` are kinds with their times, in
    time's order."""

    delivery: Delivery
    part: Part
    transfer: Transfer
    platform: str
    account: str
    receipts: tuple[tuple[str, datetime], ...] = ()


def select_sent(
    devices: Iterable[int], persons: Iterable[int], apps: Iterable[int]
) -> QuerySet[Delivery]:
    """Deliveries of transfers of these apps to these devices and persons, newest transfer first.

    Devices and persons have numbers of their own each; the part says whose they are.
    """
    devices, persons = list(devices), list(persons)
    whose = Q(recipient__in=devices, part__kind=Part.Kind.DEVICE)
    whose |= Q(recipient__in=persons, part__kind=Part.Kind.PERSON)
    rows = Delivery.objects.filter(
        whose, recipient__in=[*devices, *persons], part__transfer__app__in=list(apps)
    )
    # The sum keeps the database from walking the key of all deliveries backwards until enough of
    # these have come by: it is to take the index of recipients.
    return rows.order_by((F("part_id") + 0).desc(), (F("recipient") + 0).desc())


def cut_sent(rows: QuerySet[Delivery], after: str, size: int) -> tuple[list[Delivery], str]:
    """One page behind a place, and the place of the next one, "" at the end.

    A text that names no place is the beginning.
    """
    found = CURSOR.fullmatch(after)
    if found:
        part, recipient = int(found[1]), int(found[2])
        rows = rows.filter(Q(part_id__lt=part) | Q(part_id=part, recipient__lt=recipient))
    page = list(rows[: size + 1])
    following = write_cursor(page[size - 1]) if len(page) > size else ""
    return page[:size], following


def describe_sent(rows: Sequence[Delivery]) -> list[Sent]:
    """Each delivery with its names, looked up together."""
    parts = Part.objects.select_related("transfer__app", "transfer__campaign", "message").in_bulk(
        {row.part_id for row in rows}
    )
    cohorts = Cohort.objects.in_bulk({row.cohort_id for row in rows})
    accounts = Account.objects.in_bulk({row.account_id for row in rows})
    receipts = _find_receipts(rows)
    return [
        Sent(
            delivery=row,
            part=parts[row.part_id],
            transfer=parts[row.part_id].transfer,
            platform=cohorts[row.cohort_id].platform if row.cohort_id in cohorts else "",
            account=accounts[row.account_id].name if row.account_id in accounts else "",
            receipts=tuple(receipts[row.part_id, row.recipient]),
        )
        for row in rows
    ]


def _find_receipts(rows: Sequence[Delivery]) -> dict[Key, list[tuple[str, datetime]]]:
    came = ReceiptRow.objects.filter(
        part_id__in=IdList({row.part_id for row in rows}),
        recipient__in=IdList({row.recipient for row in rows}),
    )
    found: dict[Key, list[tuple[str, datetime]]] = defaultdict(list)
    for part, recipient, kind, at in came.order_by("at", "kind").values_list(
        "part_id", "recipient", "kind", "at"
    ):
        found[part, recipient].append((kind, at))
    return found
