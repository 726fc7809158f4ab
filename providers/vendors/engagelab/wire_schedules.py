"""Pushes that are planned ahead (vendor page "Schedule API"; its own clients' models). Groups have
none: the seed leaves these to the console.

A time of the main zone (`zone_type` 1, or 0 as its clients send too) is one of the app's zone, and
one of the device's zone (2) each recipient's own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from providers.commands import SendPush
from providers.inbound import Call
from providers.schedules import (
    DropSchedule,
    FetchSchedule,
    ListSchedules,
    SaveSchedule,
    ScheduleRow,
    ScheduleRows,
)

from .wire import read_authorization
from .wire_errors import Code, Refused
from .wire_sends import read_push_body
from .wire_values import (
    Block,
    read_body,
    read_query_number,
    refuse_missing,
    refuse_value,
)

SCHEDULES_PATH = "v4/schedules"
SCHEDULE_PATH = "v4/schedules/{schedule_id}"
MESSAGES_PATH = "v4/schedules/{schedule_id}/msg-ids"

PAGE_SIZE = 50
MAX_NAME = 255  # bytes
FURTHEST = timedelta(days=366)
TIME_FORM = "%Y-%m-%d %H:%M:%S"
HOUR_FORM = "%H:%M:%S"
TRIGGERS = ("single", "periodical", "intelligent")
UNITS = {"day": 366, "week": 52, "month": 24}
WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
OWN_ZONE, DEVICE_ZONE = 1, 2


@dataclass(frozen=True, slots=True)
class Trigger:
    """When: a wall clock ("" = now) of the app's zone, which comes again, or of each recipient."""

    wall_clock: str = ""
    recurrence: Mapping[str, Any] = field(default_factory=dict)


def read_create_schedule(call: Call) -> SaveSchedule:
    _refuse_group(call)
    body = read_body(call.body)
    body.take_text("name", MAX_NAME)
    if body.find_flag("enabled") is not True:
        raise refuse_value("enabled", "must be true when a schedule is made")
    _refuse_far(read_trigger(body.take_block("trigger")), call.now)
    return read_schedule_body(body)


def read_schedule_body(body: Block) -> SaveSchedule:
    """A whole schedule, as a call or as it was kept."""
    trigger = read_trigger(body.take_block("trigger"))
    push = replace(read_push_body(body.take_block("push")), wall_clock=trigger.wall_clock)
    return SaveSchedule(
        name=body.find_text("name", MAX_NAME) or "",
        push=push,
        body=dict(body.values),
        recurrence=trigger.recurrence or None,
        is_enabled=body.find_flag("enabled"),
    )


def plan_schedule(row: ScheduleRow) -> SaveSchedule:
    """What is to be planned of a schedule as it has become."""
    return read_schedule_body(Block(row.body))


def read_update_schedule(call: Call) -> SaveSchedule:
    """Whatever of a schedule is given takes the place of what was."""
    _refuse_group(call)
    body = read_body(call.body)
    given = {
        name: body.values[name]
        for name in ("name", "enabled", "trigger", "push")
        if body.values.get(name) is not None
    }
    if not given:
        raise refuse_missing("trigger")
    if "trigger" in given:
        _refuse_far(read_trigger(body.take_block("trigger")), call.now)
    push: SendPush | None = None
    if "push" in given:
        push = read_push_body(body.take_block("push"))
    return SaveSchedule(
        id=call.path["schedule_id"],
        name=body.find_text("name", MAX_NAME) or "",
        push=push,
        body=given,
        is_enabled=body.find_flag("enabled"),
    )


def read_fetch_schedule(call: Call) -> FetchSchedule:
    _refuse_group(call)
    return FetchSchedule(call.path["schedule_id"])


def read_list_schedules(call: Call) -> ListSchedules:
    _refuse_group(call)
    return ListSchedules(page=read_query_number(call.query, "page", 1, 10**6), size=PAGE_SIZE)


def read_drop_schedule(call: Call) -> DropSchedule:
    _refuse_group(call)
    return DropSchedule(call.path["schedule_id"])


def write_schedule_saved(row: ScheduleRow) -> dict[str, Any]:
    return {"schedule_id": row.id, "name": row.name}


def write_schedule(row: ScheduleRow) -> dict[str, Any]:
    """As the caller wrote it, with its id."""
    return {**row.body, "schedule_id": row.id, "name": row.name, "enabled": row.is_enabled}


def write_one_schedule(row: ScheduleRow) -> list[dict[str, Any]]:
    """One, in a list."""
    return [write_schedule(row)]


