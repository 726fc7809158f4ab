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
from campaigns.selectors.known_by import By
from campaigns.selectors.lookup import Match, find_named
from campaigns.selectors.row_ids import read_id
from campaigns.services.access import record_audit
from campaigns.services.groups import check_name, save_named

MAX_NAME = 120
MAX_GROUPS = 200  # of an app: compose offers all of them
MOST_NAMED = 5


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

    @property
    def word(self) -> str:
        """How somebody types that this one is meant, whoever else has such a number."""
        return self.key.replace(":", " ")

    @property
    def name(self) -> str:
        """What people know this one by."""
        return str(self.device.get_platform_display() if self.device else self.person)


def find_testers(apps: Sequence[App], term: str, principal: Any) -> list[Found]:
    """Persons and devices of the apps by any id, token, e-mail or phone that somebody typed.

    A person stands for all devices that he has there, so these are not listed beside him. Half an
    id means nobody: a slip of the hand sends no test to customers; nor does a word that means one
    of them by one kind of id and somebody else by another. Raises Invalid for such a word.
    """
    meant = _find_meant(find_named(term, principal), {app.workspace_id for app in apps})
    every = {one.key: one for some in meant.values() for one in some}
    reached = _keep_reached(list(every.values()), apps)
    if reached and len({frozenset(one.key for one in some) for some in meant.values()}) > 1:
        _refuse_unclear(term, list(every.values()), reached[0])
    return reached


def _find_meant(matches: Sequence[Match], workspaces: set[int]) -> dict[str, list[Found]]:
    """Whom each kind of id means there, persons first."""
    persons = Person.objects.filter(workspace__in=workspaces).in_bulk(_list_pks(matches, "person"))
    rows = Device.objects.filter(app__workspace__in=workspaces).select_related("person")
    devices = rows.in_bulk(_list_pks(matches, "device"))
    meant: dict[str, list[Found]] = {}
    for match in matches:
        device = devices.get(match.pk) if match.kind == "device" else None
        person = persons.get(match.pk) if match.kind == "person" else None
        if device is not None and match.by != By.OWN_ID:  # its number says which of his devices
            person = device.person
        if person is not None or device is not None:
            found = Found(person=person) if person else Found(device=device)
            meant.setdefault(f"{match.kind} {match.by}", []).append(found)
    return meant


def _list_pks(matches: Sequence[Match], kind: str) -> set[int]:
    return {match.pk for match in matches if match.kind == kind}


def _keep_reached(found: Sequence[Found], apps: Sequence[App]) -> list[Found]:
    """Those who have, or are, a device of the apps."""
    owned = Device.objects.filter(app__in=apps, person__in=[one.person_id or 0 for one in found])
    owners = set(owned.values_list("person_id", flat=True))
    own = {app.pk for app in apps}
    return [
        one
        for one in found
        if (one.device.app_id in own if one.device else one.person_id in owners)
    ]


def _refuse_unclear(term: str, found: Sequence[Found], example: Found) -> None:
    names = ", ".join(f"{one.word} ({one.name})" for one in found[:MOST_NAMED])
    words = _("%(term)s may mean any of these: %(names)s. Write which, as in %(example)s.") % {
        "term": term[:60], "names": names, "example": example.word,
    }  # fmt: skip
    raise Invalid(words, fields={"testers": words})


def name_tester(app: App, found: Found, principal: Any) -> str:
    """A word that means this one alone in the app: a person's own id where one does."""
    person = found.person
    known = [person.external_user_id, person.email, person.phone] if person else []
    return next((word for word in known if _is_alone(app, word, found, principal)), found.word)


def _is_alone(app: App, word: str, found: Found, principal: Any) -> bool:
    if word.splitlines() != [word.strip()]:
        return False
    try:
        return find_testers([app], word, principal) == [found]
    except Invalid:
        return False


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
