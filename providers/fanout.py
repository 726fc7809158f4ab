"""Calls to gateways that take one device each: hundreds at once over few HTTP/2 connections.

The guard against inner addresses, whom to trust and the time limits are `http_session`'s; what an
answer means is the gateway's own (`DeviceCalls.read`), what none means is `failures`'.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pycurl

from providers.failures import explain_unreachable, explain_unwritable
from providers.fanout_narrows import Key, Narrow, find_key
from providers.fanout_pools import Pool, has_no_place, wait_for_any
from providers.fanout_slots import LOST, REFUSED, REFUSED_TOO_OFTEN, Origin, Slot, read_setting
from providers.http_session import CONNECT_SECONDS, read_origin
from providers.outbound import ClientCertificate, DeviceAnswer, DeviceCall
from providers.outcomes import Failure, Result

LEAST_CONNECTIONS = 8
KNOWN_ORIGINS = 1000
KEPT_FANOUTS = 8  # per thread
LOOK_SECONDS = 0.1  # between two looks for calls whose time is up

_ORIGIN = re.compile("https?://[^/?#]*")

Answered = tuple[DeviceCall, DeviceAnswer | Failure]
FindRest = Callable[[DeviceCall], Result | None]


def find_no_rest(call: DeviceCall) -> Result | None:
    """Nobody has asked to be left alone."""
    return None


class Fanout:
    """Makes calls at once; for one thread. Who submits bounds how many are in flight.

    `streams` is how many that will be at most: connections are opened accordingly, and kept. Who
    `keeps_headers` pays for every line of each answer; without it answers have a Retry-After, in
    seconds, and no other header.
    """

    def __init__(
        self,
        streams: int,
        certificate: ClientCertificate | None = None,
        *,
        keeps_headers: bool = True,
    ) -> None:
        self.certificate = certificate
        self.keeps_headers = keeps_headers
        self.setting = read_setting()
        self._free: list[Slot] = []
        self._done: list[Answered] = []
        self._origins: dict[str, Origin] = {}
        self._last: tuple[str, Origin] = ("", self._judge_origin(""))
        self._looked_at = time.monotonic()
        self._streams = streams
        self._pools: dict[bool, Pool] = {}  # by whether who is called there is believed
        self._old: list[Pool] = []  # nothing new is called on them
        self._narrows: dict[Key, Narrow] = {}

    @property
    def in_flight(self) -> int:
        """Calls that were submitted and that no `poll` has given back yet."""
        waiting = sum(len(narrow.waiting) for narrow in self._narrows.values())
        return len(self._done) + waiting + sum(len(pool.running) for pool in self._list_pools())

    @property
    def waiting(self) -> list[DeviceCall]:
        """Of those the ones that no server has looked at, and that `admit` will begin."""
        slots = (slot for narrow in self._narrows.values() for slot in narrow.waiting)
        return [slot.call for slot in slots]

    def widen(self, streams: int) -> None:
        """From now on up to so many calls may be in flight."""
        if streams > self._streams:
            self._streams = streams
            for pool in self._pools.values():
                pool.allow(self._count_connections())

    def submit(self, call: DeviceCall) -> None:
        """Begin a call; talks to nobody before the next `poll`."""
        origin, pool = self._find_origin(call.url), self._find_pool(call.is_believed)
        slot = self._free.pop() if self._free else self._make_slot()
        try:
            if not origin.is_callable:
                raise ValueError("That is no address to be called.")
            slot.load(call, origin, time.monotonic())
        except (ValueError, TypeError, pycurl.error):
            slot.easy.close()  # half of another call may be in it
            self._done.append((call, explain_unwritable()))
            return
        narrow = self._narrows.get(find_key(slot)) if self._narrows else None
        if narrow is None:
            pool.add(slot)
        else:
            narrow.waiting.append(slot)

    def admit(self, find_rest: FindRest = find_no_rest) -> list[Result]:
        """Begin calls that waited, as far as their servers have a place for them now.

        Gives what `find_rest` says of those that are to be left alone meanwhile: they are made no
        more. `poll` begins none: whether any may be, its caller knows once it has read the answers.
        """
        resting: list[Result] = []

        def spares(slot: Slot) -> bool:
            rest = find_rest(slot.call)
            if rest is not None:
                self._free.append(slot)
                resting.append(rest)
            return rest is not None

        now = time.monotonic()
        for key, narrow in self._narrows.items():
            for slot in narrow.let_in(self._count_running(key), spares):
                slot.started = now
                self._find_pool(slot.call.is_believed).add(slot)
        return resting

    def withdraw(self) -> list[DeviceCall]:
        """Calls that no server has looked at, and that wait until one would: they are made no
        more."""
        waiting = [slot for narrow in self._narrows.values() for slot in narrow.empty()]
        self._free += waiting
        return [slot.call for slot in waiting]

    def poll(self, seconds: float) -> list[Answered]:
        """Calls that have ended, each with its answer or why there is none.

        Waits until one has, or `admit` would begin one, for so many seconds at most; 0 only looks.
        """
        deadline = time.monotonic() + seconds
        while True:
            now = self._turn()
            if self._done or not self.in_flight or now >= deadline or self._has_room():
                done, self._done = self._done, []
                return done
            busy = (pool for pool in self._list_pools() if pool.running)
            wait_for_any(busy, min(deadline - now, LOOK_SECONDS))

    def close(self) -> None:
        """Forget what is in flight and end all connections."""
        self.withdraw()
        for pool in self._list_pools():
            self._free += pool.running.values()
            pool.end()
        for slot in self._free:
            slot.easy.close()
        self._free, self._done = [], []
        self._pools, self._old = {}, []

    def _list_pools(self) -> tuple[Pool, ...]:
        return (*self._pools.values(), *self._old)

    def _find_pool(self, is_believed: bool) -> Pool:
        """Strangers, whom a browser has named, have one of their own: what they do to connections,
        and names of theirs that nobody answers for, hold up nobody else (libcurl looks up twenty
        of a pool at a time, and each name is two of them)."""
        pool = self._pools.get(is_believed)
        if pool is None:
            pool = Pool(self._count_connections(), is_believed=is_believed)
            self._pools[is_believed] = pool
        return pool

    def _make_slot(self) -> Slot:
        return Slot(self.setting, self.certificate, keeps_headers=self.keeps_headers)

    def _count_connections(self) -> int:
        # Gateways allow 100 streams on a connection or more (RFC 9113, 6.5.2).
        return max(LEAST_CONNECTIONS, -(-self._streams // 50))

    def _find_origin(self, url: str) -> Origin:
        if url is self._last[0]:  # many gateways have one address for all
            return self._last[1]
        origin = self._look_up(url)
        self._last = (url, origin)
        return origin

    def _look_up(self, url: str) -> Origin:
        found = _ORIGIN.match(url)
        start = found.group() if found else ""
        origin = self._origins.get(start)
        if origin is None:
            if len(self._origins) >= KNOWN_ORIGINS:
                self._origins.clear()
            origin = self._origins[start] = self._judge_origin(start)
        return origin

    def _judge_origin(self, start: str) -> Origin:
        name = read_origin(start)
        is_open = name in self.setting.allowed
        has_login = "@" in urlsplit(start).netloc if name else True
        is_safe = name.startswith("https://") or is_open
        return Origin(name, is_open, is_callable=is_safe and not has_login)

    def _turn(self) -> float:
        """Let libcurl do what it can now and take down what has ended; gives the time."""
        pools = self._list_pools()
        for pool in pools:
            pool.multi.perform()
        now = time.monotonic()
        for pool in pools:
            self._harvest(pool, now)
        if now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            self._end_overdue(now)
        for key, narrow in list(self._narrows.items()):
            if not narrow.waiting and not self._count_running(key):
                del self._narrows[key]
        for pool in [pool for pool in self._old if not pool.running]:
            self._old.remove(pool)
            pool.end()
        return now

    def _harvest(self, pool: Pool, now: float) -> None:
        left, running, remove = 1, pool.running, pool.multi.remove_handle
        free, done, narrows = self._free.append, self._done.append, self._narrows
        while left:
            left, good, bad = pool.multi.info_read(1024)
            for easy in good:  # as `_end`, without a call for each step
                slot = running.pop(easy)
                if narrows and (narrow := narrows.get(find_key(slot))):
                    narrow.note_answer()
                done((slot.call, slot.read_answer(now)))
                remove(easy)
                slot.clear()
                free(slot)
            if good:
                pool.answered_at = now
            for easy, code, words in bad:
                if easy in pool.running:  # else it has ended with another one
                    self._fail(pool, pool.running[easy], code, words)

    def _end(self, pool: Pool, slot: Slot, answer: DeviceAnswer | Failure) -> None:
        pool.remove(slot)
        slot.clear()
        self._free.append(slot)
        self._done.append((slot.call, answer))

    def _fail(self, pool: Pool, slot: Slot, code: int, words: str) -> None:
        failure = slot.explain(code, words)
        if REFUSED_TOO_OFTEN in words or has_no_place(pool, slot, code):
            self._hold_back(pool, slot, failure)
            return
        if code in LOST:
            self._leave(pool)
        origin, started = slot.origin, slot.started
        self._end(pool, slot, failure)
        if failure.was_sent is False and started > pool.answered_at:
            # Nobody else gets there now: without this each would try for itself, one by one.
            for other in list(pool.running.values()):
                if other.origin is origin and not other.is_written():
                    self._end(pool, other, _repeat(failure))
            self._give_up(slot, failure)

    def _hold_back(self, pool: Pool, slot: Slot, failure: Failure) -> None:
        """Make a call again that was certainly not looked at, as long as that may help."""
        key = find_key(slot)
        narrow = self._narrows.setdefault(key, Narrow())
        pool.remove(slot)
        slot.clear()
        if not narrow.hold(slot, self._count_running(key)):
            self._free.append(slot)
            self._done.append((slot.call, failure))
            self._give_up(slot, failure)

    def _give_up(self, slot: Slot, failure: Failure) -> None:
        """Who waits for the same server shares the fate of a call."""
        narrow = self._narrows.get(find_key(slot))
        for other in narrow.empty() if narrow else ():
            self._free.append(other)
            self._done.append((other.call, _repeat(failure)))

    def _count_running(self, key: Key) -> int:
        slots = (slot for pool in self._list_pools() for slot in pool.running.values())
        return sum(find_key(slot) == key for slot in slots)

    def _has_room(self) -> bool:
        """Whether a server has a place for somebody who waits."""
        waited = ((key, narrow) for key, narrow in self._narrows.items() if narrow.waiting)
        return any(narrow.count_room(self._count_running(key)) for key, narrow in waited)

    def _leave(self, pool: Pool) -> None:
        """Call on new connections from now on.

        libcurl would go on calling on one that has just ended, until it looks at it again after a
        second; it would not do so if it were let to repeat calls by itself.
        """
        if self._pools.get(pool.is_believed) is pool:
            del self._pools[pool.is_believed]  # the next call makes another one
            self._old.append(pool)

    def _end_overdue(self, now: float) -> None:
        allowed = min(CONNECT_SECONDS, self.setting.seconds) + self.setting.seconds
        for pool in self._list_pools():
            for slot in list(pool.running.values()):
                if slot.started + allowed > now:
                    break
                if slot.started > pool.answered_at:
                    self._leave(pool)  # it takes calls and answers none
                    self._give_up(slot, explain_unreachable(REFUSED))
                self._end(pool, slot, slot.explain_overdue())


def _repeat(failure: Failure) -> Failure:
    return Failure(failure.reason, failure.message, is_permanent=failure.is_permanent)


_local = threading.local()


def get_fanout(
    streams: int,
    certificate: ClientCertificate | None = None,
    account: str = "",
    caller: str = "",
) -> Fanout:
    """This thread's: connections are kept from batch to batch. Each `account` has its own, and
    others once its certificate or its `caller` (as in DeviceCalls) is another one."""
    kept: dict[tuple[Any, ...], Fanout] = _local.__dict__.setdefault("fanouts", {})
    key = (account, certificate, caller)
    _close_replaced(kept, key)
    fanout = kept.pop(key, None)
    if fanout is not None and fanout.setting != read_setting():
        fanout.close()
        fanout = None
    if fanout is None:
        _close_oldest(kept)
        fanout = Fanout(streams, certificate, keeps_headers=False)
    fanout.widen(streams)
    kept[key] = fanout
    return fanout


def close_fanouts() -> None:
    """End this thread's connections."""
    kept: dict[tuple[Any, ...], Fanout] = _local.__dict__.pop("fanouts", {})
    for fanout in kept.values():
        fanout.close()


def _close_replaced(kept: dict[tuple[Any, ...], Fanout], key: tuple[Any, ...]) -> None:
    """End connections of the account that began with what it no longer calls with."""
    for other in [other for other in kept if other[0] == key[0] and other != key]:
        if not kept[other].in_flight:
            kept.pop(other).close()


def _close_oldest(kept: dict[tuple[Any, ...], Fanout]) -> None:
    for key, fanout in list(kept.items()):
        if len(kept) >= KEPT_FANOUTS and not fanout.in_flight:
            kept.pop(key).close()
