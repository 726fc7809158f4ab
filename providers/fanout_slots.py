"""One call of a fan-out: libcurl's handle, made once, and what becomes of its call."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

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
)
from providers.outbound import ClientCertificate, DeviceAnswer, DeviceCall
from providers.outcomes import Failure, Reason

UNACKNOWLEDGED_MS = 15_000  # after which a connection that says nothing is dead

# libcurl makes a request again by itself where a kept connection ends without an answer: nobody
# would know that a device may have been called twice. It does not do so after RTSP's RECEIVE,
# which means nothing to HTTP, and still repeats what a gateway has certainly not looked at
# (RFC 9113, 8.7: REFUSED_STREAM, or a stream above GOAWAY's last). Held by test_fanout.
_RTSP_REQUEST, _RTSP_RECEIVE = 189, 11
REFUSED_TOO_OFTEN, REFUSED = "tried 5 times", "REFUSED_STREAM"

E_HTTP2_STREAM = 92  # which pycurl does not name
_NAMES = [name for name in dir(pycurl) if name.startswith("E_") and "E_MULTI_" not in name]
_CODES = {getattr(pycurl, name): name[2:] for name in _NAMES}
_CODES[E_HTTP2_STREAM] = "HTTP2_STREAM"
_UNWRITABLE = frozenset({
    pycurl.E_URL_MALFORMAT, pycurl.E_UNSUPPORTED_PROTOCOL,
    # A client certificate that cannot be read; one whose key is another's.
    pycurl.E_SSL_CERTPROBLEM, pycurl.E_BAD_FUNCTION_ARGUMENT,
})  # fmt: skip
# These end a connection that stood: part of the request may have left before it was counted.
LOST = frozenset({pycurl.E_SEND_ERROR, pycurl.E_RECV_ERROR, pycurl.E_GOT_NOTHING, pycurl.E_HTTP2})
_MIDWAY = LOST | {E_HTTP2_STREAM, pycurl.E_PARTIAL_FILE, pycurl.E_FTP_WEIRD_SERVER_REPLY}
_LINE_BREAK = re.compile("[\r\n\0]")
OK = 200
NO_HEADERS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Origin:
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


class Slot:
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
    origin: Origin

    def __init__(
        self, setting: Setting, certificate: ClientCertificate | None, *, keeps_headers: bool
    ) -> None:
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
        if keeps_headers:
            self.easy.setopt(pycurl.HEADERFUNCTION, self.lines.append)
        if certificate is not None:
            self.easy.setopt(pycurl.SSLCERT_BLOB, certificate.certificate)
            self.easy.setopt(pycurl.SSLKEY_BLOB, certificate.key)

    def load(self, call: DeviceCall, origin: Origin, now: float) -> None:
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

    def clear(self) -> None:
        """Forget what was answered."""
        self.body.clear()
        if self.lines:
            self.lines.clear()

    def is_written(self) -> bool:
        """Whether the gateway may have got something of the call."""
        return bool(self.easy.getinfo(pycurl.REQUEST_SIZE))

    def read_answer(self, now: float) -> DeviceAnswer:
        easy, body = self.easy, self.body
        status = easy.getinfo(pycurl.RESPONSE_CODE)
        return DeviceAnswer(
            self.call.place,
            status,
            NO_HEADERS if status == OK and not self.lines else self._read_headers(),
            body[0] if len(body) == 1 else b"".join(body),
            now - self.started,
        )

    def _read_headers(self) -> Mapping[str, str]:
        if self.lines:
            return AnswerHeaders(tuple(self.lines))
        wait = self.easy.getinfo(pycurl.RETRY_AFTER)
        return {"retry-after": str(wait)} if wait else NO_HEADERS

    def explain(self, code: int, words: str) -> Failure:
        """Why libcurl has ended it without an answer."""
        if code in _UNWRITABLE:
            return explain_unwritable()
        if code == pycurl.E_FILESIZE_EXCEEDED:
            return Failure(Reason.NO_ANSWER, TOO_LONG, was_sent=None)
        word = _CODES.get(code, str(code))
        if REFUSED_TOO_OFTEN in words:
            return explain_unreachable(REFUSED)
        # Only connecting has a time that libcurl minds: what was written before was refused.
        is_written = self.is_written() and code != pycurl.E_OPERATION_TIMEDOUT
        if code in _MIDWAY or is_written:
            return explain_silence(word)
        return self._explain_unreached(word)

    def explain_overdue(self) -> Failure:
        """Why it is not waited for any longer."""
        word = _CODES[pycurl.E_OPERATION_TIMEDOUT]
        return explain_silence(word) if self.is_written() else self._explain_unreached(word)

    def _explain_unreached(self, word: str) -> Failure:
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
        (pycurl.PATH_AS_IS, 1),  # what was checked of an address is what is called
        (pycurl.PROXY, ""),
        (pycurl.USERAGENT, "pushadmin"),
        (pycurl.CAINFO, setting.authorities),
        (pycurl.CONNECTTIMEOUT_MS, int(1000 * min(CONNECT_SECONDS, setting.seconds))),
        (pycurl.MAXFILESIZE, MAX_ANSWER_BYTES),
        (pycurl.TCP_NODELAY, 1),
    )
