"""The body of a request as blocks, under the cap of imports, for whichever door it came in by."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from django.conf import settings

from campaigns.services.imports import refuse_size

BLOCK = 65_536
DRAIN_SECONDS = 10


def read_blocks(stream: Any, length: str) -> Iterator[bytes]:
    """Blocks of a body, of which Content-Length says `length`. Raises Refused (TOO_LARGE).

    What a client sends beyond the cap is read and dropped for a while: who is still writing would
    see a broken pipe instead of the answer.
    """
    if length.isdecimal() and int(length) > settings.MAX_IMPORT_BYTES:
        _drain(stream)
        raise refuse_size()
    size = 0
    while block := stream.read(BLOCK):
        size += len(block)
        if size > settings.MAX_IMPORT_BYTES:
            _drain(stream)
            raise refuse_size()
        yield block


def _drain(stream: Any) -> None:
    left, until = 2 * settings.MAX_IMPORT_BYTES, time.monotonic() + DRAIN_SECONDS
    while left > 0 and time.monotonic() < until:
        block = stream.read(BLOCK)
        if not block:
            return
        left -= len(block)
