"""Finds persons and devices by an id that somebody typed: look-ups on indexes, never a scan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from campaigns.models import App, Device, Person, Workspace
from campaigns.models.access import visible_app_ids, visible_workspace_ids
from campaigns.models.bulk import IdList
from campaigns.selectors.audience_fields import UNSTORABLE
from campaigns.selectors.identifiers import MAX_IDENTIFIER
from campaigns.selectors.known_by import (
    OWN_ID,
    By,
    match_aliases,
    match_beginnings,
    match_devices,
    match_identifiers,
    match_merged,
    match_persons,
)

MOST = 100  # of each way of matching
MOST_BEGINNING = 500  # looked at, of which some may be somebody else's
MOST_COUNTED = 1_000  # of each way of beginning
SHORTEST_PREFIX = 3
LONGEST_PREFIX = 255
BEGINNINGS = frozenset({By.EXTERNAL_PREFIX, By.EMAIL_PREFIX})
NUMBERS = frozenset({By.OWN_ID, By.FORMER_NUMBER})  # of our rows


@dataclass(frozen=True, slots=True)
class Match:
    """A person or a device, and by what: a `By`, or a kind of identifier."""

    kind: str
    pk: int
    by: str


@dataclass(frozen=True, slots=True)
class Reach:
    """The apps and workspaces whose rows are looked at."""

    principal: Any
    apps: tuple[int, ...]
    workspaces: tuple[int, ...]


def find_matches(term: str, principal: Any) -> list[Match]:
    """What the text may mean of what the principal sees, persons first.

    With a `*` at its end, or when nobody has it as a whole, external user ids and e-mails that
    begin with it.
    """
    text = term.strip()
    if not text or len(text) > MAX_IDENTIFIER or UNSTORABLE.search(text):
        return []
    reach = find_reach(principal)
    if text.endswith("*"):
        return _find_beginning(read_prefix(text), reach)
    found = [*_find_persons(text, reach), *_find_devices(text, reach)]
    return found or _find_beginning(text, reach)


def find_reach(principal: Any) -> Reach:
    """Where the principal may look; read once, so that every look-up is on plain ids."""
    apps = App.objects.filter(pk__in=visible_app_ids(principal))
    reached = Workspace.objects.filter(pk__in=visible_workspace_ids(principal))
    return Reach(
        principal,
        tuple(apps.values_list("pk", flat=True)),
        tuple(reached.values_list("pk", flat=True)),
    )


def _find_persons(text: str, reach: Reach) -> list[Match]:
    found: list[Match] = []
    for by, rows in match_persons(text, reach.workspaces).items():
        ids = _take_some(rows.values_list("pk", flat=True))
        found += [Match("person", pk, by) for pk in _keep_seen(ids, reach)]
    # An address that went over is their own.
    known = {match.pk for match in found if match.by not in NUMBERS}
    for by, gone in match_merged(text, reach.workspaces).items():
        ids = sorted({*_take_some(gone.values_list("person_id", flat=True))} - known)
        found += [Match("person", pk, by) for pk in _keep_seen(ids, reach)]
    return found


def _find_devices(text: str, reach: Reach) -> Iterator[Match]:
    for by, devices in match_devices(text, reach.apps).items():
        for pk in _take_some(devices.values_list("pk", flat=True)):
            yield Match("device", pk, by)
    ids = match_identifiers(text, reach.apps)
    for device, kind in _take_some(ids.values_list("device_id", "kind")):
        yield Match("device", device, kind)
    for device in _take_some(match_aliases(text, reach.apps).values_list("device_id", flat=True)):
        yield Match("device", device, By.ALIAS)


def _take_some(rows: QuerySet[Any, Any]) -> list[Any]:
    # Cut, then sorted: asked for their order, a database may walk a key from its beginning for it.
    return sorted(rows.order_by()[:MOST])


def _find_beginning(prefix: str, reach: Reach) -> list[Match]:
    if not SHORTEST_PREFIX <= len(prefix) <= LONGEST_PREFIX:
        return []
    found: dict[int, Match] = {}
    persons = Person.objects.filter(workspace__in=reach.workspaces)
    for by, (column, rows) in match_beginnings(prefix, persons).items():
        for match in _take_beginning(rows, column, by, reach):
            found.setdefault(match.pk, match)
    return list(found.values())


def _take_beginning(rows: QuerySet[Person], column: str, by: str, reach: Reach) -> list[Match]:
    # Cut before it is asked which of them one sees, for that is asked of each; and sorted after
    # that, for PostgreSQL's index is in another order than its texts are, and sorts all of them.
    found = rows.order_by().values_list(column, "pk")[:MOST_BEGINNING]
    ids = [pk for _text, pk in sorted(found)]
    return [Match("person", pk, by) for pk in _keep_seen(ids, reach)[:MOST]]


def count_beginning(term: str, principal: Any) -> tuple[int, bool]:
    """How many persons begin so whom the principal sees; True when there may be more."""
    reach, prefix = find_reach(principal), read_prefix(term)
    persons = Person.objects.filter(workspace__in=reach.workspaces)
    ways = [rows for _column, rows in match_beginnings(prefix, persons).values()]
    found = [
        list(rows.order_by().values_list("pk", flat=True)[: MOST_COUNTED + 1]) for rows in ways
    ]
    ids = {pk for some in found for pk in some[:MOST_COUNTED]}
    is_more = any(len(some) > MOST_COUNTED for some in found)
    return len(_keep_seen(sorted(ids), reach)), is_more


def read_prefix(term: str) -> str:
    """The beginning that is looked for."""
    return term.strip().rstrip("*")


def is_beginning(matches: Iterable[Match]) -> bool:
    """Whether these are all who begin so; else somebody has what was typed as a whole."""
    return any(match.by in BEGINNINGS for match in matches)


def _keep_seen(ids: list[int], reach: Reach) -> list[int]:
    """Those whom the principal sees, in the same order."""
    if not ids:
        return []
    seen = Person.objects.for_user(reach.principal).filter(pk__in=IdList(ids))
    known = set(seen.values_list("pk", flat=True))
    return [pk for pk in ids if pk in known]


def find_named(term: str, principal: Any) -> list[Match]:
    """Whom the text names as a whole, for what is done to them and not only shown.

    Scripts number their users as we number rows: a number is ours where its kind is said, as in
    `device 12`, or where nobody has it as an id; alone it is a device's, then.
    """
    matches = [match for match in find_matches(term, principal) if match.by not in BEGINNINGS]
    ours = [match for match in matches if match.by in NUMBERS]
    said = OWN_ID.fullmatch(term.strip())
    if said and said[1]:
        return ours
    if term.strip().isdecimal():
        ours = [match for match in ours if match.kind == "device"]
    return [match for match in matches if match.by not in NUMBERS] or ours


def find_device_ids(term: str, principal: Any) -> set[int]:
    """Devices that the text may mean, and those of persons whom it may; at most a few 100."""
    matches = find_matches(term, principal)
    owned = Device.objects.filter(person__in=IdList(_list_others(matches, "person")))
    return _list_kind(matches, "device") | set(owned.values_list("pk", flat=True)[:MOST])


def find_person_ids(term: str, principal: Any) -> set[int]:
    """Persons whom the text may mean, and owners of devices that it may; else the same."""
    matches = find_matches(term, principal)
    devices = IdList(_list_others(matches, "device"))
    owners = Device.objects.filter(pk__in=devices, person__isnull=False)
    return _list_kind(matches, "person") | set(owners.values_list("person_id", flat=True))


def _list_kind(matches: Iterable[Match], kind: str) -> set[int]:
    return {match.pk for match in matches if match.kind == kind}


def _list_others(matches: Iterable[Match], kind: str) -> set[int]:
    """Without those who are meant by a bare number of ours: it names one kind of thing."""
    return _list_kind((match for match in matches if match.by not in NUMBERS), kind)
