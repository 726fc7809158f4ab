"""How long what a recipient reads of a variable is, in SQL; 0 where they would read nothing, as
`personal.is_empty` says of one value."""

from __future__ import annotations

from typing import Any

from django.db.models import F, Func, TextField, Value
from django.db.models.functions import Cast, Coalesce, Length

from campaigns.models import App
from campaigns.selectors.attributes import Attribute
from campaigns.selectors.audience_fields import AudienceField, FieldKind, find_field
from campaigns.selectors.personal import APP_NAME

# What Python's `strip` takes away. The last is U+3000; to look through all letters takes each
# process 90 ms more.
BLANKS = "".join(filter(str.isspace, map(chr, range(0x3001))))


class _Written(Attribute):
    """A custom attribute of any type as text; a list that holds nothing is none."""

    on_sqlite = (
        "CASE JSON_TYPE({column}, {name}) WHEN 'array' THEN "
        "NULLIF(JSON_EXTRACT({column}, {name}), '[]') ELSE JSON_EXTRACT({column}, {name}) END"
    )
    on_postgresql = (
        "CASE JSONB_TYPEOF({column} -> {name}) WHEN 'array' THEN "
        "NULLIF({column} ->> {name}, '[]') ELSE {column} ->> {name} END"
    )


class _Stripped(Func):
    function = "TRIM"
    output_field = TextField()

    def __init__(self, text: Any) -> None:
        super().__init__(text, Value(BLANKS))

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, function="BTRIM", **context)


def measure(app: App, variable: str) -> Any:
    """Letters of a variable's value, as an expression over devices of the app."""
    field = find_field(variable)
    if field is None:
        return Value(len(app.name.strip()) if variable == APP_NAME else 0)
    return Coalesce(Length(_write(field)), 0)


def _write(field: AudienceField) -> Any:
    if field.kind is FieldKind.CUSTOM:
        return _Stripped(_Written(field.column, field.attribute))
    if field.kind in {FieldKind.FLAG, FieldKind.TIME}:
        return Cast(field.column, TextField())
    return _Stripped(F(field.column))
