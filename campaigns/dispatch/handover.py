"""Hands people from one step of a scenario to the next, unless something has come back from them.

A step is a part of its own. When a batch of it is closed, its recipients wait; who has answered by
then is left alone, everybody else becomes a member of the next part, once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from campaigns.dispatch.aims import read_wanted
from campaigns.dispatch.cohorts import intern_cohorts
from campaigns.models import (
    Batch,
    Delivery,
    Device,
    Handover,
    Part,
    Person,
    ReceiptRow,
    StepMember,
    Transfer,
)
from campaigns.models.bulk import IdList, append_rows
from campaigns.models.packing import pack_cohorts, pack_ids, unpack_ids
from campaigns.selectors.started import hold_app
from providers.outcomes import Reason
from providers.receipts import ReceiptKind

Clock = Callable[[], datetime]
ONCE = 20  # handovers of one turn
PAGE = 5_000  # recipients that the freeze has left out, of one handover's turn
BATCH_SIZE = 500
LAST_STEP_SECONDS = 172_800  # how long the last step may take
ANSWERS = tuple(kind.value for kind in ReceiptKind if kind is not ReceiptKind.UNREGISTERED)
# Whom the freeze has left out of a push for these reasons can be reached in another way.
UNREACHED = (
    Reason.NO_TOKEN.value,
    Reason.NO_ROUTE.value,
    Reason.NOT_ADDRESSABLE.value,
    Reason.NO_MESSAGE.value,
)


def note_closed(batches: Collection[Batch], now: datetime) -> None:
    """Let the recipients of closed batches wait for the next step, if their part has one.

    Whom a vendor takes there need not wait for us. Runs in the transaction that folds them.
    """
    parts = Part.objects.filter(pk__in={batch.part_id for batch in batches}, wait__isnull=False)
    waits = {pk: wait or 0 for pk, wait in parts.values_list("pk", "wait")}
    Handover.objects.bulk_create(
        (
            Handover(
                part_id=batch.part_id,
                batch=batch,
                transfer_id=batch.transfer_id,
                due_at=now + _find_wait(batch, waits[batch.part_id]),
            )
            for batch in batches
            if batch.part_id in waits
        ),
        ignore_conflicts=True,
    )


def _find_wait(batch: Batch, seconds: int) -> timedelta:
    """Whom a vendor could not be told of is handed on at once."""
    return timedelta() if batch.runs_at_vendor else timedelta(seconds=seconds)


def note_frozen(transfer: Transfer, now: datetime) -> None:
    """Hand on at once whom the freeze has left out; runs in the transaction that ends it."""
    for part in transfer.parts.filter(step=0, wait__isnull=False):
        Handover.objects.create(part=part, transfer=transfer, due_at=now)


def has_open(transfer: Transfer) -> bool:
    """Whether somebody still waits for a later step."""
    return transfer.handovers.filter(done_at__isnull=True).exists()


def hand_over(clock: Clock) -> bool:
    """Hand on whose time has come; True when there was somebody."""
    now = clock()
    due = Handover.objects.filter(due_at__lte=now, done_at__isnull=True)
    due = due.exclude(transfer__status__in=[Transfer.Status.PAUSED, Transfer.Status.ACCEPTED])
    ids = list(due.order_by("due_at", "pk").values_list("pk", flat=True)[:ONCE])
    for pk in ids:
        _hand_over(pk, now)
    return bool(ids)


def _hand_over(pk: int, now: datetime) -> None:
    with transaction.atomic():
        locked = Handover.objects.select_for_update(of=("self",), skip_locked=True)
        waiting = locked.select_related("part__message", "batch", "transfer__app")
        handover = waiting.filter(pk=pk, done_at__isnull=True).first()
        if handover is None:
            return  # another worker is at it
        if handover.transfer.status in Transfer.FINISHED:
            Handover.objects.filter(pk=pk).update(done_at=now)  # it was ended: nobody goes on
            return
        if handover.batch is None:
            recipients = _list_left_out(handover)
            _join_left_out(handover, _find_persons(handover.part, recipients), now)
        else:
            recipients = _list_unanswered(handover.part, _list_ours(handover.batch))
            _join_next(handover, _find_persons(handover.part, recipients), now)
        is_done = handover.batch is not None or len(recipients) < PAGE
        after = recipients[-1] if recipients else handover.after
        Handover.objects.filter(pk=pk).update(done_at=now if is_done else None, after=after)


def _list_ours(batch: Batch) -> list[int]:
    """Without those whom a vendor was given, who goes on with them itself."""
    recipients = list(unpack_ids(batch.recipients))
    if not batch.runs_at_vendor:
        return recipients
    called = Delivery.objects.filter(part_id=batch.part_id, recipient__in=IdList(recipients))
    left = called.filter(outcome="skipped", reason__in=UNREACHED)
    return list(left.values_list("recipient", flat=True))


def _list_left_out(handover: Handover) -> Sequence[int]:
    rows = Delivery.objects.filter(
        part_id=handover.part_id,
        recipient__gt=handover.after,
        outcome="skipped",
        reason__in=UNREACHED,
    )
    return list(rows.order_by("recipient").values_list("recipient", flat=True)[:PAGE])


def _join_left_out(handover: Handover, persons: Sequence[Person], now: datetime) -> None:
    """Hand on at once, but who gets the push on another device has as long to answer it."""
    waiting = _find_pushed(handover, persons, now)
    later = now + timedelta(seconds=handover.part.wait or 0)
    _join_next(handover, [person for person in persons if person.pk not in waiting], now)
    _join_next(handover, [person for person in persons if person.pk in waiting], later)


def _find_pushed(handover: Handover, persons: Sequence[Person], now: datetime) -> set[int]:
    """Who has a device in the part that the freeze has not left out."""
    transfer = handover.transfer
    counted_from = transfer.freeze_cursor.get("now")
    moment = datetime.fromisoformat(counted_from) if counted_from else transfer.frozen_at or now
    wanted = read_wanted(transfer, handover.part, moment)
    # Of a list of ids nobody keeps who was on it: any device of the app may have been.
    is_list = wanted.bodies is None
    meant = Device.objects.filter(app=wanted.app) if is_list else wanted.devices
    own = meant.filter(person__in=IdList(person.pk for person in persons))
    owners = dict(own.values_list("pk", "person_id"))
    left = Delivery.objects.filter(
        part_id=handover.part_id,
        recipient__in=IdList(owners),
        outcome="skipped",
        reason__in=UNREACHED,
    )
    left_out = set(left.values_list("recipient", flat=True))
    return {person for device, person in owners.items() if device not in left_out}


def _list_unanswered(part: Part, recipients: Sequence[int]) -> Sequence[int]:
    """Without those whom nobody is to reach: who was cancelled, or wants nothing."""
    left_alone = Delivery.objects.filter(part_id=part.pk, recipient__in=IdList(recipients))
    left_alone = left_alone.filter(outcome="cancelled") | left_alone.filter(
        reason=Reason.OPTED_OUT.value
    )
    gone = set(left_alone.values_list("recipient", flat=True))
    return [recipient for recipient in recipients if recipient not in gone]


def _find_persons(part: Part, recipients: Sequence[int]) -> list[Person]:
    """Who these recipients are, without those of whom something has come back."""
    if part.kind == Part.Kind.PERSON:
        ids = set(recipients)
    else:
        devices = Device.objects.filter(pk__in=IdList(recipients), person__isnull=False)
        ids = set(devices.values_list("person_id", flat=True))
    ids -= find_answered(part.transfer_id, ids)
    persons = Person.objects.filter(pk__in=IdList(ids), opted_out_at__isnull=True)
    return list(persons.order_by("pk"))


def find_answered(transfer_id: int, persons: Iterable[int]) -> set[int]:
    """Those of whom anything has come back in this transfer: from a device, or themselves."""
    ids = IdList(persons)
    parts = dict(Part.objects.filter(transfer=transfer_id).values_list("pk", "kind"))
    by_device = [pk for pk, kind in parts.items() if kind == Part.Kind.DEVICE]
    owners = dict(Device.objects.filter(person__in=ids).values_list("pk", "person_id"))
    came = ReceiptRow.objects.filter(kind__in=ANSWERS)
    devices = came.filter(part_id__in=by_device, recipient__in=IdList(owners))
    answered = {owners[device] for device in devices.values_list("recipient", flat=True)}
    themselves = came.filter(part_id__in=parts.keys() - set(by_device), recipient__in=ids)
    return answered | set(themselves.values_list("recipient", flat=True))


def _join_next(handover: Handover, persons: Sequence[Person], now: datetime) -> None:
    """Make them members of the next part, whoever is not one already."""
    part = handover.part
    following = Part.objects.select_for_update(of=("self",)).select_related("message")
    step = following.filter(transfer=handover.transfer, step=part.step + 1).first()
    if step is None or not persons:
        return
    count = admit(handover.transfer, step, persons, now)
    Transfer.objects.filter(pk=handover.transfer_id).update(
        audience=F("audience") + count, next_due_at=None
    )


def admit(transfer: Transfer, step: Part, persons: Sequence[Person], due_at: datetime) -> int:
    """Make persons members of a part, to be sent to at `due_at`; gives how many are new in it.

    Runs in the caller's transaction. The transfer's audience is the caller's to count, or that of
    the freeze to come.
    """
    fresh = find_new_members(step, persons)
    Batch.objects.bulk_create(make_batches(transfer, step, fresh, due_at))
    Part.objects.filter(pk=step.pk).update(audience=F("audience") + len(fresh))
    return len(fresh)


def find_new_members(step: Part, persons: Sequence[Person]) -> list[Person]:
    """Those who were no members of the step, and are from now on."""
    known = StepMember.objects.filter(
        part=step, person_id__in=IdList(person.pk for person in persons)
    )
    members = set(known.values_list("person_id", flat=True))
    fresh = [person for person in persons if person.pk not in members]
    append_rows(StepMember, ("part", "person_id"), [(step.pk, person.pk) for person in fresh])
    return fresh


def make_batches(
    transfer: Transfer, step: Part, persons: Sequence[Person], now: datetime
) -> Iterable[Batch]:
    """Batches of a step, not yet saved, by text."""
    hold_app(transfer)
    default, chain = transfer.app.default_language, transfer.app.chain
    keys = {
        person.pk: (step.channel, person.language or default, person.country, 0)
        for person in persons
    }
    cohorts = intern_cohorts(transfer.app_id, set(keys.values()))
    message = step.message.read()
    by_text: Mapping[str, list[int]] = defaultdict(list)
    for person in persons:
        by_text[message.find_language(person.language or default, chain)].append(person.pk)
    expires_at = now + timedelta(seconds=step.wait or LAST_STEP_SECONDS)
    # What a person has given an end gets nobody later; of a script it is how long the push lives.
    if transfer.campaign_id and transfer.expires_at is not None:
        expires_at = min(expires_at, transfer.expires_at)
    for language, ids in by_text.items():
        for start in range(0, len(ids), BATCH_SIZE):
            cut = ids[start : start + BATCH_SIZE]
            yield Batch(
                part=step,
                transfer=transfer,
                app_id=transfer.app_id,
                platform=step.channel,
                language=language,
                recipients=pack_ids(cut),
                cohorts=pack_cohorts(cohorts[keys[pk]] for pk in cut),
                count=len(cut),
                due_at=now,
                expires_at=expires_at,
            )
