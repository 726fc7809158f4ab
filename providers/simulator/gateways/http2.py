"""A server's side of an HTTP/2 connection, without a socket.

Not the `h2` library: with it one core served 6,400 calls a second, which would have been the limit
of every figure taken with this simulator (docs/decisions/0033).
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from hpack import Decoder
from hpack.exceptions import HPACKError

from providers.simulator.gateways.frames import (
    ACK,
    END_HEADERS,
    END_STREAM,
    FIRST_WINDOW,
    HAS_PRIORITY,
    HEAD,
    INITIAL_WINDOW_SIZE,
    LARGEST_WINDOW,
    MAX_CONCURRENT_STREAMS,
    MAX_FRAME,
    PADDED,
    PREFACE,
    Code,
    Kind,
    write_frame,
    write_goaway,
    write_headers,
    write_number,
    write_settings,
)
from providers.simulator.gateways.requests import LONGEST_BODY, BadRequest, Request

# It would tell every header of every caller, keys among them.
logging.getLogger("hpack").setLevel(logging.INFO)

KNOWN_BLOCKS = 256
TOP_UP = 2**30


@dataclass(slots=True)
class _Stream:
    """`window` is what may still be sent on it; `unsent` waits for more."""

    window: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: list[bytes] = field(default_factory=list)
    unsent: bytes = b""
    ends: bool = False


class Http2:
    """Reads requests out of bytes and writes answers into bytes."""

    def __init__(self, streams: int) -> None:
        self.decoder = Decoder()
        self.blocks: dict[bytes, Mapping[str, str]] = {}
        self.streams: dict[int, _Stream] = {}
        self.out: list[bytes] = [
            write_settings({MAX_CONCURRENT_STREAMS: streams, INITIAL_WINDOW_SIZE: LONGEST_BODY}),
            write_number(Kind.WINDOW_UPDATE, 0, LARGEST_WINDOW - FIRST_WINDOW),
        ]
        self.unread = bytearray()
        self.block = bytearray()  # of headers that go on in the next frame
        self.block_ends = False  # whether the request ends with its headers
        self.window = self.first_window = FIRST_WINDOW
        self.blocked: deque[int] = deque()
        self.received = 0
        self.highest = 0
        self.last: int | None = None  # the last stream that is looked at, once that is said
        self.has_greeted = False
        self.requests: list[Request] = []

    @property
    def is_over(self) -> bool:
        """Whether this side has said that it will go, and has answered what it had taken."""
        return self.last is not None and not self.streams

    def receive(self, data: bytes) -> list[Request]:
        """Requests that have become whole; raises BadRequest."""
        self.unread += data
        at = self._greet()
        unread = bytes(self.unread)
        while len(unread) >= at + HEAD:
            size = int.from_bytes(unread[at : at + 3])
            if size > MAX_FRAME:
                raise BadRequest("A frame is larger than was allowed.")
            end = at + HEAD + size
            if len(unread) < end:
                break
            stream = int.from_bytes(unread[at + 5 : at + HEAD]) & LARGEST_WINDOW
            self._read_frame(unread[at + 3], unread[at + 4], stream, unread[at + HEAD : end])
            at = end
        del self.unread[:at]
        if self.received > TOP_UP:
            self.out.append(write_number(Kind.WINDOW_UPDATE, 0, self.received))
            self.received = 0
        requests, self.requests = self.requests, []
        return requests

    def begin(self, stream: int, status: int, headers: Mapping[str, str], size: int) -> None:
        """The head of an answer; one without a body ends with it."""
        if stream not in self.streams:
            return
        block = write_headers(status, {**headers, "content-length": str(size)})
        flags = END_HEADERS if size else END_HEADERS | END_STREAM
        self.out.append(write_frame(Kind.HEADERS, flags, stream, block))
        if not size:
            del self.streams[stream]

    def send(self, stream: int, data: bytes, *, ends: bool) -> None:
        """More of an answer's body, as far as the other side allows; the rest follows."""
        held = self.streams.get(stream)
        if held is None:
            return
        held.unsent += data
        held.ends |= ends
        self._send_unsent(stream, held)

    def reset(self, stream: int, *, is_refused: bool) -> None:
        """End a stream; refused means that it was not looked at (RFC 9113, 8.7)."""
        if self.streams.pop(stream, None) is not None:
            code = Code.REFUSED_STREAM if is_refused else Code.INTERNAL_ERROR
            self.out.append(write_number(Kind.RST_STREAM, stream, code))

    def go_away(self, last: int) -> None:
        """Say that no stream above `last` is looked at; the connection ends after the others."""
        if self.last is None:
            self.last = last
            self.out.append(write_goaway(last, Code.NO_ERROR))
            for stream in [number for number in self.streams if number > last]:
                del self.streams[stream]

    def take(self) -> bytes:
        out, self.out = b"".join(self.out), []
        return out

    def _greet(self) -> int:
        if self.has_greeted or len(self.unread) < len(PREFACE):
            return 0
        if not self.unread.startswith(PREFACE):
            raise BadRequest("That is no HTTP/2.")
        self.has_greeted = True
        return len(PREFACE)

    def _read_frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if self.block and kind != Kind.CONTINUATION:
            raise BadRequest("A header block was cut off.")
        if stream:
            self._read_stream_frame(kind, flags, stream, payload)
        elif kind == Kind.WINDOW_UPDATE:
            self._widen(int.from_bytes(payload) & LARGEST_WINDOW)
        elif kind == Kind.SETTINGS and not flags & ACK:
            self._read_settings(payload)
        elif kind == Kind.PING and not flags & ACK:
            self.out.append(write_frame(Kind.PING, ACK, 0, payload))

    def _read_stream_frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        match kind:
            case Kind.HEADERS:
                self.block_ends = bool(flags & END_STREAM)
                self._read_headers(flags, stream, _strip_priority(flags, _strip(flags, payload)))
            case Kind.CONTINUATION:
                self._read_headers(flags, stream, payload)
            case Kind.DATA:
                self._read_data(flags, stream, payload)
            case Kind.WINDOW_UPDATE if stream in self.streams:
                held = self.streams[stream]
                held.window += int.from_bytes(payload) & LARGEST_WINDOW
                self._send_unsent(stream, held)
            case Kind.RST_STREAM:
                self.streams.pop(stream, None)

    def _read_headers(self, flags: int, stream: int, piece: bytes) -> None:
        if not flags & END_HEADERS:
            self.block += piece
            return
        block = bytes(self.block) + piece
        self.block.clear()
        headers = self._decode(block)
        if self.last is not None and stream > self.last:
            return  # it was told that nobody looks
        self.highest = max(self.highest, stream)
        self.streams[stream] = _Stream(self.first_window, headers)
        if self.block_ends:
            self._finish(stream)

    def _decode(self, block: bytes) -> Mapping[str, str]:
        """Headers of a block; one that was read before and changed no table means the same."""
        known = self.blocks.get(block)
        if known is not None:
            return known
        table = self.decoder.header_table
        before = table.dynamic_entries[0] if table.dynamic_entries else None
        try:
            pairs = self.decoder.decode(block, raw=True)
        except (HPACKError, IndexError) as error:
            raise BadRequest("A header block cannot be read.") from error
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}
        after = table.dynamic_entries[0] if table.dynamic_entries else None
        if after is not before or len(self.blocks) >= KNOWN_BLOCKS:
            self.blocks.clear()
        if after is before:
            self.blocks[block] = headers
        return headers

    def _read_data(self, flags: int, stream: int, payload: bytes) -> None:
        self.received += len(payload)
        held = self.streams.get(stream)
        if held is None:
            return
        held.body.append(_strip(flags, payload))
        if flags & END_STREAM:
            self._finish(stream)

    def _finish(self, stream: int) -> None:
        held = self.streams[stream]
        headers = held.headers
        method, target = headers.get(":method", ""), headers.get(":path", "")
        request = Request(stream, method, target, headers, b"".join(held.body))
        held.body.clear()
        self.requests.append(request)

    def _read_settings(self, payload: bytes) -> None:
        for at in range(0, len(payload) - 5, 6):
            name = int.from_bytes(payload[at : at + 2])
            value = int.from_bytes(payload[at + 2 : at + 6])
            if name == INITIAL_WINDOW_SIZE:
                for held in self.streams.values():
                    held.window += value - self.first_window
                self.first_window = value
        self.out.append(write_frame(Kind.SETTINGS, ACK, 0))

    def _widen(self, more: int) -> None:
        self.window += more
        waiting, self.blocked = self.blocked, deque()
        for number in waiting:
            if number in self.streams:
                self._send_unsent(number, self.streams[number])

    def _send_unsent(self, stream: int, held: _Stream) -> None:
        unsent, at, has_ended = held.unsent, 0, False
        while at < len(unsent):
            size = min(len(unsent) - at, MAX_FRAME, held.window, self.window)
            if size <= 0:
                if self.window <= 0:
                    self.blocked.append(stream)
                held.unsent = unsent[at:]
                return
            piece, at = unsent[at : at + size], at + size
            held.window -= size
            self.window -= size
            has_ended = held.ends and at == len(unsent)
            self.out.append(write_frame(Kind.DATA, END_STREAM * has_ended, stream, piece))
        held.unsent = b""
        if held.ends:
            if not has_ended:  # its last piece had gone before that was known
                self.out.append(write_frame(Kind.DATA, END_STREAM, stream))
            del self.streams[stream]


def _strip(flags: int, payload: bytes) -> bytes:
    """A payload without its padding."""
    if flags & PADDED and payload:
        return payload[1 : len(payload) - payload[0]]
    return payload


def _strip_priority(flags: int, payload: bytes) -> bytes:
    """A header block without the priority, which nobody uses any more."""
    return payload[5:] if flags & HAS_PRIORITY else payload
