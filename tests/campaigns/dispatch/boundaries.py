"""Where a process may die: in each gap between two statements, or around a call of a vendor.

A gap inside a transaction lies after a statement, so the last one is right before the commit;
any other lies before the next statement, after everything earlier was committed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import pytest
import requests
from django.db import connection

from campaigns.dispatch.quick_flush import QuickFlush

READS = ("SELECT", "BEGIN", "PRAGMA", "SAVEPOINT", "RELEASE")
Run = TypeVar("Run")
TRIES = 8  # each passes no further than the shortest before it


class Died(BaseException):
    """The process is gone: nothing in the code may catch it."""


def die() -> None:
    raise Died


class Boundaries:
    """Counts the gaps that a process passes, and lets it die in one of them (0: in none).

    `states` has an entry per gap: gaps of one state leave the same rows and the same vendor
    behind, because nothing was committed and nobody called between them.
    """

    def __init__(self, place: int = 0, end: Callable[[], None] = die) -> None:
        self.place = place
        self.end = end
        self.state = 0
        self.states: list[int] = []
        self.thread = threading.get_ident()

    def cross(self) -> None:
        if threading.get_ident() == self.thread:
            self.states.append(self.state)
            if len(self.states) == self.place:
                self.end()

    def execute(self, run: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if connection.in_atomic_block:
            result = run(sql, params, many, context)
            self.cross()
            return result
        self.cross()
        self.state += not sql.lstrip("( ").startswith(READS)
        return run(sql, params, many, context)

    def commit(self, commit: Callable[[], None]) -> None:
        commit()
        self.state += 1

    def begin(self, flush: Callable[[QuickFlush], None], one: QuickFlush) -> None:
        """A statement that the database will end whatever becomes of us."""
        self.cross()
        flush(one)
        self.state += 1

    def call(self, send: Callable[..., Any], *args: Any, **options: Any) -> Any:
        self.cross()
        self.state += 1
        answer = send(*args, **options)
        self.cross()
        return answer

    def list_places(self, *, every: bool) -> list[int]:
        """Every gap, or the last one of each state, counted from 1."""
        last = {state: place for place, state in enumerate(self.states, 1)}
        return list(range(1, len(self.states) + 1)) if every else sorted(last.values())


def share(places: Sequence[int]) -> Sequence[int]:
    """Those for this database: every eighth, and for PostgreSQL the ones in the middle between."""
    return places[4 * (connection.vendor == "postgresql") :: 8]


class Interruptions(Boundaries):
    """Gaps in which somebody else does something: what a transaction holds together is none."""

    is_away = False

    def cross(self) -> None:
        if connection.in_atomic_block or self.is_away:
            return
        self.states.append(self.state)
        if len(self.states) == self.place:
            self.is_away = True
            self.end()
            self.is_away = False


@contextmanager
def crossing(boundaries: Boundaries) -> Iterator[None]:
    """What runs inside passes the boundaries."""
    adapter = requests.adapters.HTTPAdapter
    send, commit = adapter.send, connection.commit
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(adapter, "send", lambda *a, **options: boundaries.call(send, *a, **options))
        patch.setattr(connection, "commit", lambda: boundaries.commit(commit))
        stack.enter_context(connection.execute_wrapper(boundaries.execute))
        flush = QuickFlush._send
        patch.setattr(QuickFlush, "_send", lambda one: boundaries.begin(flush, one))
        # When its answer comes is chance; the latest moment is the one with most calls under way.
        patch.setattr(QuickFlush, "is_answered", lambda one: False)
        yield


def passes(boundaries: Boundaries, act: Callable[[], None]) -> bool:
    """Act, and say whether the end was reached alive."""
    try:
        with crossing(boundaries):
            act()
    except Died:
        return False
    return True


def die_by(
    place: int, attempt: Callable[[Boundaries], tuple[Run, bool]], recover: Callable[[Run], None]
) -> tuple[Run, bool]:
    """The recovered run of an attempt in which somebody died, and False; True if all have lived.

    How many boundaries there are depends a little on the machine: on a slow one, more is due when
    it is asked for. One that ends before the place is tried again, to die at its own last gap.
    """
    for _try in range(TRIES):
        boundaries = Boundaries(place)
        run, has_lived = attempt(boundaries)
        recover(run)
        if not has_lived:
            break
        place = len(boundaries.states)
    return run, has_lived
