"""What waits for a device at its own door: messages of our own channel, and mirrors of others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from campaigns.dispatch import receipts
from campaigns.dispatch.receipt_tokens import write_receipt_token
from campaigns.models import Delivery, DeviceSession, InboxItem, Part, Transfer
from campaigns.services.personalisation import render_for
from campaigns.services.seen import mark_seen
from providers.message import PushMessage
from providers.message_json import read_message
from providers.receipts import ReceiptEvent, ReceiptKind

MIRROR_DAYS = 28  # how long a mirrored message may live
MAX_MESSAGES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A message for one device. `is_mirror`: a vendor has sent it as well."""

    reference: str
    message: PushMessage
    at: datetime
    expires_at: datetime
    is_mirror: bool


def pull_inbox(
    session: DeviceSession, *, after: datetime | None, topic: str | None, now: datetime
) -> list[Waiting]:
    """What waits for the device, oldest first, at most 100; the device is online from now.

    `after` leaves out what had come by then. What is pulled for the first time is delivered.
    """
    DeviceSession.objects.filter(pk=session.pk).update(pulled_at=now)
    mark_seen(session.device.app, session.pk, now)
    found = [*_list_own(session, after, now), *_list_mirrored(session, after, now)]
    if topic is not None:
        found = [item for item in found if _find_topic(item.message) == topic]
    return sorted(found, key=lambda item: item.at)[:MAX_MESSAGES]


def _find_topic(message: PushMessage) -> str:
    return (message.in_app.topic if message.in_app else None) or ""


def _list_own(session: DeviceSession, after: datetime | None, now: datetime) -> Iterable[Waiting]:
    items = _select_wanted(session).filter(expires_at__gt=now)
    items = items.filter(created_at__gt=after) if after else items
    rows = list(items.select_related("part__message").order_by("created_at")[:MAX_MESSAGES])
    fresh = [item.pk for item in rows if item.pulled_at is None]
    gone = set(fresh) - _take(session, fresh, now) if fresh else set()
    return [
        Waiting(
            reference=write_receipt_token(item.part_id, session.pk),
            message=message,
            at=item.created_at,
            expires_at=item.expires_at,
            is_mirror=False,
        )
        for item in rows
        if item.pk not in gone and (message := _read_own(session, item)) is not None
    ]


def _read_own(session: DeviceSession, item: InboxItem) -> PushMessage | None:
    """What it said when it was put there, where each device is told something else."""
    if item.message is not None:
        return read_message(item.message)
    return _resolve(session, item.part.message.read())


def _select_wanted(session: DeviceSession) -> QuerySet[InboxItem]:
    """What is in the device's inbox from its app; nobody is given what is being taken back."""
    is_wanted = Q(part__transfer__inbox_recall_at__isnull=True)
    is_wanted &= ~Q(part__transfer__status=Transfer.Status.CANCELLED)
    items = InboxItem.objects.filter(
        device=session.pk,
        part__kind=Part.Kind.DEVICE,
        part__transfer__app=session.device.app_id,
    )
    return items.filter(is_wanted | Q(pulled_at__isnull=False))


def _take(session: DeviceSession, items: Sequence[int], now: datetime) -> set[int]:
    """Note that they are pulled, for the first time; gives those that the inbox still has.

    Whoever else wants to take one out of it waits for this, or was first.
    """
    with transaction.atomic():
        held = InboxItem.objects.select_for_update().filter(pk__in=items)
        rows = held.order_by("pk").values_list("pk", "part_id", "pulled_at")
        parts = {pk: part for pk, part, pulled_at in rows if pulled_at is None}
        InboxItem.objects.filter(pk__in=parts).update(pulled_at=now)
        events = [
            ReceiptEvent(write_receipt_token(part, session.pk), ReceiptKind.DELIVERED, now)
            for part in parts.values()
        ]
        receipts.keep_receipts(events, 0, now)
    return {pk for pk, _part, _at in rows}


def _list_mirrored(
    session: DeviceSession, after: datetime | None, now: datetime
) -> Iterable[Waiting]:
    """What a vendor has sent to the device and the app shall show as well."""
    since = max(filter(None, (after, now - timedelta(days=MIRROR_DAYS))))
    sent: QuerySet[Delivery] = Delivery.objects.filter(
        recipient=session.pk,
        outcome="sent",
        at__gt=since,
        part__kind=Part.Kind.DEVICE,
        part__transfer__app=session.device.app_id,
    )
    at = dict(sent.order_by("-at").values_list("part_id", "at")[:MAX_MESSAGES])
    own = InboxItem.objects.filter(device=session.pk, part__in=at).values_list("part_id", flat=True)
    parts = Part.objects.filter(
        pk__in=at.keys() - set(own),
        message__content__in_app__isnull=False,
    )
    for part in parts.select_related("message"):
        written = part.message.read()
        expires_at = at[part.pk] + _find_life(written)
        message = _resolve(session, written)
        if expires_at > now and message is not None:
            yield Waiting(
                reference=write_receipt_token(part.pk, session.pk),
                message=message,
                at=at[part.pk],
                expires_at=expires_at,
                is_mirror=True,
            )


def _find_life(message: PushMessage) -> timedelta:
    """How long a mirrored message lives: in the app's inbox, else on its screen."""
    in_app = message.in_app
    seconds = in_app and (in_app.topic_expires_in or in_app.expires_in)
    return timedelta(seconds=seconds) if seconds else timedelta(days=MIRROR_DAYS)


def _resolve(session: DeviceSession, message: PushMessage) -> PushMessage | None:
    """The message in the device's language; None where its variables make no text for it."""
    device = session.device
    return render_for(message, device.app, device).message
