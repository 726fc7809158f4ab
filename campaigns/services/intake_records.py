"""What calls about a script's own records do: what only its dialect knows is kept, in bounds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.db.models import Count, Max, QuerySet
from django.utils.translation import gettext as _

from campaigns.errors import Invalid, NotFound
from campaigns.models import ApiKey, App, ScriptRecord, ScriptSchedule, Transfer
from campaigns.models.prepared import insert
from campaigns.selectors.row_ids import read_id
from campaigns.services.access import record_audit
from campaigns.services.callers import Acts, Caller, find_app
from campaigns.services.locks import Lock, lock_app
from campaigns.services.script_schedules import replan_schedule
from providers.fields import FieldSpec
from providers.schedules import (
    DropRecord,
    FetchRecord,
    ListRecords,
    RecordRow,
    RecordRows,
    SaveRecord,
)

Scope = ApiKey.Scope
MAX_BYTES = 65_536
MAX_RECORDS = 10_000  # of one kind in a workspace; those bound to a schedule come and go with it
MAX_PAGE = 1_000
BODY = FieldSpec(name="body", kind="json_object", label="body")


def check_body(body: Any) -> None:
    """Raise Invalid unless it can be kept: by both databases, and in 64 KiB."""
    fault = BODY.find_fault(body)
    if fault:
        raise Invalid(_("The body %(fault)s.") % {"fault": fault})
    if len(json.dumps(body)) > MAX_BYTES:
        raise Invalid(_("At most %(most)d bytes can be kept.") % {"most": MAX_BYTES})


def create_record(
    command: SaveRecord, caller: Caller, *, app: App | None, schedule: ScriptSchedule | None = None,
    position: int = 0,
) -> ScriptRecord:  # fmt: skip
    """Write a new record down, bound to a schedule if there is one. Raises Invalid."""
    body = {} if command.body is None else command.body
    check_body(body)
    if schedule is None:
        _refuse_many(command.kind, caller)
    record = insert(
        ScriptRecord(
            workspace=caller.key.workspace,
            app=app,
            api_key=caller.key,
            dialect=caller.dialect.key,
            kind=command.kind,
            body=body,
            text=_gather_text(body),
            is_archived=bool(command.is_archived),
            schedule=schedule,
            position=position,
            created_at=caller.now,
            updated_at=caller.now,
        )
    )
    _audit("create", record, caller)
    return record


def _save(command: SaveRecord, caller: Caller) -> RecordRow:
    is_named = command.app or command.key
    app = find_app(command.app, caller) if is_named else None
    with transaction.atomic():
        number = command.id or _find_known(command, caller, app)
        if not number:
            return describe_record(create_record(command, caller, app=app))
        record = _find_locked(command.kind, number, caller)
        if command.body is not None:
            check_body(command.body)
            record.body, record.text = command.body, _gather_text(command.body)
        if command.is_archived is not None:
            record.is_archived = command.is_archived
        record.updated_at = caller.now
        record.save()
        _audit("update", record, caller)
        if record.schedule is not None:
            replan_schedule(record.schedule, caller)
    return describe_record(record)


def _find_known(command: SaveRecord, caller: Caller, app: App | None) -> str:
    """The id of the app's record that the caller knows by the same text, "" for none."""
    if app is None or not command.key or command.body is None:
        return ""
    lock_app(app, Lock.RECORDS)
    named = {f"body__{command.key}": command.body[command.key]}
    known = list_records(command.kind, caller).filter(app=app, **named)
    return str(known.values_list("pk", flat=True).first() or "")


def _fetch(command: FetchRecord, caller: Caller) -> RecordRow:
    number = command.id
    if command.key:
        named = DropRecord(command.kind, app=command.app, key=command.key, values=(command.value,))
        [number] = _list_named(named, caller)
    return describe_record(find_record(command.kind, number, caller))


def find_record(kind: str, text: str, caller: Caller) -> ScriptRecord:
    """The caller's record of that kind and id; raises NotFound."""
    return _find(list_records(kind, caller), text)


