"""Calls to gateways that take one device each: hundreds at once over few HTTP/2 connections.

The guard against inner addresses, whom to trust and the time limits are `http_session`'s; what an
answer means is the gateway's own (`DeviceCalls.read`), what none means is `failures`'.
"""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import certifi
import pycurl
from django.conf import settings
from requests_hardened.ip_filter import InvalidIPAddress

from providers.failures import (
    HOP_HEADER,
    MAX_ANSWER_BYTES,
    TOO_LONG,
    explain_inner_address,
    explain_silence,
    explain_unreachable,
    explain_unwritable,
    find_hop,
)
from providers.http_session import (
    CONNECT_SECONDS,
    check_address,
    find_allowed_origins,
    find_call_seconds,
    read_origin,
)
from providers.outbound import ClientCertificate, DeviceAnswer, DeviceCall
from providers.outcomes import Failure, Reason

STREAMS_PER_CONNECTION = 1000  # at most, and fewer where the gateway says so
LEAST_CONNECTIONS = 8
KNOWN_ORIGINS = 1000
KEPT_FANOUTS = 8  # per thread
LOOK_SECONDS = 0.1  # between two looks for calls whose time is up
UNACKNOWLEDGED_MS = 15_000  # after which a connection that says nothing is dead

# libcurl makes a request again by itself where a kept connection ends without an answer: nobody
# would know that a device may have been called twice. It does not do so after RTSP's RECEIVE,
# which means nothing to HTTP, and still repeats what a gateway has certainly not looked at
# (RFC 9113, 8.7: REFUSED_STREAM, or a stream above GOAWAY's last). Held by test_fanout_resets.
_RTSP_REQUEST, _RTSP_RECEIVE = 189, 11
_REFUSED_TOO_OFTEN = "tried 5 times"

E_HTTP2_STREAM = 92  # which pycurl does not name
_CODES = {getattr(pycurl, name): name[2:] for name in dir(pycurl) if name.startswith("E_")}
_CODES[E_HTTP2_STREAM] = "HTTP2_STREAM"
_UNWRITABLE = frozenset({pycurl.E_URL_MALFORMAT, pycurl.E_UNSUPPORTED_PROTOCOL})
# These end connections that stood: part of the request may have left before it was counted.
_MIDWAY = frozenset(
    {
        *(pycurl.E_SEND_ERROR, pycurl.E_RECV_ERROR, pycurl.E_GOT_NOTHING, pycurl.E_PARTIAL_FILE),
        *(pycurl.E_HTTP2, E_HTTP2_STREAM, pycurl.E_FTP_WEIRD_SERVER_REPLY),
    }
)
_LINE_BREAK = re.compile("[\r\n\0]")
_ORIGIN = re.compile("https?://[^/?#]*")

Answered = tuple[DeviceCall, DeviceAnswer | Failure]


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where a call goes. `is_open`: the settings name it, so that it may be an inner address."""

    name: str
    is_open: bool
    is_callable: bool


@dataclass(frozen=True, slots=True)
class Setting:
    """What of the installation's settings a connection depends on."""

    allowed: frozenset[str]
    authorities: str
    seconds: float


def read_setting() -> Setting:
    """As it is now."""
    authorities = settings.OUTBOUND_CA or certifi.where()
    return Setting(find_allowed_origins(), authorities, find_call_seconds())


class AnswerHeaders(Mapping[str, str]):
    """Headers of an answer, names in lower case; read when somebody asks for one."""

    __slots__ = ("_found", "_lines")

    def __init__(self, lines: tuple[bytes, ...]) -> None:
        self._lines = lines
        self._found: dict[str, str] | None = None

    def __getitem__(self, name: str) -> str:
        return self._read()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def _read(self) -> dict[str, str]:
        if self._found is None:
            pieces = (line.decode("latin-1").partition(":") for line in self._lines)
            self._found = {
                name.strip().lower(): value.strip() for name, colon, value in pieces if colon
            }
        return self._found


