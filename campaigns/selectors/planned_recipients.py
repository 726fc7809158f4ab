"""Recipients of a transfer by the start that was planned for them, settled and waiting.

No row of a recipient says when they were due: their batch does, which holds who is in it for as
long as the transfer keeps its batches.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import datetime

from django.db.models import QuerySet, Sum

from campaigns.models import Batch, Delivery, Transfer
from campaigns.models.bulk import IdList
from campaigns.models.packing import unpack_ids
from campaigns.selectors.batch_walk import BatchWalk
from campaigns.selectors.recipient_pages import RecipientPage, Wanted, match_parts, select_wanted
from campaigns.selectors.searched import Searched

BUDGET = 15  # batches that one page looks into


def list_planned_starts(transfer: Transfer) -> list[datetime]:
    """When recipients by their own clocks are due, the first one first; empty where all are at
    once."""
    if not transfer.wall_clock:
        return []
    rows = Batch.objects.filter(transfer=transfer, local_at__isnull=False).order_by("local_at")
    return [start for (start,) in rows.values_list("local_at").distinct() if start]


def count_planned(transfer: Transfer, wanted: Wanted) -> tuple[int, int] | None:
    """How many were planned for `planned_at`, and how many of them are settled; None where their
    batches do not know, because it is narrowed by more."""
    if replace(wanted, planned_at=None, part=None, step=None, channel="") != Wanted():
        return None
    found = _select_batches(transfer, wanted).aggregate(n=Sum("count"), done=Sum("settled"))
    return found["n"] or 0, found["done"] or 0


def read_planned(
    transfer: Transfer, wanted: Wanted, after: str, limit: int, searched: Searched | None = None
) -> RecipientPage:
    """At most `limit` settled ones, by batch and recipient, behind a place; only those `searched`
    where some are."""

    def list_rows(batch: Batch, behind: int, ids: Collection[int] | None) -> Iterator[Delivery]:
        return _list_settled(transfer, wanted, batch, behind, limit + 1, ids)

    batches = _select_batches(transfer, wanted).filter(settled__gt=0)
    listed = batches.only("part_id", "recipients")
    return BatchWalk("b", BUDGET, 1).read(transfer, listed, list_rows, after, limit, searched)


def _select_batches(transfer: Transfer, wanted: Wanted) -> QuerySet[Batch]:
    return Batch.objects.filter(
        match_parts(wanted, "part__"), transfer=transfer, local_at=wanted.planned_at
    )


def _list_settled(
    transfer: Transfer, wanted: Wanted, batch: Batch, behind: int, limit: int,
    ids: Collection[int] | None,
) -> Iterator[Delivery]:  # fmt: skip
    """Who of a batch stands behind a recipient and fits."""
    members = unpack_ids(batch.recipients)
    some = members[bisect_right(members, behind) :]
    if ids is not None:
        some = sorted(set(some).intersection(ids))
    rows = select_wanted(transfer, wanted).filter(part_id=batch.part_id, recipient__in=IdList(some))
    yield from rows.order_by("recipient")[:limit]
