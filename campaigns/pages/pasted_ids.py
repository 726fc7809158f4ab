"""Ids pasted from anywhere: of what kinds they may be, and whom of some apps they mean.

E-mails and phones become persons, ids of vendors become our devices: a draft keeps none of them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from campaigns.models import App, Device, DeviceIdentifier, Person
from campaigns.models.audience import hash64
from campaigns.models.bulk import IdList
from campaigns.pages.fields import split_ids
from campaigns.selectors.row_ids import read_id
from campaigns.services.erase_find import find_meant
from providers import registry
from providers.recipients import TOKEN_KIND, PersonKind

PERSONS = "persons"
DEVICES = "devices"
OF_PERSONS = {PERSONS: PersonKind.EXTERNAL_USER_ID.value} | {
    kind.value: kind.value for kind in (PersonKind.EMAIL, PersonKind.PHONE)
}
# Phones have blanks in them; two on one line are apart where another plus or long number begins.
BETWEEN_PHONES = re.compile(r"[,;\r\n\t]+|\s+(?=\+)|(?<=\d{7})\s+(?=\d{7})")
CHUNK = 500  # values per query, below every database's limit of parameters


@dataclass(frozen=True, slots=True)
class Pasted:
    """The audience that pasted ids make, with an empty list where they mean nobody, and which of
    them nobody has."""

    audience: Mapping[str, list[Any]]
    unknown: list[str]

    @property
    def count(self) -> int:
        """How many recipients the audience names."""
        return sum(map(len, self.audience.values()))


def list_id_kinds() -> list[tuple[str, str]]:
    """What pasted ids may be: of persons, ours, tokens, and every kind that a vendor declares."""
    kinds = {
        kind.name: kind.name
        for dialect in registry.all_dialects()
        for kind in dialect.identifier_kinds
        if not kind.is_token
    }
    return [
        (PERSONS, _("External user ids")),
        (PersonKind.EMAIL.value, _("E-mails")),
        (PersonKind.PHONE.value, _("Phones")),
        (DEVICES, _("Device ids (numbers)")),
        (TOKEN_KIND, _("Push tokens")),
        *sorted(kinds.items()),
    ]


def split_pasted(kind: str, text: str) -> list[str]:
    """The ids of that kind, each once."""
    if kind != PersonKind.PHONE:
        return split_ids(text)
    pieces = (piece.strip() for piece in BETWEEN_PHONES.split(text))
    return [piece for piece in dict.fromkeys(pieces) if piece]


def read_pasted(apps: Sequence[App], principal: Any, kind: str, ids: Sequence[str]) -> Pasted:
    """Whom these ids mean in the apps, which are of one workspace."""
    if kind in OF_PERSONS:
        return _read_persons(apps, principal, kind, ids)
    found = find_devices(apps, kind, ids)
    unknown = [value for value in ids if value not in found]
    return Pasted({DEVICES: sorted({pk for owned in found.values() for pk in owned})}, unknown)


def _read_persons(apps: Sequence[App], principal: Any, kind: str, ids: Sequence[str]) -> Pasted:
    """External user ids stay, whether somebody has them yet or not, as a script may name them."""
    known_by = OF_PERSONS[kind]
    meant = find_meant(apps[0].workspace, [(known_by, value) for value in ids])
    rows = Person.objects.for_user(principal).filter(pk__in=IdList(meant.persons))
    seen = dict(rows.values_list("pk", "external_user_id"))
    unknown = [one for one in ids if seen.keys().isdisjoint(meant.named.get((known_by, one), ()))]
    return Pasted({PERSONS: list(ids)} if kind == PERSONS else _name(apps, seen), unknown)


def _name(apps: Sequence[App], persons: Mapping[int, str]) -> dict[str, list[Any]]:
    """Persons by their external user ids; by their devices where one of them has no such id."""
    if all(persons.values()):
        return {PERSONS: sorted(persons.values())}
    owned = Device.objects.filter(app__in=apps, person__in=IdList(persons))
    return {DEVICES: sorted(owned.values_list("pk", flat=True))}


def find_devices(apps: Sequence[App], kind: str, values: Sequence[str]) -> dict[str, list[int]]:
    """Which devices of the apps these ids mean: `{value: device ids}`, of which each app may have
    one; unknown ones are absent."""
    found: dict[str, list[int]] = defaultdict(list)
    for chunk in _chunks(values):
        for value, device in _find_chunk(apps, kind, chunk):
            found[value].append(device)
    return dict(found)


def _find_chunk(apps: Sequence[App], kind: str, values: list[str]) -> Iterator[tuple[str, int]]:
    devices = Device.objects.filter(app__in=apps)
    if kind == DEVICES:
        numbers = [read_id(value) for value in values]
        known = devices.filter(pk__in=numbers).values_list("pk", flat=True)
        return ((str(pk), pk) for pk in known)
    hashes = [hash64(value) for value in values]
    if kind == TOKEN_KIND:
        rows: Any = devices.filter(token_hash__in=hashes).values_list("token", "pk")
    else:
        named = DeviceIdentifier.objects.filter(app__in=apps, kind=kind, value_hash__in=hashes)
        rows = named.values_list("value", "device_id")
    wanted = set(values)  # the hash only narrows
    return ((value, pk) for value, pk in rows if value in wanted)


def _chunks(values: Sequence[str]) -> Iterable[list[str]]:
    for start in range(0, len(values), CHUNK):
        yield list(values[start : start + CHUNK])
