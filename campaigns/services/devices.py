"""Registering devices in bulk: read what they may match, decide in memory, write at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from campaigns.models import App, AuditEntry, Device, DeviceIdentifier, Person
from campaigns.models.audience import hash64, pack_version
from campaigns.models.bulk import IdList
from campaigns.selectors.aliases import select_aliases
from campaigns.selectors.erased import ERASED, find_erased
from campaigns.selectors.held import ALIAS_KIND
from campaigns.services.access import record_audit
from campaigns.services.device_marks import MAX_TAGS, MarkBook
from campaigns.services.device_rows import COLUMNS, MAX_ATTRIBUTES, DeviceRow, find_row_fault
from campaigns.services.locks import Lock, lock_app
from providers.recipients import TOKEN_KIND, PersonKind

# Rows per transaction: a write holds the database for well under half a second.
CHUNK = 2000
VERSIONS = ("app_version", "sdk_version", "os_version")
WRITTEN = (
    "person", "transport", "token", "token_hash", "token_state", "token_evidence", "token_state_at",
    "token_shown_at", *COLUMNS, *(f"{name}_number" for name in VERSIONS), "attributes",
    "updated_at",
)  # fmt: skip
Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was left out: its place and a reason code such as `conflict`."""

    index: int
    reason: str


@dataclass(frozen=True, slots=True)
class Registered:
    """`devices` are our ids in the order of the rows, 0 where a row was rejected; `new` those of
    them that were created."""

    created: int
    updated: int
    rejected: tuple[Rejected, ...]
    devices: tuple[int, ...]
    new: frozenset[int] = frozenset()


def register_devices(
    app: App, rows: Sequence[DeviceRow], *, max_tags: int = MAX_TAGS, actor: str, now: datetime
) -> Registered:
    """Create or update devices: matched by token, then by ids in the order given.

    A known token with another external user id moves the device to that person; a row that
    matches two devices is rejected as `conflict`, one that would leave a device with more than
    `max_tags` as `too_many_tags`, with more than 100 attributes as `too_many_attributes`, one that
    names somebody who was erased as `erased`. Later rows see what earlier ones did.
    """
    found: list[Device | None] = []
    new: set[int] = set()
    rejected: list[Rejected] = []
    for start in range(0, len(rows), CHUNK):
        with transaction.atomic():
            lock_app(app, Lock.REGISTER)
            register = _Register(app, MarkBook(app, max_tags), actor, now)
            chunk = register.add(rows[start : start + CHUNK])
            register.save()
        found += [place if isinstance(place, Device) else None for place in chunk]
        rejected += [
            Rejected(start + index, place)
            for index, place in enumerate(chunk)
            if isinstance(place, str)
        ]
        new |= {device.pk for device in register.created}
    record_audit(actor, "register_devices", app, workspace=app.workspace, now=now)
    return Registered(
        created=len(new),
        updated=len(rows) - len(rejected) - len(new),
        rejected=tuple(rejected),
        devices=tuple(device.pk if device else 0 for device in found),
        new=frozenset(new),
    )


def forget_device(device: Device, *, actor: str, now: datetime) -> None:
    """Erase a device with its ids and marks. What it was sent stays in the books, which know it
    by a number only."""
    with transaction.atomic():
        lock_app(device.app, Lock.REGISTER)
        record_audit(actor, "delete", device, workspace=device.app.workspace, now=now)
        device.delete()


def list_names(row: DeviceRow) -> list[tuple[str, str]]:
    """Everything that a row names somebody by, with its kind."""
    own = [
        (TOKEN_KIND, row.token),
        (PersonKind.EXTERNAL_USER_ID.value, row.external_user_id),
        (ALIAS_KIND, row.alias or ""),
    ]
    return [one for one in (*own, *row.ids.items()) if one[1]]


def _merge(device: Device, row: DeviceRow) -> dict[str, Any]:
    merged = {**device.attributes, **row.attributes}
    return {name: value for name, value in merged.items() if value is not None}


def _has_too_many(device: Device, row: DeviceRow) -> bool:
    """Call by call it would grow for ever; who has more from earlier may still lose some."""
    return len(_merge(device, row)) > max(MAX_ATTRIBUTES, len(device.attributes))


