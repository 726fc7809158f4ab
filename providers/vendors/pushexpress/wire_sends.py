"""Sendings: at once, and one-time in the future (seed, "Send Push Instantly"; vendor page of the
one-time sending, wire facts sections 3 and 4).

"At once" is two minutes later: it makes a one-time sending, a push and its translations, whose
ids come back. What a sending keeps is the flat body of the one-time call, whichever made it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from providers.commands import PushPart, SendPush
from providers.inbound import Call, Reply
from providers.outcomes import Outcome, Receipt
from providers.schedules import (
    BindRecords,
    FetchSchedule,
    RecordRow,
    SaveRecord,
    SaveSchedule,
    ScheduleRow,
)

from . import wire_pushes
from .wire_filters import Filters, keep_filters, read_filters
from .wire_values import (
    Block,
    is_number,
    read_body,
    read_path_id,
    refuse,
    refuse_unknown,
)

DELAY = timedelta(minutes=2)
ONESEND = "onesend"
DATE = "%Y-%m-%d"
TIME = re.compile(r"(\d\d)[:-](\d\d)")  # the text says HH-MM, the sample has 15:04
OFFSET = re.compile(r"([+-])(\d\d):([0-5]\d)")
BOUND_KEYS = ("pushes", "push_ids")  # the body of the binding call is on no page


def read_instant(call: Call) -> SaveSchedule:
    """A sending and its push in one; due two minutes later."""
    body = read_body(call.body)
    filters = body.take_block("filters")
    push = wire_pushes.read_push(body.take_block("push"))
    name = body.take_text("name")
    read = read_filters(filters)
    part = PushPart(wire_pushes.read_message(push), audience=read.audience)
    return SaveSchedule(
        name=name,
        push=SendPush(parts=(part,), name=name),
        body={"name": name, **keep_filters(filters)},
        apps=read.apps,
        records=(SaveRecord(kind=wire_pushes.KIND, body=push),),
    )


def read_onesend(call: Call) -> SaveSchedule:
    """A sending without a push, which is bound to it later."""
    body = read_body(call.body)
    name = body.take_text("name")
    filters = read_filters(body)
    push = _read_time(SendPush(parts=(), name=name), body)
    times = {key: body.values[key] for key in ("date", "time", "local_time", "timezone")
             if body.values.get(key) is not None}  # fmt: skip
    return SaveSchedule(
        name=name, push=push, body={"name": name, **keep_filters(body), **times}, apps=filters.apps
    )


def _read_time(push: SendPush, body: Block) -> SendPush:
    moment = _read_moment(body)
    offset = body.find_text("timezone")
    if body.find_flag("local_time"):
        if offset:
            raise refuse("timezone", "must be omitted when local_time is true")
        return replace(push, wall_clock=moment.isoformat(timespec="minutes"))
    if not offset:
        raise refuse("timezone", "is required when local_time is false")
    return replace(push, due_at=(moment - _read_offset(offset)).replace(tzinfo=UTC))


def _read_moment(body: Block) -> datetime:
    day = body.take_text("date")
    found = TIME.fullmatch(body.take_text("time"))
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", day) or not found:
            raise ValueError
        moment = datetime.fromisoformat(f"{day}T{found[1]}:{found[2]}")
        # Near the ends of the calendar an offset cannot be applied.
        if not 1970 < moment.year < 9999:
            raise ValueError
    except ValueError:
        name, form = ("date", "YYYY-MM-DD") if found else ("time", "HH:MM")
        raise refuse(name, f"must be a time of the form {form}") from None
    return moment


def _read_offset(text: str) -> timedelta:
    found = OFFSET.fullmatch(text)
    if not found or int(found[2]) > 14:
        raise refuse("timezone", "must be an offset such as +03:00")
    offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return -offset if found[1] == "-" else offset


def plan_schedule(row: ScheduleRow) -> SaveSchedule:
    """What a kept sending and the active pushes bound to it plan."""
    body = Block(row.body)
    filters = read_filters(body)
    pushes = [item for item in row.records if not item.is_archived]
    push = SendPush(parts=_make_parts(filters, pushes), name=row.name)
    if "date" in row.body:
        push = _read_time(push, body)
    else:
        push = replace(push, due_at=row.created_at + DELAY)
    return SaveSchedule(
        name=row.name, push=push if push.parts else None, body=row.body, apps=filters.apps
    )


def _make_parts(filters: Filters, pushes: Iterable[RecordRow]) -> tuple[PushPart, ...]:
    return tuple(
        PushPart(wire_pushes.read_message(item.body), audience=filters.audience) for item in pushes
    )


def read_fetch(call: Call) -> FetchSchedule:
    return FetchSchedule(read_path_id(call.path["schedule"], "scheduler"))


def read_bind(call: Call) -> BindRecords:
    """Ids under `pushes` or `push_ids`, or a bare list."""
    if call.path["sched_type"] != ONESEND:
        raise refuse_unknown("scheduler")
    schedule = read_path_id(call.path["schedule"], "scheduler")
    ids = _find_bound(call.body)
    if not all(is_number(item) for item in ids):
        raise refuse("pushes", "must be an array of ids")
    return BindRecords(schedule, wire_pushes.KIND, tuple(dict.fromkeys(str(item) for item in ids)))


def _find_bound(body: Any) -> list[Any]:
    if isinstance(body, list):
        return body
    block = read_body(body)
    for name in BOUND_KEYS:
        if block.values.get(name) is not None:
            return block.find_list(name)
    raise refuse("pushes", "is required")


def write_sent(row: ScheduleRow, call: Call) -> Reply:
    """The three ids of a sending at once."""
    [push] = row.records
    translations = wire_pushes.list_translations(push)
    body = {"sched_id": int(row.id), "push_id": int(push.id), "translations": translations}
    return Reply(201, body)


def write_created(row: ScheduleRow, call: Call) -> Reply:
    return Reply(201, {"id": int(row.id)})


def write_fetched(row: ScheduleRow, call: Call) -> Reply:
    """The body of the call that made it, its id and its pushes; of one that was sent at once the
    time that it was given."""
    body = dict(row.body)
    if "date" not in body:
        due = (row.created_at + DELAY).astimezone(UTC)
        body |= {"date": due.strftime(DATE), "time": due.strftime("%H:%M"), "local_time": False}
        body["timezone"] = "+00:00"
    pushes = [int(record.id) for record in row.records]
    return Reply(200, {**body, "id": int(row.id), "pushes": pushes})


def write_bound(row: ScheduleRow, call: Call) -> Reply:
    return Reply(200, {})


def write_instant(name: str, filters: Mapping[str, Any], push: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a sending at once."""
    return {"name": name, "filters": dict(filters), "push": dict(push)}


def write_onesend(name: str, filters: Mapping[str, Any], due_at: datetime) -> dict[str, Any]:
    """The body of a one-time sending; the minute is the vendor's smallest step."""
    due = due_at.astimezone(UTC)
    when = {"date": due.strftime(DATE), "time": due.strftime("%H:%M")}
    return {"name": name, **filters, **when, "local_time": False, "timezone": "+00:00"}


def write_bind(push: str) -> dict[str, Any]:
    return {BOUND_KEYS[0]: [int(push)]}


def read_sent(body: Any) -> Receipt:
    """What a sending at once was answered: `translations` are an object in the text and a list in
    a sample, and nobody needs them."""
    if not is_number(body["sched_id"]) or not is_number(body["push_id"]):
        raise ValueError("no ids")
    return Receipt(str(body["sched_id"]), Outcome.ACCEPTED, raw=body)
