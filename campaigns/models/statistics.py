"""What SQLite's planner knows of the tables: nothing, unless somebody has it look.

PostgreSQL has autovacuum for that. What was learnt of a table that was small then is worse than
nothing: for the few rows that it expects it reads a large one in the order of a list of parts.
"""

from __future__ import annotations

from django.db import connection

# Of each index so many rows are read (sqlite.org/pragma.html#pragma_analysis_limit), so that it
# takes milliseconds however large a table is: nobody can write meanwhile.
ROWS = 1_000


def learn_tables() -> None:
    """Let SQLite estimate anew how large each table is, and what its indexes tell apart."""
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA analysis_limit = {ROWS}")
        cursor.execute("ANALYZE")
