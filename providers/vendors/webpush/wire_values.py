"""Bytes as texts: base64 for addresses without padding (RFC 7515 §2, RFC 8291 §3)."""

from __future__ import annotations

import base64
import binascii

_SAFE = bytes.maketrans(b"-_", b"+/")


def write_base64(content: bytes) -> str:
    """URL-safe, without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def read_base64(text: str) -> bytes:
    """With or without padding, in either alphabet: libraries in pages differ. ValueError else."""
    letters = text.encode("ascii").translate(_SAFE).rstrip(b"=")
    try:
        return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4), strict_mode=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
