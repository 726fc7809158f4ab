"""What a script's schedule plans: transfers that are due later, campaigns that recur.

A change replaces what it planned. What is due is not replaced: it has gone, or goes now.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from campaigns.dispatch import runs
from campaigns.errors import Conflict, Invalid
from campaigns.models import (
    ApiKey,
    App,
    Campaign,
    Group,
    Message,
    Planned,
    ScriptRecord,
    ScriptSchedule,
    Segment,
    Transfer,
)
from campaigns.models.prepared import Prepared, Slot, insert
from campaigns.selectors.approvals import needs_approval
from campaigns.selectors.audience import read_audience
from campaigns.services import intake_audience
from campaigns.services.access import record_audit, require_scope
from campaigns.services.app_choices import choose_apps
from campaigns.services.approvals import note_bypass
from campaigns.services.callers import Caller, find_folder, find_group
from campaigns.services.campaigns import save_new
from campaigns.services.intake_checks import refuse_unapproved
from campaigns.services.intake_push import accept_push
from campaigns.services.schedule import Schedule, find_zone, plan_schedule, plan_series
from providers.audience import Condition, Op, Or, write_expression
from providers.commands import PushPart, SendPush
from providers.contract import Dialect
from providers.message_json import write_message
from providers.recipients import AppChoice, PersonKind, Targets
from providers.schedules import RecordRow, SaveSchedule, ScheduleRow

Status = Transfer.Status
GOING = (Campaign.Status.RECURRING, Campaign.Status.PAUSED)


def describe_schedule(schedule: ScriptSchedule, now: datetime) -> ScheduleRow:
    """The schedule as dialects see it."""
    return ScheduleRow(
        id=str(schedule.pk),
        name=schedule.name,
        body=schedule.body,
        is_enabled=schedule.is_enabled,
        created_at=schedule.created_at,
        transfers=tuple(str(pk) for (pk,) in _MADE.list(schedule=schedule.pk, now=now)),
        records=tuple(
            RecordRow(
                id=str(record.pk),
                body=record.body,
                is_archived=record.is_archived,
                created_at=record.created_at,
                updated_at=record.updated_at,
            )
            for record in _RECORDS.list(schedule=schedule.pk)
        ),
    )


def _select_made(schedule: Slot, now: Slot) -> QuerySet[Any, tuple[int]]:
    """The transfers that it has made: those of later, and those cancelled before, are none yet."""
    stopped = Q(transfer__status=Status.CANCELLED, transfer__status_since__lt=F("transfer__due_at"))
    due = Q(transfer__due_at__lte=now) & ~stopped
    # From what the schedule has planned, which is little beside all transfers.
    planned = Planned.objects.filter(due | Q(campaign__transfers__isnull=False), schedule=schedule)
    made = planned.annotate(
        made=Coalesce("transfer_id", "campaign__transfers__pk"),
        at=Coalesce("transfer__due_at", "campaign__transfers__due_at"),
    )
    return made.order_by("at", "made").values_list("made")


_MADE: Prepared[tuple[int]] = Prepared(_select_made, "schedule", "now")
_RECORDS: Prepared[ScriptRecord] = Prepared(
    lambda schedule: ScriptRecord.objects.filter(schedule=schedule).order_by("position", "pk"),
    "schedule",
)


def find_waiting(now: datetime) -> Q:
    """Rows of Planned of which something is still to come."""
    later = Q(transfer__status=Status.ACCEPTED, transfer__due_at__gt=now)
    return later | Q(campaign__status__in=GOING)


def replan_schedule(schedule: ScriptSchedule, caller: Caller) -> None:
    """Plan anew what is still to come after something that it keeps has changed.

    In the caller's transaction, which holds the schedule. What it has made stays, and what an
    operator has cancelled is not planned again. Raises Refusal.
    """
    plan = _plan_kept(schedule, caller)
    withdrawn = withdraw_planned(schedule, caller)
    if plan is None or not (withdrawn or _is_untouched(schedule, plan, caller.now)):
        return
    require_scope(caller.key, ApiKey.Scope.SEND)
    plan_pushes(schedule, plan, caller)


def _is_untouched(schedule: ScriptSchedule, plan: SaveSchedule, now: datetime) -> bool:
    """Whether it has planned nothing so far, although its time is still to come."""
    due_at = plan.push.due_at if plan.push else None
    return not schedule.planned.exists() and (due_at is None or due_at > now)


def _plan_kept(schedule: ScriptSchedule, caller: Caller) -> SaveSchedule | None:
    plan = caller.dialect.plan_schedule
    return plan(describe_schedule(schedule, caller.now)) if plan else None


def plan_pushes(schedule: ScriptSchedule, plan: SaveSchedule | None, caller: Caller) -> int:
    """Make what the plan says, or what the dialect plans of the kept body; gives how much that is.

    Raises Refusal.
    """
    if caller.dialect.plan_schedule is not None:
        plan = _plan_kept(schedule, caller)
    if plan is None or plan.push is None or not schedule.is_enabled:
        return 0
    apps = _list_apps(schedule, plan.apps, caller)
    for app in apps:
        if plan.recurrence is None:
            _plan_transfer(schedule, plan.push, app, caller)
        else:
            for part in plan.push.parts:
                _plan_series(schedule, plan, part, app, caller)
    return len(apps)


def _list_apps(schedule: ScriptSchedule, choice: AppChoice | None, caller: Caller) -> list[App]:
    if choice is not None:
        return choose_apps(choice, caller)
    return [schedule.app] if schedule.app is not None else []


def _plan_transfer(schedule: ScriptSchedule, push: SendPush, app: App, caller: Caller) -> None:
    _check_time(push, caller.now)
    accepted = accept_push(push, _find_folder(push, app, caller), caller)
    insert(Planned(schedule=schedule, transfer_id=int(accepted.transfer)))


def _find_folder(push: SendPush, app: App, caller: Caller) -> Group:
    """The report group of the call; in a dialect without groups, the app's one of its name."""
    if caller.dialect.has_groups:
        return find_group(push.group, caller)
    group, _is_new = find_folder(app, caller.dialect)
    return group


