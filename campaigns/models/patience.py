"""How long a statement may take: for questions whose answer is not worth waiting for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import OperationalError, connection, transaction

CANCELED = "57014"  # PostgreSQL's query_canceled
INSTRUCTIONS = 5_000  # of SQLite's machine between two looks at the clock


class TookTooLong(Exception):
    """The time was up before the answer was there."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Read inside; a statement that takes longer is given up with TookTooLong.

    On PostgreSQL the time counts for each statement, on SQLite for all of them.
    """
    if seconds <= 0:
        raise TookTooLong
    limit = _limit_postgresql if connection.vendor == "postgresql" else _limit_sqlite
    with limit(max(0.001, seconds)):  # 0 is no limit on PostgreSQL
        yield


@contextmanager
def _limit_postgresql(seconds: float) -> Iterator[None]:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('statement_timeout')")
            before = cursor.fetchone()[0]
            _set_timeout(cursor, f"{seconds * 1000:.0f}")
            yield
            _set_timeout(cursor, before)
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") == CANCELED:
            raise TookTooLong from error
        raise


def _set_timeout(cursor: Any, text: str) -> None:
    cursor.execute("SELECT set_config('statement_timeout', %s, true)", [text])


@contextmanager
def _limit_sqlite(seconds: float) -> Iterator[None]:
    connection.ensure_connection()
    raw: Any = connection.connection
    end = time.monotonic() + seconds
    raw.set_progress_handler(lambda: time.monotonic() > end, INSTRUCTIONS)
    try:
        yield
    except OperationalError as error:
        if str(error) == "interrupted":
            raise TookTooLong from error
        raise
    finally:
        raw.set_progress_handler(None, 0)
