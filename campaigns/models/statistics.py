"""What SQLite's planner knows of the tables; PostgreSQL has autovacuum for that.

Of a table of which it knows nothing it believes that it is large, and seeks. Of one that was small
when it was looked at it believes that it still is: it would read a million devices for each batch,
and every batch that waits for the next one. So it is told of those alone that are large for good,
of which it has to know how many rows share a value.
"""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction

from campaigns.models.audience import Device, Person

LOOKED_AT = (Device, Person)
LARGE = 10_000  # rows; for a list of ids no plan reads a table whole that has so many
# Of each index so many rows are read (sqlite.org/pragma.html#pragma_analysis_limit), so that it
# takes milliseconds however large a table is: nobody can write meanwhile.
ROWS = 1_000


def learn_tables() -> None:
    """Let SQLite see anew what the indexes of the large tables tell apart, and forget the rest."""
    if connection.vendor != "sqlite":
        return
    # In one transaction: who connects in between would know nothing.
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"PRAGMA analysis_limit = {ROWS}")
        if "sqlite_stat1" in connection.introspection.table_names(cursor):
            cursor.execute("DELETE FROM sqlite_stat1")
        for model in filter(_is_large, LOOKED_AT):
            cursor.execute(f"ANALYZE {model._meta.db_table}")
        cursor.execute("ANALYZE sqlite_schema")  # reads what is known now, and looks at no table


def _is_large(model: Any) -> bool:
    return bool(model.objects.order_by()[:LARGE].count() == LARGE)
