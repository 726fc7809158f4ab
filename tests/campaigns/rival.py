"""Somebody who wants what an open transaction of ours holds, and waits for it."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread
from typing import Any

from django.db import connection, connections

LONG = 60.0  # seconds
# Not of pg_stat_activity, which a transaction sees as it was when it first looked.
BLOCKED = "SELECT 1 FROM pg_locks WHERE NOT granted AND %s = ANY(pg_blocking_pids(pid))"


class Rival:
    """Does something while a transaction of ours is open, and has to wait for that. On SQLite such
    a transaction holds the whole database: it is done afterwards."""

    def __init__(self, act: Callable[[], Any]) -> None:
        self.act = act
        self.results: list[Any] = []
        self.thread = Thread(target=self._run)

    def begin(self) -> None:
        """Returns when the rival waits for what this connection holds."""
        if connection.vendor != "postgresql":
            return
        self.thread.start()
        me, pause = connection.connection.info.backend_pid, Event()
        for _look in range(int(LONG * 100)):
            if connection.connection.execute(BLOCKED, [me]).fetchone():
                return
            pause.wait(0.01)
        raise AssertionError("It does not wait.")

    def end(self) -> Any:
        """What came of it. The transaction of ours has ended."""
        if connection.vendor == "postgresql":
            self.thread.join(LONG)
        else:
            self._run()
        [result] = self.results
        return result

    def _run(self) -> None:
        try:
            self.results.append(self.act())
        finally:
            if connection.vendor == "postgresql":
                connections.close_all()
