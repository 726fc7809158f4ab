"""Test groups: named sets of devices and persons of an app, and whom a test is sent to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.errors import Invalid
from campaigns.models import App, Device, Person, Tester, TestGroup
from campaigns.models.kept import MAX_TESTERS
from campaigns.selectors.lookup import find_device_ids, find_person_ids
from campaigns.selectors.row_ids import read_id
from campaigns.services.access import record_audit
from campaigns.services.groups import check_name, save_named

MAX_NAME = 120
MAX_GROUPS = 200  # of an app: compose offers all of them


@dataclass(frozen=True, slots=True)
class Found:
    """A device or a person of an app that a word means."""

    device: Device | None = None
    person: Person | None = None

    @property
    def key(self) -> str:
        """`device:<id>` or `person:<id>`."""
        return f"device:{self.device.pk}" if self.device else f"person:{self.person_id}"

    @property
    def person_id(self) -> int | None:
        """The person's id, if it is one."""
        return self.person.pk if self.person else None


def find_testers(app: App, term: str, principal: Any) -> list[Found]:
    """Persons and devices of the app by any id, token, e-mail or phone that somebody typed.

    A person stands for all devices that he has there, so these are not listed beside him. Half an
    id means nobody: a slip of the hand sends no test to customers.
    """
    persons = list(_find_persons(app, term, principal))
    devices = Device.objects.filter(app=app, pk__in=find_device_ids(term, principal, is_whole=True))
    alone = devices.select_related("person").exclude(person__in=persons).order_by("pk")
    found = [Found(person=person) for person in persons]
    return [*found, *(Found(device=device) for device in alone[:MAX_TESTERS])]


def _find_persons(app: App, term: str, principal: Any) -> Any:
    """Those whom one may see and who have a device there. A number is a device's id, unless it is
    somebody's own word for a person."""
    ids = find_person_ids(term, principal, is_whole=True)
    if term.isdecimal():
        ids.discard(int(term[:20]))
    rows = Person.objects.for_user(principal).filter(pk__in=ids, devices__app=app)
    return rows.distinct().order_by("pk")[:MAX_TESTERS]


def find_keyed(app: App, keys: Sequence[str], principal: Any) -> list[Found]:
    """The devices and persons of keys such as `device:7`, in their order; raises Invalid."""
    return [_find_one(app, key, principal) for key in dict.fromkeys(keys)]


def _find_one(app: App, key: str, principal: Any) -> Found:
    kind, _colon, number = key.partition(":")
    pk = read_id(number)
    if kind == "device":
        device = Device.objects.for_user(principal).filter(app=app, pk=pk).first()
        found = Found(device=device)
    else:
        rows = Person.objects.for_user(principal).filter(devices__app=app, pk=pk)
        found = Found(person=rows.first() if kind == "person" else None)
    if found.device is None and found.person is None:
        words = _("%(key)s is no device or person of %(app)s.") % {"key": key, "app": app.name}
        raise Invalid(words, fields={"testers": words})
    return found


def list_found(group: TestGroup) -> list[Found]:
    """Who is in a group."""
    rows = group.testers.select_related("device__person", "person").order_by("pk")
    return [Found(device=row.device, person=row.person) for row in rows]


def list_recipients(app: App, found: Sequence[Found]) -> list[int]:
    """Ids of the devices that these mean in the app."""
    devices = {item.device.pk for item in found if item.device and item.device.app_id == app.pk}
    persons = [item.person for item in found if item.person]
    owned = Device.objects.filter(app=app, person__in=persons)
    return sorted(devices | set(owned.values_list("pk", flat=True)[: MAX_TESTERS * 10]))


def save_test_group(
    group: TestGroup, name: Any, found: Sequence[Found], *, actor: str, now: datetime
) -> TestGroup:
    """Make or change one. Raises Invalid, or Conflict when the app has one of that name."""
    group.name = check_name(name, MAX_NAME)
    _refuse_wrong_size(group, found)
    is_new = group.pk is None
    if is_new:
        group.created_at, group.created_by = now, actor
    with transaction.atomic():
        save_named(group, _("This app already has a test group of that name."))
        group.testers.all().delete()
        rows = [Tester(group=group, device=one.device, person=one.person) for one in found]
        Tester.objects.bulk_create(rows)
        verb = "create_test_group" if is_new else "update_test_group"
        record_audit(
            actor, verb, group, workspace=group.app.workspace, fields=["name", "testers"], now=now
        )
    return group


def _refuse_wrong_size(group: TestGroup, found: Sequence[Found]) -> None:
    words = ""
    if not found:
        words = _("Choose at least one device or person.")
    elif len(found) > MAX_TESTERS:
        words = _("A test goes to at most %(limit)d devices; these are %(count)d.")
        words = words % {"limit": MAX_TESTERS, "count": len(found)}
    elif group.pk is None and group.app.test_groups.count() >= MAX_GROUPS:
        words = _("An app has at most %(most)d test groups.") % {"most": MAX_GROUPS}
    if words:
        raise Invalid(words, fields={"testers": words})


def delete_test_group(group: TestGroup, *, actor: str, now: datetime) -> None:
    """Forget it; tests that were sent to it stay."""
    with transaction.atomic():
        record_audit(actor, "delete_test_group", group, workspace=group.app.workspace, now=now)
        group.delete()
