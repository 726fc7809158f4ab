"""Custom attributes in SQL: one JSON value, seen as a text, a number, a flag, or at all.

Each function gives NULL when the attribute is missing, null or of another type, so types are
never coerced. Text compares by code point on both databases.
"""

from __future__ import annotations

import re
from typing import Any

from django.db.models import BooleanField, F, FloatField, Func, TextField

# Quotes and backslashes cannot be named in SQLite's JSON paths, and what is not ASCII is stored
# there as an escape.
ATTRIBUTE_NAME = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]{1,128}")


class CodePoints(Func):
    """A text column that compares by code point, whatever the database's collation."""

    output_field = TextField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return compiler.compile(self.source_expressions[0])

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        sql, params = compiler.compile(self.source_expressions[0])
        return f'({sql} COLLATE "C")', params


class Attribute(Func):
    """What two databases call the same attribute; subclasses say how it is seen.

    The name stands in the statement itself, not in a parameter: only so does an index on the same
    expression serve it. ATTRIBUTE_NAME has no character that could end the literal but a quote.
    """

    output_field: Any = TextField()
    on_sqlite = "NULLIF(JSON_TYPE({column}, {name}), 'null')"
    on_postgresql = "NULLIF(JSONB_TYPEOF({column} -> {name}), 'null')"

    def __init__(self, column: str, name: str) -> None:
        super().__init__(F(column))
        if not ATTRIBUTE_NAME.fullmatch(name):
            raise ValueError(name)
        self.name = name

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self._write(compiler, self.on_sqlite, f'$."{self.name}"')

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self._write(compiler, self.on_postgresql, self.name)

    def _write(self, compiler: Any, template: str, name: str) -> tuple[str, list[str]]:
        column, _params = compiler.compile(self.source_expressions[0])
        # Django doubles no percent sign in what is written here, and halves it later.
        return template.format(column=column, name=quote(name).replace("%", "%%")), []


def quote(text: str) -> str:
    """A text as a literal of SQL on both databases."""
    return "'" + text.replace("'", "''") + "'"


class TextAttribute(Attribute):
    on_sqlite = (
        "CASE WHEN JSON_TYPE({column}, {name}) = 'text' THEN JSON_EXTRACT({column}, {name}) END"
    )
    on_postgresql = (
        "(CASE WHEN JSONB_TYPEOF({column} -> {name}) = 'string' "
        'THEN {column} ->> {name} END COLLATE "C")'
    )


DAY = "-".join(("[0-9]" * 4, "[0-9]" * 2, "[0-9]" * 2))
CLOCK = ":".join(("[0-9]" * 2,) * 3)
# `2026-11-20`, `2026-11-20T09:00:00Z`, with a fraction, or with `+00:00`.
GLOBS = (DAY, *(f"{DAY}T{CLOCK}{rest}" for rest in ("Z", "+00:00", ".[0-9]*Z", ".[0-9]*+00:00")))


class UtcAttribute(Attribute):
    """Whether a text is written as a time in UTC: such texts are in the order of their times."""

    output_field = BooleanField()
    on_sqlite = (
        "CASE WHEN JSON_TYPE({column}, {name}) = 'text' THEN "
        + " OR ".join("JSON_EXTRACT({column}, {name}) GLOB " + quote(glob) for glob in GLOBS)
        + " END"
    )
    on_postgresql = (
        "CASE WHEN JSONB_TYPEOF({column} -> {name}) = 'string' THEN ({column} ->> {name}) ~ "
        + quote(f"^{DAY}(T{CLOCK}([.][0-9].*)?(Z|[+]00:00))?$")
        + " END"
    )


class NumberAttribute(Attribute):
    output_field = FloatField()
    on_sqlite = (
        "CASE WHEN JSON_TYPE({column}, {name}) IN ('integer', 'real') "
        "THEN JSON_EXTRACT({column}, {name}) END"
    )
    on_postgresql = (
        "CASE WHEN JSONB_TYPEOF({column} -> {name}) = 'number' "
        "THEN ({column} ->> {name})::float8 END"
    )


class FlagAttribute(Attribute):
    output_field = BooleanField()
    on_sqlite = "CASE JSON_TYPE({column}, {name}) WHEN 'true' THEN 1 WHEN 'false' THEN 0 END"
    on_postgresql = (
        "CASE WHEN JSONB_TYPEOF({column} -> {name}) = 'boolean' "
        "THEN ({column} ->> {name})::boolean END"
    )
