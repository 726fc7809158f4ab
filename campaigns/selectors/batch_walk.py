"""Recipients read from the batches that hold them, a page at a time, by batch and recipient."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from django.db.models import QuerySet

from campaigns.models import Batch, Delivery, Transfer
from campaigns.selectors.recipient_pages import RecipientPage
from campaigns.selectors.searched import Searched

# The rows of a batch behind a recipient, of some ids where these are given.
ListRows = Callable[[Batch, int, Collection[int] | None], Iterable[Delivery]]


@dataclass(frozen=True, slots=True)
class BatchWalk:
    """One page looks into `budget` batches, of which so many `together` are fetched at once. Its
    places begin with a `letter`, by which one knows what they are of."""

    letter: str
    budget: int
    together: int

    def find_place(self, after: str) -> tuple[int, int] | None:
        """The batch and the recipient at which a page has ended, if it is one of this walk."""
        found = re.fullmatch(rf"{self.letter}([0-9]{{1,16}})-([0-9]{{1,16}})", after)
        return (int(found[1]), int(found[2])) if found else None

    def read(
        self, transfer: Transfer, batches: QuerySet[Batch], list_rows: ListRows,
        after: str, limit: int, searched: Searched | None,
    ) -> RecipientPage:  # fmt: skip
        """At most `limit` rows behind a place; only those `searched` where some are."""
        first, recipient = self.find_place(after) or (0, 0)
        meant = searched.list_by_part(transfer) if searched else None
        rows: list[Delivery] = []
        place = after
        coming = batches.filter(pk__gte=first).order_by("pk")[: self.budget + 1]
        for number, batch in enumerate(coming.iterator(chunk_size=self.together)):
            if number == self.budget:
                return RecipientPage(tuple(rows), f"{self.letter}{batch.pk}-0", is_cut=True)
            behind = recipient if batch.pk == first else -1
            for row in list_rows(batch, behind, None if meant is None else meant[batch.part_id]):
                if len(rows) == limit:
                    return RecipientPage(tuple(rows), place, is_cut=False)
                rows.append(row)
                place = f"{self.letter}{batch.pk}-{row.recipient}"
        return RecipientPage(tuple(rows), "", is_cut=False)
