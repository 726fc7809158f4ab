"""One row of an imported file as what it says about a person and a device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from campaigns.selectors.identifiers import identifier_platforms
from campaigns.services.import_targets import LABELS, Choice, Target
from campaigns.services.import_text import Row
from campaigns.services.import_values import Reader, find_reader, is_empty
from campaigns.services.token_shapes import find_token_fault


class RowFault(Exception):
    """A row that is left out: at which column, and what is wrong with it."""

    def __init__(self, sentence: str, column: str = "") -> None:
        super().__init__(sentence)
        self.sentence, self.column = sentence, column


class RowConflict(RowFault):
    """A row that is well written, but contradicts what is known or another row."""


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
        """What the row says; raises RowFault."""
        if row.fault:
            raise RowFault(row.fault)
        read = ImportRow(row.line, platform=self.choice.platform, labels=self.choice.labels)
        for column, target, reader in self.columns:
            cell = row.values.get(column)
            if is_empty(cell):
                continue
            try:
                self._put(read, target, reader(cell))
            except ValueError as error:
                raise RowFault(str(error), column) from error
        self._check(read)
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
        unknown = next((name for name in names if name not in self.labels), None)
        if unknown is not None:
            raise ValueError(self._name_unknown_label(unknown))
        return tuple(self.labels[name] for name in names)

    def _name_unknown_label(self, name: str) -> str:
        if set(name) & set(",;/"):
            words = _("The app has no label %(name)s; write | between several.")
        else:
            words = _("The app has no label %(name)s; create it first.")
        return words % {"name": name}

    def _check(self, row: ImportRow) -> None:
        if not row.key and (row.person or row.opted_out or self._wants_person(row)):
            words = _("It says nobody: fill in the %(name)s.") % {"name": self._name_key()}
            raise RowFault(words, self._name_key())
        if not (row.key or row.has_device):
            raise RowFault(_("It names neither a person nor a device."))
        if row.device and not row.has_device:
            raise RowFault(_("It names no device: fill in the token or an id of the device."))
        if row.has_device:
            self._check_device(row)

    def _wants_person(self, row: ImportRow) -> bool:
        return bool(row.labels) or self.choice.verb != "save"

    def _name_key(self) -> str:
        """The column by which people are told apart."""
        wanted = ("person", self.person_key)
        own = (c for c, target, _reader in self.columns if (target.side, target.name) == wanted)
        return next(own, self.person_key)

    def _check_device(self, row: ImportRow) -> None:
        if not row.platform:
            raise RowFault(_("The platform is missing."))
        fault = find_token_fault(row.platform, row.token) if row.token else ""
        if fault:
            raise RowFault(fault, self._name_column("token"))
        known = identifier_platforms()
        wrong = next((kind for kind in row.ids if known[kind] not in {"", row.platform}), "")
        if wrong:
            words = _("%(kind)s is an id of %(platform)s only.")
            raise RowFault(words % {"kind": wrong, "platform": known[wrong]})

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
