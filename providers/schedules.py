"""Commands and answers about pushes that a script plans ahead, and what it keeps with us."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from providers.commands import Answer, Command, SendPush
from providers.recipients import AppChoice


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveSchedule(Command):
    """Plan a push, or change the plan that `id` names. `body` is what the caller wrote, kept to be
    shown to him again; that of a change is laid over the kept one, key by key at its top.

    `push.due_at` says when, or `push.wall_clock`: each recipient's own hour. With a `recurrence`
    (the native API's form) it is repeated from `push.wall_clock` of `timezone` ("" = the app's)
    on, or from `push.due_at`. A change whose `push` is None leaves what was planned, unless the
    dialect has a `plan_schedule`, which then plans from the body as it has become.

    `apps` sends it to several apps. `records` are made with it and bound to it. In a change an
    empty `name` and an `is_enabled` of None leave what was; a new schedule is enabled.
    """

    name: str
    push: SendPush | None
    body: Mapping[str, Any]
    app: str = ""
    id: str = ""
    recurrence: Mapping[str, Any] | None = None
    timezone: str = ""
    is_enabled: bool | None = None
    apps: AppChoice | None = None
    records: tuple[SaveRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class FetchSchedule(Command):
    id: str
    app: str = ""


@dataclass(frozen=True, slots=True)
class ListSchedules(Command):
    """One page; `page` counts from 1."""

    app: str = ""
    page: int = 1
    size: int = 50


@dataclass(frozen=True, slots=True)
class BindRecords(Command):
    """Bind records of a kind to a schedule, in that order, in place of those bound so far.

    A record is bound to one schedule only. What the schedule plans follows.
    """

    schedule: str
    kind: str
    records: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DropSchedule(Command):
    id: str
    app: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRow(Answer):
    """`transfers` are those it has made so far, oldest first; `records` those bound to it."""

    id: str
    name: str
    body: Mapping[str, Any]
    is_enabled: bool
    created_at: datetime
    transfers: tuple[str, ...] = ()
    records: tuple[RecordRow, ...] = ()


@dataclass(frozen=True, slots=True)
class ScheduleRows(Answer):
    rows: tuple[ScheduleRow, ...]
    total: int
    page: int = 1
    size: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveRecord(Command):
    """Keep a thing that only the dialect knows, such as a prepared text: `kind` names its sort.

    Without `id` a new one is made; `body` replaces the whole one, and is None where only
    `is_archived` is set. A schedule that it is bound to follows. `key` names the text of the body
    that the caller knows it by: where the app has a record with the same, that one is changed.
    """

    kind: str
    body: Mapping[str, Any] | None
    app: str = ""
    id: str = ""
    is_archived: bool | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class FetchRecord(Command):
    """The record of an id, or the one whose body has `value` under `key`."""

    kind: str
    id: str = ""
    app: str = ""
    key: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class SendRecord(Command):
    """Send now what a record says: `read` makes the push of its body, or raises Refusal."""

    kind: str
    id: str
    read: Callable[[Mapping[str, Any]], SendPush]
    app: str = ""


@dataclass(frozen=True, slots=True)
class ListRecords(Command):
    """One page; `page` counts from 1. `search` is looked for in the bodies' texts. With a
    `tag_key` the rows tell how often the text under it was the tag of a push.
    """

    kind: str
    app: str = ""
    page: int = 1
    size: int = 50
    is_archived: bool | None = None
    search: str = ""
    tag_key: str = ""


@dataclass(frozen=True, slots=True)
class DropRecord(Command):
    """The record of an id, or those whose body has under `key` one of `values`: NOT_FOUND, and
    nothing dropped, where one of them is not there. Answered with what they were: `RecordRows`.
    """

    kind: str
    id: str = ""
    app: str = ""
    key: str = ""
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRow(Answer):
    """`uses` counts transfers, the last of which was made at `last_used_at`; None = not asked."""

    id: str
    body: Mapping[str, Any] = field(default_factory=dict)
    is_archived: bool = False
    created_at: datetime
    updated_at: datetime
    uses: int | None = None
    last_used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RecordRows(Answer):
    rows: tuple[RecordRow, ...]
    total: int
    page: int = 1
    size: int = 50
