"""Frames of HTTP/2 and header blocks of HPACK, as far as a server needs them (RFC 9113, 7541)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from functools import lru_cache

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD = 9  # bytes of a frame before its payload
MAX_FRAME = 16_384
FIRST_WINDOW = 65_535
LARGEST_WINDOW = 2**31 - 1


class Kind(IntEnum):
    """Types of frames (RFC 9113, 6)."""

    DATA = 0x0
    HEADERS = 0x1
    PRIORITY = 0x2
    RST_STREAM = 0x3
    SETTINGS = 0x4
    PUSH_PROMISE = 0x5
    PING = 0x6
    GOAWAY = 0x7
    WINDOW_UPDATE = 0x8
    CONTINUATION = 0x9


class Code(IntEnum):
    """Error codes (RFC 9113, 7)."""

    NO_ERROR = 0x0
    PROTOCOL_ERROR = 0x1
    INTERNAL_ERROR = 0x2
    FLOW_CONTROL_ERROR = 0x3
    REFUSED_STREAM = 0x7
    CANCEL = 0x8
    ENHANCE_YOUR_CALM = 0xB


END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
HAS_PRIORITY = 0x20

# SETTINGS (RFC 9113, 6.5.2)
MAX_CONCURRENT_STREAMS = 0x3
INITIAL_WINDOW_SIZE = 0x4

_INDEXED_STATUS = {200: 8, 204: 9, 206: 10, 304: 11, 400: 12, 404: 13, 500: 14}  # RFC 7541, A
_STATUS_NAME = 8


def write_frame(kind: Kind, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """A frame as it goes over the wire."""
    head = (len(payload) << 40 | kind << 32 | flags << 24).to_bytes(8)[:5]
    return head + stream.to_bytes(4) + payload


def write_settings(settings: Mapping[int, int]) -> bytes:
    """The frame that announces what this side allows."""
    pairs = (name.to_bytes(2) + value.to_bytes(4) for name, value in settings.items())
    return write_frame(Kind.SETTINGS, 0, 0, b"".join(pairs))


def write_number(kind: Kind, stream: int, number: int) -> bytes:
    """A frame that holds one number of 32 bits: RST_STREAM or WINDOW_UPDATE."""
    return write_frame(kind, 0, stream, number.to_bytes(4))


def write_goaway(last: int, code: Code) -> bytes:
    """`last` is the highest stream that was, or may have been, looked at."""
    return write_frame(Kind.GOAWAY, 0, 0, last.to_bytes(4) + code.to_bytes(4))


def write_headers(status: int, headers: Mapping[str, str]) -> bytes:
    """A header block that touches no table, so that blocks may be written in any order."""
    return _write_status(status) + b"".join(
        _write_field(name.lower(), value) for name, value in headers.items()
    )


@lru_cache(64)
def _write_status(status: int) -> bytes:
    index = _INDEXED_STATUS.get(status)
    if index is not None:
        return bytes([0x80 | index])
    return bytes([_STATUS_NAME]) + _write_text(str(status))


@lru_cache(1024)
def _write_field(name: str, value: str) -> bytes:
    return b"\x00" + _write_text(name) + _write_text(value)


def _write_text(text: str) -> bytes:
    raw = text.encode("latin-1", "replace")
    size = len(raw)
    if size < 127:
        return bytes([size]) + raw
    prefix, size = bytearray([127]), size - 127  # RFC 7541, 5.1
    while size >= 128:
        prefix.append(size % 128 | 128)
        size //= 128
    prefix.append(size)
    return bytes(prefix) + raw
