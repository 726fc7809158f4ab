"""Recipients of a vendor that knows persons: all devices of one are reached, and settle, together.

A person belongs to the chunk of a freeze in which the first of the audience's devices of theirs is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from campaigns.dispatch.aims import Target
from campaigns.dispatch.books import Member
from campaigns.dispatch.cohorts import CohortKey, intern_cohorts
from campaigns.dispatch.piles import make_batch
from campaigns.models import App, Batch, Device, Part
from campaigns.models.bulk import IdList
from providers.message import PushMessage
from providers.message_fields import Platform
from providers.outcomes import Reason

COLUMNS = (
    *("pk", "platform", "language", "country", "app_version_number"),
    *("person_id", "person__external_user_id", "person__opted_out_at"),
    *("person__language", "person__country"),
)


@dataclass(frozen=True, slots=True)
class _Row:
    """One device, and what is known of its person."""

    pk: int
    platform: str
    language: str
    country: str
    version: int
    person: int | None
    name: str | None
    opted_out_at: datetime | None
    own_language: str | None
    own_country: str | None

    def read_cohort(self, default_language: str) -> CohortKey:
        language = self.language or self.own_language or default_language
        return self.platform, language, self.country or self.own_country or "", self.version >> 36


@dataclass(frozen=True, slots=True)
class Person:
    """The devices of a person to be called, and their platforms; the language is the first's."""

    language: str
    members: list[Member]
    platforms: list[str]


@dataclass(slots=True)
class Persons:
    """Persons of one slice: those to be called, and devices that are skipped, by reason."""

    called: list[Person] = field(default_factory=list)
    skipped: dict[tuple[str, Reason], list[Member]] = field(
        default_factory=lambda: defaultdict(list)
    )


@dataclass(frozen=True, slots=True)
class PersonReader:
    """Reads the persons of slices. `whole` are all devices that the part means."""

    app: App
    message: PushMessage
    target: Target
    whole: QuerySet[Device]

    def read(self, devices: QuerySet[Device]) -> Persons:
        """Everybody whose first device is among `devices`."""
        platforms = self.target.platforms
        here = {row.pk: row for row in _read_rows(devices.filter(platform__in=platforms))}
        named = {row.person for row in here.values() if row.person is not None and row.name}
        mates = _group(self.whole.filter(platform__in=platforms, person__in=IdList(named)))
        every = Device.objects.filter(app=self.app, platform__in=platforms)
        owned = _group(every.filter(person__in=IdList(named)))
        persons = Persons()
        rows = [row for row in here.values() if row.person not in named]
        groups: list[tuple[Reason | None, list[_Row]]] = [
            (Reason.NOT_ADDRESSABLE, [row]) for row in rows
        ]
        for person, own in mates.items():
            if own[0].pk in here:
                groups.append((self._judge(own, owned[person]), own))
        cohorts = self._intern([row for _reason, own in groups for row in own])
        for reason, own in groups:
            self._sort(persons, reason, own, cohorts)
        return persons

    def _judge(self, own: Sequence[_Row], owned: Sequence[_Row]) -> Reason | None:
        """Why a person is not called, if so: whom we would leave out the vendor would not."""
        if own[0].opted_out_at is not None:
            return Reason.OPTED_OUT
        is_mute = any(not self.message.has_platform(Platform(row.platform)) for row in own)
        return Reason.NOT_ADDRESSABLE if is_mute or len(own) < len(owned) else None

    def _intern(self, rows: Sequence[_Row]) -> dict[int, int]:
        keys = {row.pk: row.read_cohort(self.app.default_language) for row in rows}
        cohorts = intern_cohorts(self.app.pk, set(keys.values()))
        return {pk: cohorts[key] for pk, key in keys.items()}

    def _sort(
        self, persons: Persons, reason: Reason | None, own: Sequence[_Row], cohorts: dict[int, int]
    ) -> None:
        members = [(row.pk, cohorts[row.pk]) for row in own]
        if reason is None:
            spoken = own[0].read_cohort(self.app.default_language)[1]
            platforms = [row.platform for row in own]
            language = self.message.find_language(spoken, self.app.chain)
            persons.called.append(Person(language, members, platforms))
            return
        for row, member in zip(own, members, strict=True):
            is_mute = not self.message.has_platform(Platform(row.platform))
            is_told = reason is not Reason.OPTED_OUT and is_mute
            why = Reason.NO_MESSAGE if is_told else reason
            persons.skipped[row.platform, why].append(member)


def _read_rows(devices: QuerySet[Device]) -> Iterator[_Row]:
    return (_Row(*values) for values in devices.order_by("pk").values_list(*COLUMNS))


def _group(devices: QuerySet[Device]) -> dict[Any, list[_Row]]:
    """Devices by person, each person's oldest first."""
    groups: dict[Any, list[_Row]] = defaultdict(list)
    for row in _read_rows(devices):
        groups[row.person].append(row)
    return groups


def pack_persons(
    part: Part, target: Target, piles: dict[tuple[str, datetime], list[list[Member]]], size: int
) -> list[Batch]:
    """Batches of at most `size` persons, by language and due time."""
    batches = []
    for (language, due_at), persons in sorted(piles.items()):
        for start in range(0, len(persons), size):
            members = dict(sorted(one for own in persons[start : start + size] for one in own))
            key = (target.lead, language, due_at)
            batch = make_batch(part, key, list(members), list(members.values()))
            batch.form = Batch.Form.PERSON
            batches.append(batch)
    return batches
