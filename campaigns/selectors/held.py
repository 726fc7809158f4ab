"""Every row that is about given persons and devices, table by table: to show, or to erase."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from django.contrib.admin.models import LogEntry
from django.db.models import Exists, OuterRef, Q, QuerySet

from campaigns.models import (
    Delivery,
    Device,
    DeviceIdentifier,
    DeviceMark,
    DeviceSession,
    InboxItem,
    LabelMember,
    Part,
    Person,
    PersonMerge,
    Tester,
)
from campaigns.models.bulk import IdList
from campaigns.selectors.seals import PERSON_KINDS
from providers.recipients import TOKEN_KIND

Named = tuple[str, str]  # kind, value
ALIAS_KIND = DeviceMark.Kind.ALIAS.value


def find_kept_to(persons: Sequence[int], apps: Collection[int]) -> set[int]:
    """Those who have devices and labels in these apps, and nowhere else."""
    devices = Device.objects.filter(person__in=IdList(persons))
    labels = LabelMember.objects.filter(person__in=IdList(persons))
    pairs = {
        *devices.values_list("person_id", "app_id"),
        *labels.values_list("person_id", "label__app_id"),
    }
    outside = {person for person, app in pairs if app not in apps}
    return {person for person, _app in pairs} - outside


def select_held(persons: Sequence[int], devices: Sequence[int]) -> dict[str, QuerySet[Any]]:
    """Rows that go with them, in the order in which they can be deleted."""
    return {
        "inboxitem": InboxItem.objects.filter(device__in=IdList(devices)),
        "devicesession": DeviceSession.objects.filter(device__in=IdList(devices)),
        "devicemark": DeviceMark.objects.filter(device__in=IdList(devices)),
        "deviceidentifier": DeviceIdentifier.objects.filter(device__in=IdList(devices)),
        "tester": Tester.objects.filter(
            Q(device__in=IdList(devices)) | Q(person__in=IdList(persons))
        ),
        "labelmember": LabelMember.objects.filter(person__in=IdList(persons)),
        "personmerge": PersonMerge.objects.filter(
            Q(person__in=IdList(persons))
            | Q(gone_id__in=IdList(persons))
            | Q(kept_id__in=IdList(persons))
        ),
        "logentry": select_log(persons, devices),
        "device": Device.objects.filter(pk__in=IdList(devices)),
        "person": Person.objects.filter(pk__in=IdList(persons)),
    }


def select_log(persons: Sequence[int], devices: Sequence[int]) -> QuerySet[LogEntry]:
    """What staff pages have noted about them: it holds how they were called."""

    def of(model: str, ids: Sequence[int]) -> Q:
        texts = [str(pk) for pk in ids]
        own = Q(content_type__app_label="campaigns", content_type__model=model)
        return own & Q(object_id__in=texts)

    return LogEntry.objects.filter(of("person", persons) | of("device", devices))


def select_deliveries(persons: Sequence[int], devices: Sequence[int]) -> QuerySet[Delivery]:
    """What the books have of them: numbers only, and they stay."""
    return Delivery.objects.filter(match_recipients(persons, devices))


def match_recipients(persons: Sequence[int], devices: Sequence[int]) -> Q:
    """Recipients who are they: the number of a device means nobody in a part of persons."""
    by_device = Q(recipient__in=IdList(devices), part__kind=Part.Kind.DEVICE)
    by_person = Q(recipient__in=IdList(persons), part__kind=Part.Kind.PERSON)
    return by_device | by_person


def list_identifiers(persons: Sequence[int], devices: Sequence[int]) -> list[tuple[Named, int]]:
    """Everything that names them, each with its person's number; 0 for a device of nobody."""
    found: list[tuple[Named, int]] = []
    columns = sorted(PERSON_KINDS)
    rows = Person.objects.filter(pk__in=IdList(persons)).values_list("pk", *columns)
    for pk, *values in rows:
        found += [((kind, value), pk) for kind, value in zip(columns, values, strict=True)]
    for merge in select_held(persons, devices)["personmerge"].filter(undone_at__isnull=True):
        kept = {**merge.values, "external_user_id": merge.external_user_id}
        owner = merge.person_id
        found += [((kind, str(kept.get(kind) or "")), owner) for kind in columns]
    own = Device.objects.filter(pk__in=IdList(devices))
    for token, owner in own.values_list("token", "person_id"):
        found.append(((TOKEN_KIND, token), owner or 0))
    ids = DeviceIdentifier.objects.filter(device__in=IdList(devices))
    for kind, value, owner in ids.values_list("kind", "value", "device__person_id"):
        found.append(((kind, value), owner or 0))
    found += _list_own_aliases(devices)
    return [one for one in found if one[0][1]]


def _list_own_aliases(devices: Sequence[int]) -> list[tuple[Named, int]]:
    """Aliases that no device of anybody else goes by in the app."""
    marks = DeviceMark.objects.filter(device__in=IdList(devices), kind=ALIAS_KIND)
    shared = DeviceMark.objects.filter(
        ~Q(device__in=IdList(devices)), app=OuterRef("app"), kind=ALIAS_KIND, name=OuterRef("name")
    )
    own = marks.filter(~Exists(shared)).values_list("name", "device__person_id")
    return [((ALIAS_KIND, name), owner or 0) for name, owner in own]


def list_aliases(devices: Sequence[int]) -> list[str]:
    """Names that scripts call single devices by."""
    marks = DeviceMark.objects.filter(device__in=IdList(devices), kind=DeviceMark.Kind.ALIAS)
    return list(marks.values_list("name", flat=True))
