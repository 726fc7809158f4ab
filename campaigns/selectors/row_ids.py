"""Ids of rows as people, pages and scripts write them."""

from __future__ import annotations

MAX_ID = 2**63 - 1


def read_id(text: str) -> int:
    """A row's id from a text; 0, which is nobody's, for what is no id."""
    is_id = text.isascii() and text.isdecimal() and len(text) <= 19
    return int(text) if is_id and int(text) <= MAX_ID else 0
