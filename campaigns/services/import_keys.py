"""What rows of a file said before, so that a dry run sees two that contradict each other.

Of each person and device that the file has named it knows the line, our id if there is one, and
for each field a mark of the value: 0 where nothing was said, else 32 bits of it.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from campaigns.models import ImportKey, Job
from campaigns.models.audience import hash64
from campaigns.models.bulk import IdList, append_rows, change_rows
from campaigns.services.import_rows import ImportRow, RowConflict, Said
from campaigns.services.import_targets import Choice

HEAD = struct.Struct("<Iq")
OTHERS = "attributes"  # all attributes of a JSON object, together


@dataclass(slots=True)
class Entity:
    """One person or device of the file: `marks` by field, of what any row has said."""

    line: int
    pk: int = 0
    marks: dict[str, int] = field(default_factory=dict)
    is_new: bool = True
    is_changed: bool = False

    def contradicts(self, marks: Mapping[str, int]) -> str:
        """The first field of which something else was said, or ""."""
        own = self.marks
        return next((name for name, mark in marks.items() if own.get(name, mark) != mark), "")

    def take(self, marks: Mapping[str, int], pk: int) -> None:
        """Know of these from now on, too."""
        if marks.keys() - self.marks.keys() or (pk and not self.pk):
            self.marks |= marks
            self.pk = self.pk or pk
            self.is_changed = True


@dataclass(slots=True)
class Met:
    """What the file said before of a row's person and device; None where it said nothing."""

    person: Entity | None = None
    device: Entity | None = None
    labels: frozenset[int] = frozenset()