class _Register:
    """The devices that a chunk of rows may touch, and what becomes of them."""

    def __init__(self, app: App, marks: MarkBook, actor: str, now: datetime) -> None:
        self.app, self.marks, self.actor, self.now = app, marks, actor, now
        self.by_pk: dict[int, Device] = {}
        self.by_token: dict[tuple[str, int | None], Device] = {}
        self.by_id: dict[Key, Device] = {}
        self.held: dict[int, dict[str, DeviceIdentifier]] = {}  # by id() of the device
        self.persons: dict[str, Person] = {}
        self.created: list[Device] = []
        self.changed: dict[int, Device] = {}
        self.retokened: list[int] = []
        self.dropped: list[int] = []
        self.moved: set[int] = set()

    def add(self, rows: Iterable[DeviceRow]) -> list[Device | str]:
        """For each row its device, or the reason why it is left out."""
        faults = self._refuse_erased([(row, find_row_fault(row)) for row in rows])
        self._load([row for row, fault in faults if not fault])
        return [fault or self._place(row) for row, fault in faults]

    def _refuse_erased(self, faults: list[tuple[DeviceRow, str]]) -> list[tuple[DeviceRow, str]]:
        """Nobody comes back who was erased."""
        every = {one for row, fault in faults if not fault for one in list_names(row)}
        erased = find_erased(self.app.workspace_id, every)
        if not erased:
            return faults
        return [
            (row, fault or (ERASED if erased.intersection(list_names(row)) else ""))
            for row, fault in faults
        ]

    def _load(self, rows: list[DeviceRow]) -> None:
        self._load_persons({row.external_user_id for row in rows} - {""})
        devices = self._hold_devices(rows)
        self.by_pk = devices
        for device in devices.values():
            if device.token_hash is not None:
                self.by_token[device.platform, device.token_hash] = device
        self._load_identifiers(devices)
        if any(row.has_marks for row in rows):
            self.marks.load(devices.values())

    def _load_persons(self, names: set[str]) -> None:
        if not names:
            return
        known = Person.objects.filter(workspace_id=self.app.workspace_id)
        named = known.filter(external_user_id__in=names).values_list("external_user_id", "pk")
        merged = select_aliases([self.app.workspace_id], names)
        found = dict(named.union(merged.values_list("external_user_id", "person_id")))
        rows = list(known.filter(pk__in=IdList(found.values()))) if found else []
        by_pk = {person.pk: person for person in rows}
        self.persons |= {name: by_pk[pk] for name, pk in found.items()}
        if names - found.keys():
            self._create_persons(sorted(names - found.keys()))

    def _create_persons(self, names: list[str]) -> None:
        workspace = self.app.workspace_id
        new = [Person(workspace_id=workspace, external_user_id=name) for name in names]
        # Another app of the workspace may make the same ones at this moment.
        Person.objects.bulk_create(new, ignore_conflicts=True)
        for person in Person.objects.filter(workspace_id=workspace, external_user_id__in=names):
            self.persons[person.external_user_id] = person

    def _hold_devices(self, rows: list[DeviceRow]) -> dict[int, Device]:
        """Locked in the order of their ids, then read: vendors go on calling tokens dead, and
        people are merged, without the app's lock. What is written here is the whole row."""
        ids = {row.device for row in rows if row.device}
        hashes = {hash64(row.token) for row in rows if row.token}
        tokens = Device.objects.filter(app=self.app, token_hash__in=hashes)
        ids |= set(tokens.values_list("pk", flat=True))
        values = {hash64(value) for row in rows for value in row.ids.values()}
        kinds = {kind for row in rows for kind in row.ids}
        named = DeviceIdentifier.objects.filter(app=self.app, kind__in=kinds, value_hash__in=values)
        ids |= set(named.values_list("device_id", flat=True))
        known = Device.objects.filter(app=self.app, pk__in=IdList(ids))
        held = known.select_for_update(no_key=True).order_by("pk")
        return {device.pk: device for device in held}

    def _load_identifiers(self, devices: dict[int, Device]) -> None:
        for identifier in DeviceIdentifier.objects.filter(device__in=devices):
            device = devices[identifier.device_id]
            self.by_id[identifier.kind, identifier.value_hash] = device
            self.held.setdefault(id(device), {})[identifier.kind] = identifier

    def _place(self, row: DeviceRow) -> Device | str:
        matches = [self.by_token.get((row.platform, hash64(row.token)))] if row.token else []
        matches += [self.by_id.get((kind, hash64(value))) for kind, value in row.ids.items()]
        matches += [self.by_pk.get(row.device)]
        known = {id(device): device for device in matches if device is not None}
        if len(known) > 1 or any(one.platform != row.platform for one in known.values()):
            return "conflict"
        if row.device and matches[-1] is None:
            return "not_found"
        device = next(iter(known.values()), None)
        is_new = device is None
        if device is None:
            device = Device(app=self.app, platform=row.platform, token_state="missing")
        if _has_too_many(device, row):
            return "too_many_attributes"
        if row.has_marks and not self.marks.change(device, row):
            return "too_many_tags"
        if is_new:
            self.created.append(device)
        self._write(device, row)
        return device

    def _write(self, device: Device, row: DeviceRow) -> None:
        if device.pk:
            self.changed[device.pk] = device
        self._write_person(device, row)
        if row.token:
            self._write_token(device, row.token)
        elif row.drops_token:
            self._drop_token(device)
        device.transport = row.transport or device.transport
        for name, value in row.columns.items():
            setattr(device, name, value)
            if name in VERSIONS:
                setattr(device, f"{name}_number", pack_version(value))
        device.attributes = _merge(device, row)
        for kind, value in row.ids.items():
            self._write_identifier(device, kind, value)

    def _write_person(self, device: Device, row: DeviceRow) -> None:
        if not (row.external_user_id or row.drops_person):
            return
        person = self.persons.get(row.external_user_id)
        if device.pk and device.person_id not in {None, person.pk if person else None}:
            self.moved.add(device.pk)
        device.person = person

    def _write_token(self, device: Device, token: str) -> None:
        new = hash64(token)
        if device.token_hash not in {None, new}:
            self.by_token.pop((device.platform, device.token_hash), None)
            if device.pk:
                self.retokened.append(device.pk)
        if device.token_hash != new or device.token_state != Device.TokenState.ACTIVE:
            device.token_state, device.token_evidence = Device.TokenState.ACTIVE, Device.REGISTERED
            device.token_state_at = self.now
        device.token, device.token_hash, device.token_shown_at = token, new, self.now
        self.by_token[device.platform, new] = device

    def _drop_token(self, device: Device) -> None:
        if device.token_hash is None:
            return
        self.by_token.pop((device.platform, device.token_hash), None)
        if device.pk:
            self.retokened.append(device.pk)
        device.token, device.token_hash, device.token_shown_at = "", None, None
        device.token_state, device.token_evidence = Device.TokenState.MISSING, "taken away"
        device.token_state_at = self.now

    def _write_identifier(self, device: Device, kind: str, value: str) -> None:
        new, held = hash64(value), self.held.setdefault(id(device), {})
        old = held.get(kind)
        if old is not None and old.value_hash == new:
            return
        if old is not None:
            self.by_id.pop((kind, old.value_hash), None)
            if old.pk:
                self.dropped.append(old.pk)
        held[kind] = DeviceIdentifier(app=self.app, kind=kind, value=value, value_hash=new)
        self.by_id[kind, new] = device

    def save(self) -> None:
        """Write everything; what is freed is written before what may take its place."""
        DeviceIdentifier.objects.filter(pk__in=self.dropped).delete()
        Device.objects.filter(pk__in=self.retokened).update(token_hash=None)
        if self.changed:
            Device.objects.bulk_create(
                self.changed.values(),
                update_conflicts=True,
                unique_fields=["id"],
                update_fields=list(WRITTEN),
            )
        Device.objects.bulk_create(self.created)
        DeviceIdentifier.objects.bulk_create(self._list_new_identifiers())
        self.marks.save()
        AuditEntry.objects.bulk_create(self._list_moves())

    def _list_new_identifiers(self) -> list[DeviceIdentifier]:
        new: list[DeviceIdentifier] = []
        for device in (*self.created, *self.changed.values()):
            for identifier in self.held.get(id(device), {}).values():
                if identifier.pk is None:
                    identifier.device = device
                    new.append(identifier)
        return new

    def _list_moves(self) -> list[Any]:
        return [
            AuditEntry(
                workspace_id=self.app.workspace_id,
                at=self.now,
                actor=self.actor,
                verb="move",
                target_type="device",
                target_id=str(pk),
                fields=["person"],
            )
            for pk in sorted(self.moved)
        ]
