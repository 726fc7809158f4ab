"""Indexes on custom attributes, made and dropped while the table is in use.

Each attribute has two, one for texts and one for numbers, with the very expressions that
`campaigns.selectors.attributes` writes; rows without such a value are in neither.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from campaigns.models.statistics import learn_tables

TABLES = {"device": "campaigns_device", "person": "campaigns_person"}
LOCK = 0x70615F61  # of PostgreSQL's advisory locks: one index is made at a time


def name_index(owner: str, name: str, kind: str) -> str:
    """The same for the same attribute, whatever is in its name."""
    digest = hashlib.blake2b(f"{owner}.{name}".encode(), digest_size=8).hexdigest()
    return f"pa_attribute_{digest}_{kind}"


def build_index(owner: str, index: str, expression: str) -> None:
    """Make the index unless it is there; one that broke off half made is made anew.

    `expression` is of a column `attributes`, its percent signs not doubled. Not in a transaction
    on PostgreSQL, where the table is written all the while; SQLite's other writers wait.
    """
    # Devices are always asked for by their app, persons by way of their devices.
    columns = f"({expression})" if owner == "person" else f"app_id, ({expression})"
    way = "CONCURRENTLY " if connection.vendor == "postgresql" else ""
    if _is_broken(index):
        drop_index(index)
    _run(
        f"CREATE INDEX {way}IF NOT EXISTS {index} ON {TABLES[owner]} ({columns}) "
        f"WHERE ({expression}) IS NOT NULL"
    )
    if connection.vendor == "postgresql":
        # Of an index on some rows alone its planner takes no statistics: it would guess that a
        # third of all devices lies above a number, and read every device of the app.
        _run(
            f"CREATE STATISTICS IF NOT EXISTS {_name_statistics(index)} "
            f"ON ({expression}) FROM {TABLES[owner]}"
        )


def drop_index(index: str) -> None:
    """Drop the index if it is there."""
    way = "CONCURRENTLY " if connection.vendor == "postgresql" else ""
    _run(f"DROP INDEX {way}IF EXISTS {index}")
    if connection.vendor == "postgresql":
        _run(f"DROP STATISTICS IF EXISTS {_name_statistics(index)}")


def _name_statistics(index: str) -> str:
    return f"{index}_values"


def learn_values(owner: str) -> None:
    """Let the planner know what the attribute's values are like."""
    if connection.vendor == "postgresql":
        _run(f"ANALYZE {TABLES[owner]}")
    else:
        learn_tables()


@contextmanager
def alone() -> Iterator[bool]:
    """True for one process at a time; False where another is at it."""
    if connection.vendor != "postgresql":
        yield True
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        is_ours = bool(cursor.fetchone()[0])
    try:
        yield is_ours
    finally:
        if is_ours:
            _run(f"SELECT pg_advisory_unlock({LOCK})")


def _is_broken(index: str) -> bool:
    if connection.vendor != "postgresql":
        return False
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(%s) AND NOT indisvalid", [index]
        )
        return cursor.fetchone() is not None


def _run(sql: str, params: Any = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