class _Lent:
    """A socket's number; libcurl takes a copy, and this one is closed when it has."""

    def __init__(self, number: int) -> None:
        self.number = number

    def fileno(self) -> int:
        return self.number

    def __del__(self) -> None:
        os.close(self.number)


class _Slot:
    """One of libcurl's handles, made once, and the call that it makes."""

    __slots__ = (
        "body",
        "call",
        "easy",
        "headers",
        "hop",
        "is_blocked",
        "lines",
        "origin",
        "started",
        "url",
    )
    call: DeviceCall
    origin: _Origin

    def __init__(self, setting: Setting, certificate: ClientCertificate | None) -> None:
        self.url = self.hop = ""
        self.headers: tuple[str, ...] = ()
        self.lines: list[bytes] = []
        self.body: list[bytes] = []
        self.is_blocked = False
        self.started = 0.0
        self.easy = pycurl.Curl()
        for option, value in _list_options(setting):
            self.easy.setopt(option, value)
        self.easy.setopt(pycurl.OPENSOCKETFUNCTION, self._open_socket)
        self.easy.setopt(pycurl.WRITEFUNCTION, self.body.append)
        self.easy.setopt(pycurl.HEADERFUNCTION, self.lines.append)
        if certificate is not None:
            self.easy.setopt(pycurl.SSLCERT_BLOB, certificate.certificate)
            self.easy.setopt(pycurl.SSLKEY_BLOB, certificate.key)

    def load(self, call: DeviceCall, origin: _Origin, now: float) -> None:
        """Be ready to make `call`; raises ValueError or pycurl.error where it is none."""
        self.call, self.origin, self.started = call, origin, now
        self.is_blocked = False
        easy, hop = self.easy, find_hop()
        if call.headers is not self.headers or hop != self.hop:
            headers = (*call.headers, f"{HOP_HEADER}: {hop}") if hop else call.headers
            if any(map(_LINE_BREAK.search, headers)):
                raise ValueError("A header is one line.")
            easy.setopt(pycurl.HTTPHEADER, headers)
            self.headers, self.hop = call.headers, hop
        if call.url is not self.url:
            easy.setopt(pycurl.URL, call.url)
            self.url = call.url
        easy.setopt(pycurl.POSTFIELDS, call.body)

    def is_written(self) -> bool:
        """Whether the gateway may have got something of the call."""
        return bool(self.easy.getinfo(pycurl.REQUEST_SIZE))

    def read_answer(self, now: float) -> DeviceAnswer:
        return DeviceAnswer(
            self.call.place,
            self.easy.getinfo(pycurl.RESPONSE_CODE),
            AnswerHeaders(tuple(self.lines)),
            b"".join(self.body),
            now - self.started,
        )

    def explain(self, code: int, words: str) -> Failure:
        """Why there is no answer."""
        if code in _UNWRITABLE:
            return explain_unwritable()
        if code == pycurl.E_FILESIZE_EXCEEDED:
            return Failure(Reason.NO_ANSWER, TOO_LONG, was_sent=None)
        word = _CODES.get(code, str(code))
        if _REFUSED_TOO_OFTEN in words:
            return explain_unreachable("REFUSED_STREAM")
        if code in _MIDWAY or self.is_written():
            return explain_silence(word)
        return explain_inner_address() if self.is_blocked else explain_unreachable(word)

    def _open_socket(self, purpose: int, address: tuple[Any, ...]) -> Any:
        """Called for each address that a name has: what is checked here is what is dialled."""
        family, kind, protocol, (host, port, *_) = address
        if not self.origin.is_open:
            try:
                check_address(_read_text(host), port)
            except (InvalidIPAddress, OSError, ValueError):
                self.is_blocked = True
                return pycurl.SOCKET_BAD
        opened = socket.socket(family, kind, protocol)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)
        return _Lent(opened.detach())


def _read_text(host: str | bytes) -> str:
    return host.decode() if isinstance(host, bytes) else host


