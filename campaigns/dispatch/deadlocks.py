"""Transactions which wait for each other in a ring: PostgreSQL ends one of them, and that one is
done again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection

DEADLOCK = "40P01"  # PostgreSQL, appendix A: deadlock_detected
MOST_TRIES = 5
P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)


def redone_after_deadlock(write: Callable[P, T]) -> Callable[P, T]:
    """Let a function that is one transaction be called again where that was ended for another's.

    Nothing of it was written then. Given up, answers of calls would be lost that have been made:
    their recipients would be in doubt though nothing has died. The database's error is raised
    when that happens several times in a row, or inside of a transaction of a caller.
    """

    @wraps(write)
    def write_or_redo(*args: P.args, **kwargs: P.kwargs) -> T:
        for _try in range(1, MOST_TRIES):
            try:
                return write(*args, **kwargs)
            except OperationalError as error:
                if connection.in_atomic_block or not _is_deadlock(error):
                    raise
                logger.info("%s is done again: %s", write.__name__, DEADLOCK)
        return write(*args, **kwargs)

    return write_or_redo


def _is_deadlock(error: OperationalError) -> bool:
    return getattr(error.__cause__, "sqlstate", "") == DEADLOCK