def _list(command: ListRecords, caller: Caller) -> RecordRows:
    rows = list_records(command.kind, caller)
    if command.app:
        rows = rows.filter(app=find_app(command.app, caller))
    if command.is_archived is not None:
        rows = rows.filter(is_archived=command.is_archived)
    if command.search:
        rows = rows.filter(text__contains=command.search.lower())
    page, size = max(1, command.page), min(max(1, command.size), MAX_PAGE)
    shown = rows.order_by("pk")[(page - 1) * size : page * size]
    described = tuple(map(describe_record, shown))
    if command.tag_key:
        described = _count_uses(described, command.tag_key, caller)
    return RecordRows(described, rows.count(), page, size)


def _count_uses(rows: tuple[RecordRow, ...], key: str, caller: Caller) -> tuple[RecordRow, ...]:
    """The rows with what has been sent under the tag that each of them names."""
    tags = {row.body.get(key) for row in rows}
    sent = Transfer.objects.for_user(caller.key).filter(tag__in=tags)
    counts = sent.values_list("tag").annotate(Count("pk"), Max("created_at")).order_by()
    uses = {tag: (count, last) for tag, count, last in counts}
    return tuple(
        replace(row, uses=count, last_used_at=last)
        for row in rows
        for count, last in [uses.get(row.body.get(key), (0, None))]
    )


def _drop(command: DropRecord, caller: Caller) -> RecordRows:
    numbers = _list_named(command, caller) if command.key else [command.id]
    with transaction.atomic():
        rows = tuple(_drop_one(command.kind, number, caller) for number in numbers)
    return RecordRows(rows, len(rows))


def _list_named(command: DropRecord, caller: Caller) -> list[str]:
    field = f"body__{command.key}"
    own = list_records(command.kind, caller).filter(app=find_app(command.app, caller))
    named = own.filter(**{f"{field}__in": command.values})
    found = dict(named.values_list(field, "pk"))
    if found.keys() != set(command.values):
        raise NotFound(_("There is no such record."))
    return [str(pk) for pk in found.values()]


def _drop_one(kind: str, number: str, caller: Caller) -> RecordRow:
    record = _find_locked(kind, number, caller)
    schedule, row = record.schedule, describe_record(record)
    _audit("delete", record, caller)
    record.delete()
    if schedule is not None:
        replan_schedule(schedule, caller)
    return row


def list_records(kind: str, caller: Caller) -> QuerySet[Any]:
    """The caller's records of a kind."""
    visible = ScriptRecord.objects.for_user(caller.key)
    return visible.filter(dialect=caller.dialect.key, kind=kind)


def _find(rows: QuerySet[Any], text: str) -> ScriptRecord:
    record: ScriptRecord | None = rows.filter(pk=read_id(text)).first()
    if record is None:
        raise NotFound(_("There is no such record."))
    return record


def _find_locked(kind: str, text: str, caller: Caller) -> ScriptRecord:
    """The record, held together with the schedule that it is bound to, which is taken first:
    whoever plans holds the schedule and then reads its records."""
    record = _find(list_records(kind, caller), text)
    if record.schedule_id is not None:
        list(ScriptSchedule.objects.select_for_update().filter(pk=record.schedule_id))
    rows = list_records(kind, caller).select_related("schedule")
    return _find(rows.select_for_update(of=("self",)), text)


def describe_record(record: ScriptRecord) -> RecordRow:
    """The record as dialects see it."""
    return RecordRow(
        id=str(record.pk),
        body=record.body,
        is_archived=record.is_archived,
        created_at=record.created_at,
        updated_at=record.updated_at,
    )


def _refuse_many(kind: str, caller: Caller) -> None:
    own = ScriptRecord.objects.filter(
        workspace=caller.key.workspace,
        dialect=caller.dialect.key,
        kind=kind,
        schedule__isnull=True,
    )
    if own.count() >= MAX_RECORDS:
        raise Invalid(_("At most %(most)d of these can be kept.") % {"most": MAX_RECORDS})


def _gather_text(body: Mapping[str, Any]) -> str:
    return "\n".join(_list_texts(body)).lower()


def _list_texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        inner = value.values() if isinstance(value, Mapping) else value
        for item in inner:
            yield from _list_texts(item)


def _audit(verb: str, record: ScriptRecord, caller: Caller) -> None:
    record_audit(caller.actor, verb, record, workspace=record.workspace, now=caller.now)


ACTS: Acts = {
    SaveRecord: (Scope.COMPOSE, _save),
    FetchRecord: (Scope.READ, _fetch),
    ListRecords: (Scope.READ, _list),
    DropRecord: (Scope.COMPOSE, _drop),
}
