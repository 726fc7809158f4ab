"""Turns the ids that a script named into our device ids, set-based, once per part."""

from __future__ import annotations

import json
from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from django.db.models import Q, QuerySet

from campaigns.dispatch import books
from campaigns.dispatch.plan import CHUNK_IDS, DEVICE_KIND
from campaigns.models import (
    App,
    Device,
    DeviceIdentifier,
    Part,
    Person,
    RejectedIds,
    TargetChunk,
    Transfer,
)
from campaigns.models.audience import hash64
from campaigns.models.bulk import IdList, TextList
from campaigns.models.packing import pack_texts, unpack_texts
from campaigns.models.prepared import Prepared, Slot
from campaigns.selectors.aliases import find_aliases
from campaigns.selectors.audience_fields import UNSTORABLE
from campaigns.selectors.contacts import match_spelled, spell_contacts, write_contact
from campaigns.selectors.erased import ERASED, find_erased
from campaigns.selectors.routes import find_dialect
from providers.contract import Dialect
from providers.outcomes import Reason
from providers.recipients import TOKEN_KIND, IdentifierKind, PersonKind

LOOKUP_IDS = 25_000
T = TypeVar("T")


def _select_tokens(app: Slot, hashes: Slot, **platform: Slot) -> QuerySet[Any, tuple[str, int]]:
    # A platform lets the unique index of tokens answer.
    devices = Device.objects.filter(app_id=app, token_hash__in=IdList(hashes), **platform)
    return devices.values_list("token", "pk")


def _select_identifiers(
    app: Slot, hashes: Slot, kind: Slot, platform: Slot | None = None
) -> QuerySet[Any, tuple[str, int]]:
    rows = DeviceIdentifier.objects.filter(app_id=app, kind=kind, value_hash__in=IdList(hashes))
    if platform is not None:
        rows = rows.filter(device__platform=platform)
    return rows.values_list("value", "device_id")


def _select_persons(name: str, workspace: Slot, texts: Slot) -> QuerySet[Any, tuple[int, str]]:
    persons = Person.objects.filter(~Q(**{name: ""}), workspace=workspace)
    return persons.filter(match_spelled(name, TextList(texts))).values_list("pk", name)


def _select_owned(persons: Slot, **only: bool) -> QuerySet[Any, tuple[int, int, int]]:
    devices = Device.objects.filter(person__in=IdList(persons), **only)
    return devices.values_list("pk", "person_id", "app_id")


# Look-ups by whether the ids are tokens, and whether they belong to one platform.
_ROWS: dict[tuple[bool, bool], Prepared[tuple[str, int]]] = {
    (True, False): Prepared(_select_tokens, "app", "hashes"),
    (True, True): Prepared(_select_tokens, "app", "hashes", "platform"),
    (False, False): Prepared(_select_identifiers, "app", "hashes", "kind"),
    (False, True): Prepared(_select_identifiers, "app", "hashes", "kind", "platform"),
}
_PERSONS: dict[str, Prepared[tuple[int, str]]] = {
    kind.value: Prepared(partial(_select_persons, kind.value), "workspace", "texts")
    for kind in PersonKind
}
_DEVICES: Prepared[tuple[int, int, int]] = Prepared(_select_owned, "persons")
_PRIMARY_DEVICES: Prepared[tuple[int, int, int]] = Prepared(
    partial(_select_owned, is_primary=True), "persons"
)


@dataclass(slots=True)
class Resolved:
    """What a part's ids turned out to be."""

    devices: set[int] = field(default_factory=set)
    rejected: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


def resolve_targets(transfer: Transfer, part: Part) -> Resolved:
    """Look up every id that the part names; reads only."""
    resolved = Resolved()
    seen: dict[str, set[str]] = defaultdict(set)
    for chunk in part.target_chunks.order_by("number"):
        fresh = [text for text in unpack_texts(chunk.ids) if text not in seen[chunk.kind]]
        seen[chunk.kind].update(fresh)
        texts = list(dict.fromkeys(fresh))
        known = set()
        kind = find_kind(_find_dialect(transfer), chunk.kind)
        for text, device in find_devices(transfer.app, kind, texts, only_primary=part.only_primary):
            resolved.devices.add(device)
            known.add(text)
        unknown = [text for text in texts if text not in known]
        if unknown:
            resolved.rejected[chunk.kind] += unknown
    return resolved


def keep_resolved(part: Part, resolved: Resolved, now: datetime) -> int:
    """Put device ids in the place of the named ones and book the unknown; gives the unknown.

    Ids of somebody who was erased are kept nowhere, whoever names them. Runs in the caller's
    transaction.
    """
    part.target_chunks.all().delete()
    ids = sorted(resolved.devices)
    TargetChunk.objects.bulk_create(
        TargetChunk(part=part, number=number, kind=DEVICE_KIND, ids=pack_texts(list(map(str, cut))))
        for number, cut in enumerate(_cut(ids))
    )
    return _book_rejected(part, _leave_erased(part, resolved.rejected), now)


