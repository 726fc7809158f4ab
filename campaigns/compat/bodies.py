"""Bodies of calls: read with a cap, parsed strictly, and dropped where nobody wants them."""

from __future__ import annotations

import json
import math
import re
import time
import zlib
from collections.abc import Mapping
from typing import Any

from providers.outcomes import Refusal, RefusalKind

CHUNK = 65_536
DRAIN_SECONDS = 10.0
MAX_DEPTH = 20
MAX_KEYS = 1_000
MAX_VALUES = 5_000_000  # of a whole body: more would take a hundred times its size in memory
PACKED = frozenset({"gzip", "x-gzip", "deflate"})
ANY_HEADER = 32 + zlib.MAX_WBITS  # gzip's or zlib's, whichever is there
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_BOM = b"\xef\xbb\xbf"


class Body:
    """The body of one WSGI request, read at most once; `environ` is the server's."""

    def __init__(self, environ: Mapping[str, Any]) -> None:
        self.stream = environ.get("wsgi.input")
        self.socket = environ.get("gunicorn.socket")
        self.length = _read_length(environ)
        self.taken = 0

    def read(self, maximum: int) -> bytes:
        """All of it; raises Refusal as soon as it is known to pass `maximum` bytes."""
        if self.length is not None and self.length > maximum:
            raise _refuse_size(maximum)
        content = bytearray()
        while chunk := self._take():
            content += chunk
            if len(content) > maximum:
                raise _refuse_size(maximum)
        return bytes(content)

    def drain(self, maximum: int) -> None:
        """Read what is left and drop it, so that the client can read our answer.

        Ends after `maximum` bytes in all, or 10 s.
        """
        before = self.socket.gettimeout() if self.socket else None
        try:
            self._drop(maximum, time.monotonic() + DRAIN_SECONDS)
        except OSError:
            return  # the client is gone, or too slow
        finally:
            if self.socket:
                self.socket.settimeout(before)

    def _drop(self, maximum: int, deadline: float) -> None:
        while self.taken < maximum and self._wait(deadline) and self._take():
            pass

    def _wait(self, deadline: float) -> bool:
        left = deadline - time.monotonic()
        if left > 0 and self.socket:
            self.socket.settimeout(left)
        return left > 0

    def _take(self) -> bytes:
        size = CHUNK if self.length is None else min(CHUNK, self.length - self.taken)
        if self.stream is None or size <= 0:
            return b""
        chunk: bytes = self.stream.read(size)
        self.taken += len(chunk)
        return chunk


def _read_length(environ: Mapping[str, Any]) -> int | None:
    """Bytes to come; None when the server itself ends a body of unknown length."""
    text = environ.get("CONTENT_LENGTH") or ""
    if text.isascii() and text.isdigit():
        return int(text)
    return None if environ.get("wsgi.input_terminated") else 0


def _refuse_size(maximum: int) -> Refusal:
    return Refusal(RefusalKind.TOO_LARGE, f"The body has more than {maximum} bytes.")


def unpack_body(content: bytes, encoding: str, maximum: int) -> bytes:
    """A body as it was before `Content-Encoding`; any other word than gzip's and deflate's says
    nothing, since scripts write `utf-8` there. Raises Refusal for what is broken or, unpacked, over
    `maximum` bytes."""
    if encoding.strip().lower() not in PACKED or not content:
        return content
    packer = zlib.decompressobj(ANY_HEADER)
    try:
        unpacked = packer.decompress(content, maximum + 1)
    except zlib.error as error:
        words = "The body is not packed as its Content-Encoding says."
        raise Refusal(RefusalKind.MALFORMED, words) from error
    if len(unpacked) > maximum:
        raise _refuse_size(maximum)
    if not packer.eof:
        raise Refusal(RefusalKind.MALFORMED, "The packed body ends too early.")
    return unpacked


def parse_body(content: bytes) -> Any:
    """The JSON value of a body, None for an empty one. Raises Refusal for whatever is doubtful:
    a key twice in an object, half a surrogate pair, NaN, more than 20 levels or 1,000 keys.
    """
    content = content.removeprefix(_BOM)
    if not content.strip():
        return None
    if content.count(b",") + content.count(b"[") + content.count(b"{") > MAX_VALUES:
        raise _refuse_json("it holds too many values")
    try:
        value = json.loads(
            content.decode(),
            object_pairs_hook=_read_object,
            parse_constant=_read_constant,
            parse_float=_read_float,
        )
    except (ValueError, RecursionError) as error:
        raise _refuse_json("it cannot be parsed") from error
    _check_depth(value)
    if _SURROGATE.search(content):
        _check_texts(value)
    return value


def _refuse_json(why: str) -> Refusal:
    return Refusal(RefusalKind.MALFORMED, f"The body is no proper JSON: {why}.")


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(pairs) > MAX_KEYS:
        raise _refuse_json(f"an object has more than {MAX_KEYS} keys")
    if len(values) < len(pairs):
        raise _refuse_json("an object has a key twice")
    return values


def _read_constant(text: str) -> Any:
    raise _refuse_json(f"{text} is no number")


def _read_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _refuse_json("a number is too large")
    return number


def _check_depth(value: Any) -> None:
    level = [value] if isinstance(value, dict | list) else []
    for _depth in range(MAX_DEPTH):
        if not level:
            return
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    if level:
        raise _refuse_json(f"it has more than {MAX_DEPTH} levels")


def _check_texts(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise _refuse_json("a text holds half a character") from error