class Seen:
    """What the rows of one dry run have named so far, as far as a chunk needs it."""

    def __init__(self, job: Job, choice: Choice) -> None:
        self.job = job
        sides: dict[str, list[str]] = {"person": [], "device": []}
        self.typed: dict[str, set[str]] = {"person": set(), "device": set()}
        for target in choice.targets.values():
            if target.side in sides:
                sides[target.side].append(target.name)
            if target.type:
                self.typed[target.side].add(target.name)
        self.has_many_keys = len(choice.device_keys) > 1 or "ids" in choice.device_keys
        self.places: dict[int, int] = {}  # by key, the entity
        self.entities: dict[int, Entity] = {}
        self.new: list[tuple[int, int]] = []

    def load(self, rows: Iterable[ImportRow]) -> set[int]:
        """Read what is known of these rows' keys; gives our ids of the devices among them."""
        keys = {key for row in rows for key in self._list_keys(row)}
        self._load(keys)
        return {self.entities[entity].pk for entity in set(self.places.values())} - {0}

    def load_devices(self, pks: Iterable[int]) -> None:
        """Read what was said of devices of ours that other rows may have named by another id."""
        if self.has_many_keys:
            self._load({_name_device(pk) for pk in pks})

    def _load(self, keys: set[int]) -> None:
        wanted = keys - self.places.keys()
        found = self._read(wanted)
        self.places |= {key: entity for key, entity, _marks in found}
        heads = {entity for _key, entity, _marks in found} - self.entities.keys()
        own = [row for row in found if row[0] == row[1]]
        others = heads - {key for key, _entity, _marks in own}
        for key, _entity, marks in [*own, *self._read(others)]:
            self.entities.setdefault(key, unpack(marks))

    def _read(self, keys: set[int]) -> list[tuple[int, int, bytes]]:
        if not keys:
            return []
        rows = ImportKey.objects.filter(job=self.job, key__in=IdList(keys))
        found = rows.values_list("key", "entity", "marks")
        return [(key, entity, bytes(marks)) for key, entity, marks in found]

    def meet(self, row: ImportRow, pk: int) -> Met:
        """What was said before of the row's person and device. Raises RowConflict.

        `pk` is our id of the device, if it is known by now.
        """
        met = Met()
        if row.key:
            met.person = self._find([_name_person(row.key)])
            self._check(met.person, self._mark_person(row), row.key)
            met.labels = frozenset(
                label for label in row.labels if _name_label(row.key, label) in self.places
            )
        if row.has_device:
            met.device = self._find(self._list_device_keys(row, pk))
            self._check(met.device, self._mark_device(row), _("the device"))
        return met

    def _find(self, keys: Sequence[int]) -> Entity | None:
        found = {self.places[key] for key in keys if key in self.places}
        entities = [self.entities[entity] for entity in found]
        if len(entities) > 1:
            lines = sorted(entity.line for entity in entities)
            raise RowConflict(
                _("The ids of its device belong to two devices, on lines %(first)s and"
                  " %(second)s.") % {"first": lines[0], "second": lines[1]}
            )  # fmt: skip
        return entities[0] if entities else None

    def _check(self, entity: Entity | None, marks: Mapping[str, int], who: str) -> None:
        name = entity.contradicts(marks) if entity else ""
        if entity and name:
            words = _("Line %(line)s says something else of %(who)s: another %(name)s.")
            raise RowConflict(words % {"line": entity.line, "who": who, "name": name})

    def note(self, row: ImportRow, pk: int) -> None:
        """Remember what the row said."""
        if row.key:
            self._note([_name_person(row.key)], row.line, self._mark_person(row), 0)
            for label in row.labels:
                self._note([_name_label(row.key, label)], row.line, {}, 0)
        if row.has_device:
            self._note(self._list_device_keys(row, pk), row.line, self._mark_device(row), pk)

    def _note(self, keys: Sequence[int], line: int, marks: Mapping[str, int], pk: int) -> None:
        head = next((self.places[key] for key in keys if key in self.places), keys[0])
        if head not in self.entities:
            self.entities[head] = Entity(line)
        self.entities[head].take(marks, pk)
        for key in keys:
            if key not in self.places:
                self.places[key] = head
                self.new.append((key, head))

    def save(self) -> None:
        """Write what is new."""
        rows = []
        for key, head in self.new:
            entity = self.entities[head]
            is_head = key == head
            rows.append((self.job.pk, key, head, pack(entity) if is_head else b""))
        append_rows(ImportKey, ("job", "key", "entity", "marks"), rows)
        changed = [
            (pack(entity), self.job.pk, head)
            for head, entity in self.entities.items()
            if entity.is_changed and not entity.is_new
        ]
        change_rows(ImportKey, ("marks",), ("job", "key"), changed)

    def _list_keys(self, row: ImportRow) -> list[int]:
        keys = [_name_person(row.key)] if row.key else []
        keys += [_name_label(row.key, label) for label in row.labels if row.key]
        return keys + self._list_device_keys(row, 0)

    def _list_device_keys(self, row: ImportRow, pk: int) -> list[int]:
        # Whatever the platform: a token that is said of two is one device, told of wrongly.
        keys = [hash64(f"t\0{row.token}")] if row.token else []
        keys += [hash64(f"i\0{kind}\0{value}") for kind, value in row.ids.items()]
        return [*keys, _name_device(pk)] if pk and self.has_many_keys else keys

    def _mark_person(self, row: ImportRow) -> dict[str, int]:
        marks = self._mark(row.person, self.typed["person"])
        return marks | {"opted_out": 1} if row.opted_out else marks

    def _mark_device(self, row: ImportRow) -> dict[str, int]:
        platform = {"platform": make_mark(row.platform)}  # is told first, as the plainest
        marks = platform | self._mark(row.device, self.typed["device"])
        own = {"person": row.key, "token": row.token, **row.ids}
        return marks | {name: make_mark(value) for name, value in own.items() if value}

    def _mark(self, said: Said, typed: set[str]) -> dict[str, int]:
        marks = {name: make_mark(value) for name, value in said.values.items()}
        if said.attributes:
            marks |= {
                f".{name}": make_mark(said.attributes[name])
                for name in typed
                if name in said.attributes
            }
            others = {name: said.attributes[name] for name in said.attributes.keys() - typed}
            if others:
                marks[OTHERS] = make_mark(others)
        return marks


def make_mark(value: Any) -> int:
    """32 bits of a value, never 0."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return zlib.crc32(text.encode()) or 1


def pack(entity: Entity) -> bytes:
    """What ImportKey.marks holds: the line, our id, then name and mark of each field."""
    fields = b"".join(
        name.encode() + b"\0" + mark.to_bytes(4, "little") for name, mark in entity.marks.items()
    )
    return HEAD.pack(entity.line, entity.pk) + fields


def unpack(packed: bytes) -> Entity:
    """The entity that `pack` wrote."""
    line, pk = HEAD.unpack_from(packed)
    marks, place = {}, HEAD.size
    while place < len(packed):
        end = packed.index(0, place)
        marks[packed[place:end].decode()] = int.from_bytes(packed[end + 1 : end + 5], "little")
        place = end + 5
    return Entity(line, pk, marks, is_new=False)


def _name_person(key: str) -> int:
    return hash64(f"p\0{key}")


def _name_label(key: str, label: int) -> int:
    return hash64(f"l\0{label}\0{key}")


def _name_device(pk: int) -> int:
    return hash64(f"d\0{pk}")
