"""Whose an identifier is at this moment: the person and the device that have it, if any."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain

from django.db.models import Q

from campaigns.models import Device, DeviceIdentifier, Person, Workspace
from campaigns.models.audience import hash64
from campaigns.models.bulk import IdList
from campaigns.selectors.aliases import select_former
from campaigns.selectors.audience_fields import UNSTORABLE
from campaigns.selectors.contacts import match_contacts, write_contact
from campaigns.selectors.seals import PERSON_KINDS
from providers.recipients import TOKEN_KIND, PersonKind

Named = tuple[str, str]  # kind, value
Holder = tuple[int | None, int | None]  # person, device


def find_holders(workspace: Workspace, named: Iterable[Named]) -> dict[Named, Holder]:
    """The holder of each identifier that somebody has, set-based; of several holders one."""
    by_kind: dict[str, list[str]] = defaultdict(list)
    for kind, value in named:
        if value and not UNSTORABLE.search(value):
            by_kind[kind].append(value)
    return {
        (kind, value): holder
        for kind, values in by_kind.items()
        for value, holder in _list_holders(workspace, kind, values)
    }


def _list_holders(
    workspace: Workspace, kind: str, values: list[str]
) -> Iterator[tuple[str, Holder]]:
    if kind in PERSON_KINDS:
        yield from _list_persons(workspace, kind, values)
        return
    wanted, hashes = set(values), IdList(map(hash64, values))
    apps = list(workspace.apps.values_list("pk", flat=True))
    if kind == TOKEN_KIND:
        devices = Device.objects.filter(app__in=apps, token_hash__in=hashes)
        rows: Iterable[tuple[str, int]] = devices.values_list("token", "pk")
    else:
        ids = DeviceIdentifier.objects.filter(app__in=apps, kind=kind, value_hash__in=hashes)
        rows = ids.values_list("value", "device_id")
    # The hash only narrows; two ids may share one.
    yield from ((value, (None, device)) for value, device in rows if value in wanted)


def _list_persons(
    workspace: Workspace, kind: str, values: list[str]
) -> Iterator[tuple[str, Holder]]:
    """Who took over whoever had one, then who has one: of these two it is the latter's."""
    by_written = defaultdict(list)
    for value in values:
        by_written[write_contact(kind, value)].append(value)
    fits = match_contacts(kind, by_written)
    former = select_former([workspace.pk]).filter(fits)
    if kind == PersonKind.EXTERNAL_USER_ID:  # said as the index says it
        former = former.filter(~Q(external_user_id=""))
    merged = former.values_list(kind, "person_id")
    own = Person.objects.filter(fits, workspace=workspace).values_list(kind, "pk")
    for held, person in chain(merged, own):
        for value in by_written.get(write_contact(kind, held), ()):
            yield value, (person, None)
