"""How far the rows of a staff list are counted."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.utils.functional import cached_property
from django.utils.translation import gettext as _


class BoundedPaginator(Paginator):
    """Counts no further than a person pages, so that a big table is never scanned to its end."""

    MAX_ROWS = 2000
    template_name = "staff/pagination.html"  # which the theme draws in place of its own

    @cached_property
    def _counted(self) -> int:
        """One more than are paged through tells that there are more."""
        rows: Any = self.object_list
        return int(rows.order_by()[: self.MAX_ROWS + 1].count())

    @property
    def count(self) -> int:
        """The rows that are paged through."""
        return min(self._counted, self.MAX_ROWS)

    @property
    def count_words(self) -> str:
        """How many there are, as far as they were counted."""
        words = _("more than %(count)s") if self._counted > self.MAX_ROWS else "%(count)s"
        return words % {"count": f"{self.count:,}"}
