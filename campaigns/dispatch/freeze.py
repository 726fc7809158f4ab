"""Freezes audiences: recipients become packed batches, chunk by chunk, and nothing may be
claimed before the last one is written.

A chunk is read without a lock and written in one short transaction together with the cursor, so
a freeze that dies goes on where its last chunk ended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import (
    F,
    Max,
    Q,
    QuerySet,
    Sum,
)  # fmt: skip

from campaigns.dispatch import aims, handover, resolve
from campaigns.dispatch.chunks import Chunk
from campaigns.dispatch.claim import note_turn
from campaigns.dispatch.promises import note_promise
from campaigns.models import (
    Batch,
    Device,
    Part,
    TargetChunk,
    Transfer,
)
from campaigns.models.bulk import IdList
from campaigns.models.packing import unpack_texts
from campaigns.selectors.audience import select_all
from campaigns.selectors.started import (
    APP,
    find_bodies,
    hold_app,
    is_primary_only,
    list_segments,
    read_meanings,
    settle_body,
    write_app,
)

CHUNK_DEVICES = 25_000
FREEZE_LEASE = timedelta(seconds=30)
ACTOR = "dispatch"


def freeze_step(transfer: Transfer, worker: str, now: datetime) -> bool:
    """Freeze one piece of a transfer; False when another worker holds it."""
    leased = _lease_one(transfer.pk, worker, now)
    if leased is None:
        return False
    _freeze_piece(leased, now)
    return True


def freeze_transfer(transfer: Transfer, *, now: datetime, worker: str = ACTOR) -> None:
    """Freeze one transfer to its end, in this process."""
    while (leased := _lease_one(transfer.pk, worker, now)) is not None:
        _freeze_piece(leased, now)
    transfer.refresh_from_db()


def end_freeze(transfer: Transfer, now: datetime) -> None:
    """Leave it at those who are frozen by now."""
    transfer.refresh_from_db()
    _finish_freeze(transfer, now)


def find_due(now: datetime) -> Q:
    """Transfers whose audience has to be frozen now, unless they are paused."""
    # One that is over before it has begun still has recipients to account for.
    is_due = Q(due_at__lte=now, status=Transfer.Status.ACCEPTED)
    return Q(frozen_at__isnull=True) & (is_due | Q(status__in=Transfer.FINISHED))


def _freeze_piece(transfer: Transfer, now: datetime) -> None:
    part = _find_part(transfer)
    if part is None:
        _finish_freeze(transfer, now)
    elif _needs_resolving(transfer, part):
        _resolve_part(transfer, part, now)
    else:
        _settle_audience(transfer, part)
        _freeze_chunk(transfer, part, now)


def _lease_one(transfer_id: int, worker: str, now: datetime) -> Transfer | None:
    """The transfer, if nobody else is freezing it; the lease is kept in its cursor."""
    with transaction.atomic():
        unfrozen = Transfer.objects.select_for_update(of=("self",)).filter(frozen_at__isnull=True)
        transfer = (
            unfrozen.select_related("app", "group", "campaign", "submission")
            .filter(pk=transfer_id)
            .first()
        )
        if transfer is None:
            return None
        cursor = transfer.freeze_cursor
        held = cursor.get("until", "") > now.isoformat() and cursor.get("by") != worker
        if held:
            return None
        # What relative times count from is taken once: whoever goes on after a crash, at another
        # hour, means the same people.
        began = cursor.get("now", now.isoformat())
        cursor |= {"by": worker, "until": (now + FREEZE_LEASE).isoformat(), "now": began}
        cursor.setdefault(APP, write_app(transfer.app))
        Transfer.objects.filter(pk=transfer_id).update(freeze_cursor=cursor)
        hold_app(transfer)
        note_turn(transfer, now)
    return transfer


def _find_part(transfer: Transfer) -> Part | None:
    number = transfer.freeze_cursor.get("part", 0)
    # To later steps people are handed over; persons were named when the call was taken.
    parts = transfer.parts.select_related("message").filter(
        number__gte=number, step=0, kind=Part.Kind.DEVICE
    )
    return parts.order_by("number").first()


def _needs_resolving(transfer: Transfer, part: Part) -> bool:
    return "chunk" not in transfer.freeze_cursor and part.target_chunks.exists()


def _lock_cursor(transfer: Transfer) -> bool:
    """Hold the transfer in the caller's transaction; False when somebody else went on."""
    kept = Transfer.objects.select_for_update().filter(pk=transfer.pk, frozen_at__isnull=True)
    return kept.values_list("freeze_cursor", flat=True).first() == transfer.freeze_cursor


def _move_cursor(transfer: Transfer, **changes: Any) -> None:
    """Advance the locked cursor; what is None is taken out."""
    cursor = {**transfer.freeze_cursor, **changes}
    cursor = {name: value for name, value in cursor.items() if value is not None}
    Transfer.objects.filter(pk=transfer.pk).update(freeze_cursor=cursor)


def _resolve_part(transfer: Transfer, part: Part, now: datetime) -> None:
    resolved = resolve.resolve_targets(transfer, part)
    with transaction.atomic():
        if _lock_cursor(transfer):
            unknown = resolve.keep_resolved(part, resolved, now)
            Part.objects.filter(pk=part.pk).update(audience=F("audience") + unknown)
            _move_cursor(transfer, part=part.number, chunk=0)


