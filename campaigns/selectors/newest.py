"""The newest rows of a long list, without sorting all that somebody may see of it."""

from __future__ import annotations

from typing import Any

from django.db.models import Max, QuerySet

# Numbers looked back over, one after the other: most lists are full after the first.
SPANS = (1_000, 30_000)


def list_newest(rows: QuerySet[Any], count: int, *, before: int | None = None) -> list[Any]:
    """At most so many rows with the highest numbers, highest first, of those below `before`.

    Both databases would otherwise read everything that an index of the workspace or app gives them
    and sort it. Who sees little of much still gets it all: by that index, without a span.
    """
    below = rows if before is None else rows.filter(pk__lt=before)
    top = before or rows.model._default_manager.aggregate(top=Max("pk"))["top"] or 0
    for span in SPANS:
        if span < top:
            found = _read(below.filter(pk__gte=top - span), count)
            if len(found) == count:
                return found
    return _read(below, count)


def _read(rows: QuerySet[Any], count: int) -> list[Any]:
    """By their numbers first: sorting those costs far less than sorting whole rows."""
    numbers = list(rows.order_by("-pk").values_list("pk", flat=True)[:count])
    return list(rows.filter(pk__in=numbers).order_by("-pk")) if numbers else []
