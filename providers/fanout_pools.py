"""Connections of a fan-out, and the calls that run on them."""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Iterable
from typing import Any

import pycurl

from providers.fanout_slots import Slot

# At most, and fewer where the gateway says so: what is above waits in the library for this one
# connection, and a lost connection leaves in doubt what is on it.
STREAMS_PER_CONNECTION = 100
KEPT_CONNECTIONS = 64  # at least, idle: devices name addresses, of which each may be another server
ENDING = "ending connections"
GLANCE_SECONDS = 0.01  # between two looks where libcurl has nothing to be waited for


class Pool:
    """Connections, and the calls that run on them in the order in which they were submitted."""

    def __init__(self, connections: int, *, is_believed: bool) -> None:
        self.is_believed = is_believed
        self.running: dict[Any, Slot] = {}
        self.answered_at = time.monotonic()
        self.multi = pycurl.CurlMulti()
        self.multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        self.multi.setopt(pycurl.M_MAX_CONCURRENT_STREAMS, STREAMS_PER_CONNECTION)
        self.allow(connections)

    def allow(self, connections: int) -> None:
        """So many to one host."""
        self.multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, connections)
        self.multi.setopt(pycurl.M_MAXCONNECTS, max(KEPT_CONNECTIONS, connections))

    def add(self, slot: Slot) -> None:
        self.running[slot.easy] = slot
        self.multi.add_handle(slot.easy)

    def remove(self, slot: Slot) -> None:
        self.multi.remove_handle(slot.easy)
        del self.running[slot.easy]

    def end(self) -> None:
        """Forget what is in flight and end all connections, without waiting until they have."""
        for slot in list(self.running.values()):
            self.remove(slot)
        # It waits for every name that is still looked up, and strangers may name one that nobody
        # answers for: that took eight seconds, in which no other answer was read.
        threading.Thread(target=self.multi.close, name=ENDING, daemon=True).start()


def wait_for_any(pools: Iterable[Pool], seconds: float) -> None:
    """Until one of them has something to do, for so many seconds at most."""
    waits, readable, writable = [seconds], list[int](), list[int]()
    for pool in pools:
        planned = pool.multi.timeout()
        if planned >= 0:
            waits.append(planned / 1000)
        reads, writes, _none = pool.multi.fdset()
        if not reads and not writes:
            waits.append(GLANCE_SECONDS)  # no socket yet: a name is being looked up
        readable += reads
        writable += writes
    wait = min(waits)
    if wait > 0:
        select.select(readable, writable, [], wait)


def has_no_place(pool: Pool, slot: Slot, code: int) -> bool:
    """Whether it waited in the library for as long as connecting may take, where connections stand:
    others are called there."""
    if code != pycurl.E_OPERATION_TIMEDOUT:
        return False
    others = (other for other in pool.running.values() if other.origin is slot.origin)
    return any(other.is_written() for other in others)
