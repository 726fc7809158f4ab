"""What everybody who watches the same thing asks for again and again: counted once a second.

Shared are numbers, of rows that each reader was found to see, and never what is drawn of them:
that holds buttons by the reader's role, and a token of theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.core.cache import cache
from django.utils.translation import get_language

from campaigns.models import Transfer
from campaigns.pages.digests import digest

Value = TypeVar("Value")
LIVE_SECONDS = 1


def share(name: str, about: Any, read: Callable[[], Value]) -> Value:
    """What `read` gives, at most a second old; `about` is all that it depends on, as JSON."""
    key = f"pa-live-{name}-{get_language()}-{digest(about)}"
    known: Value | None = cache.get(key)
    if known is None:
        known = read()
        cache.set(key, known, LIVE_SECONDS)
    return known


def share_of(name: str, transfers: list[Transfer], read: Callable[[], Value]) -> Value:
    """The same of transfers under way; of what has ended the last answer stays on the page, so it
    is read anew."""
    if any(transfer.finished_at or transfer.status in Transfer.FINISHED for transfer in transfers):
        return read()
    about = [
        [transfer.pk, transfer.status, transfer.status_since.isoformat(), transfer.rate]
        for transfer in transfers
    ]
    return share(name, about, read)
