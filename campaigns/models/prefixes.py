"""Indexes that find texts by how they begin, whatever the database sorts texts by."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.indexes import OpClass
from django.db import connection
from django.db.models import Q
from django.db.models.expressions import OrderBy
from django.db.models.functions import Collate
from django.db.models.indexes import IndexExpression

LAST = "\U0010ffff"


class PrefixOrder(OpClass):
    """An index expression that PostgreSQL sorts by code points; SQLite does so anyway."""

    def __init__(self, expression: Any, name: str = "text_pattern_ops") -> None:
        super().__init__(expression, name)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="%(expressions)s", **context)


# What is left outside the brackets of an indexed expression.
IndexExpression.register_wrappers(OrderBy, PrefixOrder, Collate)


def begins(column: str, prefix: str) -> Q:
    """The condition that a column begins with a text, as the database answers by such an index."""
    if connection.vendor == "postgresql":
        return Q(**{f"{column}__startswith": prefix})
    return Q(**{f"{column}__gte": prefix, f"{column}__lt": prefix + LAST})
