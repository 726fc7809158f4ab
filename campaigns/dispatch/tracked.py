"""Says what became of single targets that scripts follow: for reports and for callbacks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from campaigns.dispatch.plan import DEVICE_KIND
from campaigns.dispatch.resolve import find_devices, find_kind
from campaigns.models import (
    Delivery,
    Device,
    DeviceIdentifier,
    Door,
    Part,
    ReceiptRow,
    TrackedTarget,
)
from campaigns.models.bulk import IdList
from campaigns.selectors.outcomes import NO_ARRIVAL, Asked, find_outcomes
from campaigns.selectors.step_outcomes import Leg, find_legs
from providers.contract import Dialect
from providers.message import PushMessage
from providers.message_texts import resolve_text
from providers.outcomes import Outcome
from providers.recipients import PersonKind
from providers.reports import OutcomeRow
from providers.scenarios import Channel

# Who was sent to may still be heard of; what is told only once waits so long for it.
PATIENCE = timedelta(seconds=60)


def is_known(row: OutcomeRow, now: datetime) -> bool:
    """Whether nothing more is to be heard of it, as far as one can wait."""
    if row.outcome is Outcome.ACCEPTED:
        return row.sent_at is not None and now - row.sent_at >= PATIENCE
    return row.outcome is not None


def name_sender(door: Door) -> str:
    """What a dialect calls the app of a door."""
    return str(next(iter(door.identifiers.values()), door.app_id))


def describe_targets(
    targets: Sequence[TrackedTarget], dialect: Dialect, senders: Mapping[int, str]
) -> list[OutcomeRow]:
    """What became of each, in order, in a few queries.

    `senders` is what the dialect calls each app, by its id. The targets come with submission,
    message, transfer, app and workspace.
    """
    devices = _find_devices(targets, dialect)
    asked = [_ask(target, devices.get(target.pk, ())) for target in targets]
    legs = find_legs(targets, devices, find_outcomes(asked))
    return [
        _write_row(target, leg, senders.get(target.part.transfer.app_id, ""), dialect)
        for target, leg in zip(targets, legs, strict=True)
    ]


def _ask(target: TrackedTarget, devices: tuple[int, ...]) -> Asked:
    """Of an audience one looks at who stands for it, once it has been sent to as a whole."""
    is_over = target.part.transfer.finished_at is not None
    if not target.kind and not is_over:
        return Asked((target.part_id,), ())
    return Asked((target.part_id,), devices, is_over)


def _find_devices(targets: Sequence[TrackedTarget], dialect: Dialect) -> dict[int, tuple[int, ...]]:
    groups: dict[tuple[int, str, bool], list[TrackedTarget]] = defaultdict(list)
    devices: dict[int, tuple[int, ...]] = {}
    for target in targets:
        if target.kind:
            part = target.part
            groups[part.transfer.app_id, target.kind, part.only_primary].append(target)
        else:
            devices[target.pk] = _find_spokesmen(target.part_id)
    for (_app, name, only_primary), items in groups.items():
        app, kind = items[0].part.transfer.app, find_kind(dialect, name)
        values = list(dict.fromkeys(item.value for item in items))
        named: dict[str, tuple[int, ...]] = defaultdict(tuple)
        for value, device in find_devices(app, kind, values, only_primary=only_primary):
            named[value] += (device,)
        devices |= {item.pk: named[item.value] for item in items}
    return devices


def _find_spokesmen(part: int) -> tuple[int, ...]:
    """Of everybody who was meant: one who was heard of, one who was sent to, and any one."""
    came = ReceiptRow.objects.filter(part_id=part).exclude(kind__in=NO_ARRIVAL)
    sent = Delivery.objects.filter(part_id=part, outcome="sent")
    anyone = Delivery.objects.filter(part_id=part)
    found = (rows.values_list("recipient", flat=True).first() for rows in (came, sent, anyone))
    return tuple(dict.fromkeys(pk for pk in found if pk is not None))


def _write_row(target: TrackedTarget, leg: Leg, sender: str, dialect: Dialect) -> OutcomeRow:
    submission, transfer, found = target.submission, target.part.transfer, leg.found
    message = target.part.message.read()
    is_push = leg.channel == Channel.PUSH
    row = OutcomeRow(
        reference=transfer.client_key or submission.client_key or submission.reference,
        id=target.answered,
        kind=target.kind,
        value=target.value,
        outcome=found.outcome,
        reason=found.reason,
        platform=found.platform,
        channel=leg.channel,
        sender=leg.sender or sender,
        tag=transfer.tag,
        text=message.body if is_push else resolve_text(message, leg.channel).body,
        callback_data=_find_data(submission.callback or {}, message, dialect),
        count=max(1, target.count),
        transfer=str(transfer.pk),
    )
    return replace(row, sent_at=found.sent_at, done_at=found.done_at, receipts=found.receipts)


def _find_data(callback: Mapping[str, Any], message: PushMessage, dialect: Dialect) -> str:
    """What the script is given back with each call."""
    if callback.get("by_door") and dialect.door_callback:
        return dialect.door_callback.find_data(message)
    return str(callback.get("data", ""))


def name_values(part: Part, kind: str, devices: Iterable[int], dialect: Dialect) -> set[str]:
    """What targets of one kind are called that mean any of these devices."""
    known = IdList(devices)
    if kind == DEVICE_KIND:
        return {str(pk) for pk in devices}
    if kind in set(PersonKind):
        column = f"person__{kind}"
        return set(Device.objects.filter(pk__in=known).values_list(column, flat=True)) - {None, ""}
    if find_kind(dialect, kind).is_token:
        return set(Device.objects.filter(pk__in=known).values_list("token", flat=True))
    rows = DeviceIdentifier.objects.filter(app_id=part.transfer.app_id, kind=kind, device__in=known)
    return set(rows.values_list("value", flat=True))
