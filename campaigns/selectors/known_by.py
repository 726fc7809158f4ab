"""By what somebody may be known: each way to match what was typed, as rows that an index finds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from campaigns.models import Device, DeviceIdentifier, DeviceMark, Person, PersonMerge
from campaigns.models.audience import PLATFORM_KEYS, hash64
from campaigns.models.prefixes import begins
from campaigns.selectors.aliases import select_former
from campaigns.selectors.contacts import match_contacts
from campaigns.selectors.identifiers import identifier_platforms

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
    FORMER_EMAIL = "former_email"
    FORMER_PHONE = "former_phone"


FORMER = {By.EMAIL.value: By.FORMER_EMAIL, By.PHONE.value: By.FORMER_PHONE}


def match_persons(text: str, workspaces: Sequence[int]) -> dict[str, QuerySet[Person]]:
    """Persons of the workspaces; by our own number those of any, of whom the caller chooses."""
    persons = Person.objects.filter(workspace__in=workspaces)
    ways: dict[str, QuerySet[Person]] = {
        By.OWN_ID: Person.objects.filter(pk__in=read_own_ids(text, "person")),
        By.EXTERNAL_USER_ID: persons.filter(external_user_id=text),
    }
    return ways | {By(kind): persons.filter(fits) for kind, fits in _read_contacts(text).items()}


def _read_contacts(text: str) -> dict[str, Q]:
    """The kinds of addresses that a text may be, with their conditions."""
    ways = {By.EMAIL.value: match_contacts(By.EMAIL, [text])} if "@" in text else {}
    digits = PHONE.fullmatch(BLANKS.sub("", text))
    if digits:
        ways[By.PHONE.value] = match_contacts(By.PHONE, [digits[1]])
    return ways


def match_merged(text: str, workspaces: Sequence[int]) -> dict[str, QuerySet[PersonMerge]]:
    """Merges whose `person` has taken over the one who was known so."""
    gone = PersonMerge.objects.filter(workspace__in=workspaces, undone_at__isnull=True)
    return {
        By.FORMER_ID: gone.filter(~Q(external_user_id=""), external_user_id=text),
        By.FORMER_NUMBER: gone.filter(gone_id__in=read_own_ids(text, "person")),
        **{
            FORMER[kind]: select_former(workspaces).filter(fits)
            for kind, fits in _read_contacts(text).items()
        },
    }


def match_devices(text: str, apps: Sequence[int]) -> dict[str, QuerySet[Device]]:
    """Devices of the apps by their own columns."""
    return {
        By.OWN_ID: Device.objects.filter(pk__in=read_own_ids(text, "device"), app__in=apps),
        By.TOKEN: Device.objects.filter(
            app__in=apps, platform__in=PLATFORM_KEYS, token_hash=hash64(text), token=text
        ),
    }


def match_identifiers(text: str, apps: Sequence[int]) -> QuerySet[DeviceIdentifier]:
    """Ids of whatever kind by which vendors know a device."""
    kinds = list(identifier_platforms())
    return DeviceIdentifier.objects.filter(
        app__in=apps, kind__in=kinds, value_hash=hash64(text), value=text
    )


def match_aliases(text: str, apps: Sequence[int]) -> QuerySet[DeviceMark]:
    """Marks of devices."""
    return DeviceMark.objects.filter(app__in=apps, kind=DeviceMark.Kind.ALIAS, name=text)


def match_beginnings(prefix: str, persons: QuerySet[Any]) -> dict[str, tuple[str, QuerySet[Any]]]:
    """By column, the order of its index and the rows. `persons` are of some workspaces."""
    mails = persons.alias(lowered=Lower("email")).filter(begins("lowered", prefix.lower()))
    named = persons.filter(begins("external_user_id", prefix))
    return {By.EXTERNAL_PREFIX: ("external_user_id", named), By.EMAIL_PREFIX: ("email", mails)}


def read_own_ids(text: str, kind: str) -> set[int]:
    """Our own id of that kind, as in `12`, `#12` or `device 12`."""
    found = OWN_ID.fullmatch(text)
    if found is None or (found[1] or kind).lower() != kind:
        return set()
    return {int(found[2])} if int(found[2]) < MAX_ID else set()
