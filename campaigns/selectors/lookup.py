"""Finds persons and devices by an id that somebody typed: look-ups on indexes, never a scan."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from campaigns.models import (
    App,
    Device,
    DeviceIdentifier,
    DeviceMark,
    Person,
    PersonMerge,
    Workspace,
)
from campaigns.models.access import visible_app_ids, visible_workspace_ids
from campaigns.models.audience import PLATFORM_KEYS, hash64
from campaigns.models.bulk import IdList
from campaigns.models.prefixes import begins
from campaigns.selectors.audience_fields import UNSTORABLE
from campaigns.selectors.contacts import match_contacts
from campaigns.selectors.identifiers import MAX_IDENTIFIER, identifier_platforms

MOST = 100  # of each way of matching
MOST_BEGINNING = 500  # looked at, of which some may be somebody else's
SHORTEST_PREFIX = 3
LONGEST_PREFIX = 255
MAX_ID = 2**53
OWN_ID = re.compile(r"(?:(person|device)\s?)?#?\s?([0-9]{1,16})", re.IGNORECASE)
PHONE = re.compile(r"(?:\+|00)?([0-9]+)")
BLANKS = re.compile(r"[\s().\-/]+")


class By(StrEnum):
    """What of a person or device is what was typed; kinds of identifiers stand for themselves."""

    OWN_ID = "id"
    EXTERNAL_USER_ID = "external_user_id"
    EXTERNAL_PREFIX = "external_user_id_prefix"
    EMAIL = "email"
    EMAIL_PREFIX = "email_prefix"
    PHONE = "phone"
    TOKEN = "token"
    ALIAS = "alias"
    FORMER_ID = "former_id"
    FORMER_NUMBER = "former_number"


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
        return _find_beginning(text.rstrip("*"), reach)
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


def _find_persons(text: str, reach: Reach) -> Iterator[Match]:
    persons = Person.objects.filter(workspace__in=reach.workspaces)
    queries: dict[str, QuerySet[Person]] = {
        By.OWN_ID: Person.objects.filter(pk__in=_read_ids(text, "person")),
        By.EXTERNAL_USER_ID: persons.filter(external_user_id=text),
    }
    if "@" in text:
        queries[By.EMAIL] = persons.filter(match_contacts(By.EMAIL, [text]))
    digits = PHONE.fullmatch(BLANKS.sub("", text))
    if digits:
        queries[By.PHONE] = persons.filter(match_contacts(By.PHONE, [digits[1]]))
    for by, rows in queries.items():
        ids = _take_some(rows.values_list("pk", flat=True))
        yield from (Match("person", pk, by) for pk in _keep_seen(ids, reach))
    yield from _find_merged(text, reach)


def _find_merged(text: str, reach: Reach) -> Iterator[Match]:
    """Who has taken over the one who was known so."""
    gone = PersonMerge.objects.filter(workspace__in=reach.workspaces, undone_at__isnull=True)
    queries = {
        By.FORMER_ID: gone.filter(~Q(external_user_id=""), external_user_id=text),
        By.FORMER_NUMBER: gone.filter(gone_id__in=_read_ids(text, "person")),
    }
    for by, rows in queries.items():
        ids = _take_some(rows.values_list("person_id", flat=True))
        yield from (Match("person", pk, by) for pk in _keep_seen(ids, reach))


def _find_devices(text: str, reach: Reach) -> Iterator[Match]:
    hashed = hash64(text)
    own = Device.objects.filter(pk__in=_read_ids(text, "device"), app__in=reach.apps)
    yield from _match_devices(own, By.OWN_ID)
    tokens = Device.objects.filter(
        app__in=reach.apps, platform__in=PLATFORM_KEYS, token_hash=hashed, token=text
    )
    yield from _match_devices(tokens, By.TOKEN)
    ids = DeviceIdentifier.objects.filter(
        app__in=reach.apps, kind__in=list(identifier_platforms()), value_hash=hashed, value=text
    )
    for device, kind in _take_some(ids.values_list("device_id", "kind")):
        yield Match("device", device, kind)
    marks = DeviceMark.objects.filter(app__in=reach.apps, kind=DeviceMark.Kind.ALIAS, name=text)
    for device in _take_some(marks.values_list("device_id", flat=True)):
        yield Match("device", device, By.ALIAS)


def _match_devices(devices: QuerySet[Device], by: str) -> Iterator[Match]:
    for pk in _take_some(devices.values_list("pk", flat=True)):
        yield Match("device", pk, by)


def _take_some(rows: QuerySet[Any, Any]) -> list[Any]:
    # Cut, then sorted: asked for their order, a database may walk a key from its beginning for it.
    return sorted(rows.order_by()[:MOST])


def _find_beginning(prefix: str, reach: Reach) -> list[Match]:
    if not SHORTEST_PREFIX <= len(prefix) <= LONGEST_PREFIX:
        return []
    persons = Person.objects.filter(workspace__in=reach.workspaces)
    named = persons.filter(begins("external_user_id", prefix))
    found = _take_beginning(named, "external_user_id", By.EXTERNAL_PREFIX, reach)
    mails = persons.alias(lowered=Lower("email")).filter(begins("lowered", prefix.lower()))
    known = {match.pk for match in found}
    mailed = _take_beginning(mails, "email", By.EMAIL_PREFIX, reach)
    return found + [match for match in mailed if match.pk not in known]


def _take_beginning(rows: QuerySet[Person], column: str, by: str, reach: Reach) -> list[Match]:
    # Cut before it is asked which of them one sees, for that is asked of each; and sorted after
    # that, for PostgreSQL's index is in another order than its texts are, and sorts all of them.
    found = rows.order_by().values_list(column, "pk")[:MOST_BEGINNING]
    ids = [pk for _text, pk in sorted(found)]
    return [Match("person", pk, by) for pk in _keep_seen(ids, reach)[:MOST]]


def _keep_seen(ids: list[int], reach: Reach) -> list[int]:
    """Those whom the principal sees, in the same order."""
    if not ids:
        return []
    seen = Person.objects.for_user(reach.principal).filter(pk__in=IdList(ids))
    known = set(seen.values_list("pk", flat=True))
    return [pk for pk in ids if pk in known]


def _read_ids(text: str, kind: str) -> set[int]:
    """Our own id of that kind, as in `12`, `#12` or `device 12`."""
    found = OWN_ID.fullmatch(text)
    if found is None or (found[1] or kind).lower() != kind:
        return set()
    return {int(found[2])} if int(found[2]) < MAX_ID else set()


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
