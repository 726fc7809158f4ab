"""Names of copies, so that two copies of one thing can be told apart."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

MOST_COMPARED = 1_000  # names


def name_copy(rows: QuerySet[Any], name: str, *, longest: int = 200) -> str:
    """`Copy of Sale`, or `Copy of Sale (2)` where one of these rows has that name already; at most
    `longest` characters."""
    # Room for the number is left from the start, so that all copies begin alike.
    first = (_("Copy of %(name)s") % {"name": name})[: longest - 7]
    alike = rows.filter(name__startswith=first).values_list("name", flat=True)
    taken = {str(other).casefold() for other in alike[:MOST_COMPARED]}
    numbered = (f"{first} ({number})" for number in range(2, MOST_COMPARED + 3))
    free = (one for one in (first, *numbered) if one.casefold() not in taken)
    return next(free)
