"""What a kept key file is recognised by: names that the vendor's console shows, none of its key."""

from __future__ import annotations

import hashlib

from .wire_auth import read_service_account

KEY_LETTERS = 12  # of 40; the console lists them whole


def recognise_secret(name: str, text: str) -> str:
    """Project and key id; where it has no id, its address."""
    try:
        account = read_service_account(text)
    except ValueError:
        return f"SHA-256 {hashlib.sha256(text.encode()).hexdigest()[:8]}"
    key = f"{account.key_id[:KEY_LETTERS]}…" if account.key_id else account.email
    return f"{account.project} · {key}"
