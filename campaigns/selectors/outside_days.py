"""Transfers that a report limited to days does not hold as a whole."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q

from campaigns.models import ReceiptCount, Rollup, Transfer
from campaigns.selectors.report_facts import Span


@dataclass(frozen=True, slots=True)
class Outside:
    """Ids of transfers that had outcomes, or of which something came back, outside of the days, or
    may have: they have not ended."""

    settled: frozenset[int]
    came: frozenset[int]


def find_outside(span: Span, transfers: Collection[int]) -> Outside:
    """Of these transfers."""
    is_outside = Q(hour__lt=span.start) | Q(hour__gte=span.end)
    settled, came = (
        Exists(rows.filter(is_outside, part__transfer=OuterRef("pk")))
        for rows in (Rollup.objects, ReceiptCount.objects)
    )
    known = Transfer.objects.filter(pk__in=transfers)
    rows: list[Any] = list(known.values_list("pk", "finished_at").annotate(a=settled, b=came))
    return Outside(
        frozenset(pk for pk, ended_at, is_out, _came in rows if is_out or ended_at is None),
        frozenset(pk for pk, ended_at, _settled, is_out in rows if is_out or ended_at is None),
    )
