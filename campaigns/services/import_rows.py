"""One row of an imported file as what it says about a person and a device."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from campaigns.selectors.identifiers import identifier_platforms
from campaigns.services.import_targets import LABELS, Choice, Target
from campaigns.services.import_text import Row
from campaigns.services.import_values import Reader, find_reader, is_empty
from campaigns.services.token_shapes import find_token_fault


class RowFault(Exception):
    """A row that is left out: at which columns, and what is wrong with each of them.

    `parts` are pairs of a column, "" for the whole row, and a sentence.
    """

    def __init__(self, sentence: str, column: str = "", more: Iterable[RowFault] = ()) -> None:
        super().__init__(sentence)
        others = (part for fault in more for part in fault.parts)
        self.parts: tuple[tuple[str, str], ...] = tuple(
            dict.fromkeys([(column, sentence), *others])
        )


class RowConflict(RowFault):
    """A row that is well written, but contradicts what is known or another row."""


def join_faults(faults: Sequence[RowFault]) -> RowFault:
    """All that is wrong with a row as one fault, of the first one's kind."""
    first, *more = faults
    [(column, sentence)] = first.parts
    return type(first)(sentence, column, more)


@dataclass(slots=True)
class Said:
    """What a row says of one person, or of one device; what is not named stays as it is.

    `values` are columns of the model, `attributes` are laid over those that are there.
    """

    values: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.values or self.attributes)


@dataclass(slots=True)
class ImportRow:
    """A row that can be read. `key` tells the person, `platform`, `token` and `ids` the device."""

    line: int
    key: str = ""
    person: Said = field(default_factory=Said)
    platform: str = ""
    token: str = ""
    ids: dict[str, str] = field(default_factory=dict)
    device: Said = field(default_factory=Said)
    labels: tuple[int, ...] = ()
    opted_out: bool = False

    @property
    def has_device(self) -> bool:
        """Whether it names a device."""
        return bool(self.token or self.ids)


class RowReader:
    """Reads rows by a choice; `labels` are ids by name of those that the app has."""

    def __init__(self, choice: Choice, labels: Mapping[str, int]) -> None:
        self.choice, self.labels = choice, labels
        self.person_key = choice.person_key
        self.columns: list[tuple[str, Target, Reader]] = [
            (column, target, find_reader(target)) for column, target in choice.targets.items()
        ]

    def read(self, row: Row) -> ImportRow:
        """What the row says; raises RowFault with all that is wrong with it."""
        if row.fault:
            raise RowFault(row.fault)
        read = ImportRow(row.line, platform=self.choice.platform, labels=self.choice.labels)
        faults: list[RowFault] = []
        unread: list[Target] = []
        for column, target, reader in self.columns:
            cell = row.values.get(column)
            if is_empty(cell):
                continue
            try:
                self._put(read, target, reader(cell))
            except ValueError as error:
                faults.append(RowFault(str(error), column))
                unread.append(target)
        # In the file's order: a database may give a mapping back in another.
        places = [*row.values]
        faults.sort(key=lambda fault: places.index(fault.parts[0][0]))
        faults += self._check(read, unread)
        if faults:
            raise join_faults(faults)
        return read

    def _put(self, row: ImportRow, target: Target, value: Any) -> None:
        if target.side == LABELS:
            row.labels += self._find_labels(value)
        elif target.type:
            side = row.person if target.side == "person" else row.device
            side.attributes[target.name] = value
        elif target.side == "person":
            self._put_person(row, target.name, value)
        else:
            _put_device(row, target.name, value)

    def _put_person(self, row: ImportRow, name: str, value: Any) -> None:
        if name == self.person_key:
            row.key = value
        elif name == "attributes":
            row.person.attributes |= value
        elif name == "opted_out":
            row.opted_out = value
        else:
            row.person.values[name] = value

    def _find_labels(self, names: tuple[str, ...]) -> tuple[int, ...]:
        unknown = [self._name_unknown_label(name) for name in names if name not in self.labels]
        if unknown:
            raise ValueError(" ".join(unknown))
        return tuple(self.labels[name] for name in names)

    def _name_unknown_label(self, name: str) -> str:
        if set(name) & set(",;/"):
            words = _("The app has no label %(name)s; write | between several.")
        else:
            words = _("The app has no label %(name)s; create it first.")
        return words % {"name": name}

    def _check(self, row: ImportRow, unread: Sequence[Target]) -> Iterator[RowFault]:
        """What is wrong with the row as a whole. A cell that could not be read (`unread`) counts
        as said, else it would be told twice."""
        has_key = row.key or any(self._is_key(target) for target in unread)
        has_device = row.has_device or any(target.names_device for target in unread)
        if not has_key and self._says_person(row, unread):
            words = _("It says nobody: fill in the %(name)s.") % {"name": self._name_key()}
            yield RowFault(words, self._name_key())
        elif not (has_key or has_device):
            yield RowFault(_("It names neither a person nor a device."))
        elif not has_device and (row.device or any(one.side == "device" for one in unread)):
            yield RowFault(_("It names no device: fill in the token or an id of the device."))
        if has_device:
            yield from self._check_device(row, unread)

    def _says_person(self, row: ImportRow, unread: Sequence[Target]) -> bool:
        is_said = any(target.side in ("person", LABELS) for target in unread)
        wants = bool(row.labels) or self.choice.verb != "save"
        return bool(row.person or row.opted_out or wants or is_said)

    def _is_key(self, target: Target) -> bool:
        """Whether people are told apart by it."""
        return (target.side, target.name, target.type) == ("person", self.person_key, "")

    def _name_key(self) -> str:
        """The column by which people are told apart."""
        wanted = ("person", self.person_key)
        own = (c for c, target, _reader in self.columns if (target.side, target.name) == wanted)
        return next(own, self.person_key)

    def _check_device(self, row: ImportRow, unread: Sequence[Target]) -> Iterator[RowFault]:
        if not row.platform:
            if not any(target.text == "device.platform" for target in unread):
                yield RowFault(_("The platform is missing."))
            return
        fault = find_token_fault(row.platform, row.token) if row.token else ""
        if fault:
            yield RowFault(fault, self._name_column("token"))
        known = identifier_platforms()
        for kind in row.ids:
            if known[kind] not in {"", row.platform}:
                words = _("%(kind)s is an id of %(platform)s only.")
                yield RowFault(words % {"kind": kind, "platform": known[kind]})

    def _name_column(self, name: str) -> str:
        own = (c for c, t, _reader in self.columns if (t.side, t.name) == ("device", name))
        return next(own, "")


def _put_device(row: ImportRow, name: str, value: Any) -> None:
    match name:
        case "platform":
            row.platform = value
        case "token":
            row.token = value
        case "ids":
            row.ids |= value
        case "attributes":
            row.device.attributes |= value
        case _ if name.startswith("id."):
            row.ids[name.removeprefix("id.")] = value
        case _:
            row.device.values[name] = value
