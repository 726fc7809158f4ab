"""The tables that may name an erased person somewhere in a row: looked through a page at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import BinaryField, JSONField, Model

from campaigns.models import (
    Account,
    Approval,
    Attempt,
    Batch,
    Campaign,
    CampaignEvent,
    Correction,
    Device,
    Door,
    Exchange,
    IdempotencyRecord,
    Import,
    Job,
    JobEvent,
    JobPiece,
    Label,
    Message,
    MessageTemplate,
    Occurrence,
    OutboxRow,
    Part,
    PersonMerge,
    RejectedIds,
    ScriptRecord,
    ScriptSchedule,
    Segment,
    SegmentVersion,
    Submission,
    Suppression,
    TargetChunk,
    TestGroup,
    TrackedTarget,
    Transfer,
    TransferEvent,
    VendorLabelMember,
    WaitingEvent,
)
from campaigns.models.packing import pack_texts, unpack_ids, unpack_texts
from campaigns.services.erase_shapes import CELLS, EXPRESSION, find_shape
from campaigns.services.erase_words import PUT_INSTEAD, Words
from campaigns.services.import_steps import PLAN

PAGE = 500


@dataclass(frozen=True, slots=True)
class Found:
    """What a page came to: the last row, how many rows were looked at, those that were changed and
    those that are only told of."""

    after: int
    seen: int
    changed: Sequence[int] = ()
    told: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """One table. `path` leads to the workspace. With `act` the kind does its own; `lists` are JSON
    columns in which ids stand in lists by themselves and are taken out however short."""

    model: type[Model]
    path: str
    fields: tuple[str, ...]
    page: int = PAGE
    act: Callable[[Any, Words], str] | None = None
    lists: tuple[str, ...] = ()
    only: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return str(self.model._meta.model_name)


def search_page(table: Table, workspace: int, after: int, words: Words, own_job: int) -> Found:
    """Look through the next rows and take out what names somebody; in the caller's transaction."""
    manager: Any = table.model._default_manager
    own: dict[str, Any] = {table.path: workspace, "pk__gt": after, **table.only}
    rows = manager.filter(**own).order_by("pk")
    if table.model is JobPiece:
        rows = rows.exclude(job=own_job)
    elif table.model is Job:
        rows = rows.exclude(pk=own_job)
    page = list(rows.only("pk", *table.fields)[: table.page])
    fates = {
        row.pk: table.act(row, words) if table.act else _clear_fields(row, words, table)
        for row in page
    }
    last = page[-1].pk if len(page) == table.page else 0
    told = tuple(pk for pk, fate in fates.items() if fate == "told")
    changed = tuple(pk for pk, fate in fates.items() if fate == "changed")
    return Found(last, len(page), changed, told)


def _clear_fields(row: Any, words: Words, table: Table) -> str:
    if not _list_changes(row, words, table):
        return ""
    # Whoever works on it goes on after this: a job, say, whose step was under way as it was read.
    rows = table.model._default_manager.filter(pk=row.pk)
    held = rows.select_for_update(of=("self",)).only("pk", *table.fields).first()
    changes = _list_changes(held, words, table) if held else {}
    if changes:
        rows.update(**changes)
    return "changed" if changes else ""


def _list_changes(row: Any, words: Words, table: Table) -> dict[str, Any]:
    """Its fields that name somebody, as they are without."""
    cleared = {name: _clear(row, name, words, lists=name in table.lists) for name in table.fields}
    return {name: value for name, value in cleared.items() if value != getattr(row, name)}


def _clear(row: Any, name: str, words: Words, *, lists: bool) -> Any:
    column, value = row._meta.get_field(name), getattr(row, name)
    if isinstance(column, JSONField):
        return words.clear_json(value, find_shape(row, name), lists=lists)
    if isinstance(column, BinaryField) or not value:
        return value
    return words.clear_text(value)[: column.max_length]


def _clear_ids(row: Any, words: Words) -> str:
    texts = unpack_texts(row.ids)
    cleared = words.clear_ids(texts)
    if cleared == texts:
        return ""
    type(row)._default_manager.filter(pk=row.pk).update(ids=pack_texts(cleared))
    return "changed"


def _clear_target(row: Any, words: Words) -> str:
    if not words.is_one(row.value):
        return ""
    TrackedTarget.objects.filter(pk=row.pk).update(value=PUT_INSTEAD)
    return "changed"


def _drop_named(row: Any, words: Words) -> str:
    """The row is only about them."""
    if not words.is_one(row.name):
        return ""
    type(row)._default_manager.filter(pk=row.pk).delete()
    return "changed"


def _drop_answer(row: Any, words: Words) -> str:
    answer = words.clear_json(row.answer, find_shape(row, "answer"))
    if (words.clear_text(row.key), words.clear_text(row.scope), answer) == (
        row.key, row.scope, row.answer,
    ):  # fmt: skip
        return ""
    IdempotencyRecord.objects.filter(pk=row.pk).delete()
    return "changed"


