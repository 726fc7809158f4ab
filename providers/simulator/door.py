"""The listening socket: open, shut (connections are refused) or clogged (they hang)."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

BACKLOG = 128
FILLERS = 4  # connections of our own that fill a queue of one


class Door:
    """Changes a listening socket in place, also one that a supervisor holds open.

    While it is not open nobody may accept: `wait_open` says when one may again.
    """

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.address = listener.getsockname()
        self.lock = threading.Lock()
        self.opened = threading.Event()
        self.opened.set()
        self.fillers: list[socket.socket] = []
        self.timer: threading.Timer | None = None

    @property
    def is_open(self) -> bool:
        return self.opened.is_set()

    def wait_open(self) -> None:
        self.opened.wait()

    def shut(self, seconds: float) -> None:
        """Refuse every connection for so long."""
        self._close(seconds, self._refuse)

    def clog(self, seconds: float) -> None:
        """Let every connection hang for so long."""
        self._close(seconds, self._fill)

    def reopen(self) -> None:
        with self.lock:
            if self.opened.is_set():
                return
            if self.timer is not None:
                self.timer.cancel()
            for filler in self.fillers:
                filler.close()
            self.fillers.clear()
            self.listener.listen(BACKLOG)
            self.opened.set()

    def _close(self, seconds: float, act: Callable[[], None]) -> None:
        with self.lock:
            if not self.opened.is_set():
                return
            self.opened.clear()
            act()
            self.timer = threading.Timer(seconds, self.reopen)
            self.timer.daemon = True
            self.timer.start()

    def _refuse(self) -> None:
        # Closing would not do: whoever handed us the socket holds it too.
        self.listener.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):  # the kernel keeps a port that was asked for by its number
            self.listener.bind(self.address)

    def _fill(self) -> None:
        self.listener.listen(0)
        for _ in range(FILLERS):
            filler = socket.socket(self.listener.family)
            filler.setblocking(False)
            filler.connect_ex(self.address)
            self.fillers.append(filler)
