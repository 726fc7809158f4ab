"""Many rows at once, the same call on both databases: append, count up, look up by id lists."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import connection, models
from django.db.models import Aggregate, Value
from django.db.models.expressions import Func

from campaigns.models.prepared import Slot

MOST_PARAMETERS = 20  # of one list


class IdList(Func):
    """A list of integers as a subquery for `__in`: one parameter, however many there are."""

    template = "(SELECT value FROM json_each(%(expressions)s))"

    def __init__(self, ids: Iterable[int] | Slot) -> None:
        super().__init__(_write_list(ids), output_field=models.BigIntegerField())

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        # ANY over an array made of the same JSON text; the planner sees one constant.
        template = "(SELECT value::bigint FROM json_array_elements_text(%(expressions)s::json))"
        return self.as_sql(compiler, connection, template=template, **context)


class IsAmong(Func):
    """Whether an id is one of a list, as a condition that is looked up id by id.

    Of an IdList PostgreSQL believes that it may be joined later than a condition that costs much,
    and then tries that on every row of the table.
    """

    template = "(%(expressions)s)))"
    arg_joiner = " IN (SELECT value FROM json_each("
    output_field = models.BooleanField()

    def __init__(self, name: str, ids: Iterable[int]) -> None:
        super().__init__(models.F(name), _write_list(ids))

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        joiner = " = ANY(ARRAY(SELECT value::bigint FROM json_array_elements_text("
        template = "(%(expressions)s::json))))"
        return self.as_sql(compiler, connection, template=template, arg_joiner=joiner, **context)


class Unindexed(Func):
    """A column that SQLite seeks no index for (sqlite.org/optoverview.html, unary plus).

    It believes an equation to be a better beginning than a span; and to spare itself a sort of few
    groups it reads a table in an index's order, row by row. PostgreSQL counts, and knows better.
    """

    template = "%(expressions)s"
    arity = 1

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="(+%(expressions)s)", **context)


class TextList(Func):
    """A list of texts as a subquery for `__in`; none of them may hold a NUL."""

    template = "(SELECT value FROM json_each(%(expressions)s))"

    def __init__(self, texts: Iterable[str] | Slot) -> None:
        super().__init__(_write_list(texts), output_field=models.TextField())

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "(SELECT value FROM json_array_elements_text(%(expressions)s::json))"
        return self.as_sql(compiler, connection, template=template, **context)


class NumberList(Func):
    """A list of numbers as a subquery for `__in`."""

    template = "(SELECT value FROM json_each(%(expressions)s))"

    def __init__(self, numbers: Iterable[float]) -> None:
        super().__init__(_write_list(numbers), output_field=models.FloatField())

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "(SELECT value::float8 FROM json_array_elements_text(%(expressions)s::json))"
        return self.as_sql(compiler, connection, template=template, **context)


class ByRow(Func):
    """What a mapping holds for the row of this number; null where it holds nothing. One parameter,
    whatever its size; SQLite looks it through for each row, so it should not be large."""

    function = "json_extract"
    template = "%(function)s(%(expressions)s || '\"')"
    arg_joiner = ", '$.\"' || "  # by name: without quotes a number would be a place in a list

    def __init__(self, values: Mapping[int, Any], output_field: models.Field[Any, Any]) -> None:
        kept = {key: _write_plain(output_field, value) for key, value in values.items()}
        known = Value(json.dumps(kept), output_field=models.TextField())
        super().__init__(known, models.F("pk"), output_field=output_field)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        kind = self.output_field.cast_db_type(connection)
        template = f"(%(expressions)s::text)::{kind}"
        return self.as_sql(
            compiler, connection, template=template, arg_joiner="::jsonb ->> ", **context
        )


def _write_plain(field: models.Field[Any, Any], value: Any) -> Any:
    """A value as it stands in its column; as text, where that is no number."""
    plain = field.get_db_prep_value(value, connection)
    return plain if isinstance(plain, int) else str(plain)


def list_ids(ids: Sequence[int]) -> Sequence[int] | IdList:
    """For `__in`: one parameter where there are so many that a statement might not hold them.

    A short list stays one, which planners know more about.
    """
    return ids if len(ids) <= MOST_PARAMETERS else IdList(ids)


def list_texts(texts: Sequence[str]) -> Sequence[str] | TextList:
    """As `list_ids`; none of the texts may hold a NUL."""
    return texts if len(texts) <= MOST_PARAMETERS else TextList(texts)


def list_numbers(numbers: Sequence[float]) -> Sequence[float] | NumberList:
    """As `list_ids`, for numbers with fractions."""
    return numbers if len(numbers) <= MOST_PARAMETERS else NumberList(numbers)


def _write_list(items: Iterable[Any] | Slot) -> Value:
    """JSON in one parameter; in a Slot a caller puts it later."""
    if isinstance(items, Slot):
        return items
    return Value(json.dumps(list(items)), output_field=models.TextField())


class GatherIds(Aggregate):
    """The ids of a group; `read_ids` makes a list of what the database gives."""

    function = "json_group_array"
    output_field = models.TextField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, function="array_agg", **context)


def read_ids(gathered: Any) -> list[int]:
    """What a GatherIds column holds, as a list."""
    return json.loads(gathered) if isinstance(gathered, str) else list(gathered)


def append_rows(
    model: type[models.Model],
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    skip_known: bool = False,
) -> int:
    """Append rows of plain values in one go; gives how many were really inserted.

    With `skip_known` rows whose key is there already are left out instead of refused.
    """
    if not rows:
        return 0
    with connection.cursor() as cursor:
        if connection.vendor != "postgresql":
            return _insert_many(cursor, model, columns, rows, skip_known)
        if skip_known:
            return _insert_arrays(cursor, model, columns, rows)
        return _copy_rows(cursor, model, columns, rows)


def append_new_rows(
    model: type[models.Model],
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    key: Sequence[str],
) -> set[tuple[Any, ...]]:
    """Append rows whose key is not there yet; gives the keys of those that were really inserted.

    Of several that append the same row at once one is given its key, whoever looked before.
    """
    if not rows:
        return set()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            _insert_arrays(cursor, model, columns, rows, returning=key)
            return set(cursor.fetchall())
        places = [columns.index(name) for name in key]
        new = [row for row in rows if _insert_many(cursor, model, columns, [row], True)]
        return {tuple(row[place] for place in places) for row in new}


def add_counts(
    model: type[models.Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """Add to `count` of the row whose key is `columns`, or begin it. The count stands last.

    Rows are written in sorted key order, so two writers cannot wait for each other in a ring.
    """
    if not rows:
        return
    table, names = _quote(model._meta.db_table), _list_columns(model, columns)
    marks = ", ".join(["%s"] * (len(columns) + 1))
    sql = (
        f"INSERT INTO {table} ({names}, {_quote('count')}) VALUES ({marks}) "  # noqa: S608 quoted
        f"ON CONFLICT ({names}) DO UPDATE SET "
        f"{_quote('count')} = {table}.{_quote('count')} + excluded.{_quote('count')}"
    )
    with connection.cursor() as cursor:
        cursor.executemany(sql, _adapt_rows(model, [*columns, "count"], sorted(rows, key=tuple)))


def change_rows(
    model: type[models.Model],
    columns: Sequence[str],
    keys: Sequence[str],
    rows: Sequence[Sequence[Any]],
) -> None:
    """Set `columns` of the rows that have these `keys`; each row is its new values, then its key.

    Rows are written in sorted key order, so two writers cannot wait for each other in a ring.
    """
    if not rows:
        return
    changes = ", ".join(f"{_quote(_find_field(model, name).column)} = %s" for name in columns)
    place = " AND ".join(f"{_quote(_find_field(model, name).column)} = %s" for name in keys)
    sql = f"UPDATE {_quote(model._meta.db_table)} SET {changes} WHERE {place}"  # noqa: S608 quoted
    ordered = sorted(rows, key=lambda row: tuple(row[len(columns) :]))
    with connection.cursor() as cursor:
        cursor.executemany(sql, _adapt_rows(model, [*columns, *keys], ordered))


def reserve_ids(model: type[models.Model], count: int) -> list[int]:
    """Ids for rows that are inserted in this transaction; nobody else gets them."""
    if not count:
        return []
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
                [_quote(table), count],
            )
            return [row[0] for row in cursor.fetchall()]
        # The transaction holds the whole database; SQLite raises the number with each insert.
        cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [table])
        last = cursor.fetchone()
    first = (last[0] if last else 0) + 1
    return list(range(first, first + count))


def _insert_many(
    cursor: Any,
    model: type[models.Model],
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    skip_known: bool,
) -> int:
    verb = "INSERT OR IGNORE" if skip_known else "INSERT"
    marks = ", ".join(["%s"] * len(columns))
    table, names = _quote(model._meta.db_table), _list_columns(model, columns)
    sql = f"{verb} INTO {table} ({names}) VALUES ({marks})"
    cursor.executemany(sql, _adapt_rows(model, columns, rows))
    return int(cursor.rowcount)


def _insert_arrays(
    cursor: Any,
    model: type[models.Model],
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    returning: Sequence[str] = (),
) -> int:
    arrays = ", ".join(f"%s::{_find_type(model, column)}[]" for column in columns)
    table, names = _quote(model._meta.db_table), _list_columns(model, columns)
    sql = f"INSERT INTO {table} ({names}) SELECT * FROM unnest({arrays}) ON CONFLICT DO NOTHING"  # noqa: S608 quoted
    if returning:
        sql += f" RETURNING {_list_columns(model, returning)}"
    cursor.execute(sql, [list(column) for column in zip(*rows, strict=True)])
    return int(cursor.rowcount)


def _copy_rows(
    cursor: Any, model: type[models.Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> int:
    """Raises Django's errors, as any statement does: psycopg's own are nobody's to do again."""
    sql = f"COPY {_quote(model._meta.db_table)} ({_list_columns(model, columns)}) FROM STDIN"
    with connection.wrap_database_errors, cursor.copy(sql) as copy:
        for row in rows:
            copy.write_row(row)
    return len(rows)


def _adapt_rows(
    model: type[models.Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> list[list[Any]]:
    """Values as this database keeps them; columns that hold one value are adapted once."""
    adapted = [
        _adapt_column(model._meta.get_field(name), values)
        for name, values in zip(columns, zip(*rows, strict=True), strict=True)
    ]
    return [list(row) for row in zip(*adapted, strict=True)]


def _adapt_column(field: Any, values: Sequence[Any]) -> Sequence[Any]:
    if not isinstance(field, models.DateTimeField):
        return values
    known = {value: field.get_db_prep_value(value, connection) for value in set(values)}
    return [known[value] for value in values]


def _list_columns(model: type[models.Model], columns: Sequence[str]) -> str:
    return ", ".join(_quote(_find_field(model, column).column) for column in columns)


def _find_type(model: type[models.Model], column: str) -> str:
    field = _find_field(model, column)
    return str(field.rel_db_type(connection) if field.is_relation else field.db_type(connection))


def _find_field(model: type[models.Model], column: str) -> Any:
    return model._meta.get_field(column)


def _quote(name: str) -> str:
    return connection.ops.quote_name(name)