def _check_time(push: SendPush, now: datetime) -> None:
    """Raise Invalid for a time that has passed or is more than a year away."""
    if push.due_at is not None:
        plan_schedule(push.due_at.isoformat(), "", default_zone="", now=now)
    elif push.wall_clock:
        plan_schedule(push.wall_clock, "recipient", default_zone="", now=now)


def _plan_series(
    schedule: ScriptSchedule, plan: SaveSchedule, part: PushPart, app: App, caller: Caller
) -> None:
    push, now = _take_push(plan), caller.now
    refuse_unapproved(push, app, caller)
    when = _find_series(plan, app, now)
    audience = write_audience(app, part, caller.dialect)
    read_audience(app, audience, principal=None)
    campaign = Campaign(
        workspace=app.workspace,
        app=app,
        group=_find_folder(push, app, caller),
        name=(push.name or schedule.name)[:200],
        tag=push.tag,
        message=Message(app=app, content=write_message(part.message)),
        audience=audience,
        only_primary=part.only_primary,
        send_at=when.send_at,
        timezone=when.timezone,
        due_at=when.due_at,
        recurrence=when.recurrence,
        expires_in=push.expires_in,
        rate=push.rate,
        status_since=now,
        created_at=now,
        created_by=caller.actor,
    )
    save_new(campaign, "create_campaign", actor=caller.actor, now=now)
    if needs_approval(campaign):  # and this key may go without
        note_bypass(campaign, _("By a script's schedule."), actor=caller.actor, now=now)
    campaign.move_to(Campaign.Status.RECURRING, actor=caller.actor, now=now)
    Planned.objects.create(schedule=schedule, campaign=campaign)


def _take_push(plan: SaveSchedule) -> SendPush:
    if plan.push is None:
        raise ValueError("a series without a push")
    return plan.push


def _find_series(plan: SaveSchedule, app: App, now: datetime) -> Schedule:
    push = _take_push(plan)
    zone = plan.timezone or app.timezone
    known = find_zone(zone)
    wall = push.wall_clock
    if not wall and push.due_at is not None:
        wall = _read_wall(push.due_at, known)
    _check_wall(wall)
    # One that began long ago goes on with the next of its times.
    return plan_series(Schedule(wall, zone, now), plan.recurrence, now=now)


