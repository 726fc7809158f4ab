"""Recipients of a transfer who have no outcome yet, a page at a time, from the queue itself."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator

from django.db.models import F, Q, QuerySet

from campaigns.models import Batch, Delivery, Transfer
from campaigns.models.bulk import IdList
from campaigns.models.packing import unpack_cohorts, unpack_ids
from campaigns.selectors.batch_walk import BatchWalk
from campaigns.selectors.recipient_pages import (
    RecipientPage,
    Wanted,
    list_cohorts,
    match_parts,
)
from campaigns.selectors.searched import Searched
from campaigns.selectors.transfer_books import OPEN

PENDING = "pending"
START = "w0-0"
BUDGET = 50  # batches that one page looks into
TOGETHER = 5  # of them that are fetched at once


def is_waiting_place(after: str) -> bool:
    """Whether a page that goes on from there is one of those who wait."""
    return _make_walk().find_place(after) is not None


def read_waiting(
    transfer: Transfer, wanted: Wanted, after: str, limit: int, searched: Searched | None = None
) -> RecipientPage:
    """At most `limit` who wait, by batch and recipient, behind a place; only those `searched` where
    some are. The rows have no outcome and no time."""
    if wanted.is_of_settled:
        return RecipientPage((), "", is_cut=False)
    cohorts = set(list_cohorts(transfer, wanted)) if wanted.cohort_values else None

    def list_rows(batch: Batch, behind: int, ids: Collection[int] | None) -> Iterator[Delivery]:
        return _list_waiting(batch, behind, cohorts, ids)

    batches = _select_batches(transfer, wanted)
    return _make_walk().read(transfer, batches, list_rows, after, limit, searched)


def _make_walk() -> BatchWalk:
    return BatchWalk("w", BUDGET, TOGETHER)


def _select_batches(transfer: Transfer, wanted: Wanted) -> QuerySet[Batch]:
    """Open ones with somebody left, of the platform where all in them have the same."""
    open_ones = Batch.objects.filter(
        match_parts(wanted, "part__"), transfer=transfer, is_folded=False, state__in=OPEN,
        settled__lt=F("count"),
    )  # fmt: skip
    if wanted.planned_at is not None:
        open_ones = open_ones.filter(local_at=wanted.planned_at)
    if wanted.platform:
        open_ones = open_ones.filter(Q(platform=wanted.platform) | ~Q(form=Batch.Form.DEVICE))
    return open_ones.only("part_id", "recipients", "cohorts", "settled", "form")


def _list_waiting(
    batch: Batch, behind: int, cohorts: set[int] | None, ids: Collection[int] | None
) -> Iterator[Delivery]:
    """Who of a batch stands behind a recipient, fits, and is not settled."""
    members = unpack_ids(batch.recipients)
    start = bisect_right(members, behind)
    settled = _find_settled(batch, members[start:])
    known = unpack_cohorts(batch.cohorts)[start:]
    for member, cohort in zip(members[start:], known, strict=True):
        is_meant = (ids is None or member in ids) and (cohorts is None or cohort in cohorts)
        if is_meant and member not in settled:
            yield Delivery(part_id=batch.part_id, recipient=member, cohort_id=cohort)


def _find_settled(batch: Batch, members: list[int]) -> set[int]:
    if not batch.settled or not members:
        return set()
    rows = Delivery.objects.filter(part_id=batch.part_id, recipient__in=IdList(members))
    return set(rows.values_list("recipient", flat=True))
