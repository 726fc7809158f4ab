"""The rows of an export: what there is in the next stretch of ids, as cells by heading.

A stretch is as long for every step, whatever lies in it, so that each costs the same. Headings are
what an import takes a column for by itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Max, Min, QuerySet

from campaigns.models import (
    App,
    Device,
    DeviceIdentifier,
    Label,
    LabelMember,
    Person,
    Workspace,
)
from campaigns.models.bulk import IdList
from campaigns.selectors.audience import select_devices
from campaigns.selectors.audience_bodies import Audience, AudienceKind
from campaigns.selectors.expressions import check_expression

SPAN = 1000  # ids of a stretch
PERSON_HEADING = (
    "id", "external_user_id", "email", "phone", "language", "country", "timezone", "opted_out",
    "labels", "attributes", "created_at",
)  # fmt: skip
DEVICE_COLUMNS = (
    "language", "country", "timezone", "app_version", "sdk_version", "os_version", "manufacturer",
    "model",
)  # fmt: skip
DEVICE_HEADING = (
    "id", "external_user_id", "email", "phone", "platform", "token", "token_state", "device.ids",
    *(f"device.{name}" for name in DEVICE_COLUMNS), "device.attributes", "created_at",
)  # fmt: skip
RECIPIENT_HEADING = (
    "recipient", "kind", "part", "step", "channel", "platform", "external_user_id", "token",
    "outcome", "reason", "account", "at",
)  # fmt: skip
Cells = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Source(ABC):
    """What is exported: `rows` in order, with the heading and how one stretch is written."""

    heading: Sequence[str]
    first: int
    last: int

    @abstractmethod
    def read(self, after: int) -> Iterator[Cells]:
        """The rows of the stretch behind an id."""


@dataclass(frozen=True, slots=True)
class PersonSource(Source):
    """People of an app (with a device or a label in it), or all of a workspace."""

    rows: QuerySet[Person]
    app: App | None

    def read(self, after: int) -> Iterator[Cells]:
        persons = self.find_persons(after)
        labels = self._read_labels([person.pk for person in persons])
        for person in persons:
            yield {
                **{name: getattr(person, name) for name in PERSON_HEADING[1:7]},
                "id": person.pk,
                "opted_out": person.opted_out_at is not None,
                "labels": labels[person.pk],
                "attributes": person.attributes,
                "created_at": write_time(person.created_at),
            }

    def find_persons(self, after: int) -> list[Person]:
        """Those of the stretch. Whether they are of the app is asked for it and not in its query,
        which a database may answer by reading every device of the app each time."""
        stretch = self.rows.filter(pk__gt=after, pk__lte=after + SPAN).order_by("pk")
        persons = list(stretch)
        if self.app is None:
            return persons
        ids = IdList(person.pk for person in persons)
        devices = Device.objects.filter(app=self.app, person_id__in=ids)
        members = LabelMember.objects.filter(label__app=self.app, person_id__in=ids)
        own = {*devices.values_list("person_id", flat=True)}
        own |= {*members.values_list("person_id", flat=True)}
        return [person for person in persons if person.pk in own]

    def _read_labels(self, ids: Iterable[int]) -> Mapping[int, list[str]]:
        labels: dict[int, list[str]] = defaultdict(list)
        members = LabelMember.objects.filter(person_id__in=IdList(ids))
        if self.app is not None:
            members = members.filter(label__app=self.app)
        for person, name in members.order_by("label__name").values_list("person_id", "label__name"):
            labels[person].append(name)
        return labels


@dataclass(frozen=True, slots=True)
class CarrierSource(PersonSource):
    """Who carries a label of the app."""

    label: Label

    def find_persons(self, after: int) -> list[Person]:
        """The carriers first, by their index: a stretch without any costs no more than that."""
        carriers = self.label.members.filter(person_id__gt=after, person_id__lte=after + SPAN)
        ids = list(carriers.values_list("person_id", flat=True))
        return list(self.rows.filter(pk__in=IdList(ids)).order_by("pk")) if ids else []


@dataclass(frozen=True, slots=True)
class DeviceSource(Source):
    """Devices of an app, all or those that an audience means."""

    rows: QuerySet[Device]

    def read(self, after: int) -> Iterator[Cells]:
        stretch = self.rows.filter(pk__gt=after, pk__lte=after + SPAN).order_by("pk")
        devices = list(stretch.select_related("person"))
        ids: dict[int, dict[str, str]] = defaultdict(dict)
        known = DeviceIdentifier.objects.filter(device_id__in=IdList(one.pk for one in devices))
        for owner, kind, value in known.values_list("device_id", "kind", "value"):
            ids[owner][kind] = value
        for device in devices:
            yield {
                "id": device.pk,
                "external_user_id": device.person.external_user_id if device.person else "",
                "email": device.person.email if device.person else "",
                "phone": device.person.phone if device.person else "",
                "platform": device.platform,
                "token": device.token,
                "token_state": device.token_state,
                "device.ids": ids[device.pk],
                **{f"device.{name}": getattr(device, name) for name in DEVICE_COLUMNS},
                "device.attributes": device.attributes,
                "created_at": write_time(device.created_at),
            }


def find_people(place: App | Workspace) -> Source:
    """People of an app, or of a whole workspace."""
    if isinstance(place, Workspace):
        rows = Person.objects.filter(workspace=place)
        return PersonSource(PERSON_HEADING, *find_bounds(Person), rows, None)
    rows = Person.objects.filter(workspace=place.workspace_id)
    return PersonSource(PERSON_HEADING, *find_bounds(Person), rows, place)


def find_carriers(label: Label) -> Source:
    """People who carry a label; only labels of its app are told of them."""
    ids = label.members.values_list("person_id", flat=True)
    # One end at a time is read from the index; asked for both, SQLite reads everything between.
    first, last = ids.order_by("person_id").first() or 1, ids.order_by("-person_id").first() or 0
    rows = Person.objects.filter(workspace=label.app.workspace_id)
    return CarrierSource(PERSON_HEADING, first, last, rows, label.app, label)


def find_devices(app: App, expression: Any = None, now: datetime | None = None) -> Source:
    """Devices of an app; only those that an expression means at that moment, if there is one."""
    rows: QuerySet[Device] = Device.objects.filter(app=app)
    if expression is not None:
        meant = Audience(AudienceKind.EXPRESSION, expression=check_expression(expression))
        rows = select_devices(app, meant, now=now)
    return DeviceSource(DEVICE_HEADING, *find_bounds(Device), rows)


def find_bounds(model: type[Person] | type[Device]) -> tuple[int, int]:
    """The lowest and the highest id that there are."""
    bounds = model._default_manager.aggregate(first=Min("pk"), last=Max("pk"))
    return bounds["first"] or 1, bounds["last"] or 0


def write_time(moment: datetime) -> str:
    """A moment as a file holds it."""
    return moment.isoformat()
