"""One person or one device, with what an operator who sees it may know of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from campaigns.errors import NotFound
from campaigns.models import AuditEntry, Device, Label, LabelMember, Person, PersonMerge

MOST_DEVICES = 50
MOST_EVENTS = 20
SHOWN_OF_TOKEN = 4


def find_person(principal: Any, pk: int) -> Person:
    """The person of that id, or whom they were merged into. Raises NotFound."""
    seen = Person.objects.for_user(principal).select_related("workspace")
    person: Person | None = seen.filter(pk=pk).first()
    if person is None:
        merge = PersonMerge.objects.filter(gone_id=pk, undone_at__isnull=True).first()
        person = seen.filter(pk=merge.person_id).first() if merge else None
    if person is None:
        raise NotFound(_("There is no such person, or they are nobody of yours."))
    return person


def find_device(principal: Any, pk: int) -> Device:
    """Raises NotFound."""
    rows = Device.objects.for_user(principal).select_related("app__workspace", "person")
    device: Device | None = rows.prefetch_related("identifiers", "marks").filter(pk=pk).first()
    if device is None:
        raise NotFound(_("There is no such device, or it is none of yours."))
    return device


def select_devices(principal: Any, person: Person) -> QuerySet[Device]:
    """The person's devices in apps that the principal sees, the primary one and those that were
    changed last first."""
    rows: QuerySet[Device] = Device.objects.for_user(principal).filter(person=person)
    return rows.select_related("app__workspace").order_by("-is_primary", "-updated_at", "-pk")


def list_labels(principal: Any, person: Person) -> list[Label]:
    """Labels that the person carries, of apps that the principal sees."""
    carried = LabelMember.objects.filter(person=person).values("label_id")
    rows = Label.objects.for_user(principal).filter(pk__in=carried)
    return list(rows.select_related("app").order_by("app__name", "name"))


def list_merges(person: Person) -> list[PersonMerge]:
    """Who was merged into the person and has not been taken out again, newest first."""
    return list(person.merges.filter(undone_at__isnull=True).order_by("-pk"))


def list_events(person: Person | None, devices: Sequence[Device]) -> QuerySet[AuditEntry]:
    """The newest changes of a person and devices: who did what, never to which value."""
    about = Q(target_type="device", target_id__in=[str(device.pk) for device in devices])
    if person is not None:
        about |= Q(target_type="person", target_id=str(person.pk))
    entries = AuditEntry.objects.filter(about).select_related("workspace")
    return entries.order_by("-pk")[:MOST_EVENTS]


def mask_token(token: str) -> str:
    """Enough of a token to tell it from others, and too little to send to it."""
    if len(token) < 4 * SHOWN_OF_TOKEN:
        return "…"
    return f"{token[:SHOWN_OF_TOKEN]}…{token[-SHOWN_OF_TOKEN:]}"
