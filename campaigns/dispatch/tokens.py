"""Switches off tokens that a vendor calls dead: with its words, and so that it can be undone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import BigIntegerField, DateTimeField, Q, QuerySet

from campaigns.models import Device, Part
from campaigns.models.audience import hash64
from campaigns.models.bulk import ByRow, IdList, IsAmong
from campaigns.selectors.expressions import deny

MAX_EVIDENCE = 400
MOST_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class DeadToken:
    """A token as it was called, what the vendor said of it, and since when it is dead, where it
    tells."""

    recipient: int
    token: str
    words: str = ""
    since: datetime | None = None


def disable_tokens(dead: Iterable[DeadToken], now: datetime) -> None:
    """Switch off those that the devices still have, and have not shown anew since they died.

    Devices go on registering meanwhile: what is judged is judged by the statement that writes.
    """
    named = {one.recipient: one for one in dead}
    alike: dict[tuple[str, bool], list[DeadToken]] = defaultdict(list)
    for one in named.values():
        words = (one.words or "unregistered")[:MAX_EVIDENCE]
        alike[words, one.since is not None].append(one)
    with _hold(named):
        for (words, _tells_since), group in alike.items():
            for start in range(0, len(group), MOST_AT_ONCE):
                _switch_off(_find_dead(group[start : start + MOST_AT_ONCE]), words, now)


def disable_recipients(gone: Mapping[tuple[int, int], str], now: datetime) -> None:
    """Switch off the tokens of recipients, each with its part and with what was said of it, that
    are devices of its app. Runs in the caller's transaction, as the last that it locks.

    In a later step of a scenario the number is a person's, and no device is meant.
    """
    parts = Part.objects.filter(
        pk__in=IdList({part for part, _recipient in gone}), kind=Part.Kind.DEVICE
    )
    apps = dict(parts.values_list("pk", "transfer__app_id")) if gone else {}
    alike: dict[tuple[int, str], set[int]] = defaultdict(set)
    for (part, recipient), words in gone.items():
        if part in apps:
            alike[apps[part], words[:MAX_EVIDENCE]].add(recipient)
    with _hold(recipient for recipients in alike.values() for recipient in recipients):
        for (app, words), recipients in alike.items():
            found = Device.objects.filter(
                pk__in=IdList(recipients), app=app, token_state=Device.TokenState.ACTIVE
            )
            _switch_off(found, words, now)


@contextmanager
def _hold(devices: Iterable[int]) -> Iterator[None]:
    """A transaction that has all of them before it writes any, in the order of whoever registers
    them: else each may wait for the other. Whoever only refers to one goes on."""
    ids = sorted(set(devices))
    if not ids:
        yield
        return
    with transaction.atomic():
        rows = Device.objects.filter(IsAmong("pk", ids)).order_by("pk")
        list(rows.select_for_update(of=("self",), no_key=True).values_list("pk"))
        yield


def _switch_off(found: QuerySet[Device], words: str, now: datetime) -> None:
    found.update(token_state=Device.TokenState.DISABLED, token_evidence=words, token_state_at=now)


def _find_dead(group: Sequence[DeadToken]) -> QuerySet[Device]:
    """Devices that have the tokens; all of these tell since when they are dead, or none does."""
    hashes = {one.recipient: hash64(one.token) for one in group}
    found = Device.objects.filter(
        IsAmong("pk", hashes),
        token_state=Device.TokenState.ACTIVE,
        token_hash=ByRow(hashes, BigIntegerField()),
    )
    ends = {one.recipient: one.since for one in group if one.since is not None}
    if ends:
        found = found.filter(_is_older(ByRow(ends, DateTimeField())))
    return found


def _is_older(died: ByRow) -> Q:
    """Whether the device itself has not shown its token since then, as far as anybody knows."""
    # Before it was kept when a token was shown, it was when it was new, or may have been later.
    was_there = Q(token_state_at__gt=died) | Q(last_seen_at__gt=died)
    was_shown = Q(token_evidence=Device.REGISTERED) & was_there
    return Q(token_shown_at__lte=died) | Q(deny(was_shown), token_shown_at__isnull=True)