def _clear_piece(row: Any, words: Words) -> str:
    """A line may go on in the next piece: that one is looked at together with this one's end."""
    if row.role == PLAN:  # places of rows, in our own words
        return ""
    own = bytes(row.content)
    rows = JobPiece.objects.filter(job=row.job_id, role=row.role, number=row.number + 1)
    following = rows.first()
    after = bytes(following.content) if following else b""
    head = after[: after.find(b"\n") + 1] if b"\n" in after else after
    whole = words.leave(CELLS).clear_lines(own + head)
    if whole == own + head:
        return ""
    JobPiece.objects.filter(pk=row.pk).update(content=whole[: len(own)])
    if following is not None:
        rows.update(content=whole[len(own) :] + after[len(head) :])
    return "changed"


def _forget_texts(row: Any, words: Words) -> str:
    """What was rendered is rendered anew, for those who are left."""
    recipients = unpack_ids(row.recipients)
    if words.devices.isdisjoint(recipients) and words.persons.isdisjoint(recipients):
        return ""  # most are: of these the part need not be read
    erased = words.persons if row.part.kind == Part.Kind.PERSON else words.devices
    if erased.isdisjoint(recipients):
        return ""
    Batch.objects.filter(pk=row.pk).update(texts=None)
    return "changed"


def _tell_segment(row: Any, words: Words) -> str:
    described = words.clear_text(row.description)
    if described != row.description:
        Segment.objects.filter(pk=row.pk).update(description=described)
    cleared = words.clear_json(row.expression, EXPRESSION, lists=True)
    if cleared != row.expression:
        return "told"
    return "changed" if described != row.description else ""


def _rename_group(row: Any, words: Words) -> str:
    name = words.clear_text(row.name)
    if name == row.name:
        return ""
    # Two groups of an app have two names.
    TestGroup.objects.filter(pk=row.pk).update(name=f"{name[:100]} #{row.pk}")
    return "changed"


def _clear_version(row: Any, words: Words) -> str:
    cleared = words.clear_json(row.expression, EXPRESSION, lists=True)
    later = SegmentVersion.objects.filter(segment=row.segment_id, number__gt=row.number)
    if cleared == row.expression or not later.exists():
        return ""
    SegmentVersion.objects.filter(pk=row.pk).update(expression=cleared)
    return "changed"


TABLES: tuple[Table, ...] = (
    Table(TargetChunk, "part__transfer__app__workspace", ("ids",), act=_clear_ids),
    Table(RejectedIds, "part__transfer__app__workspace", ("ids",), act=_clear_ids),
    Table(
        Batch,
        "app__workspace",
        ("recipients", "part"),
        100,
        _forget_texts,
        only={"texts__isnull": False},
    ),
    Table(TrackedTarget, "workspace", ("value",), act=_clear_target),
    Table(VendorLabelMember, "vendor_label__account__workspace", ("name",), act=_drop_named),
    Table(IdempotencyRecord, "workspace", ("key", "scope", "answer"), act=_drop_answer),
    Table(JobPiece, "job__workspace", ("content", "job", "role", "number"), 4, _clear_piece),
    Table(Job, "workspace", ("params", "cursor", "note"), lists=("params",)),
    Table(JobEvent, "job__workspace", ("note",)),
    Table(
        Import,
        "app__workspace",
        ("file_name", "source", "shape", "mapping"),
    ),
    Table(Campaign, "workspace", ("name", "tag", "audience"), lists=("audience",)),
    Table(CampaignEvent, "campaign__workspace", ("note",)),
    Table(Approval, "campaign__workspace", ("note",)),
    Table(Occurrence, "campaign__workspace", ("note",)),
    Table(
        Part, "transfer__app__workspace", ("audiences", "declared"), lists=("audiences", "declared")
    ),
    Table(Transfer, "app__workspace", ("name", "tag", "client_key", "faults")),
    Table(TransferEvent, "transfer__app__workspace", ("note",)),
    Table(Submission, "workspace", ("client_key", "reference", "callback")),
    Table(Message, "app__workspace", ("content",)),
    Table(MessageTemplate, "workspace", ("name", "description", "content")),
    Table(ScriptSchedule, "workspace", ("name", "body"), lists=("body",)),
    Table(ScriptRecord, "workspace", ("body", "text"), lists=("body",)),
    Table(PersonMerge, "workspace", ("values",)),
    Table(WaitingEvent, "account__workspace", ("content",)),
    Table(OutboxRow, "submission__workspace", ("words",)),
    Table(Attempt, "account__workspace", ("words", "reference", "parts")),
    Table(Exchange, "account__workspace", ("url", "request", "response")),
    Table(Correction, "part__transfer__app__workspace", ("evidence",)),
    Table(Device, "app__workspace", ("token_evidence",)),
    Table(Account, "workspace", ("health_words", "receipt_cursor")),
    Table(Door, "app__workspace", ("checked_address", "check_words")),
    Table(Suppression, "workspace", ("source",)),
    Table(
        SegmentVersion,
        "segment__app__workspace",
        ("expression", "segment", "number"),
        act=_clear_version,
    ),
    Table(Segment, "app__workspace", ("expression", "description"), act=_tell_segment),
    Table(Label, "app__workspace", ("description",)),
    Table(TestGroup, "app__workspace", ("name",), act=_rename_group),
)
