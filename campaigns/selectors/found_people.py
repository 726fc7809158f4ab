"""Everybody whom a search finds. A page shows the first of them; here nobody is left out, and they
are found stretch by stretch of their numbers, so that none is long however many there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F, QuerySet

from campaigns.models import Person
from campaigns.models.bulk import Unindexed
from campaigns.selectors.known_by import (
    match_aliases,
    match_beginnings,
    match_devices,
    match_identifiers,
    match_merged,
    match_persons,
)


@dataclass(frozen=True, slots=True)
class Search:
    """What was typed, and whether it means a beginning, in one workspace; devices are looked at in
    these apps."""

    text: str
    is_beginning: bool
    workspace: int
    apps: Sequence[int]


def find_stretch(search: Search, after: int, last: int) -> list[int]:
    """The persons whose numbers are above `after` and up to `last`, in their order."""
    find = _list_beginnings if search.is_beginning else _list_whole
    found: set[int] = set()
    for path, rows in find(search):
        stretch = {f"{path}__gt": after, f"{path}__lte": last}
        found.update(rows.filter(**stretch).order_by().values_list(path, flat=True))
    return sorted(found)


def _list_beginnings(search: Search) -> Iterator[tuple[str, QuerySet[Any]]]:
    # By the key, whose stretch is short: an index of texts begins anew in each stretch.
    place = Person.objects.alias(place=Unindexed(F("workspace_id")))
    persons = place.filter(place=search.workspace)
    for _column, rows in match_beginnings(search.text, persons).values():
        yield "pk", rows


def _list_whole(search: Search) -> Iterator[tuple[str, QuerySet[Any]]]:
    places = (search.workspace,)
    for persons in match_persons(search.text, places).values():
        yield "pk", persons.filter(workspace=search.workspace)
    for merges in match_merged(search.text, places).values():
        yield "person_id", merges
    for devices in match_devices(search.text, search.apps).values():
        yield "person_id", devices
    yield "device__person_id", match_identifiers(search.text, search.apps)
    yield "device__person_id", match_aliases(search.text, search.apps)
