"""Sessions for vendor calls: one per thread, closed to inner addresses, with one deadline for
sending and one for the whole answer, however slowly it drips.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from django.conf import settings
from requests.adapters import BaseAdapter, HTTPAdapter
from requests_hardened.ip_filter import InvalidIPAddress, get_ip_address
from requests_hardened.ip_filter_adapter import IPFilterAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

CONNECT_SECONDS = 3.0
# What looks public and is the machine's own cloud, which tells a caller its secrets: Azure's
# (learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16).
HOSTS_OF_CLOUDS = frozenset({ipaddress.ip_address("168.63.129.16")})

_local = threading.local()
_chosen: ContextVar[requests.Session | None] = ContextVar("chosen", default=None)


def find_call_seconds() -> float:
    """How long sending may take, and again the whole answer; a batch's lease is longer."""
    return float(settings.CALL_SECONDS)


@dataclass(slots=True)
class Progress:
    """How far a call has come. Sending and answering have `seconds` each."""

    seconds: float = field(default_factory=find_call_seconds)
    is_written: bool = False


running_call: ContextVar[Progress | None] = ContextVar("running_call", default=None)


def get_session() -> requests.Session:
    """This thread's session: connections are kept, cookies, proxies and .netrc are not."""
    chosen = _chosen.get()
    if chosen is not None:
        return chosen
    if not hasattr(_local, "session"):
        _local.session = VendorSession()
    session: requests.Session = _local.session
    return session


@contextmanager
def using_session(session: requests.Session) -> Iterator[None]:
    """Calls made inside take `session`, for example one that leads to our own door."""
    mark = _chosen.set(session)
    try:
        yield
    finally:
        _chosen.reset(mark)


class VendorSession(requests.Session):
    """Reaches public addresses and the origins that the settings name, and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self.headers["User-Agent"] = "pushadmin"
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._open_adapter = _WatchedAdapter()
        self.mount("http://", _GuardedAdapter(is_https=False))
        self.mount("https://", _GuardedAdapter(is_https=True))

    def get_adapter(self, url: str) -> BaseAdapter:
        """The guard resolves a name once, refuses an inner address and pins the others."""
        if read_origin(url) in find_allowed_origins():
            return self._open_adapter
        return super().get_adapter(url)

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Whom to trust is a setting, and may be changed in a running test."""
        options["verify"] = settings.OUTBOUND_CA or True
        return super().send(request, **options)

    def close(self) -> None:
        self._open_adapter.close()
        super().close()


def find_allowed_origins() -> frozenset[str]:
    """Origins that may be loopback or private: those of the settings and the sandbox's."""
    return frozenset(
        read_origin(url) for url in (*settings.OUTBOUND_ALLOW, settings.SANDBOX_URL) if url
    )


def read_origin(url: str) -> str:
    """`scheme://host:port` in lower case; "" if the text is no such address."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.hostname}:{port}" if parts.hostname and port else ""


def find_progress() -> Progress:
    """Of the call that runs in this thread."""
    return running_call.get() or Progress()


class _ClockedReader(io.RawIOBase):
    """Reads an answer with one deadline for all of it, however slowly it drips."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, seconds: float) -> None:
        self.raw = raw
        self.sock = sock
        self.deadline = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the whole answer takes too long")
        self.sock.settimeout(left)
        count: int | None = self.raw.readinto(buffer)
        return count

    def close(self) -> None:
        self.raw.close()
        super().close()


class _ClockedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        reader = _ClockedReader(self.fp.detach(), sock, find_progress().seconds)
        self.fp = io.BufferedReader(reader)


class _WatchedConnection(HTTPConnection):
    response_class = _ClockedResponse

    def send(self, data: Any) -> None:
        _mark_written(self)
        super().send(data)


class _WatchedTLSConnection(HTTPSConnection):
    response_class = _ClockedResponse

    def send(self, data: Any) -> None:
        _mark_written(self)
        super().send(data)


def _mark_written(connection: HTTPConnection) -> None:
    """Note that from here on the vendor may have got something."""
    if connection.sock is None:
        connection.connect()
    progress = find_progress()
    progress.is_written = True
    connection.sock.settimeout(progress.seconds)


class _WatchedPool(HTTPConnectionPool):
    ConnectionCls = _WatchedConnection


class _WatchedTLSPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTLSConnection


class _WatchedAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _WatchedPool, "https": _WatchedTLSPool}


class _GuardedAdapter(IPFilterAdapter, _WatchedAdapter):  # type: ignore[misc]  # untyped library
    def __init__(self, *, is_https: bool) -> None:
        IPFilterAdapter.__init__(self, is_https_proto=is_https)

    def build_connection_pool_key_attributes(self, *args: Any, **kwargs: Any) -> Any:
        where, how = super().build_connection_pool_key_attributes(*args, **kwargs)
        _check_odd_address(where["host"].strip("[]"))
        return where, how


def check_address(address: str, port: int) -> None:
    """Raise InvalidIPAddress for an address, as digits, that the guard lets nobody reach."""
    found, _ = get_ip_address(address, port, allow_loopback=False)
    _check_odd_address(str(found))


def _check_odd_address(text: str) -> None:
    address = ipaddress.ip_address(text)
    # RFC 3879's site-local ones, and whatever nobody has given out: `::127.0.0.1` and the like.
    is_odd = address.is_reserved or (address.version == 6 and address.is_site_local)
    if is_odd or address in HOSTS_OF_CLOUDS:
        raise InvalidIPAddress(address)
