"""The id that we give a recipient of a call: a receipt needs no index to find its way back, and a
forged one is refused."""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache

from django.conf import settings

VERSION = "1"
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
MAC_LENGTH = 12
REST = 36 ** (50 - MAC_LENGTH)


def write_receipt_token(part_id: int, recipient: int) -> str:
    """`1.<part>.<recipient>.<keyed hash>`, base 36."""
    head = f"{VERSION}.{_to_base36(part_id)}.{_to_base36(recipient)}"
    return f"{head}.{_sign(head)}"


def read_receipt_token(token: str) -> tuple[int, int] | None:
    """Part and recipient, or None when we never gave that token out."""
    head, _dot, mac = token.rpartition(".")
    if not token.isascii() or not hmac.compare_digest(_sign(head), mac):
        return None
    _version, part, recipient = head.split(".")
    return int(part, 36), int(recipient, 36)


def _sign(head: str) -> str:
    mac = hmac.new(_find_key(settings.SECRET_KEY), head.encode(), hashlib.sha256).digest()
    # The first digits of the number's fifty, without writing the others.
    return _to_base36(int.from_bytes(mac, "big") // REST).zfill(MAC_LENGTH)


@lru_cache(maxsize=2)
def _find_key(secret: str) -> bytes:
    return hashlib.sha256(b"pushadmin receipts\0" + secret.encode()).digest()


def _to_base36(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = DIGITS[rest] + digits
    return digits or "0"