def _check_wall(wall: str) -> None:
    try:
        datetime.fromisoformat(wall)
    except ValueError as error:
        raise Invalid(_("A recurring push needs a first time such as 2026-11-20T09:00.")) from error


def _read_wall(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).replace(tzinfo=None).isoformat()


def write_audience(app: App, part: PushPart, dialect: Dialect) -> dict[str, Any]:
    """Who gets a part, as a campaign's audience says it. Raises Refusal for what is not there."""
    bodies = _list_bodies(app, part, dialect)
    if len(bodies) == 1:
        return bodies[0]
    return {"expression": {"and": [_write_term(body) for body in bodies]}}


def _list_bodies(app: App, part: PushPart, dialect: Dialect) -> list[dict[str, Any]]:
    """Bodies that must all hold."""
    bodies: list[dict[str, Any]] = []
    if part.targets:
        named = Or(tuple(_write_targets(targets) for targets in part.targets))
        bodies.append({"expression": write_expression(named)})
    if part.audience is not None:
        bodies += intake_audience.write_audience(app, part.audience, dialect)
    return bodies or [{"all": True}]


def _write_term(body: dict[str, Any]) -> dict[str, Any]:
    """A body as an expression: a segment as it is now."""
    match body:
        case {"expression": found}:
            return dict(found)
        case {"labels": [name]}:
            return {"field": "person.label", "op": "eq", "value": name}
        case {"segment": number}:
            return dict(Segment.objects.get(pk=number).expression)
    return {"and": []}


def _write_targets(targets: Targets) -> Condition:
    is_person = targets.kind in set(PersonKind)
    field = f"person.{targets.kind}" if is_person else f"device.id.{targets.kind}"
    return Condition(field, Op.IN, targets.values)


def withdraw_planned(schedule: ScriptSchedule, caller: Caller) -> int:
    """Take back what is still to come; gives how much that was.

    In the caller's transaction. What is due has been made, or is made now. Raises Conflict when
    a worker takes up at this very moment what has just been found waiting.
    """
    waiting = schedule.planned.filter(find_waiting(caller.now))
    count = 0
    for planned in waiting.select_related("transfer", "campaign"):
        if planned.transfer is not None:
            _remove_transfer(planned.transfer, caller)
        if planned.campaign is not None:
            _end_series(planned.campaign, caller)
        count += 1
    return count


def _remove_transfer(transfer: Transfer, caller: Caller) -> None:
    """Nobody has been told of it but the script that now plans anew: it leaves nothing behind."""
    # Whoever freezes it holds the row first: of the two one finds that the other was there.
    rows = Transfer.objects.select_for_update().filter(
        pk=transfer.pk, status=Status.ACCEPTED, due_at__gt=caller.now, freeze_cursor={}
    )
    if not list(rows):
        raise Conflict(_("It is being sent just now."), code="changed_meanwhile")
    messages = list(transfer.parts.values_list("message_id", flat=True))
    submission = transfer.submission
    record_audit(
        caller.actor, "withdraw", transfer, workspace=transfer.app.workspace, now=caller.now
    )
    transfer.delete()
    Message.objects.filter(pk__in=messages, parts__isnull=True, campaigns__isnull=True).delete()
    if submission is not None and not submission.transfers.exists():
        submission.delete()


def _end_series(campaign: Campaign, caller: Caller) -> None:
    """Make the run that is due, then end the series; its runs go on."""
    runs.take_due_turn(campaign, caller.now)
    campaign.refresh_from_db()
    if campaign.status in Campaign.FINISHED:
        return
    campaign.move_to(Campaign.Status.CANCELLED, actor=caller.actor, now=caller.now)
    record_audit(
        caller.actor, "cancelled_campaign", campaign, workspace=campaign.workspace, now=caller.now
    )


def unbind_records(schedule: ScriptSchedule) -> None:
    """Leave the schedule without records."""
    ScriptRecord.objects.filter(schedule=schedule).update(schedule=None, position=0)


@transaction.atomic
def drop_schedule(schedule: ScriptSchedule, caller: Caller) -> None:
    """Take back what is still to come and forget the schedule; what it has made stays."""
    withdraw_planned(schedule, caller)
    record_audit(caller.actor, "delete", schedule, workspace=schedule.workspace, now=caller.now)
    schedule.delete()
