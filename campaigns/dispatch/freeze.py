"""Freezes audiences: recipients become packed batches, chunk by chunk, and nothing may be
claimed before the last one is written.

A chunk is read without a lock and written in one short transaction together with the cursor, so
a freeze that dies goes on where its last chunk ended.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import (
    BooleanField,
    Case,
    CharField,
    Exists,
    F,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
)  # fmt: skip
from django.db.models.functions import Coalesce, NullIf

from campaigns.dispatch import books, handover, resolve
from campaigns.dispatch.claim import note_turn
from campaigns.dispatch.cohorts import CohortKey, intern_cohorts
from campaigns.dispatch.local_hours import keep_hours, read_local_hours
from campaigns.dispatch.piles import NewBatches, Pile, PileKey, find_batch_size, pack_batches
from campaigns.dispatch.plan import unpack_texts
from campaigns.dispatch.routes import Reach, list_reaches
from campaigns.models import Batch, Campaign, Device, DeviceIdentifier, Part, Transfer
from campaigns.models.bulk import GatherIds, IdList, read_ids
from campaigns.selectors.audience import read_audience, select_all, select_devices
from providers.message import PushMessage
from providers.message_fields import VENDOR_ONLY, Platform
from providers.outcomes import Reason

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
        cursor |= {"by": worker, "until": (now + FREEZE_LEASE).isoformat()}
        Transfer.objects.filter(pk=transfer_id).update(freeze_cursor=cursor)
        note_turn(transfer, now)
    return transfer


def _find_part(transfer: Transfer) -> Part | None:
    number = transfer.freeze_cursor.get("part", 0)
    # To later steps people are handed over.
    parts = transfer.parts.select_related("message").filter(number__gte=number, step=0)
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


@dataclass(frozen=True, slots=True)
class _Slice:
    """The devices of one chunk, and where the cursor stands after it."""

    devices: QuerySet[Device] | None
    after: Mapping[str, Any]


_NEXT_PART = {"chunk": None, "after": None, "bound": None, "short": None}


def _freeze_chunk(transfer: Transfer, part: Part, now: datetime) -> None:
    piece = _cut_slice(transfer, part)
    chunk = _Chunk(transfer, part, now)
    if piece.devices is not None:
        chunk.gather(piece.devices)
    batches = chunk.pack(is_last="part" in piece.after)
    with transaction.atomic():
        if _lock_cursor(transfer):
            written = chunk.write(batches)
            _move_cursor(transfer, **(written | dict(piece.after)))


def _cut_slice(transfer: Transfer, part: Part) -> _Slice:
    cursor = transfer.freeze_cursor
    if "chunk" in cursor:
        return _cut_targets(part, cursor["chunk"])
    if part.audiences is not None:
        devices = select_all(transfer.app, part.audiences, only_primary=part.only_primary)
        return _cut_devices(transfer, part, devices)
    if transfer.campaign is None:
        return _Slice(None, {**_NEXT_PART, "part": part.number + 1})
    return _cut_devices(transfer, part, _select_audience(transfer, transfer.campaign))


def _cut_targets(part: Part, number: int) -> _Slice:
    chunk = part.target_chunks.filter(number=number).first()
    if chunk is None:
        return _Slice(None, {**_NEXT_PART, "part": part.number + 1})
    ids = [int(text) for text in unpack_texts(chunk.ids)]
    return _Slice(Device.objects.filter(pk__in=IdList(ids)), {"chunk": number + 1})


def _select_audience(transfer: Transfer, campaign: Campaign) -> QuerySet[Device]:
    audience = read_audience(transfer.app, campaign.audience, principal=None)
    return select_devices(transfer.app, audience, only_primary=campaign.only_primary)


def _cut_devices(transfer: Transfer, part: Part, devices: QuerySet[Device]) -> _Slice:
    cursor = transfer.freeze_cursor
    after = cursor.get("after", 0)
    bound = cursor.get("bound")
    if bound is None:  # taken once: who registers later is not in it
        bound = Device.objects.filter(app=transfer.app).aggregate(last=Max("pk"))["last"] or 0
    left = devices.filter(pk__gt=after, pk__lte=bound)
    ends = left.order_by("pk").values_list("pk", flat=True)[CHUNK_DEVICES - 1 : CHUNK_DEVICES]
    end = next(iter(ends), None)
    if end is None:
        return _Slice(left, {**_NEXT_PART, "part": part.number + 1})
    return _Slice(left.filter(pk__lte=end), {"after": end, "bound": bound})


class _Chunk:
    """Recipients of one slice, sorted into batches and into those who are skipped."""

    def __init__(self, transfer: Transfer, part: Part, now: datetime) -> None:
        self.transfer = transfer
        self.part = part
        self.now = now
        self.message: PushMessage = part.message.read()
        self.reaches = list_reaches(transfer.app)
        self.hours = read_local_hours(transfer)
        self.piles: dict[PileKey, Pile] = defaultdict(dict)
        self.skipped: dict[tuple[str, str], Pile] = defaultdict(dict)
        self.count = 0

    def gather(self, devices: QuerySet[Device]) -> None:
        rows = list(_group_devices(devices, self.transfer.app.default_language, self.reaches))
        if self.hours is not None:
            self.hours.read(devices)
        keys = {_read_cohort(row) for row in rows}
        cohorts = intern_cohorts(self.transfer.app_id, keys)
        for row in rows:
            members = dict.fromkeys(read_ids(row["ids"]), cohorts[_read_cohort(row)])
            self.count += len(members)
            self._sort(row, members)

    def _sort(self, row: Mapping[str, Any], members: Pile) -> None:
        platform = row["platform"]
        reason = _find_skip(row, self.message, self.reaches.get(platform))
        if reason:
            self.skipped[(platform, reason.value)] |= members
            return
        language = self.message.find_language(row["spoken"])
        for due_at, part_of in self._split(members).items():
            if due_at is None:
                self.skipped[(platform, Reason.HOUR_PASSED.value)] |= part_of
            else:
                self.piles[(platform, language, due_at)] |= part_of

    def _split(self, members: Pile) -> Mapping[datetime | None, Pile]:
        if self.hours is None:
            return {self.transfer.due_at: members}
        return self.hours.split(members)

    def pack(self, *, is_last: bool) -> NewBatches:
        """The batches of the chunk, made before the transaction that writes them."""
        sizes = {
            platform: find_batch_size(self.transfer, reach)
            for platform, reach in self.reaches.items()
        }
        # A freeze that began under an earlier release has kept less of them, and merges none.
        short = {
            name: pieces
            for name, pieces in self.transfer.freeze_cursor.get("short", {}).items()
            if isinstance(pieces, list)
        }
        return pack_batches(self.part, self.piles, sizes, short, is_last=is_last)

    def write(self, batches: NewBatches) -> dict[str, Any]:
        """Insert everything; gives what the cursor keeps of it for the next chunk."""
        for (platform, reason), members in self.skipped.items():
            page = books.Page(part_id=self.part.pk, platform=platform, at=self.now)
            verdict = books.Verdict("skipped", reason)
            books.append_deliveries(page, verdict, list(members.items()))
            books.fold_skipped(page, reason, Tally(members.values()))
        Part.objects.filter(pk=self.part.pk).update(audience=F("audience") + self.count)
        kept = {"short": batches.write()}
        return kept | (keep_hours(self.transfer, self.hours) if self.hours else {})


def _group_devices(
    devices: QuerySet[Device], default_language: str, reaches: Mapping[str, Reach]
) -> QuerySet[Any, Any]:
    """One row per kind of recipient, with their ids gathered by the database."""
    return (
        devices.order_by()
        .annotate(
            spoken=_first_text("language", "person__language", default=default_language),
            place=_first_text("country", "person__country", default=""),
            major=F("app_version_number").bitrightshift(36),
            is_out=Case(
                When(person__opted_out_at__isnull=False, then=True),
                default=False,
                output_field=BooleanField(),
            ),
            token_is=Case(
                When(token_state=Device.TokenState.DISABLED, then=Value("disabled")),
                When(token="", then=Value("missing")),
                default=F("token_state"),
                output_field=CharField(),
            ),
            has_id=_find_other_ids(reaches),
        )
        .values("platform", "spoken", "place", "major", "is_out", "token_is", "has_id")
        .annotate(ids=GatherIds("pk"))
    )


def _first_text(*columns: str, default: str) -> Coalesce:
    texts = [NullIf(F(column), Value("")) for column in columns]
    return Coalesce(*texts, Value(default), output_field=CharField())


def _find_other_ids(reaches: Mapping[str, Reach]) -> Case:
    """Whether a device that its way cannot address by token has another id that it takes."""
    cases = []
    for platform, reach in reaches.items():
        if not reach.id_kinds:
            continue
        own = DeviceIdentifier.objects.filter(device=OuterRef("pk"), kind__in=reach.id_kinds)
        needs = Q(platform=platform)
        if reach.token_kind:
            needs &= ~(Q(token_state=Device.TokenState.ACTIVE) & ~Q(token=""))
        cases.append(When(needs & Q(Exists(own)), then=True))
    return Case(*cases, default=False, output_field=BooleanField())


def _read_cohort(row: Mapping[str, Any]) -> CohortKey:
    return row["platform"], row["spoken"], row["place"], row["major"]


def _find_skip(row: Mapping[str, Any], message: PushMessage, reach: Reach | None) -> Reason | None:
    """Why this kind of recipient gets nothing, if so."""
    if row["is_out"]:
        return Reason.OPTED_OUT
    if not message.has_platform(Platform(row["platform"])):
        return Reason.NO_MESSAGE
    if message.channel not in VENDOR_ONLY:
        return None  # whoever sends finds out whether our own channel reaches them
    if reach is None:
        return Reason.NO_ROUTE
    if row["token_is"] == Device.TokenState.DISABLED:
        return Reason.NO_TOKEN
    if row["has_id"] or (reach.token_kind and row["token_is"] == Device.TokenState.ACTIVE):
        return None
    return Reason.NO_TOKEN if reach.token_kind else Reason.NOT_ADDRESSABLE


def _finish_freeze(transfer: Transfer, now: datetime) -> None:
    with transaction.atomic():
        if not _lock_cursor(transfer):
            return
        audience = transfer.parts.aggregate(total=Sum("audience"))["total"] or 0
        done = Transfer.objects.filter(pk=transfer.pk)
        done.update(audience=audience, frozen_at=now, freeze_cursor={}, **_sum_up_hours(transfer))
        transfer.refresh_from_db()
        if transfer.has_steps:
            handover.note_frozen(transfer, now)
        if transfer.status == Transfer.Status.ACCEPTED:
            new = Transfer.Status.FAILED if transfer.faults else Transfer.Status.SENDING
            transfer.move_to(new, actor=ACTOR, now=now)


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
