"""Our own way to a device: a message waits in its inbox until the app pulls it.

A device that has registered at our device door can be reached so. What was put into an inbox is
`sent`; what expires there unseen becomes `expired`, and what is taken out of it `cancelled`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from campaigns.dispatch import books
from campaigns.dispatch.bars import BARRED
from campaigns.dispatch.books import Member, Verdict
from campaigns.dispatch.claim import Lease, find_expiry
from campaigns.dispatch.texts import find_texts
from campaigns.models import Batch, DeviceSession, Door, InboxItem, Transfer
from campaigns.models.bulk import IdList
from campaigns.selectors.own_way import find_channel
from campaigns.selectors.recalls import select_waiting
from providers.message_fields import OWN_ONLY, Platform
from providers.message_json import write_message
from providers.outcomes import Reason
from providers.templates import Sheet

OWN_FIRST, VENDOR_FIRST = "own_first", "vendor_first"
AS_LAST = frozenset({OWN_FIRST, VENDOR_FIRST})
RETENTION_DAYS = 7
REMOVED_ONCE = 1_000

SENT = Verdict("sent")
RETAINED = Verdict("sent", Reason.RETAINED.value)
OFFLINE = Verdict("failed", Reason.OFFLINE.value)
UNREACHABLE = Verdict("skipped", Reason.NOT_ADDRESSABLE.value)
Verdicts = Mapping[Verdict, Sequence[Member]]

UNSEEN = books.Change(
    old="sent",
    new="expired",
    reason=Reason.TOO_LATE.value,
    evidence="It waited in the inbox until it expired.",
    actor="dispatch",
)
TAKEN_BACK = books.Change(
    old="sent",
    new="cancelled",
    reason=Reason.RECALLED.value,
    evidence="It was taken out of the inbox before the app had pulled it.",
    actor="dispatch",
)


def goes_first(batch: Batch) -> bool:
    """Whether our own way is tried before a vendor's, or is the only one."""
    channel = find_channel(batch.part)
    return channel in OWN_ONLY or channel == OWN_FIRST


def take(lease: Lease, owed: Sequence[Member], now: datetime) -> dict[Verdict, list[Member]]:
    """Who goes our own way right away, and who cannot be reached at all; the rest is a vendor's.

    Nothing is written; `keep` does that for those who are sent.
    """
    if not goes_first(lease.batch):
        return {}
    channel = find_channel(lease.batch.part)
    sessions = _find_sessions(owed)
    limit = now - timedelta(seconds=DeviceSession.ONLINE_SECONDS)
    taken: dict[Verdict, list[Member]] = defaultdict(list)
    for member in owed:
        if member[0] in sessions:
            verdict = _judge(channel, sessions[member[0]], limit)
        else:
            verdict = UNREACHABLE if channel in OWN_ONLY else None
        if verdict is not None:
            taken[verdict].append(member)
    return taken


def _find_sessions(members: Sequence[Member]) -> Mapping[int, datetime | None]:
    """When each device that has registered itself last pulled, None for never."""
    rows = DeviceSession.objects.filter(pk__in=IdList(member[0] for member in members))
    return dict(rows.values_list("pk", "pulled_at"))


def _judge(channel: str, pulled_at: datetime | None, limit: datetime) -> Verdict | None:
    if pulled_at is not None and pulled_at > limit:
        return SENT
    return {"own": RETAINED, "own_online": OFFLINE}.get(channel)


def catch(batch: Batch, verdicts: Verdicts, now: datetime) -> tuple[Verdicts, Verdicts]:
    """What a vendor has failed at and our own channel takes over: the verdicts without those
    members, and theirs.
    """
    lost = [verdict for verdict in verdicts if verdict.outcome in {"failed", "skipped"}]
    if not lost or find_channel(batch.part) not in AS_LAST:
        return verdicts, {}
    kept, caught = dict(verdicts), list[Member]()
    for verdict in lost:
        if verdict.reason in BARRED or verdict.reason == Reason.TEMPLATE:
            continue
        sessions = _find_sessions(verdicts[verdict])
        caught += [member for member in verdicts[verdict] if member[0] in sessions]
        kept[verdict] = [member for member in verdicts[verdict] if member[0] not in sessions]
    return kept, ({RETAINED: caught} if caught else {})


