"""Encrypts the credentials of accounts. The keys are `settings.VAULT_KEYS`, newest first:
the first encrypts, all decrypt, so a key is changed by putting a new one in front.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class VaultError(Exception):
    """Something cannot be encrypted or decrypted; the text says what to do, never what it was."""


def encrypt(credentials: Mapping[str, str]) -> str:
    """Encrypt with the newest key; the answer is plain ASCII text."""
    plain = json.dumps(dict(credentials), separators=(",", ":"))
    return _open_vault().encrypt(plain.encode()).decode()


def decrypt(ciphertext: str) -> dict[str, str]:
    """What `encrypt` was given; an empty text is an empty dict. Raises `VaultError`."""
    if not ciphertext:
        return {}
    try:
        plain = _open_vault().decrypt(ciphertext.encode())
    except InvalidToken:
        # The cause is dropped: a traceback must not carry what could not be read.
        raise VaultError(
            "These credentials were encrypted with a key that is not in PUSHADMIN_VAULT_KEYS. "
            "Add that key at the end of the list, or enter the credentials again."
        ) from None
    credentials: dict[str, str] = json.loads(plain)
    return credentials


def last_four(secret: str) -> str:
    """What a person may see of a secret: its last four characters if it is long enough."""
    return secret[-4:] if len(secret) >= 12 else ""


def generate_key() -> str:
    """A new key for `PUSHADMIN_VAULT_KEYS`."""
    return Fernet.generate_key().decode()


def fingerprints() -> tuple[str, ...]:
    """One fingerprint per key, newest first; they tell keys apart and reveal nothing of them."""
    return tuple(fingerprint(key) for key in settings.VAULT_KEYS)


def fingerprint(key: str) -> str:
    """Sixteen hexadecimal digits that stand for a key."""
    return hashlib.sha256(b"pushadmin vault key\0" + key.encode()).hexdigest()[:16]


def _open_vault() -> MultiFernet:
    keys: Sequence[str] = settings.VAULT_KEYS
    if not keys:
        raise VaultError("PUSHADMIN_VAULT_KEYS is empty, so no credentials can be kept or read.")
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        raise VaultError(
            "A key in PUSHADMIN_VAULT_KEYS is malformed; it must be 32 bytes in URL-safe base64."
        ) from None
