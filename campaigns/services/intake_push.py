"""A push that a script sends through a dialect's door: taken once, and only if it may be.

There is no campaign behind it. A worker finds the transfer, freezes it and sends it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from campaigns.dispatch.plan import NewPart, NewTransfer, create_transfer
from campaigns.errors import Conflict, Invalid
from campaigns.models import App, Group, Message, Policy, Submission, Transfer
from campaigns.models.clock import find_first_instant
from campaigns.models.prepared import Prepared, insert, update
from campaigns.selectors.audience_fields import UNSTORABLE
from campaigns.services.access import record_audit
from campaigns.services.callers import Caller
from campaigns.services.doors import find_options
from campaigns.services.intake_audience import write_audience
from campaigns.services.intake_calls import write_callback
from campaigns.services.intake_checks import (
    goes_without,
    judge_targets,
    refuse_busy,
    refuse_empty,
    refuse_forbidden,
    refuse_lossy,
    refuse_unknown_topic,
    refuse_unstorable,
)
from campaigns.services.intake_fingerprint import find_fingerprint, find_steps_fingerprint
from campaigns.services.intake_steps import (
    Stairs,
    admit_climbers,
    find_climbers,
    write_first_step,
)
from campaigns.services.intake_targets import Plan, keep_targets, plan_targets, read_targets
from providers.commands import Accepted, Fault, PushPart, SendPush
from providers.contract import Dialect
from providers.message_json import write_message

MAX_WALL_CLOCK = 40
BY_DOOR: dict[str, object] = {"by_door": True}
TRIES = 3
_IN_PLACE: Prepared[Transfer] = Prepared(
    lambda submission, place: Transfer.objects.select_related("submission").filter(
        submission=submission, place=place
    ),
    "submission",
    "place",
)
_UNDER_KEY: Prepared[Transfer] = Prepared(
    lambda group, client_key: Transfer.objects.select_related("submission").filter(
        group=group, client_key=client_key
    ),
    "group",
    "client_key",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """One push on its way in; `contents` are its messages as bodies.

    In a call of several it has a `submission` and a `place` in it. Who `is_awaited` by an address
    that is set for the door is followed target by target.
    """

    push: SendPush
    group: Group
    caller: Caller
    fingerprint: str
    contents: Sequence[dict[str, Any]] = ()
    submission: Submission | None = None
    place: int | None = None
    stairs: Stairs | None = None
    is_awaited: bool = False


@dataclass(frozen=True, slots=True)
class Timing:
    """When a push is due, and when it expires: at an instant, or so many seconds after the hour
    of each recipient's own."""

    due_at: datetime
    expires_at: datetime | None = None
    expires_in: int | None = None


@dataclass(frozen=True, slots=True)
class Urgency:
    """How it is sent; what somebody waits for comes first, and is never repeated."""

    policy: str = Policy.AT_LEAST_ONCE
    priority: int = 5


WAITED_FOR = Urgency(Policy.AT_MOST_ONCE, 0)


def accept_push(
    push: SendPush,
    group: Group,
    caller: Caller,
    *,
    submission: Submission | None = None,
    place: int | None = None,
    stairs: Stairs | None = None,
) -> Accepted:
    """Write the push down and answer its transfer's id.

    The same push under the same client's id, or in the same place of a call, is answered with the
    first one's transfer; another push under it raises Conflict. Raises what the checks of
    `intake_checks` and `intake_audience` do, and Invalid for a time that is none.
    What the dialect judges later is kept with the transfer, which then becomes `failed`.
    With `stairs` it goes by steps, to persons who are found or made.
    """
    fingerprint = submission.fingerprint if submission else _find_fingerprint(push, stairs)
    intake = Intake(
        push=push, group=group, caller=caller, fingerprint=fingerprint,
        contents=[write_message(part.message) for part in push.parts],
        submission=submission, place=place, stairs=stairs,
    )  # fmt: skip
    first = _find_first(intake)
    if first is None:
        options = find_options(group.app, caller.dialect)
        _refuse_wrong(intake, options)
        first = _write_once(replace(intake, is_awaited=_is_awaited(intake, options)))
    targets = read_targets(push, first) if push.is_tracked else ()
    return Accepted(str(first.pk), push.client_key, targets=targets)


def _refuse_wrong(intake: Intake, options: Mapping[str, Any]) -> None:
    push, group, caller = intake.push, intake.group, intake.caller
    refuse_unstorable(push, intake.contents)
    refuse_forbidden(push, group, caller)
    if intake.stairs is None:
        refuse_empty(push, group.app, caller)
    refuse_lossy(push, group.app, caller, options)
    refuse_unknown_topic(push, options)


def _find_fingerprint(push: SendPush, stairs: Stairs | None) -> str:
    if stairs is None:
        return find_fingerprint(push)
    return find_steps_fingerprint(push, stairs.identity)


def _find_first(intake: Intake) -> Transfer | None:
    """The transfer that was made for this already; raises Conflict if it was another push."""
    if intake.submission is not None and intake.place is not None:
        own = _IN_PLACE.first(submission=intake.submission.pk, place=intake.place)
        if own is not None:
            return own
    key = intake.push.client_key
    if not key or UNSTORABLE.search(key):
        return None
    transfer = _UNDER_KEY.first(group=intake.group.pk, client_key=key)
    if transfer is None:
        return None
    submission = transfer.submission
    if submission is None or submission.fingerprint != intake.fingerprint:
        raise Conflict(_("This id has been used in the group for another push."))
    return transfer


