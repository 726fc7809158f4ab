"""The request to a push service: RFC 8030 §5, with RFC 8291 §4's coding and RFC 8292's word."""

from __future__ import annotations

import hashlib
import re

from .wire_encryption import CODING
from .wire_values import write_base64

MAX_TTL_SECONDS = 2_419_200  # four weeks: what the large push services keep a message at most
URGENCIES = ("very-low", "low", "normal", "high")  # RFC 8030 §5.3
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")


def write_topic(key: str) -> str:
    """A `Topic` (RFC 8030 §5.4): at most 32 letters of base64 for addresses, the same for the same
    key, so that a push that is made twice waits for a browser once."""
    if _TOPIC.fullmatch(key):
        return key
    return write_base64(hashlib.sha256(key.encode("utf-8", "replace")).digest()[:24])


def write_own_topic(reference: str) -> str:
    """The topic of one recipient's push, from the receipt token: letters, digits and dots."""
    return write_topic(reference.replace(".", "-"))


def write_fixed_headers(seconds: int | None, urgency: str = "") -> tuple[str, ...]:
    """What all requests of a push have. RFC 8030 §5.2: `TTL` must be there; 0 is "now or never"."""
    ttl = MAX_TTL_SECONDS if seconds is None else min(max(0, seconds), MAX_TTL_SECONDS)
    headers = (
        f"TTL: {ttl}",
        f"Content-Encoding: {CODING}",
        "Content-Type: application/octet-stream",
    )
    return (*headers, f"Urgency: {urgency}") if urgency in URGENCIES else headers
