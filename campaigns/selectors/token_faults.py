"""Whose word switched tokens off: the last fault or receipt that the books hold against each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet, Sum

from campaigns.models import Counter, Delivery, Part, ReceiptRow, Settled, Transfer
from campaigns.models.bulk import IdList
from providers.outcomes import Reason
from providers.receipts import ReceiptKind


@dataclass(frozen=True, slots=True, order=True)
class TokenFault:
    """When, in which part, and through which account somebody was called dead."""

    at: datetime
    part: int
    account: int


def find_token_faults(devices: Sequence[int]) -> dict[int, TokenFault]:
    """The last one of each device; who has none was switched off by something else."""
    rows = Delivery.objects.filter(recipient__in=IdList(devices))
    columns = ("recipient", "at", "part_id", "account_id")
    failed = rows.filter(outcome=Settled.FAILED, reason=Reason.TOKEN)
    told = [*failed.values_list(*columns), *_list_receipts(rows, columns)]
    parts = {part for _device, _at, part, _account in told}
    # A person may have the number of a device, and an address of theirs can fail too.
    kinds = Part.objects.filter(pk__in=IdList(parts), kind=Part.Kind.DEVICE)
    of_devices = set(kinds.values_list("pk", flat=True))
    last: dict[int, TokenFault] = {}
    for device, *rest in sorted(told):
        fault = TokenFault(*rest)
        if fault.part in of_devices:
            last[device] = fault
    return last


def _list_receipts(rows: QuerySet[Delivery], columns: Sequence[str]) -> Iterable[tuple[Any, ...]]:
    pairs = set(rows.values_list("part_id", "recipient"))
    kept = ReceiptRow.objects.filter(
        part__in=IdList({part for part, _recipient in pairs}),
        recipient__in=IdList({recipient for _part, recipient in pairs}),
        kind=ReceiptKind.UNREGISTERED,
    )
    return kept.values_list(*columns)


def count_token_faults(transfer: Transfer) -> int:
    """How many recipients failed because a vendor called their token dead, from the counters."""
    counters = Counter.objects.filter(
        part__transfer=transfer,
        part__kind=Part.Kind.DEVICE,
        outcome=Settled.FAILED,
        reason=Reason.TOKEN,
    )
    return int(counters.aggregate(total=Sum("count"))["total"] or 0)
