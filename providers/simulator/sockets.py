"""How an answer goes over the socket: whole and at once, or as a fault has it."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus

from providers.inbound import Reply
from providers.simulator.answers import SpoiltReply
from providers.simulator.plan import GivenFault

Sleep = Callable[[float], object]
SLICES = 10  # a second, in which a narrow line sends
_RESET = struct.pack("ii", 1, 0)  # linger for no time: close() sends a reset


def send_reply(link: socket.socket, reply: Reply, *, sleep: Sleep, closes: bool) -> bool:
    """Answer; whether the connection may be used again. Raises OSError where nobody listens.

    `closes` says that it will not be, and tells the caller so.
    """
    wire = reply.wire if isinstance(reply, SpoiltReply) else None
    if not reply.status:
        if wire is not None and wire.name == "silence":
            sleep(wire.find_number("seconds"))
        return False
    content = reply.body
    if not isinstance(content, str):
        content = json.dumps(content, separators=(",", ":"))
    body = content.encode()
    headers = {**reply.headers, "Content-Type": reply.content_type}
    if closes:
        headers["Connection"] = "close"
    if wire is None:
        link.sendall(_write_head(reply.status, headers, len(body)) + body)
        return not closes
    return _SENDERS[wire.name](_Answer(link, wire, sleep, reply.status, headers, body))


def reset(link: socket.socket) -> None:
    """Close with a reset, so that nobody takes it for an end."""
    with suppress(OSError):
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    link.close()


@dataclass(frozen=True, slots=True)
class _Answer:
    """One answer that a fault gets hold of on its way."""

    link: socket.socket
    given: GivenFault
    sleep: Sleep
    status: int
    headers: Mapping[str, str]
    body: bytes

    def write_head(self, more: int = 0) -> bytes:
        return _write_head(self.status, self.headers, max(0, len(self.body) + more))

    def trickle(self, pieces: Iterable[bytes], seconds: float) -> None:
        for piece in pieces:
            self.link.sendall(piece)
            self.sleep(seconds)


def _lose(answer: _Answer) -> bool:
    return False


def _send_slow_head(answer: _Answer) -> bool:
    lines = answer.write_head().splitlines(keepends=True)
    answer.trickle(lines, answer.given.find_number("seconds"))
    answer.link.sendall(answer.body)
    return True


def _send_slow_body(answer: _Answer) -> bool:
    answer.link.sendall(answer.write_head())
    pieces = (answer.body[at : at + 1] for at in range(len(answer.body)))
    answer.trickle(pieces, answer.given.find_number("seconds"))
    return True


def _send_narrow(answer: _Answer) -> bool:
    whole = answer.write_head() + answer.body
    size = max(1, int(answer.given.find_number("bytes_per_second") / SLICES))
    answer.trickle((whole[at : at + size] for at in range(0, len(whole), size)), 1 / SLICES)
    return True


def _send_half(answer: _Answer) -> bool:
    answer.link.sendall(answer.write_head() + answer.body[: len(answer.body) // 2])
    return False


def _send_wrong_length(answer: _Answer) -> bool:
    more = int(answer.given.find_number("by"))
    answer.link.sendall(answer.write_head(more) + answer.body)
    return False


_SENDERS: Mapping[str, Callable[[_Answer], bool]] = {
    "accepted_answer_lost": _lose,
    "slow_headers": _send_slow_head,
    "slow_body": _send_slow_body,
    "bandwidth": _send_narrow,
    "half_body": _send_half,
    "wrong_length": _send_wrong_length,
}


def _write_head(status: int, headers: Mapping[str, str], length: int) -> bytes:
    lines = {"Date": format_datetime(datetime.now(UTC), usegmt=True), **headers}
    lines["Content-Length"] = str(length)
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{text}\r\n".encode("latin-1")
