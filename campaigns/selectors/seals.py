"""Keyed hashes of identifiers, for lists that must not hold the identifiers themselves.

The key is random, made once for the installation, and kept encrypted by the vault: a copy of the
database alone tells nobody whose identifier a seal stands for, and no values can be tried out.
"""

from __future__ import annotations

import hmac
import re
import secrets
from functools import lru_cache

from campaigns.models import Installation
from campaigns.models.access import find_installation
from campaigns.models.privacy import SEAL_LENGTH
from campaigns.selectors.identifiers import identifier_platforms
from providers import vault
from providers.recipients import TOKEN_KIND, PersonKind

PERSON_KINDS = frozenset(kind.value for kind in PersonKind)
NO_DIGIT = re.compile(r"\D")


class Sealer:
    """Makes seals; opened once per piece of work, since that asks the database for the key."""

    def __init__(self) -> None:
        ciphertext = find_installation().seal_key or _make_key()
        self._key = _read_key(ciphertext)

    def seal(self, workspace_id: int, kind: str, value: str) -> str:
        """32 hex digits: the first half of an HMAC-SHA256 of workspace, kind and value."""
        text = f"{workspace_id}\0{kind}\0{write_plain(kind, value)}"
        data = text.encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, data, "sha256").hex()[:SEAL_LENGTH]


def list_kinds() -> list[str]:
    """Every kind of identifier that can be sealed: persons' first, then devices'."""
    return [*sorted(PERSON_KINDS), TOKEN_KIND, *sorted(identifier_platforms())]


def write_plain(kind: str, value: str) -> str:
    """An identifier as it is compared: two ways to write one address are the same address."""
    if kind == PersonKind.EMAIL:
        return value.strip().casefold()
    if kind == PersonKind.PHONE:
        return NO_DIGIT.sub("", value).removeprefix("00")
    return value


def mask(kind: str, value: str) -> str:
    """What people may see of an identifier: enough to know it again, too little to use it."""
    plain = write_plain(kind, value)
    if kind == PersonKind.EMAIL and "@" in plain:
        name, _at, domain = plain.rpartition("@")
        return f"{name[:1]}…@{domain}"[:80]
    shown = 2 if len(plain) >= 8 else 1 if len(plain) >= 4 else 0
    return f"{plain[:shown]}…{plain[len(plain) - shown :]}" if shown else "…"


def _make_key() -> str:
    """Whoever is first decides; everybody then reads what is kept."""
    fresh = vault.encrypt({"key": secrets.token_hex(32)})
    Installation.objects.filter(pk=1, seal_key="").update(seal_key=fresh)
    return find_installation().seal_key


@lru_cache(maxsize=4)
def _read_key(ciphertext: str) -> bytes:
    return bytes.fromhex(vault.decrypt(ciphertext)["key"])