def _write_once(intake: Intake, tries: int = TRIES) -> Transfer:
    try:
        with transaction.atomic():
            return _write_transfer(intake)
    except IntegrityError:
        # Somebody else was faster with the same client's id: theirs is the transfer. Or with the
        # same id of a target: then that is a duplicate now.
        first = _find_first(intake)
        if first is None and tries == 1:
            raise
    return first or _write_once(intake, tries - 1)


def _write_transfer(intake: Intake) -> Transfer:
    push, app, caller, stairs = intake.push, intake.group.app, intake.caller, intake.stairs
    is_planned = push.is_tracked or intake.is_awaited or stairs is not None
    plan = plan_targets(push, app, caller) if is_planned else Plan(push, ())
    faults = _find_faults(intake)
    timing = find_timing(push, caller.now)
    refuse_busy(push, app, caller, timing.due_at)
    climbers = None if stairs is None else find_climbers(plan, stairs, app, caller)
    submission = _find_submission(intake)
    parts = _write_parts(intake, plan.push if climbers is None else climbers.push)
    new = _plan_transfer(intake, submission, timing, parts, faults)
    transfer = create_transfer(new, actor=caller.actor, now=caller.now)
    if goes_without(push, app):  # and this key may; home shows it
        record_audit(
            caller.actor, "bypass_approval", transfer, workspace=app.workspace, now=caller.now
        )
    keep_targets(plan, transfer, submission, caller)
    if climbers is not None:
        admit_climbers(climbers, transfer)
    if intake.submission is None:
        submission.reference = str(transfer.pk)
        update(submission, "reference")
    return transfer


def _find_faults(intake: Intake) -> tuple[Fault, ...]:
    """Why the transfer will become `failed`; raises Invalid where the dialect judges at once."""
    push, caller = intake.push, intake.caller
    find_faults = caller.dialect.find_faults
    found = find_faults(push) if find_faults else ()
    if intake.stairs is not None:
        return found
    return (*found, *judge_targets(push, intake.group.app, caller))


def _write_parts(intake: Intake, sent: SendPush) -> list[NewPart]:
    """The parts of what is sent; of a scenario its first step's alone."""
    app, dialect = intake.group.app, intake.caller.dialect
    if intake.stairs is not None:
        return [write_first_step(app, intake.stairs, sent, intake.contents[0])]
    return [
        _write_part(app, dialect, part, content)
        for part, content in zip(sent.parts, intake.contents, strict=True)
    ]


def _plan_transfer(
    intake: Intake,
    submission: Submission,
    timing: Timing,
    parts: Sequence[NewPart],
    faults: tuple[Fault, ...],
) -> NewTransfer:
    push, stairs = intake.push, intake.stairs
    urgency = WAITED_FOR if push.wait else Urgency()
    return NewTransfer(
        app=intake.group.app,
        group=intake.group,
        parts=parts,
        submission=submission,
        place=intake.place,
        kind=push.kind,
        policy=urgency.policy,
        priority=urgency.priority,
        name=push.name,
        tag=push.tag,
        client_key=push.client_key,
        rate=push.rate,
        due_at=timing.due_at,
        expires_at=timing.expires_at,
        expires_in=timing.expires_in,
        wall_clock=push.wall_clock,
        faults=faults,
        hops=intake.caller.hops,
        steps=stairs.steps if stairs and len(stairs.steps) > 1 else (),
        runs_at_vendor=bool(stairs and stairs.runs_at_vendor),
    )


def _is_awaited(intake: Intake, options: Mapping[str, Any]) -> bool:
    """Whether an address is set for the door that is told of whom a push names one by one."""
    push, spoken = intake.push, intake.caller.dialect.door_callback
    if spoken is None or push.callback is not None:
        return False
    if any(part.audience is not None for part in push.parts):
        return False
    return bool(options[spoken.url])


def _find_submission(intake: Intake) -> Submission:
    submission = intake.submission
    if submission is None:
        return _create_submission(intake)
    if intake.is_awaited:
        # Not on the object, which outlives a transaction that is rolled back.
        untold = Submission.objects.filter(pk=submission.pk, callback__isnull=True)
        untold.update(callback=BY_DOOR)
    return submission


def _create_submission(intake: Intake) -> Submission:
    callback = BY_DOOR if intake.is_awaited else write_callback(intake.push.callback)
    app, caller = intake.group.app, intake.caller
    return insert(
        Submission(
            workspace=app.workspace,
            app=app,
            api_key=caller.key,
            door=caller.dialect.key,
            client_key=intake.push.client_key,
            fingerprint=intake.fingerprint,
            callback=callback,
            created_at=caller.now,
        )
    )


def _write_part(app: App, dialect: Dialect, part: PushPart, content: dict[str, Any]) -> NewPart:
    return NewPart(
        insert(Message(app=app, content=content)),
        part.targets,
        None if part.audience is None else write_audience(app, part.audience, dialect),
        part.only_primary,
    )


def find_timing(push: SendPush, now: datetime) -> Timing:
    """When a push is due and expires; what lies in the past is due now. Raises Invalid."""
    if push.wall_clock:
        first = find_first_instant(_read_wall_clock(push.wall_clock))
        return Timing(max(first, now), expires_in=push.expires_in)
    due_at = max(push.due_at or now, now)
    # What somebody waits for is not begun after he has gone.
    ends = [seconds for seconds in (push.expires_in, push.wait or None) if seconds is not None]
    return Timing(due_at, due_at + timedelta(seconds=min(ends)) if ends else None)


def _read_wall_clock(text: str) -> datetime:
    try:
        wall = datetime.fromisoformat(text)
    except ValueError:
        wall = None
    if wall is None or wall.tzinfo is not None or len(text) > MAX_WALL_CLOCK:
        words = _("An hour of each recipient's own looks like 2026-11-20T09:00.")
        raise Invalid(words, fields={"wall_clock": words})
    return wall
