"""Queries whose SQL is made once and asked again with other values, and rows written plainly.

Django makes the SQL of a query anew each time it is asked, which takes several times as long as a
database takes to find a row by its key. This is for what every call of a script asks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import (
    BinaryField,
    BooleanField,
    CharField,
    Field,
    FloatField,
    ForeignKey,
    IntegerField,
    Model,
    QuerySet,
    Value,
)
from django.db.models.query import ModelIterable, get_related_populators

from campaigns.models.access import ApiKey

Row = TypeVar("Row")
PLAIN = (BooleanField, CharField, FloatField, ForeignKey, IntegerField)
Made = TypeVar("Made", bound=Model)
Asked = str | int | datetime | None


class Slot(Value):
    """Where a value will stand; it is given to the database as it is."""

    def __init__(self, name: str) -> None:
        super().__init__(None)
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        """The place, with itself as what belongs there."""
        return "%s", [self]


class Prepared(Generic[Row]):
    """A query of rows of one model, with those of `select_related`; or one of `values_list`.

    `select` is called with a Slot by each of `names`, and gives the query. What stands for them
    later are texts, integers and aware times.
    """

    def __init__(self, select: Callable[..., QuerySet[Any, Any]], *names: str) -> None:
        self._select = select
        self._names = names
        # How rows are read depends on the connection, and each thread has its own.
        self._local = threading.local()

    def list(self, **values: Asked) -> list[Row]:
        """All rows; `values` by the names of the slots."""
        made = getattr(self._local, "made", None)
        # A thread with an event loop may have one connection inside it and another outside.
        if made is None or made.compiler.connection is not connections[DEFAULT_DB_ALIAS]:
            slots = {name: Slot(name) for name in self._names}
            made = self._local.made = _Made(self._select(**slots))
        rows: list[Row] = made.run(values)
        return rows

    def first(self, **values: Asked) -> Row | None:
        """The first row, or None. All that are found are read."""
        return next(iter(self.list(**values)), None)


class Reached(Generic[Row]):
    """A prepared query of what a key reaches; `select` gets an ApiKey before the slots."""

    def __init__(self, select: Callable[..., QuerySet[Any, Any]], *names: str) -> None:
        def select_own(workspace: Slot, key: Slot, **slots: Slot) -> QuerySet[Any, Any]:
            return select(ApiKey(pk=key, workspace_id=workspace), **slots)

        def select_grouped(workspace: Slot, key: Slot, **slots: Slot) -> QuerySet[Any, Any]:
            return select(ApiKey(app_group_id=key, workspace_id=workspace), **slots)

        self._own: Prepared[Row] = Prepared(select_own, "workspace", "key", *names)
        self._grouped: Prepared[Row] = Prepared(select_grouped, "workspace", "key", *names)

    def list(self, key: ApiKey, **values: Asked) -> list[Row]:
        """All rows that the key reaches; `values` by the names of the slots."""
        own = {"workspace": key.workspace_id, **values}
        if key.app_group_id is not None:
            return self._grouped.list(key=key.app_group_id, **own)
        return self._own.list(key=key.pk, **own)

    def first(self, key: ApiKey, **values: Asked) -> Row | None:
        """The first of them, or None."""
        return next(iter(self.list(key, **values)), None)


class _Made:
    """A query as its database understands it, and how its rows become objects."""

    def __init__(self, rows: QuerySet[Any, Any]) -> None:
        self.compiler = rows.query.get_compiler(connection.alias)
        self.sql, self.parameters = self.compiler.as_sql()
        columns = self.compiler.select
        self.converters = self.compiler.get_converters([item[0] for item in columns])
        is_of_objects = issubclass(rows._iterable_class, ModelIterable)
        self.read = _Reader(self.compiler).read if is_of_objects else tuple

    def run(self, values: dict[str, Any]) -> list[Any]:
        own = self.compiler.connection
        for name, value in values.items():
            if isinstance(value, datetime):
                values[name] = own.ops.adapt_datetimefield_value(value)
        asked = [values[item.name] if isinstance(item, Slot) else item for item in self.parameters]
        with own.cursor() as cursor:
            cursor.execute(self.sql, asked)
            rows = cursor.fetchall()
        if self.converters:
            rows = self.compiler.apply_converters(rows, self.converters)
        return [self.read(row) for row in rows]


class _Reader:
    """Makes objects of a model from rows, as Django does."""

    def __init__(self, compiler: Any) -> None:
        known = compiler.klass_info
        places = known["select_fields"]
        self.model: type[Model] = known["model"]
        self.start, self.end = places[0], places[-1] + 1
        own = compiler.select[self.start : self.end]
        self.names = [item[0].target.attname for item in own]
        populate: Any = get_related_populators
        self.populators = populate(known, compiler.select, DEFAULT_DB_ALIAS)

    def read(self, row: Any) -> Model:
        """One row."""
        found = self.model.from_db(DEFAULT_DB_ALIAS, self.names, row[self.start : self.end])
        for populator in self.populators:
            populator.populate(row, found)
        return found


def insert(row: Made) -> Made:
    """Write a new object as a row; gives it with its id. Nothing is checked, as in `save`."""
    own = connections[DEFAULT_DB_ALIAS]
    sql, fields = _write_insert(type(row), own.vendor)
    with own.cursor() as cursor:
        cursor.execute(sql, [_adapt(row, field, own, is_new=True) for field in fields])
        row.pk = cursor.fetchone()[0]
    row._state.adding = False
    row._state.db = own.alias
    return row


def update(row: Model, *names: str, known: Model | None = None) -> bool:
    """Write those fields of an object into its row; gives whether it is there.

    With `known`, the object as it was read, only while the row holds those fields as that does.
    """
    own = connections[DEFAULT_DB_ALIAS]
    sql, fields = _write_update(type(row), names, known is not None, own.vendor)
    values = [_adapt(row, field, own, is_new=False) for field in fields]
    before = [] if known is None else [_adapt(known, field, own, is_new=False) for field in fields]
    with own.cursor() as cursor:
        cursor.execute(sql, [*values, row.pk, *before])
        return bool(cursor.rowcount)


def _adapt(row: Model, field: Field[Any, Any], own: Any, *, is_new: bool) -> Any:
    """What a field holds as its database takes it; texts and numbers are that already."""
    if isinstance(field, PLAIN):
        return getattr(row, field.attname)
    return field.get_db_prep_save(field.pre_save(row, is_new), own)


@cache
def _write_insert(model: type[Model], _vendor: str) -> tuple[str, list[Field[Any, Any]]]:
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    names = ", ".join(_quote(field.column) for field in fields)
    marks = ", ".join(map(_mark, fields))
    table, key = _quote(model._meta.db_table), _quote(model._meta.pk.column)
    return f"INSERT INTO {table} ({names}) VALUES ({marks}) RETURNING {key}", fields  # noqa: S608 quoted


@cache
def _write_update(
    model: type[Model], names: tuple[str, ...], is_guarded: bool, _vendor: str
) -> tuple[str, list[Field[Any, Any]]]:
    fields: list[Any] = [model._meta.get_field(name) for name in names]
    changes = ", ".join(f"{_quote(field.column)} = {_mark(field)}" for field in fields)
    table, key = _quote(model._meta.db_table), _quote(model._meta.pk.column)
    guards = "".join(f" AND {_quote(field.column)} = %s" for field in fields if is_guarded)
    return f"UPDATE {table} SET {changes} WHERE {key} = %s{guards}", fields  # noqa: S608 quoted


def _mark(field: Field[Any, Any]) -> str:
    operations: Any = connection.ops
    is_binary = isinstance(field, BinaryField)
    return str(operations.binary_placeholder_sql(b"bytes")) if is_binary else "%s"


def _quote(name: str | None) -> str:
    return connection.ops.quote_name(str(name))
