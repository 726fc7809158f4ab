"""The people and devices that a chunk of imported rows is about: matched, compared, written.

The same book is used for a dry run and for the import itself, so both come to the same verdicts;
only the import saves it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from campaigns.models import App, Device, DeviceIdentifier, Import, LabelMember, Person
from campaigns.models.audience import PLATFORM_KEYS, hash64
from campaigns.models.bulk import IdList
from campaigns.selectors.aliases import find_aliases
from campaigns.selectors.contacts import match_contacts, write_contact
from campaigns.services.device_rows import MAX_ATTRIBUTES
from campaigns.services.import_held import Held, HeldDevice, HeldPerson
from campaigns.services.import_keys import OTHERS, Met
from campaigns.services.import_rows import ImportRow, RowConflict, RowFault, Said, join_faults
from campaigns.services.import_targets import Choice

NOBODY_ELSE = Met()


class Verdict(StrEnum):
    """What becomes of a row."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    CONFLICTING = "conflicting"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Change:
    """A field of a row's person or device that becomes another."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Placed:
    """What a row came to."""

    verdict: Verdict
    changes: tuple[Change, ...] = ()
    created: tuple[str, ...] = ()


class ImportBook:
    """What is known of the people and devices of a chunk; `is_held`: locked, for who writes them.

    People are shared by the apps of a workspace, and another app's import may change them too.
    """

    def __init__(self, one: Import, choice: Choice, now: datetime, *, is_held: bool) -> None:
        self.app, self.choice, self.is_wide, self.now = one.app, choice, one.is_wide, now
        self.is_held = is_held
        self.evidence = one.evidence
        targets = choice.targets.values()
        self.person_columns = _list_columns(targets, "person", choice.person_key)
        self.device_columns = _list_columns(targets, "device", "")
        self.persons: dict[str, HeldPerson] = {}
        self.known_by: dict[str, set[int]] = {}  # ids of all who have a key: several may share it
        self.by_pk: dict[int, HeldDevice] = {}
        self.by_token: dict[tuple[str, int], HeldDevice] = {}
        self.by_id: dict[tuple[str, int], HeldDevice] = {}
        self.devices: list[HeldDevice] = []

    def load(self, rows: Sequence[ImportRow]) -> None:
        """Read the people and devices that these rows name."""
        self._load_persons(sorted({row.key for row in rows if row.key}))
        labels = {label for row in rows for label in row.labels}
        if labels:
            self._load_labels(labels)
        tokens = {hash64(row.token) for row in rows if row.token}
        found = _find_tokens(self.app, tokens)
        found |= self._find_identified(rows)
        self.load_devices(found)

    def _load_persons(self, keys: list[str]) -> None:
        column = self.choice.person_key
        if not keys:
            return
        merged = {}
        if column == "external_user_id":
            merged = find_aliases(self.app.workspace_id, keys)
        named = match_contacts(column, keys)
        if merged:
            named |= Q(pk__in=set(merged.values()))
        found = Person.objects.filter(named, workspace_id=self.app.workspace_id)
        rows = self._hold(found.order_by("-pk")).values_list(
            "pk", column, "opted_out_at", "attributes", *self.person_columns
        )
        by_pk = {}
        for pk, text, opted_out_at, attributes, *values in rows:
            key = write_contact(column, text)
            held = HeldPerson(pk, dict(zip(self.person_columns, values, strict=True)), attributes)
            held.key, held.opted_out = key, opted_out_at is not None
            by_pk[pk] = held
            if key:  # several may have none, and a row without one means none of them
                self.persons[key] = held
                self.known_by.setdefault(key, set()).add(pk)
        self.persons |= {name: by_pk[pk] for name, pk in merged.items()}
        if not self.is_wide:
            self._hide_others()

    def _hold(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """In their order, so that two who hold some cannot wait for each other in a ring."""
        # Not their keys: who gets a label or a device meanwhile need not wait, nor in a ring.
        return rows.select_for_update(of=("self",), no_key=True) if self.is_held else rows

    def _hide_others(self) -> None:
        """People whom members of this app alone do not see: nothing is changed of who is known in
        other apps, and nothing told of who is known in none."""
        own = {held.pk: held for held in self.persons.values()}
        ids = IdList(own)
        devices = Device.objects.filter(person_id__in=ids).values_list("person_id", "app_id")
        labelled = LabelMember.objects.filter(person_id__in=ids)
        known = {*devices, *labelled.values_list("person_id", "label__app_id")}
        anywhere = {pk for pk, _app in known}
        for pk, held in own.items():
            if (pk, self.app.pk) not in known:
                held.is_hidden, held.is_untold = pk in anywhere, pk not in anywhere

    def _load_labels(self, labels: set[int]) -> None:
        own = {held.pk: held for held in self.persons.values()}
        members = LabelMember.objects.filter(label__in=labels, person_id__in=IdList(own))
        for label, person in members.values_list("label_id", "person_id"):
            own[person].labels.add(label)

    def _find_identified(self, rows: Iterable[ImportRow]) -> set[int]:
        hashes = {hash64(value) for row in rows for value in row.ids.values()}
        kinds = {kind for row in rows for kind in row.ids}
        if not kinds:
            return set()
        found = DeviceIdentifier.objects.filter(
            app=self.app, kind__in=kinds, value_hash__in=IdList(hashes)
        )
        return set(found.values_list("device_id", flat=True))

    def load_devices(self, pks: Iterable[int]) -> None:
        """Read these devices of the app, with their ids."""
        wanted = IdList(set(pks) - self.by_pk.keys())
        found = Device.objects.filter(app=self.app, pk__in=wanted).order_by("pk")
        rows = self._hold(found).values_list(
            "pk", "platform", "token", "token_hash", "token_state", "person_id", "attributes",
            *self.device_columns,
        )  # fmt: skip
        for pk, platform, token, token_hash, state, owner, attributes, *values in rows:
            held = HeldDevice(pk, dict(zip(self.device_columns, values, strict=True)), attributes)
            held.platform, held.token, held.owner_id = platform, token, owner or 0
            held.is_off = state == Device.TokenState.DISABLED
            self.by_pk[pk] = held
            if token_hash is not None:
                self.by_token[platform, token_hash] = held
        ids = DeviceIdentifier.objects.filter(device_id__in=wanted)
        for device, kind, value, value_hash in ids.values_list(
            "device_id", "kind", "value", "value_hash"
        ):
            if device in self.by_pk:
                self.by_pk[device].ids[kind] = value
                self.by_id[kind, value_hash] = self.by_pk[device]

    def match(self, row: ImportRow) -> HeldDevice | None:
        """The device that a row names, if it is known. Raises RowConflict."""
        if not row.has_device:
            return None
        matches = [self.by_token.get((row.platform, hash64(row.token)))] if row.token else []
        matches += [self.by_id.get((kind, hash64(value))) for kind, value in row.ids.items()]
        known = {id(held): held for held in matches if held is not None}
        if len(known) > 1:
            raise RowConflict(_("Its token and ids belong to two devices. Correct one of them."))
        held = next(iter(known.values()), None)
        if held is not None and held.platform != row.platform:
            words = _("The device is known as one of %(platform)s.")
            raise RowConflict(words % {"platform": held.platform_name})
        self._check_token(row)
        return held

    def _check_token(self, row: ImportRow) -> None:
        """Raises RowConflict when a stored device of another platform is sent to by its token."""
        token_hash = hash64(row.token)
        if not row.token or (row.platform, token_hash) in self.by_token:
            return
        for platform in PLATFORM_KEYS:
            other = self.by_token.get((platform, token_hash))
            if other is not None and other.is_sent_to:
                words = _("Its token is stored for the device %(device)s. Correct the platform.")
                raise RowConflict(words % {"device": other.name}, self._platform_column)

    @cached_property
    def _platform_column(self) -> str:
        """The column that says the platform; "" where all of the file is of one."""
        own = (c for c, target in self.choice.targets.items() if target.text == "device.platform")
        return next(own, "")

    def place(self, row: ImportRow, device: HeldDevice | None, met: Met = NOBODY_ELSE) -> Placed:
        """What the row comes to, as if it was written. Raises RowConflict, RowFault.

        `met` is what rows of earlier chunks of a dry run said: what they wrote is not there.
        """
        person = self.persons.get(row.key)
        if met.device is not None and device is None:
            device = self.by_pk.get(met.device.pk)
        self._check_row(row, person, device, met)
        created = []
        if row.key and person is None:
            person = self.persons[row.key] = HeldPerson(is_new=True, key=row.key)
            created += ["person"] if met.person is None else []
        if row.has_device and device is None:
            device = HeldDevice(is_new=True, platform=row.platform)
            self.devices.append(device)
            created += ["device"] if met.device is None else []
        changes: list[Change] = []
        if person is not None:
            self._change_person(row, person, met, changes)
        if device is not None:
            self._change_device(row, device, person, met, changes)
        if created:
            return Placed(Verdict.NEW, tuple(changes), tuple(created))
        return Placed(Verdict.CHANGED if changes else Verdict.UNCHANGED, tuple(changes))

    def _check_row(
        self, row: ImportRow, person: HeldPerson | None, device: HeldDevice | None, met: Met
    ) -> None:
        """Raise, with all that is wrong, before anything is changed."""
        faults = [*self._check_person(row, person, met)]
        if not faults:  # else it is somebody of whom nothing may be told, or not known who
            faults += self._check_size(person, row.person)
        if device is not None and row.key and not self.choice.moves_devices:
            faults += self._check_owner(row, person, device)
        faults += self._check_size(device, row.device)
        if faults:
            raise join_faults(faults)

    def _check_person(
        self, row: ImportRow, person: HeldPerson | None, met: Met
    ) -> Iterator[RowFault]:
        count = len(self.known_by.get(row.key, ()))
        if count > 1:
            words = _("%(count)s people have it: say which by the external user id.")
            yield RowConflict(words % {"count": count}, self.choice.person_key)
        elif person is not None and person.is_hidden:
            yield RowConflict(
                _("The person is known in other apps only. Whoever imports for the whole workspace"
                  " can change it.")
            )  # fmt: skip
        elif self.choice.verb != "save" and person is None and met.person is None:
            yield RowFault(_("Nobody is known by it."), self.choice.person_key)

    def _check_owner(
        self, row: ImportRow, person: HeldPerson | None, device: HeldDevice
    ) -> Iterator[RowFault]:
        owner = device.owner or device.owner_id
        pks = {person.pk if person else 0} - {0}  # what is not written yet has none
        pks |= self.known_by.get(row.key, set())  # `person` is but one of those who share it
        if owner and owner is not person and device.owner_id not in pks:
            yield RowConflict(
                _("The device belongs to somebody else. Take the row out, or let the import move"
                  " devices.")
            )  # fmt: skip

    def _check_size(self, held: Held | None, said: Said) -> Iterator[RowFault]:
        if held is not None and said.attributes:
            merged = {**held.attributes, **said.attributes}
            if len(merged) > MAX_ATTRIBUTES:
                words = _("It would have more than %(most)s attributes.")
                yield RowFault(words % {"most": MAX_ATTRIBUTES})

    def _change_person(
        self, row: ImportRow, person: HeldPerson, met: Met, changes: list[Change]
    ) -> None:
        known = met.person.marks.keys() if met.person else ()
        _lay(person, row.person, "person", known, changes)
        if row.opted_out and not person.opted_out and "opted_out" not in known:
            person.opted_out = person.is_changed = True
            changes.append(Change("person.opted_out", False, True))
        if person.is_untold:
            changes[:] = [replace(change, before="") for change in changes]
        self._change_labels(row, person, met, changes)

    def _change_labels(
        self, row: ImportRow, person: HeldPerson, met: Met, changes: list[Change]
    ) -> None:
        removes = self.choice.verb == "remove"
        for label in dict.fromkeys(row.labels):
            if label not in met.labels and (label in person.labels) == removes:
                (person.labels.remove if removes else person.labels.add)(label)
                person.new_labels.add(label)
                changes.append(Change("labels", label if removes else None, label))

    def _change_device(
        self, row: ImportRow, device: HeldDevice, person: HeldPerson | None, met: Met,
        changes: list[Change],
    ) -> None:  # fmt: skip
        known = met.device.marks.keys() if met.device else ()
        _lay(device, row.device, "device", known, changes)
        if row.token and row.token != device.token and "token" not in known:
            changes.append(Change("device.token", device.token, row.token))
            device.token, device.is_retokened, device.is_changed = row.token, True, True
            self.by_token[row.platform, hash64(row.token)] = device
        for kind, value in row.ids.items():
            if kind not in known and device.ids.get(kind) != value:
                changes.append(Change(f"device.id.{kind}", device.ids.get(kind, ""), value))
                device.ids[kind] = value
                device.new_ids.add(kind)
                self.by_id[kind, hash64(value)] = device
        if person is not None and "person" not in known:
            self._give(device, person, changes)

    def _give(self, device: HeldDevice, person: HeldPerson, changes: list[Change]) -> None:
        """Let the person own the device."""
        is_same = device.owner is person or (device.owner_id and device.owner_id == person.pk)
        if not is_same:
            before = device.owner.key if device.owner else device.owner_id or ""
            changes.append(Change("device.person", before, person.key))
            device.is_moved = bool(device.pk and device.owner_id)
            device.is_changed = True
        device.owner = person


def _lay(held: Held, said: Said, side: str, known: Iterable[str], changes: list[Change]) -> None:
    """Lay what a row says over what is there; `known` was said by an earlier row."""
    for name, value in said.values.items():
        before = held.values.get(name, "")
        if name not in known and before != value:
            changes.append(Change(f"{side}.{name}", before, value))
            held.values[name], held.is_changed = value, True
    for name, value in said.attributes.items():
        is_known = f".{name}" in known or OTHERS in known
        before = held.attributes.get(name)
        if not is_known and not _is_same(before, value):
            changes.append(Change(f"{side}.custom.{name}", before, value))
            held.attributes[name], held.is_changed = value, True


def _is_same(before: Any, after: Any) -> bool:
    """Whether two attributes are equal; true is not 1."""
    return type(before) is type(after) and bool(before == after)


def _list_columns(targets: Iterable[Any], side: str, key: str) -> tuple[str, ...]:
    """Columns of the model that the file may change."""
    own = {"attributes", "opted_out", "platform", "token", "ids", key}
    return tuple(
        target.name
        for target in targets
        if target.side == side
        and not target.type
        and target.name not in own
        and not target.name.startswith("id.")
    )


def _find_tokens(app: App, hashes: set[int]) -> set[int]:
    """Of every platform: a token that is said of another one than the stored is no new device."""
    if not hashes:
        return set()
    # Named one by one, as they come before the hash in the index.
    found = Device.objects.filter(
        app=app, platform__in=PLATFORM_KEYS, token_hash__in=IdList(hashes)
    )
    return set(found.values_list("pk", flat=True))
