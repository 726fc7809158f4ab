"""Whom a vendor means without a reference of ours: its id of the call, and an id of somebody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from django.db.models import QuerySet

from campaigns.dispatch.aims import list_called
from campaigns.dispatch.event_values import Event
from campaigns.dispatch.receipt_tokens import write_receipt_token
from campaigns.models import Account, Attempt, Batch, Device, DeviceIdentifier, Part
from campaigns.models.audience import hash64
from campaigns.models.bulk import IdList, TextList
from campaigns.models.packing import unpack_ids
from campaigns.selectors.contacts import match_contacts, write_contact
from providers.recipients import TOKEN_KIND, PersonKind, Targets

PERSON_KINDS = {kind.value for kind in PersonKind}
MAX_REFERENCE = 64


def find_named(events: Iterable[Event], account: Account) -> tuple[list[Event], list[Event]]:
    """Events with the reference of everybody whom they mean, and those of calls that the account
    has not made, as far as our books know by now.

    An event means nobody if its call did not have such a recipient; it is in neither then.
    """
    by_call: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        if 0 < len(event.transfer) <= MAX_REFERENCE and "\0" not in event.transfer + event.target:
            by_call[event.transfer].append(event)
    calls = Attempt.objects.filter(account=account, reference__in=TextList(by_call))
    named: list[Event] = []
    known = set()
    for attempt in calls.exclude(reference="").select_related("batch__part").order_by("pk"):
        known.add(attempt.reference)
        named += _name_recipients(attempt.batch, by_call[attempt.reference])
    early = [event for call, waiting in by_call.items() if call not in known for event in waiting]
    return named, early


def _name_recipients(batch: Batch, events: Sequence[Event]) -> list[Event]:
    if batch.part.kind != Part.Kind.DEVICE:
        return []  # no device is meant by the number of a person
    members = {one for called in list_called(batch) for one in unpack_ids(called.recipients)}
    by_kind: dict[str, dict[str, list[Event]]] = defaultdict(lambda: defaultdict(list))
    for event in events:
        by_kind[event.target_kind][event.target].append(event)
    return [
        replace(event, reference=write_receipt_token(batch.part_id, device))
        for kind, by_target in by_kind.items()
        for device, target in _find_devices(batch, kind, list(by_target))
        if device in members
        for event in by_target[target]
    ]


def name_members(batch: Batch, targets: Iterable[Targets]) -> set[int]:
    """The devices of a batch that a vendor names."""
    if batch.part.kind != Part.Kind.DEVICE:
        return set()
    members = set(unpack_ids(batch.recipients))
    return {
        device
        for item in targets
        for device, value in _find_devices(batch, item.kind, item.values)
        if device in members and value in item.values
    }


def _find_devices(batch: Batch, kind: str, targets: Sequence[str]) -> Iterable[tuple[int, str]]:
    """Device ids of the batch's app, each with the text that names it."""
    hashes = IdList(hash64(target) for target in targets)
    devices = Device.objects.filter(app_id=batch.app_id)
    if kind == TOKEN_KIND:
        return devices.filter(platform=batch.platform, token_hash__in=hashes).values_list(
            "pk", "token"
        )
    if kind in PERSON_KINDS:
        return _find_owned(devices, kind, targets)
    known = DeviceIdentifier.objects.filter(app_id=batch.app_id, kind=kind, value_hash__in=hashes)
    return known.values_list("device_id", "value")


def _find_owned(
    devices: QuerySet[Device], kind: str, targets: Sequence[str]
) -> Iterator[tuple[int, str]]:
    """Those of persons; what they are called may have been written otherwise since."""
    by_written: dict[str, list[str]] = defaultdict(list)
    for target in targets:
        by_written[write_contact(kind, target)].append(target)
    owned = devices.filter(match_contacts(kind, by_written, f"person__{kind}"))
    for device, held in owned.values_list("pk", f"person__{kind}"):
        yield from ((device, target) for target in by_written.get(write_contact(kind, held), ()))
