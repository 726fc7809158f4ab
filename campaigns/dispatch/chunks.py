"""One chunk of a freeze: recipients sorted into batches and into those who are skipped."""

from __future__ import annotations

from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.db.models import (
    BooleanField,
    Case,
    CharField,
    Exists,
    F,
    OuterRef,
    Q,
    QuerySet,
    Value,
    When,
)  # fmt: skip
from django.db.models.functions import Coalesce, NullIf

from campaigns.dispatch import aims, books, piles
from campaigns.dispatch.cohorts import CohortKey, intern_cohorts
from campaigns.dispatch.local_hours import keep_hours, read_local_hours
from campaigns.dispatch.persons import PersonReader, Persons, pack_persons
from campaigns.dispatch.piles import (
    NewBatches,
    Pile,
    PileKey,
    find_pile_size,
    pack_batches,
)
from campaigns.dispatch.routes import Reach, list_reaches
from campaigns.models import (
    Batch,
    Device,
    DeviceIdentifier,
    Part,
    Transfer,
)
from campaigns.models.bulk import GatherIds, read_ids
from providers.message import PushMessage
from providers.message_fields import VENDOR_ONLY, Platform
from providers.outcomes import Reason

Form = Batch.Form


class Chunk:
    """Recipients of one slice, sorted into batches and into those who are skipped."""

    def __init__(
        self, transfer: Transfer, part: Part, now: datetime, targets: aims.Targets
    ) -> None:
        self.transfer = transfer
        self.part = part
        self.now = now
        self.message: PushMessage = part.message.read()
        self.targets = targets
        self.chain = transfer.app.chain
        self.reaches = list_reaches(transfer.app)
        self.hours = read_local_hours(transfer)
        self.piles: dict[PileKey, Pile] = defaultdict(dict)
        self.person_batches: list[Batch] = []
        self.skipped: dict[tuple[str, str], Pile] = defaultdict(dict)
        self.count = 0

    def gather(self, devices: QuerySet[Device], list_whole: Callable[[], QuerySet[Device]]) -> None:
        if self.hours is not None:
            self.hours.read(devices)
        by_person = [one for one, target in self.targets.items() if target.form == Form.PERSON]
        if by_person:
            self._gather_persons(devices, list_whole())
            devices = devices.exclude(platform__in=by_person)
        rows = list(_group_devices(devices, self.transfer.app.default_language, self.reaches))
        keys = {_read_cohort(row) for row in rows}
        cohorts = intern_cohorts(self.transfer.app_id, keys)
        for row in rows:
            members = dict.fromkeys(read_ids(row["ids"]), cohorts[_read_cohort(row)])
            self.count += len(members)
            self._sort(row, members)

    def _sort(self, row: Mapping[str, Any], members: Pile) -> None:
        platform = row["platform"]
        target = self.targets.get(platform, aims.PLAIN)
        reason = _find_skip(row, self.message, self.reaches.get(platform), target)
        if reason:
            self.skipped[(platform, reason.value)] |= members
            return
        if target.form == Form.AUDIENCE:
            self.piles[(target.lead, "", self.transfer.due_at)] |= members
            return
        language = self.message.find_language(row["spoken"], self.chain)
        for due_at, part_of in self._split(members).items():
            if due_at is None:
                self.skipped[(platform, Reason.HOUR_PASSED.value)] |= part_of
            else:
                self.piles[(platform, language, due_at)] |= part_of

    def _split(self, members: Pile) -> Mapping[datetime | None, Pile]:
        if self.hours is None:
            return {self.transfer.due_at: members}
        return self.hours.split(members)

    def _gather_persons(self, devices: QuerySet[Device], whole: QuerySet[Device]) -> None:
        targets = {one.lead: one for one in self.targets.values() if one.form == Form.PERSON}
        for target in targets.values():
            read = PersonReader(self.transfer.app, self.message, target, whole).read(devices)
            for (platform, reason), members in read.skipped.items():
                self.skipped[(platform, reason.value)] |= dict(members)
                self.count += len(members)
            size = find_pile_size(self.part, self.reaches[target.lead])
            packs = self._pile_persons(read)
            self.person_batches += pack_persons(self.part, target, packs, size)

    def _pile_persons(self, read: Persons) -> dict[tuple[str, datetime], list[list[books.Member]]]:
        """Persons by language and by when the first of their devices is due."""
        packs: dict[tuple[str, datetime], list[list[books.Member]]] = defaultdict(list)
        for person in read.called:
            self.count += len(person.members)
            [due_at] = self._split(dict(person.members[:1]))
            if due_at is not None:
                packs[person.language, due_at].append(person.members)
                continue
            for platform, member in zip(person.platforms, person.members, strict=True):
                self.skipped[(platform, Reason.HOUR_PASSED.value)] |= dict([member])
        return packs

    def pack(self, *, is_last: bool) -> NewBatches:
        """The batches of the chunk, made before the transaction that writes them."""
        sizes = {
            platform: find_pile_size(self.part, reach) for platform, reach in self.reaches.items()
        }
        # A freeze that began under an earlier release has kept less of them, and merges none.
        short = {
            name: pieces
            for name, pieces in self.transfer.freeze_cursor.get("short", {}).items()
            if isinstance(pieces, list)
        }
        audiences = [one.lead for one in self.targets.values() if one.form == Form.AUDIENCE]
        sizes |= dict.fromkeys(audiences, piles.MAX_BATCH)
        packed = pack_batches(self.part, self.piles, sizes, short, is_last=is_last)
        for batch in (batch for cuts in packed.batches.values() for batch in cuts):
            batch.form = Form.AUDIENCE if batch.platform in audiences else Form.DEVICE
        return packed

    def write(self, batches: NewBatches) -> dict[str, Any]:
        """Insert everything; gives what the cursor keeps of it for the next chunk."""
        for (platform, reason), members in self.skipped.items():
            page = books.Page(part_id=self.part.pk, platform=platform, at=self.now)
            verdict = books.Verdict("skipped", reason)
            books.append_deliveries(page, verdict, list(members.items()))
            books.fold_skipped(page, reason, Tally(members.values()))
        Part.objects.filter(pk=self.part.pk).update(audience=F("audience") + self.count)
        Batch.objects.bulk_create(self.person_batches)
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
            has_id=find_other_ids(reaches),
        )
        .values("platform", "spoken", "place", "major", "is_out", "token_is", "has_id")
        .annotate(ids=GatherIds("pk"))
    )


def _first_text(*columns: str, default: str) -> Coalesce:
    texts = [NullIf(F(column), Value("")) for column in columns]
    return Coalesce(*texts, Value(default), output_field=CharField())


def find_other_ids(reaches: Mapping[str, Reach]) -> Case:
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


def _find_skip(
    row: Mapping[str, Any], message: PushMessage, reach: Reach | None, target: aims.Target
) -> Reason | None:
    """Why this kind of recipient gets nothing, if so."""
    if row["is_out"]:
        return Reason.OPTED_OUT
    if not message.has_platform(Platform(row["platform"])):
        return Reason.NO_MESSAGE
    if message.channel not in VENDOR_ONLY:
        return None  # whoever sends finds out whether our own channel reaches them
    if target.form == Form.AUDIENCE or reach is None:
        return aims.find_unaddressed(target, reach)
    if row["token_is"] == Device.TokenState.DISABLED:
        return Reason.NO_TOKEN
    if row["has_id"] or (reach.token_kind and row["token_is"] == Device.TokenState.ACTIVE):
        return None
    return Reason.NO_TOKEN if reach.token_kind else Reason.NOT_ADDRESSABLE