def write_schedules(rows: ScheduleRows) -> dict[str, Any]:
    return {
        "total_count": rows.total,
        "total_pages": math.ceil(rows.total / rows.size),
        "page": rows.page,
        "schedules": [write_schedule(row) for row in rows.rows],
    }


def write_schedule_messages(row: ScheduleRow) -> dict[str, Any]:
    ids = [{"msg_id": transfer} for transfer in row.transfers]
    return {"count": len(ids), "MsgIds": ids}


def read_trigger(block: Block) -> Trigger:
    """Exactly one of the three kinds."""
    given = [name for name in TRIGGERS if block.find_block(name) is not None]
    if len(given) != 1:
        raise refuse_value(block.path, f"has one of {', '.join(TRIGGERS)}")
    return _READS[given[0]](block.take_block(given[0]))


def _read_single(single: Block) -> Trigger:
    moment = _read_time(single, "time")
    if _read_zone(single) == DEVICE_ZONE:
        return Trigger(moment.isoformat())
    return Trigger(moment.isoformat(), {"unit": "day", "runs": 1})


def _read_intelligent(block: Block) -> Trigger:
    """The vendor finds each user's best hour; we send at the hour that it would fall back to."""
    if block.take_text("backup_time") == "now":
        return Trigger()
    return Trigger(_read_time(block, "backup_time").isoformat(), {"unit": "day", "runs": 1})


def _read_periodical(block: Block) -> Trigger:
    start, end = _read_time(block, "start"), _read_time(block, "end")
    if end < start:
        raise refuse_value(block.at("end"), "must not be before start")
    if _read_zone(block) == DEVICE_ZONE:
        words = "of a periodical schedule is 1: it comes at one hour for all"
        raise refuse_value(block.at("zone_type"), words)
    unit = block.take_text("time_unit").lower()
    if unit not in UNITS:
        raise refuse_value(block.at("time_unit"), f"is one of {', '.join(UNITS)}")
    first = _find_first(start, _read_hour(block))
    rule = {
        "unit": unit,
        "every": block.find_number("frequency", 1, UNITS[unit]) or 1,
        "until": end.date().isoformat(),
        **_read_points(block, unit),
    }
    return Trigger(first.isoformat(), rule)


def _find_first(start: datetime, hour: datetime) -> datetime:
    first = datetime.combine(start.date(), hour.time())
    return first if first >= start else first + timedelta(days=1)


def _read_hour(block: Block) -> datetime:
    text = block.take_text("time")
    try:
        return datetime.strptime(text, HOUR_FORM)  # noqa: DTZ007 an hour of whatever zone
    except ValueError as error:
        raise refuse_value(block.at("time"), "must be like 09:00:00") from error


def _read_points(block: Block, unit: str) -> dict[str, Any]:
    points = block.find_texts("point", 31)
    if unit == "week":
        names = [point.upper() for point in points]
        if not names or not set(names) <= set(WEEKDAYS):
            raise refuse_value(block.at("point"), f"is some of {', '.join(WEEKDAYS)}")
        return {"weekdays": [name.lower() for name in WEEKDAYS if name in names]}
    if unit == "month":
        days = [int(point) for point in points if point.isascii() and point.isdigit()]
        if len(points) != 1 or len(days) != 1 or not 1 <= days[0] <= 31:
            raise refuse_value(block.at("point"), "is one day of the month, 01 to 31")
        return {"day": days[0]}
    return {}


def _read_time(block: Block, name: str) -> datetime:
    text = block.take_text(name)
    try:
        return datetime.strptime(text, TIME_FORM)  # noqa: DTZ007 a wall clock
    except ValueError as error:
        raise refuse_value(block.at(name), "must be like 2026-11-20 09:00:00") from error


def _read_zone(block: Block) -> int:
    zone = block.find_number("zone_type", 0, DEVICE_ZONE)
    return DEVICE_ZONE if zone == DEVICE_ZONE else OWN_ZONE


_READS = {
    "single": _read_single,
    "periodical": _read_periodical,
    "intelligent": _read_intelligent,
}


def _refuse_far(trigger: Trigger, now: datetime | None) -> None:
    """A schedule is at most a year ahead."""
    if now is None or not trigger.wall_clock:
        return
    wall = datetime.fromisoformat(trigger.wall_clock).replace(tzinfo=now.tzinfo)
    if wall > now + FURTHEST:
        raise refuse_value("trigger", "is more than a year ahead")


def _refuse_group(call: Call) -> None:
    if read_authorization(call).is_group:
        words = "A group push is scheduled from the console only, not by this API."
        raise Refused(Code.BAD_VALUE, words)
