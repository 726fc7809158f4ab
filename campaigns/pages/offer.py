"""A choice among the rows that fit a search, for lists that are longer than a page has room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.selectors.row_ids import read_id

OFFERED = 100
LONGEST = 128  # letters of a name


@dataclass(frozen=True, slots=True)
class Offer:
    """What is offered: the first rows by name, and of how many. `pages/offer_search.html` draws
    the search for the others; `kept` is what else the page's address says. A search in a page that
    stands takes along which row is `chosen`."""

    rows: list[Any]
    count: int
    name: str
    search: str
    kept: Sequence[tuple[str, str]]
    chosen: Any = None

    @property
    def listed(self) -> list[Any]:
        """What is offered, and what was chosen before, be it found or not."""
        is_missing = self.chosen is not None and self.chosen not in self.rows
        return [*self.rows, self.chosen] if is_missing else self.rows

    @property
    def is_searched(self) -> bool:
        """Whether a search helps: there are more than are offered, or it has found these."""
        return bool(self.search) or self.count > len(self.rows)

    @property
    def words(self) -> str:
        """How many of how many are offered."""
        counts = {"shown": f"{len(self.rows):,}", "count": f"{self.count:,}"}
        if self.count == len(self.rows):
            return ngettext("%(count)s is found.", "%(count)s are found.", self.count) % counts
        if self.search:
            return _("%(shown)s of %(count)s that are found are offered.") % counts
        return _("The first %(shown)s of %(count)s are offered.") % counts


def read_offer(request: HttpRequest, name: str, rows: QuerySet[Any], chosen: str) -> Offer:
    """The first of the rows, or those with what the parameter `name` says in their name; and the
    one of the number that is `chosen`."""
    search = request.GET.get(name, "").replace("\0", "").strip()[:LONGEST]
    fitting = rows.filter(name__icontains=search) if search else rows
    found = list(fitting[: OFFERED + 1])
    count = fitting.count() if len(found) > OFFERED else len(found)
    kept = [(key, str(value)) for key, value in request.GET.items() if key != name]
    number = read_id(chosen)
    own = next((row for row in found if row.pk == number), None)
    own = own or (rows.filter(pk=number).first() if number else None)
    return Offer(found[:OFFERED], count, name, search, kept, own)
