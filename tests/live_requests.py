"""Requests that pages have sent to the live server and that are still being answered.

A page that is closed may have one on its way, and on SQLite in memory the thread that answers it
has the very connection of the next test: what both write in their transactions gets mixed up.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from django.core.signals import request_finished, request_started

MOST_SECONDS = 60

_answering: set[int] = set()
_threads: set[threading.Thread] = set()


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
    database once more: it must still be allowed to."""
    end = time.monotonic() + MOST_SECONDS
    for thread in set(_threads):
        thread.join(max(0.0, end - time.monotonic()))


def _note_start(**_signal: Any) -> None:
    thread = threading.current_thread()
    if thread is not threading.main_thread():
        _threads.add(thread)
        _answering.add(threading.get_ident())


def _note_end(**_signal: Any) -> None:
    _answering.discard(threading.get_ident())
