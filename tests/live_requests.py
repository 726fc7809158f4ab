"""Requests that the live server of the tests answers: one after the other, and all of them.

On SQLite in memory every thread has the very connection of the test. What two of them write in
their transactions gets mixed up: the savepoint of one is gone with the other's. So whoever calls
with several requests at once, as a page or a vendor's client does, has them answered in turns; and
the next test begins when a page that was closed has had its last answer.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from django.core.signals import request_finished, request_started
from django.db import connection

MOST_SECONDS = 60
LEAVING_SECONDS = 5
TURN_SECONDS = 2.0  # then the one before is one that waits for us

_answering: set[int] = set()
_threads: set[threading.Thread] = set()
_turns = threading.Condition()
_turn_of: list[threading.Thread] = []  # nobody, or one


def watch() -> None:
    """Note from now on who answers; the thread of the tests answers only to itself."""
    request_started.connect(_note_start, dispatch_uid="tests.live_requests")
    request_finished.connect(_note_end, dispatch_uid="tests.live_requests")


def wait_until_answered() -> None:
    """Whoever has left without waiting for an answer ends the thread, not the request."""
    end = time.monotonic() + MOST_SECONDS
    while _answering and time.monotonic() < end:
        alive = {thread.ident for thread in threading.enumerate()}
        for gone in set(_answering) - alive:  # in one step: others add to it and take from it
            _answering.discard(gone)
        time.sleep(0.01)


def wait_until_left() -> None:
    """Whoever answers a page does so until it closes its connection, and then looks at that of the
    database once more: it must still be allowed to. Clients that never close one are left alone."""
    end = time.monotonic() + LEAVING_SECONDS
    for thread in set(_threads):
        thread.join(max(0.0, end - time.monotonic()))


def _note_start(**_signal: Any) -> None:
    thread = threading.current_thread()
    if thread is threading.main_thread():
        return
    _threads.add(thread)
    _answering.add(threading.get_ident())
    if connection.vendor == "sqlite" and connection.is_in_memory_db():
        _take_turn(thread)


def _note_end(**_signal: Any) -> None:
    _answering.discard(threading.get_ident())
    _end_turn(threading.current_thread())


def _take_turn(thread: threading.Thread) -> None:
    end = time.monotonic() + TURN_SECONDS
    with _turns:
        while _is_of_another(thread) and time.monotonic() < end:
            _turns.wait(0.05)
        _turn_of[:] = [thread]


def _is_of_another(thread: threading.Thread) -> bool:
    return any(one is not thread and one.is_alive() for one in _turn_of)


def _end_turn(thread: threading.Thread) -> None:
    with _turns:
        if thread in _turn_of:
            _turn_of.clear()
            _turns.notify_all()
