"""Finds persons and devices by an id that somebody typed: exact look-ups on indexes, no scans."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from campaigns.models import App, Device, DeviceIdentifier, Person, Workspace
from campaigns.models.access import visible_app_ids, visible_workspace_ids
from campaigns.models.audience import PLATFORM_KEYS, hash64
from providers import registry

MOST = 100
MAX_ID = 2**53


def find_device_ids(term: str, principal: Any) -> set[int]:
    """Devices by our id, token, any vendor's id, or an id of their person; at most a few 100."""
    apps = list(App.objects.filter(pk__in=visible_app_ids(principal)).values_list("pk", flat=True))
    hashed = hash64(term)
    by_token = Device.objects.filter(
        app__in=apps, platform__in=PLATFORM_KEYS, token_hash=hashed, token=term
    )
    kinds = {kind.name for dialect in registry.all_dialects() for kind in dialect.identifier_kinds}
    by_kind = DeviceIdentifier.objects.filter(
        app__in=apps, kind__in=kinds, value_hash=hashed, value=term
    )
    persons = _find_own_person_ids(term, principal)
    found = set(by_token.values_list("pk", flat=True)[:MOST])
    found |= set(by_kind.values_list("device_id", flat=True)[:MOST])
    found |= set(Device.objects.filter(person__in=persons).values_list("pk", flat=True)[:MOST])
    return found | _read_id(term)


def find_person_ids(term: str, principal: Any) -> set[int]:
    """Persons by our id, external id, e-mail, phone, or an id of one of their devices."""
    devices = find_device_ids(term, principal) - _read_id(term)
    owners = Device.objects.filter(pk__in=devices, person__isnull=False)
    found = set(owners.values_list("person_id", flat=True)[:MOST])
    return found | set(_find_own_person_ids(term, principal)) | _read_id(term)


def _find_own_person_ids(term: str, principal: Any) -> list[int]:
    reached: QuerySet[Workspace] = Workspace.objects.filter(pk__in=visible_workspace_ids(principal))
    workspaces = list(reached.values_list("pk", flat=True))
    digits = "".join(letter for letter in term if letter.isdecimal())
    branches = [Q(external_user_id=term), Q(email__in={term, term.lower()})]
    if digits:
        branches.append(Q(phone=digits))
    found: set[int] = set()
    for branch in branches:
        rows = Person.objects.filter(branch, workspace__in=workspaces)
        found |= set(rows.values_list("pk", flat=True)[:MOST])
    return sorted(found)


def _read_id(term: str) -> set[int]:
    is_id = term.isascii() and term.isdecimal() and int(term[:20]) < MAX_ID
    return {int(term)} if is_id and len(term) <= 16 else set()