def _list_options(setting: Setting) -> tuple[tuple[int, Any], ...]:
    """What is the same for all calls: setting it per call would cost more than the call."""
    return (
        (pycurl.POST, 1),
        (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS),
        (pycurl.PIPEWAIT, 1),
        (_RTSP_REQUEST, _RTSP_RECEIVE),
        (pycurl.NOSIGNAL, 1),
        (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
        (pycurl.FOLLOWLOCATION, 0),
        (pycurl.PROXY, ""),
        (pycurl.USERAGENT, "pushadmin"),
        (pycurl.CAINFO, setting.authorities),
        (pycurl.CONNECTTIMEOUT_MS, int(1000 * min(CONNECT_SECONDS, setting.seconds))),
        (pycurl.MAXFILESIZE, MAX_ANSWER_BYTES),
        (pycurl.TCP_NODELAY, 1),
    )


class Fanout:
    """Makes calls at once; for one thread. Who submits bounds how many are in flight.

    `streams` is how many that will be at most: connections are opened accordingly, and kept.
    """

    def __init__(self, streams: int, certificate: ClientCertificate | None = None) -> None:
        self.certificate = certificate
        self.setting = read_setting()
        self._running: dict[Any, _Slot] = {}  # in the order in which they were submitted
        self._free: list[_Slot] = []
        self._done: list[Answered] = []
        self._origins: dict[str, _Origin] = {}
        self._answered_at = self._looked_at = time.monotonic()
        self._is_stuck = False
        self._streams = streams
        self._multi = self._open()

    @property
    def in_flight(self) -> int:
        """Calls that were submitted and that no `poll` has given back yet."""
        return len(self._running) + len(self._done)

    def widen(self, streams: int) -> None:
        """From now on up to so many calls may be in flight."""
        if streams > self._streams:
            self._streams = streams
            self._multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, self._count_connections())

    def submit(self, call: DeviceCall) -> None:
        """Begin a call; talks to nobody before the next `poll`."""
        if self._is_stuck and not self._running:
            self._reopen()
        origin = self._find_origin(call.url)
        slot = self._free.pop() if self._free else _Slot(self.setting, self.certificate)
        try:
            if not origin.is_callable:
                raise ValueError("That is no address to be called.")
            slot.load(call, origin, time.monotonic())
        except (ValueError, TypeError, pycurl.error):
            slot.easy.close()  # half of another call may be in it
            self._done.append((call, explain_unwritable()))
            return
        self._running[slot.easy] = slot
        self._multi.add_handle(slot.easy)

    def poll(self, seconds: float) -> list[Answered]:
        """Calls that have ended, each with its answer or why there is none.

        Waits until one has, for so many seconds at most; 0 only looks.
        """
        deadline = time.monotonic() + seconds
        while True:
            now = self._turn()
            if self._done or not self._running or now >= deadline:
                done, self._done = self._done, []
                return done
            self._wait(deadline - now)

    def close(self) -> None:
        """Forget what is in flight and end all connections."""
        for slot in self._running.values():
            self._multi.remove_handle(slot.easy)
        for slot in (*self._running.values(), *self._free):
            slot.easy.close()
        self._running, self._free, self._done = {}, [], []
        self._multi.close()

    def _open(self) -> Any:
        multi = pycurl.CurlMulti()
        multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        multi.setopt(pycurl.M_MAX_CONCURRENT_STREAMS, STREAMS_PER_CONNECTION)
        multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, self._count_connections())
        return multi

    def _count_connections(self) -> int:
        # Gateways allow 100 streams on a connection or more (RFC 9113, 6.5.2).
        return max(LEAST_CONNECTIONS, -(-self._streams // 50))

    def _reopen(self) -> None:
        """Begin with new connections: the kept ones take calls and answer none."""
        self._multi.close()
        self._multi = self._open()
        self._is_stuck = False

    def _find_origin(self, url: str) -> _Origin:
        found = _ORIGIN.match(url)
        start = found.group() if found else ""
        origin = self._origins.get(start)
        if origin is None:
            if len(self._origins) >= KNOWN_ORIGINS:
                self._origins.clear()
            origin = self._origins[start] = self._judge_origin(start)
        return origin

    def _judge_origin(self, start: str) -> _Origin:
        name = read_origin(start)
        is_open = name in self.setting.allowed
        has_login = "@" in urlsplit(start).netloc if name else True
        is_safe = name.startswith("https://") or is_open
        return _Origin(name, is_open, is_callable=is_safe and not has_login)

    def _turn(self) -> float:
        """Let libcurl do what it can now and take down what has ended; gives the time."""
        self._multi.perform()
        now = time.monotonic()
        left = 1
        while left:
            left, good, bad = self._multi.info_read(256)
            for easy in good:
                slot = self._running[easy]
                self._end(slot, slot.read_answer(now))
            for easy, code, words in bad:
                self._fail(self._running[easy], code, words)
            if good:
                self._answered_at = now
        if now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            self._end_overdue(now)
        return now

    def _wait(self, seconds: float) -> None:
        planned = self._multi.timeout()
        wait = min(seconds, LOOK_SECONDS, planned / 1000 if planned >= 0 else LOOK_SECONDS)
        if wait > 0 and self._multi.select(wait) < 0:
            time.sleep(min(wait, 0.01))  # no socket yet: a name is being looked up

    def _end(self, slot: _Slot, answer: DeviceAnswer | Failure) -> None:
        easy = slot.easy
        self._multi.remove_handle(easy)
        del self._running[easy]
        slot.lines.clear()
        slot.body.clear()
        self._free.append(slot)
        self._done.append((slot.call, answer))

    def _fail(self, slot: _Slot, code: int, words: str) -> None:
        failure = slot.explain(code, words)
        is_unreached = failure.was_sent is False and _REFUSED_TOO_OFTEN not in words
        origin, started = slot.origin, slot.started
        self._end(slot, failure)
        if is_unreached and started > self._answered_at:
            # Nobody else gets there now: without this each would try for itself, one by one.
            for other in list(self._running.values()):
                if other.origin is origin and not other.is_written():
                    self._end(other, _repeat(failure))

    def _end_overdue(self, now: float) -> None:
        allowed = min(CONNECT_SECONDS, self.setting.seconds) + self.setting.seconds
        for slot in list(self._running.values()):
            if slot.started + allowed > now:
                break
            self._is_stuck |= slot.started > self._answered_at
            self._end(slot, slot.explain(pycurl.E_OPERATION_TIMEDOUT, ""))


def _repeat(failure: Failure) -> Failure:
    return Failure(failure.reason, failure.message, is_permanent=failure.is_permanent)


_local = threading.local()


def get_fanout(
    streams: int, certificate: ClientCertificate | None = None, account: str = ""
) -> Fanout:
    """This thread's: connections are kept from batch to batch. Each `account` has its own."""
    kept: dict[tuple[Any, ...], Fanout] = _local.__dict__.setdefault("fanouts", {})
    key = (certificate, account)
    fanout = kept.pop(key, None)
    if fanout is not None and fanout.setting != read_setting():
        fanout.close()
        fanout = None
    if fanout is None:
        _close_oldest(kept)
        fanout = Fanout(streams, certificate)
    fanout.widen(streams)
    kept[key] = fanout
    return fanout


def close_fanouts() -> None:
    """End this thread's connections."""
    kept: dict[tuple[Any, ...], Fanout] = _local.__dict__.pop("fanouts", {})
    for fanout in kept.values():
        fanout.close()


def _close_oldest(kept: dict[tuple[Any, ...], Fanout]) -> None:
    for key, fanout in list(kept.items()):
        if len(kept) >= KEPT_FANOUTS and not fanout.in_flight:
            kept.pop(key).close()
