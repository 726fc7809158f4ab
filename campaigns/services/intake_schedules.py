"""What calls about schedules do: a push is planned, changed, looked at, dropped."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _

from campaigns.errors import Invalid, NotFound
from campaigns.models import ApiKey, App, Campaign, ScriptRecord, ScriptSchedule, Transfer
from campaigns.models.prepared import Prepared, Slot, insert
from campaigns.selectors.row_ids import read_id
from campaigns.services.access import record_audit
from campaigns.services.callers import Acts, Caller, find_app
from campaigns.services.intake_records import check_body, create_record, list_records
from campaigns.services.script_schedules import (
    GOING,
    describe_schedule,
    drop_schedule,
    plan_pushes,
    unbind_records,
    withdraw_planned,
)
from providers.commands import Done
from providers.schedules import (
    BindRecords,
    DropSchedule,
    FetchSchedule,
    ListSchedules,
    SaveSchedule,
    ScheduleRow,
    ScheduleRows,
)

Scope = ApiKey.Scope
MAX_WAITING = 1_000  # of one app, or of a workspace where the schedule is of several apps
MAX_IDLE = 10_000  # that have never planned anything
MAX_BOUND = 100
MAX_PAGE = 1_000


def _select_own(workspace: Any, dialect: Any, app: Any = None) -> QuerySet[Any, Any]:
    """Schedules of one app, or of several, in a dialect."""
    own = ScriptSchedule.objects.filter(workspace=workspace, dialect=dialect)
    return own.filter(app__isnull=True) if app is None else own.filter(app=app)


# Each is asked from what waits, which is little beside all that schedules have ever planned.
def _count_later(now: Slot, **own: Slot) -> QuerySet[Any, Any]:
    later = Transfer.objects.filter(
        status=Transfer.Status.ACCEPTED, finished_at__isnull=True, due_at__gt=now
    )
    return _count(later.filter(planned__schedule__in=_select_own(**own)))


def _count_going(**own: Slot) -> QuerySet[Any, Any]:
    going = Campaign.objects.filter(status__in=GOING)
    return _count(going.filter(planned__schedule__in=_select_own(**own)))


def _count(rows: QuerySet[Any, Any]) -> QuerySet[Any, Any]:
    own = rows.order_by().values_list("planned__schedule__workspace")
    return own.annotate(schedules=Count("planned__schedule", distinct=True))


# Prepared by whether the schedules are of one app.
_WAITING: dict[bool, tuple[Prepared[tuple[int, int]], Prepared[tuple[int, int]]]] = {
    len(names) == 3: (Prepared(_count_later, "now", *names), Prepared(_count_going, *names))
    for names in (("workspace", "dialect"), ("workspace", "dialect", "app"))
}


def _save(command: SaveSchedule, caller: Caller) -> ScheduleRow:
    check_body(command.body)
    with transaction.atomic():
        schedule = _change(command, caller) if command.id else _create(command, caller)
    return describe_schedule(schedule, caller.now)


def _create(command: SaveSchedule, caller: Caller) -> ScriptSchedule:
    app = _find_app(command, caller)
    _refuse_many(app, caller)
    schedule = insert(
        ScriptSchedule(
            workspace=caller.key.workspace,
            app=app,
            api_key=caller.key,
            dialect=caller.dialect.key,
            name=_check_name(command.name),
            body=command.body,
            is_enabled=command.is_enabled is not False,
            created_at=caller.now,
            updated_at=caller.now,
        )
    )
    for position, record in enumerate(command.records):
        create_record(record, caller, app=app, schedule=schedule, position=position)
    _audit("create", schedule, caller)
    if not plan_pushes(schedule, command, caller):
        _refuse_idle(app, caller)
    return schedule


def _find_app(command: SaveSchedule, caller: Caller) -> App | None:
    if command.apps is not None:
        return None
    if command.app:
        return find_app(command.app, caller)
    apps: list[App] = list(App.objects.for_user(caller.key).select_related("workspace")[:2])
    if len(apps) != 1:
        raise Invalid(_("Name the app: this key is not for exactly one."))
    return apps[0]


def _change(command: SaveSchedule, caller: Caller) -> ScriptSchedule:
    schedule = _find_locked(command.id, command.app, caller)
    was_enabled = schedule.is_enabled
    schedule.body = {**schedule.body, **command.body}
    check_body(schedule.body)
    if command.name:
        schedule.name = _check_name(command.name)
    if command.is_enabled is not None:
        schedule.is_enabled = command.is_enabled
    schedule.updated_at = caller.now
    schedule.save()
    _audit("update", schedule, caller)
    _follow(schedule, command, caller, was_enabled=was_enabled)
    return schedule


def _follow(
    schedule: ScriptSchedule, command: SaveSchedule, caller: Caller, *, was_enabled: bool
) -> None:
    can_plan = command.push is not None or caller.dialect.plan_schedule is not None
    if schedule.is_enabled and not can_plan:
        if not was_enabled:
            raise Invalid(_("Give the push again: what was planned is gone."))
        return
    withdraw_planned(schedule, caller)
    plan_pushes(schedule, command, caller)


def _check_name(name: str) -> str:
    if len(name) > 255:
        raise Invalid(_("A name has at most 255 characters."), fields={"name": "255"})
    return name


def _fetch(command: FetchSchedule, caller: Caller) -> ScheduleRow:
    return describe_schedule(_find(_list_own(command.app, caller), command.id), caller.now)


def _list(command: ListSchedules, caller: Caller) -> ScheduleRows:
    rows = _list_own(command.app, caller)
    page, size = max(1, command.page), min(max(1, command.size), MAX_PAGE)
    shown = rows.order_by("pk")[(page - 1) * size : page * size]
    described = tuple(describe_schedule(row, caller.now) for row in shown)
    return ScheduleRows(described, rows.count(), page, size)


def _drop(command: DropSchedule, caller: Caller) -> Done:
    with transaction.atomic():
        drop_schedule(_find_locked(command.id, command.app, caller), caller)
    return Done()


def _bind(command: BindRecords, caller: Caller) -> ScheduleRow:
    with transaction.atomic():
        schedule = _find_locked(command.schedule, "", caller)
        records = _find_records(command, schedule, caller)
        unbind_records(schedule)
        for position, record in enumerate(records):
            ScriptRecord.objects.filter(pk=record.pk).update(schedule=schedule, position=position)
        _audit("bind", schedule, caller)
        withdraw_planned(schedule, caller)
        plan_pushes(schedule, None, caller)
    return describe_schedule(schedule, caller.now)


def _find_records(
    command: BindRecords, schedule: ScriptSchedule, caller: Caller
) -> list[ScriptRecord]:
    """The named records in their order, locked; raises Invalid for one that is not there, that is
    named twice or bound elsewhere."""
    if len(command.records) > MAX_BOUND:
        raise Invalid(_("At most %(most)d can be bound.") % {"most": MAX_BOUND})
    ids = {text: read_id(text) for text in command.records}
    rows = list_records(command.kind, caller).select_for_update(of=("self",))
    found = {row.pk: row for row in rows.filter(pk__in=ids.values()).order_by("pk")}
    for text, pk in ids.items():
        if pk not in found:
            raise Invalid(_("There is no %(id)s.") % {"id": text})
        if found[pk].schedule_id not in (None, schedule.pk):
            raise Invalid(_("%(id)s belongs to another schedule.") % {"id": text})
    return [found[pk] for pk in dict.fromkeys(ids.values())]


def _list_own(app: str, caller: Caller) -> QuerySet[Any]:
    own = ScriptSchedule.objects.for_user(caller.key).filter(dialect=caller.dialect.key)
    return own.filter(app=find_app(app, caller)) if app else own


def _find(rows: QuerySet[Any], text: str) -> ScriptSchedule:
    schedule: ScriptSchedule | None = rows.filter(pk=read_id(text)).first()
    if schedule is None:
        raise NotFound(_("There is no such schedule."))
    return schedule


def _find_locked(text: str, app: str, caller: Caller) -> ScriptSchedule:
    rows = _list_own(app, caller).select_related("app__workspace", "workspace")
    return _find(rows.select_for_update(of=("self",)), text)


def _refuse_many(app: App | None, caller: Caller) -> None:
    asked: dict[str, str | int] = {
        "workspace": caller.key.workspace_id,
        "dialect": caller.dialect.key,
    }
    if app is not None:
        asked["app"] = app.pk
    later, going = _WAITING[app is not None]
    counts = [*later.list(now=caller.now, **asked), *going.list(**asked)]
    if sum(count for _workspace, count in counts) >= MAX_WAITING:
        raise Invalid(_("At most %(most)d schedules can wait at a time.") % {"most": MAX_WAITING})


def _refuse_idle(app: App | None, caller: Caller) -> None:
    """Raises Invalid when too many, the one just made included, have planned nothing."""
    own = _select_own(caller.key.workspace_id, caller.dialect.key, app)
    if own.filter(planned__isnull=True).count() > MAX_IDLE:
        raise Invalid(_("At most %(most)d schedules can plan nothing.") % {"most": MAX_IDLE})


def _audit(verb: str, schedule: ScriptSchedule, caller: Caller) -> None:
    record_audit(caller.actor, verb, schedule, workspace=schedule.workspace, now=caller.now)


ACTS: Acts = {
    SaveSchedule: (Scope.SEND, _save),
    FetchSchedule: (Scope.READ, _fetch),
    ListSchedules: (Scope.READ, _list),
    DropSchedule: (Scope.SEND, _drop),
    BindRecords: (Scope.SEND, _bind),
}
