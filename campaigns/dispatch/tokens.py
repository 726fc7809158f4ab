"""Switches off tokens that a vendor calls dead: with its words, and so that it can be undone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from campaigns.models import Device
from campaigns.models.bulk import IdList

MAX_EVIDENCE = 400


@dataclass(frozen=True, slots=True)
class DeadToken:
    """A token as it was called, what the vendor said of it, and since when it is dead, where it
    tells."""

    recipient: int
    token: str
    words: str = ""
    since: datetime | None = None


def disable_tokens(dead: Iterable[DeadToken], now: datetime) -> None:
    """Switch off those that the devices still have, and have not shown anew since they died."""
    known = {one.recipient: one for one in dead}
    if not known:
        return
    active = Device.objects.filter(pk__in=IdList(known), token_state=Device.TokenState.ACTIVE)
    # A device that registers again with the same token changes no token, but was there.
    shown = ("token_state_at", "created_at", "last_seen_at")
    by_words: dict[str, list[int]] = defaultdict(list)
    for pk, token, *times in active.values_list("pk", "token", *shown):
        one = known[pk]
        if one.token == token and not _is_newer(times, one.since):
            by_words[(one.words or "unregistered")[:MAX_EVIDENCE]].append(pk)
    for words, devices in by_words.items():
        active.filter(pk__in=IdList(devices)).update(
            token_state=Device.TokenState.DISABLED, token_evidence=words, token_state_at=now
        )


def _is_newer(times: Iterable[datetime | None], since: datetime | None) -> bool:
    return since is not None and any(at is not None and at > since for at in times)
