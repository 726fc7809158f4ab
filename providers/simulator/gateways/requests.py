"""A request as either version of HTTP brings it, and what a connection can do about one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

LONGEST_BODY = 1_048_576


@dataclass(frozen=True, slots=True)
class Request:
    """Whole: headers and body have come. `stream` tells it apart on its connection."""

    stream: int
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class BadRequest(Exception):
    """The other side breaks the protocol; the connection ends."""


class Connection(Protocol):
    """What both versions of HTTP give: bytes in, requests out, and answers as bytes.

    `take` gives the bytes that are to be written now. Nothing here touches a socket.
    """

    def receive(self, data: bytes) -> list[Request]: ...

    def begin(self, stream: int, status: int, headers: Mapping[str, str], size: int) -> None: ...

    def send(self, stream: int, data: bytes, *, ends: bool) -> None: ...

    def reset(self, stream: int, *, is_refused: bool) -> None: ...

    def go_away(self, last: int) -> None: ...

    def take(self) -> bytes: ...

    @property
    def is_over(self) -> bool: ...
