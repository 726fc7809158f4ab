"""What a template may know of a recipient: names of variables, and their values."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from campaigns.models import App, Device, Person
from campaigns.models.bulk import IdList
from campaigns.selectors.audience_fields import FieldKind, field_catalogue, find_field

APP_NAME = "app.name"
Values = Mapping[str, Any]


@cache
def list_fixed() -> tuple[str, ...]:
    """Variables that are no custom attributes: the fields of an expression that hold one value."""
    fields = (field for field in field_catalogue() if field.kind is not FieldKind.SET)
    return (*(field.name for field in fields if "<" not in field.name), APP_NAME)


def is_variable(name: str) -> bool:
    """Whether a template may name it; a custom attribute may have any name that is stored."""
    if name in list_fixed():
        return True
    field = find_field(name)
    return field is not None and field.kind is FieldKind.CUSTOM


def find_variable_fault(name: str, known: Collection[str] = ()) -> str:
    """Why a template cannot name this, with what may have been meant; "" where it can.

    `known` are attributes that occur.
    """
    if is_variable(name):
        return ""
    if not name:
        return _("a variable is named as it is, not by what another one says")
    names = {"name": ascii(name)[1:-1]}
    meant = _guess(name, known)
    if meant:
        words = _("there is no variable %(name)s; did you mean %(meant)s?")
        return words % {**names, "meant": meant}
    words = _("there is no variable %(name)s; a custom attribute is written %(custom)s")
    return words % {**names, "custom": _write_custom(name)}


def _guess(name: str, known: Collection[str]) -> str:
    """What exists and is called nearly so; "" for nothing."""
    last = name.rpartition(".")[2]
    same = [one for one in known if one.rpartition(".")[2] == last]
    found = same or difflib.get_close_matches(name, [*list_fixed(), *known], 1, 0.8)
    return found[0] if found else ""


def _write_custom(name: str) -> str:
    """How an attribute of that name would be written, if there may be one."""
    owner, _dot, rest = name.partition(".")
    prefix = owner if owner in {"person", "device"} else "person"
    custom = f"{prefix}.custom.{rest.removeprefix('custom.') or owner}"
    return custom if is_variable(custom) else f"{prefix}.custom.name"


class Reader:
    """Reads variables of many recipients at once; `defaults` stand in for what is empty."""

    def __init__(
        self, app: App, variables: Iterable[str], defaults: Mapping[str, str] | None = None
    ) -> None:
        self.app = app
        self.variables = tuple(dict.fromkeys(variables))
        self.defaults = {
            name: text for name, text in (defaults or {}).items() if name in self.variables
        }

    def read_devices(self, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
        """By device, of this app alone, with what is known of its person."""
        rows = Device.objects.filter(pk__in=IdList(ids), app=self.app)
        return self.read_rows(rows, is_device=True)

    def read_persons(self, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
        """By person; of no device, for none is sent to."""
        return self.read_rows(Person.objects.filter(pk__in=IdList(ids)), is_device=False)

    def read_rows(self, rows: QuerySet[Any], *, is_device: bool) -> dict[int, dict[str, Any]]:
        """What `rows` of devices, or of persons, hold."""
        columns, takes = self._plan(is_device=is_device)
        found = {}
        for pk, *values in rows.order_by().values_list("pk", *columns):
            own: dict[str, Any] = {APP_NAME: self.app.name}
            for name, place, attribute in takes:
                value = values[place]
                if attribute:
                    value = (value or {}).get(attribute)
                own[name] = _write_plain(value)
            found[pk] = fill_empty(own, self.defaults)
        return found

    def _plan(self, *, is_device: bool) -> tuple[list[str], list[tuple[str, int, str]]]:
        """Columns to read, and each variable's place among them with its attribute's name."""
        columns: list[str] = []
        takes = []
        for name in self.variables:
            field = find_field(name)
            if field is None or (name.startswith("device.") and not is_device):
                continue
            column = field.column if is_device else field.column.removeprefix("person__")
            if column not in columns:
                columns.append(column)
            takes.append((name, columns.index(column), field.attribute))
        return columns, takes


def _write_plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def fill_empty(own: dict[str, Any], defaults: Mapping[str, str]) -> dict[str, Any]:
    """Values of a recipient with texts in the place of what is empty."""
    return own | {name: text for name, text in defaults.items() if is_empty(own.get(name))}


def is_empty(value: Any) -> bool:
    """Whether nothing would be read of a value: a number and a flag always are."""
    return value is None or (isinstance(value, str | list) and not str(value or "").strip())