def keep(batch: Batch, verdicts: Verdicts, now: datetime) -> None:
    """Put the message into the inbox of everybody who is sent to our own way.

    Runs in the transaction that settles them.
    """
    expires_at, messages = _find_end(batch, now), _write_messages(batch, verdicts)
    InboxItem.objects.bulk_create(
        (
            InboxItem(
                device_id=recipient,
                part_id=batch.part_id,
                batch_id=batch.pk,
                created_at=now,
                expires_at=expires_at,
                message=messages.get(recipient),
            )
            for verdict, members in verdicts.items()
            if verdict.outcome == "sent"
            for recipient, _cohort in members
        ),
        ignore_conflicts=True,
    )


def _write_messages(batch: Batch, verdicts: Verdicts) -> dict[int, dict[str, Any]]:
    """What each of those says whose message has variables."""
    texts = find_texts(batch)
    sent = [some for verdict, some in verdicts.items() if verdict.outcome == "sent"]
    if texts is None or not any(sent):
        return {}
    sheet = Sheet(batch.part.message.read().resolve(Platform(batch.platform), batch.language))
    return {
        recipient: write_message(texts.fill(sheet, texts.places[recipient]))
        for some in sent
        for recipient, _cohort in some
    }


def _find_end(batch: Batch, now: datetime) -> datetime:
    """Until when an inbox keeps it: as long as the door says it came through, and no longer than
    the message itself lives."""
    end = now + timedelta(days=_find_retention(batch))
    in_app = batch.part.message.content.get("in_app") or {}
    if in_app.get("topic_expires_in"):
        end = now + timedelta(seconds=in_app["topic_expires_in"])
    # What somebody waits for expires with his patience; what is kept then is kept all the same.
    expires_at = None if batch.transfer.is_waited_for else find_expiry(batch)
    return min(end, expires_at) if expires_at else end


def _find_retention(batch: Batch) -> int:
    submission = batch.transfer.submission
    if submission is None:
        return RETENTION_DAYS
    door = Door.objects.filter(app=batch.app_id, dialect=submission.door).first()
    days: int = (door.options if door else {}).get("retention_days") or RETENTION_DAYS
    return days


def expire_unseen(now: datetime) -> bool:
    """Correct the books for messages that nobody has pulled in time; True when there were some."""
    unseen = InboxItem.objects.filter(expires_at__lte=now, pulled_at__isnull=True)
    return _remove(unseen, "expires_at", UNSEEN, now)


def take_back(now: datetime) -> bool:
    """Empty inboxes of a transfer that is not wanted any more, a chunk at a time; False when there
    is none.

    Who has pulled it has it: whether a device or we were first, the row in its inbox decides.
    """
    wanted = Transfer.objects.filter(inbox_recall_at__isnull=False)
    transfer = wanted.order_by("inbox_recall_at", "pk").first()
    if transfer is None:
        return False
    waiting = select_waiting(transfer, now)
    if not _remove(waiting, "batch_id", TAKEN_BACK, now):
        # What was put in meanwhile has been noted anew, with another time.
        again = wanted.filter(pk=transfer.pk, inbox_recall_at=transfer.inbox_recall_at)
        again.update(inbox_recall_at=None)
    return True


def _remove(unseen: QuerySet[InboxItem], order: str, change: books.Change, now: datetime) -> bool:
    """Take the first of what nobody has pulled out of its inboxes, and correct the books."""
    by_batch: dict[int, list[int]] = defaultdict(list)
    for batch, device in unseen.order_by(order).values_list("batch_id", "device_id")[:REMOVED_ONCE]:
        by_batch[batch].append(device)
    for batch_id, devices in by_batch.items():
        _remove_some(batch_id, devices, change, now)
    return bool(by_batch)


def _remove_some(
    batch_id: int, devices: Sequence[int], change: books.Change, now: datetime
) -> None:
    """Of one batch; who has pulled at this instant keeps it, and stays sent."""
    with transaction.atomic():
        batch = Batch.objects.select_for_update().filter(pk=batch_id).first()
        items = InboxItem.objects.filter(batch_id=batch_id, pulled_at__isnull=True)
        unseen = items.filter(device__in=IdList(devices)).select_for_update()
        gone = list(unseen.values_list("device_id", flat=True))
        items.filter(device__in=IdList(gone)).delete()
        if batch is not None:
            books.correct_deliveries(batch, gone, change, now)
