"""The id that we give a recipient of a call: a receipt needs no index to find its way back, and a
forged one is refused."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from functools import lru_cache
from itertools import product
from typing import Any

from django.conf import settings

VERSION = "1"
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
TRIPLES = tuple(map("".join, product(DIGITS, repeat=3)))
MAC_LENGTH = 12
REST = 36 ** (50 - MAC_LENGTH)
BLOCK = 64  # bytes that SHA-256 takes at once


def write_receipt_token(part_id: int, recipient: int) -> str:
    """`1.<part>.<recipient>.<keyed hash>`, base 36."""
    return write_receipt_tokens(part_id, (recipient,))[0]


def write_receipt_tokens(part_id: int, recipients: Iterable[int]) -> tuple[str, ...]:
    """The same for many: what their hashes have in common is worked out once."""
    start = f"{VERSION}.{_to_base36(part_id)}."
    inner, outer = _begin_mac(_find_key(settings.SECRET_KEY))
    inner = inner.copy()
    inner.update(start.encode())
    tokens = []
    for recipient in recipients:
        number = _to_base36(recipient)
        first, last = inner.copy(), outer.copy()
        first.update(number.encode())
        last.update(first.digest())
        tokens.append(f"{start}{number}.{_write_mac(last.digest())}")
    return tuple(tokens)


def read_receipt_token(token: str) -> tuple[int, int] | None:
    """Part and recipient, or None when we never gave that token out."""
    head, _dot, mac = token.rpartition(".")
    if not token.isascii() or not hmac.compare_digest(_sign(head), mac):
        return None
    _version, part, recipient = head.split(".")
    return int(part, 36), int(recipient, 36)


def _sign(head: str) -> str:
    return _write_mac(hmac.digest(_find_key(settings.SECRET_KEY), head.encode(), "sha256"))


def _write_mac(mac: bytes) -> str:
    # The first digits of the number's fifty, without writing the others.
    number, fourth = divmod(int.from_bytes(mac, "big") // REST, len(TRIPLES))
    number, third = divmod(number, len(TRIPLES))
    first, second = divmod(number, len(TRIPLES))
    return TRIPLES[first] + TRIPLES[second] + TRIPLES[third] + TRIPLES[fourth]


@lru_cache(maxsize=2)
def _begin_mac(key: bytes) -> tuple[Any, Any]:
    """The two hashes of an HMAC (RFC 2104, 2) after their keys: `hmac` would begin anew each
    time, which takes longer than the rest."""
    block = key.ljust(BLOCK, b"\0")
    pads = (bytes(byte ^ pad for byte in block) for pad in (0x36, 0x5C))
    inner, outer = (hashlib.sha256(pad) for pad in pads)
    return inner, outer


@lru_cache(maxsize=2)
def _find_key(secret: str) -> bytes:
    return hashlib.sha256(b"pushadmin receipts\0" + secret.encode()).digest()


def _to_base36(number: int) -> str:
    digits = ""
    while number >= len(TRIPLES):
        number, rest = divmod(number, len(TRIPLES))
        digits = TRIPLES[rest] + digits
    return (TRIPLES[number] + digits).lstrip("0") or "0"
