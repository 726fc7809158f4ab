"""What became of single targets of pushes, as dialects ask for it: a few devices at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from campaigns.models import Delivery, Device, Part, ReceiptRow, Settled
from campaigns.models.bulk import IdList
from providers.outcomes import Outcome, Reason
from providers.receipts import ReceiptKind

# What one device of several came to is said of their person: the best of all.
RANK = (
    Settled.SENT.value,
    Settled.UNKNOWN.value,
    Settled.EXPIRED.value,
    Settled.FAILED.value,
    Settled.CANCELLED.value,
    Settled.SKIPPED.value,
)
OUTCOMES = {
    Settled.SENT.value: Outcome.ACCEPTED,
    Settled.UNKNOWN.value: Outcome.UNKNOWN,
    Settled.EXPIRED.value: Outcome.EXPIRED,
}
NO_ARRIVAL = frozenset({ReceiptKind.UNREGISTERED.value})


@dataclass(frozen=True, slots=True)
class Asked:
    """One target: the devices that it means in these parts, or persons in parts of persons.

    `is_over`: its transfer has ended.
    """

    parts: tuple[int, ...]
    devices: tuple[int, ...]
    is_over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What became of it: `outcome` None while it is pending, receipts the first of each kind."""

    outcome: Outcome | None = None
    reason: Reason | None = None
    platform: str = ""
    sent_at: datetime | None = None
    done_at: datetime | None = None
    receipts: Mapping[ReceiptKind, datetime] = field(default_factory=dict)


_Key = tuple[int, int]  # part and recipient


@dataclass(frozen=True, slots=True)
class _Books:
    """Outcome, reason and time of each recipient that was asked for, and what came back; the
    platform of each that is a device."""

    settled: Mapping[_Key, tuple[str, str, datetime]]
    receipts: Mapping[_Key, Mapping[str, datetime]]
    platforms: Mapping[_Key, str]


def find_outcomes(asked: Sequence[Asked]) -> list[Found]:
    """What became of each, in order, in a few queries and two per part."""
    books = _read_books(asked)
    return [_judge(one, books) for one in asked]


def _read_books(asked: Sequence[Asked]) -> _Books:
    by_part: dict[int, set[int]] = defaultdict(set)
    for one in asked:
        for part in one.parts:
            by_part[part].update(one.devices)
    settled: dict[_Key, tuple[str, str, datetime]] = {}
    receipts: dict[_Key, dict[str, datetime]] = defaultdict(dict)
    for part, devices in by_part.items():
        rows = Delivery.objects.filter(part_id=part, recipient__in=IdList(devices))
        for device, outcome, reason, at in rows.values_list("recipient", "outcome", "reason", "at"):
            settled[part, device] = (outcome, reason, at)
        came = ReceiptRow.objects.filter(part_id=part, recipient__in=IdList(devices))
        for device, kind, at in came.values_list("recipient", "kind", "at"):
            receipts[part, device][kind] = at
    return _Books(settled, receipts, _read_platforms(by_part))


def _read_platforms(by_part: Mapping[int, set[int]]) -> dict[_Key, str]:
    """The number of a person is none of a device."""
    rows = Part.objects.filter(pk__in=IdList(by_part), kind=Part.Kind.DEVICE)
    parts = list(rows.values_list("pk", flat=True))
    everyone = set().union(*(by_part[part] for part in parts))
    named = Device.objects.filter(pk__in=IdList(everyone)).values_list("pk", "platform")
    known = dict(named)
    return {(part, pk): known[pk] for part in parts for pk in by_part[part] & known.keys()}


def _judge(one: Asked, books: _Books) -> Found:
    keys = [(part, device) for part in one.parts for device in one.devices]
    settled = [books.settled[key] for key in keys if key in books.settled]
    if not settled and one.is_over:
        return Found(outcome=Outcome.FAILED, reason=Reason.UNKNOWN_ID)
    if not settled or (len(settled) < len(one.devices) and not one.is_over):
        return Found(platform=_name_platform(keys, books))
    outcome, reason, at = min(settled, key=lambda row: RANK.index(row[0]))
    receipts = _merge_receipts(books.receipts.get(key, {}) for key in keys)
    told = OUTCOMES.get(outcome, Outcome.FAILED)
    if told is Outcome.ACCEPTED and receipts:
        told = Outcome.DELIVERED
    delivered_at = min(receipts.values(), default=None)
    return Found(
        outcome=told,
        reason=Reason(reason) if reason else None,
        platform=_name_platform(keys, books),
        sent_at=at,
        done_at=delivered_at if told is Outcome.DELIVERED else at,
        receipts=receipts,
    )


def _name_platform(keys: Iterable[_Key], books: _Books) -> str:
    """The platform of a target that has only one."""
    platforms = {books.platforms.get(key, "") for key in keys}
    return platforms.pop() if len(platforms) == 1 else ""


def _merge_receipts(rows: Iterable[Mapping[str, datetime]]) -> dict[ReceiptKind, datetime]:
    """The first of each kind; that a token is dead is no sign of having arrived."""
    merged: dict[ReceiptKind, datetime] = {}
    for row in rows:
        for kind, at in row.items():
            if kind not in NO_ARRIVAL:
                known = merged.get(ReceiptKind(kind), at)
                merged[ReceiptKind(kind)] = min(known, at)
    return merged
