"""A dialect that plans: its kept bodies say when, and its records of the kind `text` say what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from providers.commands import PushPart, SendPush
from providers.message import PushMessage
from providers.recipients import AppChoice
from providers.schedules import SaveRecord, SaveSchedule, ScheduleRow
from tests.compat.conftest import OPEN

PLAIN = replace(OPEN[0], has_groups=False, label="Plain", find_faults=None)


def plan_schedule(row: ScheduleRow) -> SaveSchedule:
    """What a kept body plans: `due` is an instant, `apps` ids or "all"."""
    texts = [record.body["text"] for record in row.records if not record.is_archived]
    parts = tuple(PushPart(PushMessage(body=text)) for text in texts)
    push = SendPush(parts=parts, due_at=datetime.fromisoformat(row.body["due"]))
    return SaveSchedule(
        name=row.name, push=push if parts else None, body=row.body, apps=read_apps(row.body)
    )


def read_apps(body: Mapping[str, Any]) -> AppChoice:
    named = body.get("apps", "all")
    return AppChoice(is_all=True) if named == "all" else AppChoice(apps=tuple(named))


PLANNING = replace(PLAIN, plan_schedule=plan_schedule)


def make_schedule(due: datetime, *texts: str, **fields: Any) -> SaveSchedule:
    """The command that keeps a schedule with its records."""
    body = {"due": due.isoformat(), **fields}
    records = tuple(SaveRecord(kind="text", body={"text": text}) for text in texts)
    return SaveSchedule(name="Later", push=None, body=body, apps=read_apps(body), records=records)