def _leave_erased(part: Part, rejected: dict[str, list[str]]) -> dict[str, list[str]]:
    """As many ids, without those of somebody who was erased."""
    dialect = _find_dialect(part.transfer)
    sealed = {kind: name_sealed(find_kind(dialect, kind)) for kind in rejected}
    named = {(sealed[kind], text) for kind, texts in rejected.items() for text in texts}
    erased = find_erased(part.transfer.app.workspace_id, named) if named else set()
    return {
        kind: [
            f"{ERASED}-{place}" if (sealed[kind], text) in erased else text
            for place, text in enumerate(texts)
        ]
        for kind, texts in rejected.items()
    }


def name_sealed(kind: IdentifierKind) -> str:
    """By which name a dialect's kind of ids is sealed."""
    return TOKEN_KIND if kind.is_token else kind.name


def _book_rejected(part: Part, rejected: dict[str, list[str]], now: datetime) -> int:
    rows = [(kind, cut) for kind, texts in sorted(rejected.items()) for cut in _cut(texts)]
    RejectedIds.objects.bulk_create(
        RejectedIds(part=part, number=number, kind=kind, count=len(cut), ids=pack_texts(cut))
        for number, (kind, cut) in enumerate(rows)
    )
    count = sum(len(cut) for _kind, cut in rows)
    if count:
        page = books.Page(part_id=part.pk, platform="", at=now)
        verdict = books.Verdict("skipped", Reason.UNKNOWN_ID.value)
        books.move_counters([(page, verdict, count)])
        books.fold_skipped(page, verdict.reason, Tally({0: count}))
    return count


def _cut(items: Sequence[T]) -> Iterator[list[T]]:
    for start in range(0, len(items), CHUNK_IDS):
        yield list(items[start : start + CHUNK_IDS])


def find_devices(
    app: App, kind: IdentifierKind, texts: Sequence[str], *, only_primary: bool = False
) -> Iterator[tuple[str, int]]:
    """Each of the ids that is known, with the device, or with each device, that it means.

    `only_primary` leaves of a person the primary device; who is named by a device's own id stays.
    """
    if kind.name in set(PersonKind):
        yield from _find_by_person(app, kind.name, texts, only_primary=only_primary)
        return
    if kind.name == DEVICE_KIND:
        yield from _find_by_id(app.pk, texts)
        return
    hashes = [hash64(text) for text in texts]
    wanted = set(texts)
    for start in range(0, len(hashes), LOOKUP_IDS):
        rows = _list_rows(app.pk, kind, hashes[start : start + LOOKUP_IDS])
        # The hash only narrows; two ids may share one.
        yield from ((text, device) for text, device in rows if text in wanted)


def _find_by_person(
    app: App, kind_name: str, texts: Sequence[str], *, only_primary: bool
) -> Iterator[tuple[str, int]]:
    """Persons first, then their devices by these: asked for both at once, SQLite looks through
    every device of the app."""
    devices = _PRIMARY_DEVICES if only_primary else _DEVICES
    storable = [text for text in texts if text and not UNSTORABLE.search(text)]
    for start in range(0, len(storable), LOOKUP_IDS):
        values = _name_persons(app, kind_name, storable[start : start + LOOKUP_IDS])
        for device, person, owner in devices.list(persons=json.dumps(list(values))):
            if owner == app.pk:
                yield from ((text, device) for text in values[person])


def _name_persons(app: App, kind: str, texts: Sequence[str]) -> dict[int, list[str]]:
    """Persons, each with those of the texts that name them; who was merged is meant by a name that
    nobody else has."""
    by_written = defaultdict(list)
    for text in texts:
        by_written[write_contact(kind, text)].append(text)
    wanted = json.dumps(spell_contacts(kind, by_written))
    named: dict[int, list[str]] = defaultdict(list)
    unknown = dict.fromkeys(texts)
    for person, held in _PERSONS[kind].list(workspace=app.workspace_id, texts=wanted):
        own = by_written.get(write_contact(kind, held), [])
        named[person] += own
        for text in own:
            unknown.pop(text, None)
    if kind == PersonKind.EXTERNAL_USER_ID and unknown:
        for text, person in find_aliases(app.workspace_id, unknown).items():
            named[person].append(text)
    return named


def _find_by_id(app_id: int, texts: Sequence[str]) -> Iterator[tuple[str, int]]:
    ids = [int(text) for text in texts if text.isdecimal() and len(text) < 19]
    known = Device.objects.filter(app_id=app_id, pk__in=IdList(ids)).values_list("pk", flat=True)
    for device in known:
        yield str(device), device


def _find_dialect(transfer: Transfer) -> Dialect | None:
    return find_dialect(transfer.submission.door) if transfer.submission else None


def find_kind(dialect: Dialect | None, name: str) -> IdentifierKind:
    """What a dialect means by a kind of ids."""
    kinds = dialect.identifier_kinds if dialect else ()
    own = [kind for kind in kinds if kind.name == name]
    return own[0] if own else IdentifierKind(name, is_token=name == TOKEN_KIND)


def _list_rows(app_id: int, kind: IdentifierKind, hashes: Sequence[int]) -> list[tuple[str, int]]:
    own: dict[str, str | int] = {"app": app_id, "hashes": json.dumps(hashes)}
    if not kind.is_token:
        own["kind"] = kind.name
    if kind.platform:
        own["platform"] = kind.platform.value
    return _ROWS[kind.is_token, kind.platform is not None].list(**own)
