"""Whom the identifiers of a list mean: persons, and devices that are nobody's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet, Value
from django.db.models.functions import Lower

from campaigns.models import Device, DeviceIdentifier, Person, PersonMerge, Workspace
from campaigns.models.audience import hash64
from campaigns.models.bulk import IdList, TextList
from campaigns.selectors.aliases import select_former
from campaigns.selectors.audience_fields import UNSTORABLE
from campaigns.selectors.contacts import spell_contacts
from campaigns.selectors.held import Named
from campaigns.selectors.row_ids import read_id
from campaigns.selectors.seals import PERSON_KINDS, write_plain
from providers.recipients import TOKEN_KIND, PersonKind

PERSON_NUMBER = "person"  # our own number of a person
TOGETHER = 200  # e-mails asked for at once


@dataclass(slots=True)
class Meant:
    """`devices` are those of nobody, with their apps; `unknown` counts what means nobody.

    `named` has the persons by what they are named with.
    """

    persons: set[int] = field(default_factory=set)
    named: dict[Named, set[int]] = field(default_factory=lambda: defaultdict(set))
    devices: dict[int, int] = field(default_factory=dict)
    unknown: int = 0

    def add(self, kind: str, value: str, person: int) -> None:
        """One more."""
        self.persons.add(person)
        self.named[(kind, value)].add(person)


def find_meant(workspace: Workspace, named: Sequence[Named]) -> Meant:
    """Everybody who has one of these identifiers now."""
    by_kind: dict[str, set[str]] = defaultdict(set)
    for kind, value in named:
        by_kind[kind].add(value)
    meant = Meant()
    for kind, values in by_kind.items():
        storable = sorted(value for value in values if value and not UNSTORABLE.search(value))
        known = _find_kind(workspace, kind, storable, meant)
        meant.unknown += len(values - known)
    return meant


def _find_kind(workspace: Workspace, kind: str, values: list[str], meant: Meant) -> set[str]:
    """Add whom the values mean; gives the values that mean somebody."""
    if kind == PERSON_NUMBER:
        numbers = {value: read_id(value) for value in values}
        rows = Person.objects.filter(workspace=workspace, pk__in=IdList(numbers.values()))
        found = set(rows.values_list("pk", flat=True))
        known = {value for value, number in numbers.items() if number in found}
        for value in known:
            meant.add(kind, value, numbers[value])
        return known
    if kind in PERSON_KINDS:
        return _find_persons(workspace, kind, values, meant)
    return _find_devices(workspace, kind, values, meant)


def _find_persons(workspace: Workspace, kind: str, values: list[str], meant: Meant) -> set[str]:
    if kind in (PersonKind.EMAIL, PersonKind.PHONE):
        return _find_addresses(workspace, kind, values, meant)
    rows = Person.objects.filter(workspace=workspace, **{f"{kind}__in": TextList(values)})
    pairs = list(rows.values_list("pk", kind))
    if kind == PersonKind.EXTERNAL_USER_ID:
        merges = PersonMerge.objects.filter(
            workspace=workspace, undone_at__isnull=True, external_user_id__in=TextList(values)
        )
        pairs += merges.values_list("person_id", "external_user_id")
    for pk, value in pairs:
        meant.add(kind, value, pk)
    return {value for _pk, value in pairs}


def _find_addresses(workspace: Workspace, kind: str, values: list[str], meant: Meant) -> set[str]:
    """By e-mail or phone, however it is written, as the search and the suppression list do."""
    by_plain: dict[str, list[str]] = defaultdict(list)
    for value in values:
        by_plain[write_plain(kind, value)].append(value)
    by_plain.pop("", None)
    persons = Person.objects.filter(workspace=workspace)
    plain = sorted(by_plain)
    held_by = _list_addresses(persons, "pk", kind, plain)
    held_by += _list_addresses(select_former([workspace.pk]), "person_id", kind, plain)
    for pk, held in held_by:
        for value in by_plain.get(write_plain(kind, held), ()):
            meant.add(kind, value, pk)
    return {value for known, value in meant.named if known == kind}


def _list_addresses(
    rows: QuerySet[Any], owner: str, kind: str, plain: list[str]
) -> list[tuple[int, str]]:
    """Who has these addresses, or has taken over who had, and how they are stored."""
    if kind == PersonKind.EMAIL:
        lowered = rows.alias(lowered=Lower("email"))
        return [
            pair
            for values in _list_lowered(plain)
            for pair in lowered.filter(lowered__in=values).values_list(owner, "email")
        ]
    spelled = TextList(spell_contacts(kind, plain))
    return list(rows.filter(phone__in=spelled).values_list(owner, "phone"))


def _list_lowered(plain: Sequence[str]) -> Iterator[Any]:
    """E-mails for `__in`, as the database's own lower case: that of ASCII is known here, the
    others' it makes itself, some at once."""
    yield TextList(one for one in plain if one.isascii())
    others = [Lower(Value(one)) for one in plain if not one.isascii()]
    for first in range(0, len(others), TOGETHER):
        yield others[first : first + TOGETHER]


def _find_devices(workspace: Workspace, kind: str, values: list[str], meant: Meant) -> set[str]:
    apps = list(workspace.apps.values_list("pk", flat=True))
    hashes = IdList(map(hash64, values))
    if kind == TOKEN_KIND:
        devices = Device.objects.filter(app__in=apps, token_hash__in=hashes)
        rows = list(devices.values_list("token", "pk", "app_id", "person_id"))
    else:
        ids = DeviceIdentifier.objects.filter(app__in=apps, kind=kind, value_hash__in=hashes)
        rows = list(ids.values_list("value", "device_id", "app_id", "device__person_id"))
    wanted = set(values)
    found = set()
    for value, device, app, person in rows:
        if value in wanted:  # the hash only narrows
            found.add(value)
            if person is None:
                meant.devices[device] = app
            else:
                meant.add(kind, value, person)
    return found
