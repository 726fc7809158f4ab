"""Commands and answers about pushes that a script plans ahead, and what it keeps with us."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from providers.commands import Answer, Command, SendPush


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveSchedule(Command):
    """Plan a push, or change the plan that `id` names. `body` is what the caller wrote, kept to be
    shown to him again. `push.due_at` or `push.wall_clock` says when; `recurrence` (the native
    API's form) repeats it. None of `push` leaves what it was.
    """

    name: str
    push: SendPush | None
    body: Mapping[str, Any]
    app: str = ""
    id: str = ""
    recurrence: Mapping[str, Any] | None = None
    timezone: str = ""
    is_enabled: bool = True


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
class DropSchedule(Command):
    id: str
    app: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRow(Answer):
    """`transfers` are those it has made so far, oldest first."""

    id: str
    name: str
    body: Mapping[str, Any]
    is_enabled: bool
    created_at: datetime
    transfers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ScheduleRows(Answer):
    rows: tuple[ScheduleRow, ...]
    total: int
    page: int = 1
    size: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveRecord(Command):
    """Keep a thing that only the dialect knows, such as a prepared text: `kind` names its sort.

    Without `id` a new one is made. `links` are ids of other records that it points to.
    """

    kind: str
    body: Mapping[str, Any]
    app: str = ""
    id: str = ""
    is_archived: bool | None = None


@dataclass(frozen=True, slots=True)
class FetchRecord(Command):
    kind: str
    id: str
    app: str = ""


@dataclass(frozen=True, slots=True)
class ListRecords(Command):
    """One page; `page` counts from 1. `search` is looked for in the bodies' texts."""

    kind: str
    app: str = ""
    page: int = 1
    size: int = 50
    is_archived: bool | None = None
    search: str = ""


@dataclass(frozen=True, slots=True)
class DropRecord(Command):
    kind: str
    id: str
    app: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRow(Answer):
    id: str
    body: Mapping[str, Any] = field(default_factory=dict)
    is_archived: bool = False
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class RecordRows(Answer):
    rows: tuple[RecordRow, ...]
    total: int
    page: int = 1
    size: int = 50