def _settle_audience(transfer: Transfer, part: Part) -> None:
    """Write down what the segments of its audience mean where its start has not, as of a script's
    push: all chunks, and whoever goes on after a crash, mean the same people."""
    bodies = find_bodies(part)
    if not any(list_segments(bodies)):
        return
    with transaction.atomic():
        if _lock_cursor(transfer):
            part.audiences = settle_body(bodies, read_meanings(bodies))
            part.only_primary = is_primary_only(part)
            part.save(update_fields=["audiences", "only_primary"])


@dataclass(frozen=True, slots=True)
class _Slice:
    """The devices of one chunk, and where the cursor stands after it."""

    devices: QuerySet[Device] | None
    after: Mapping[str, Any]
    list_whole: Callable[[], QuerySet[Device]] | None = None  # the devices of all chunks


_NEXT_PART = {"chunk": None, "after": None, "bound": None, "short": None, "aims": None}


def _freeze_chunk(transfer: Transfer, part: Part, now: datetime) -> None:
    kept = transfer.freeze_cursor.get("aims")
    new = aims.decide_aims(transfer, part, _find_moment(transfer)) if kept is None else []
    targets = aims.read_aims(aims.write_aims(new) if kept is None else kept)
    piece = _cut_slice(transfer, part)
    chunk = Chunk(transfer, part, now, targets)
    if piece.devices is not None and piece.list_whole is not None:
        chunk.gather(piece.devices, piece.list_whole)
    batches = chunk.pack(is_last="part" in piece.after)
    with transaction.atomic():
        if _lock_cursor(transfer):
            aims.keep_declared(part, new)
            written = {"aims": kept or aims.write_aims(new), **chunk.write(batches)}
            _move_cursor(transfer, **(written | dict(piece.after)))


def _find_moment(transfer: Transfer) -> datetime:
    """The instant that the whole freeze counts relative times from."""
    return datetime.fromisoformat(transfer.freeze_cursor["now"])


def _cut_slice(transfer: Transfer, part: Part) -> _Slice:
    cursor, now = transfer.freeze_cursor, _find_moment(transfer)
    if "chunk" in cursor:
        return _cut_targets(part, cursor["chunk"])
    bodies = find_bodies(part)
    if bodies is None:
        return _Slice(None, {**_NEXT_PART, "part": part.number + 1})
    devices = select_all(transfer.app, bodies, only_primary=is_primary_only(part), now=now)
    return _cut_devices(transfer, part, devices)


def _cut_targets(part: Part, number: int) -> _Slice:
    chunk = part.target_chunks.filter(number=number).first()
    if chunk is None:
        return _Slice(None, {**_NEXT_PART, "part": part.number + 1})
    devices = Device.objects.filter(pk__in=IdList(_read_ids(chunk)))
    return _Slice(devices, {"chunk": number + 1}, partial(_list_targets, part))


def _list_targets(part: Part) -> QuerySet[Device]:
    return Device.objects.filter(pk__in=IdList(_read_ids(*part.target_chunks.all())))


def _read_ids(*chunks: TargetChunk) -> list[int]:
    return [int(text) for chunk in chunks for text in unpack_texts(chunk.ids)]


def _cut_devices(transfer: Transfer, part: Part, devices: QuerySet[Device]) -> _Slice:
    cursor = transfer.freeze_cursor
    after = cursor.get("after", 0)
    bound = cursor.get("bound")
    if bound is None:  # taken once: who registers later is not in it
        bound = Device.objects.filter(app=transfer.app).aggregate(last=Max("pk"))["last"] or 0
    left = devices.filter(pk__gt=after, pk__lte=bound)
    ends = left.order_by("pk").values_list("pk", flat=True)[CHUNK_DEVICES - 1 : CHUNK_DEVICES]
    end = next(iter(ends), None)
    list_whole = partial(devices.filter, pk__lte=bound)
    if end is None:
        return _Slice(left, {**_NEXT_PART, "part": part.number + 1}, list_whole)
    return _Slice(left.filter(pk__lte=end), {"after": end, "bound": bound}, list_whole)


def _finish_freeze(transfer: Transfer, now: datetime) -> None:
    with transaction.atomic():
        if not _lock_cursor(transfer):
            return
        audience = transfer.parts.aggregate(total=Sum("audience"))["total"] or 0
        done = Transfer.objects.filter(pk=transfer.pk)
        kept = _keep_for_steps(transfer.freeze_cursor) if transfer.has_steps else {}
        done.update(audience=audience, frozen_at=now, freeze_cursor=kept, **_sum_up_hours(transfer))
        transfer.refresh_from_db()
        if transfer.has_steps:
            handover.note_frozen(transfer, now)
        note_promise(transfer)
        if transfer.status == Transfer.Status.ACCEPTED:
            new = Transfer.Status.FAILED if transfer.faults else Transfer.Status.SENDING
            transfer.move_to(new, actor=ACTOR, now=now)


def _keep_for_steps(cursor: Mapping[str, Any]) -> dict[str, Any]:
    """Steps to come count relative times from where the freeze has, and choose texts as it did."""
    return {name: cursor[name] for name in ("now", APP) if name in cursor}


def _sum_up_hours(transfer: Transfer) -> dict[str, Any]:
    """What a transfer at its recipients' own hours keeps of its freeze."""
    if not transfer.wall_clock:
        return {}
    last = Batch.objects.filter(transfer=transfer).aggregate(last=Max("expires_at"))["last"]
    hours = {
        due_at: {"zones": len(hour["zones"]), "changed": hour["changed"]}
        for due_at, hour in sorted(transfer.freeze_cursor.get("hours", {}).items())
    }
    return {"hours": hours, "expires_at": last}
