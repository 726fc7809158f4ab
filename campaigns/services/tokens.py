"""Tokens that a script gets for its key's id and secret. Nothing of them is kept: they are signed
with the installation's secret, and hold as long as the key does.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from django.conf import settings
from django.utils.translation import gettext as _

from campaigns.errors import Refused
from campaigns.models import ApiKey
from providers.contract import Dialect
from providers.outcomes import RefusalCode, RefusalKind

PREFIX = "pt1"
FOR_EVER = 0
DEFAULT_TTL = 86_400  # seconds
LONGEST_TTL = 100 * 365 * 86_400


@dataclass(frozen=True, slots=True)
class SignedToken:
    """What a genuine token says: for whose key and which dialect it was made, and when it ends."""

    public_id: str
    dialect: str
    expires_at: datetime | None


def write_token(
    key: ApiKey, dialect: Dialect, ttl: int | None, *, now: datetime
) -> tuple[str, int]:
    """A token that lives `ttl` seconds (0: for ever, None: a day), and the seconds that it really
    lives: never longer than the key. 0 = for ever.
    """
    seconds = DEFAULT_TTL if ttl is None else min(ttl, LONGEST_TTL)
    if key.expires_at is not None:
        left = max(1, int((key.expires_at - now).total_seconds()))
        seconds = min(seconds, left) if seconds else left
    end = int((now + timedelta(seconds=seconds)).timestamp()) if seconds else FOR_EVER
    head = f"{PREFIX}.{dialect.key}.{key.public_id}.{end}"
    return f"{head}.{_sign(head)}", seconds


def is_token(text: str) -> bool:
    """Whether it looks like a token of ours."""
    return text.startswith(f"{PREFIX}.")


def read_token(text: str, *, now: datetime) -> SignedToken:
    """Raises Refused (UNAUTHENTICATED): EXPIRED, or CORRUPT for what we never wrote."""
    head, _dot, mac = text.rpartition(".")
    # As bytes: a text with other letters than ASCII's cannot be compared.
    if not hmac.compare_digest(_sign(head).encode(), mac.encode("utf-8", "replace")):
        raise _refuse(_("The token is corrupt, or not one of ours."), RefusalCode.CORRUPT)
    _prefix, dialect, public_id, end = head.split(".")
    expires_at = datetime.fromtimestamp(int(end), UTC) if int(end) else None
    if expires_at is not None and now >= expires_at:
        raise _refuse(_("The token has expired."), RefusalCode.EXPIRED)
    return SignedToken(public_id, dialect, expires_at)


def _refuse(sentence: str, code: RefusalCode) -> Refused:
    return Refused(sentence, kind=RefusalKind.UNAUTHENTICATED, code=code)


def _sign(head: str) -> str:
    key = _find_key(settings.SECRET_KEY)
    return hmac.new(key, head.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:40]


@lru_cache(maxsize=2)
def _find_key(secret: str) -> bytes:
    return hashlib.sha256(b"pushadmin tokens\0" + secret.encode()).digest()
