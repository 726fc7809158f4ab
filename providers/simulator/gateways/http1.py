"""A server's side of an HTTP/1.1 connection, for callers that do not speak HTTP/2."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from providers.simulator.gateways.requests import LONGEST_BODY, BadRequest, Request

END_OF_HEAD = b"\r\n\r\n"
LONGEST_HEAD = 65_536


class Http1:
    """One request after the other; a number stands for the stream that there is not."""

    def __init__(self) -> None:
        self.unread = bytearray()
        self.out: list[bytes] = []
        self.count = 0
        self.is_over = False

    def receive(self, data: bytes) -> list[Request]:
        """Requests that have become whole; raises BadRequest."""
        self.unread += data
        requests: list[Request] = []
        while (request := self._read_one()) is not None:
            requests.append(request)
        return requests

    def _read_one(self) -> Request | None:
        end = self.unread.find(END_OF_HEAD)
        if end < 0:
            if len(self.unread) > LONGEST_HEAD:
                raise BadRequest("The head is too long.")
            return None
        first, *lines = self.unread[:end].decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > LONGEST_BODY:
            raise BadRequest("The body is too long.")
        body_end = end + len(END_OF_HEAD) + int(length)
        if len(self.unread) < body_end:
            return None
        body = bytes(self.unread[end + len(END_OF_HEAD) : body_end])
        del self.unread[:body_end]
        self.count += 1
        method, _, rest = first.partition(" ")
        return Request(self.count, method, rest.rpartition(" ")[0], headers, body)

    def begin(self, stream: int, status: int, headers: Mapping[str, str], size: int) -> None:
        lines = {**headers, "content-length": str(size)}
        text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{text}\r\n"
        self.out.append(head.encode("latin-1", "replace"))

    def send(self, stream: int, data: bytes, *, ends: bool) -> None:
        self.out.append(data)

    def reset(self, stream: int, *, is_refused: bool) -> None:
        """There is nothing smaller to end than the connection."""
        self.is_over = True

    def go_away(self, last: int) -> None:
        self.is_over = True

    def take(self) -> bytes:
        out, self.out = b"".join(self.out), []
        return out
