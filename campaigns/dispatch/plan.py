"""Makes transfers out of campaigns and accepted calls, and starts what is due."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.dispatch.mishaps import stopping
from campaigns.dispatch.wakes import wake
from campaigns.errors import ChangedMeanwhile, NotReady
from campaigns.models import (
    App,
    Campaign,
    Group,
    Message,
    Occurrence,
    Part,
    Policy,
    Submission,
    TargetChunk,
    Transfer,
    TransferEvent,
    WhenMissed,
)
from campaigns.models.apps import DEFAULT_GROUP
from campaigns.models.clock import RECIPIENT_ZONE
from campaigns.models.packing import pack_texts
from campaigns.models.prepared import insert
from campaigns.selectors.approvals import find_exempt, find_holding, needs_approval
from campaigns.selectors.campaign_apps import list_apps
from campaigns.selectors.signing import digest_campaign
from campaigns.selectors.started import (
    APP,
    APPROVAL,
    Started,
    list_segments,
    settle_body,
    take_start,
)
from campaigns.selectors.starting import find_obstacle
from providers.commands import Fault
from providers.recipients import Targets
from providers.scenarios import Channel

SCHEDULER = "scheduler"
# What a start is decided by: a time or a text that changed meanwhile is looked at anew.
DECIDING = ("due_at", "message_id", "rate")
ONCE = 50  # campaigns taken up in one turn
CHUNK_IDS = 25_000  # ids of one TargetChunk row
DEVICE_KIND = "device"  # targets that are our own device ids, as texts


@dataclass(frozen=True, slots=True)
class NewPart:
    """One message, and the ids that a script named or the `audiences` that it described.

    With neither it goes to the campaign's audience. One over another `channel` than push is for
    persons, who are admitted to it (dispatch.handover).
    """

    message: Message
    targets: tuple[Targets, ...] = ()
    audiences: Sequence[Mapping[str, Any]] | None = None
    only_primary: bool = False
    channel: str = Channel.PUSH.value
    sender: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTransfer:
    """What a transfer is made of. Times are aware; `rate` in recipients per second.

    `ramp_up` is in how many seconds the rate is reached.

    `wall_clock` (naive, `2026-11-20T09:00`) sends it at that hour of each recipient's own zone,
    and the campaign's `expires_in`, or that of a push without one, then counts from there.
    """

    app: App
    group: Group
    parts: Sequence[NewPart]
    campaign: Campaign | None = None
    occurrence: Occurrence | None = None
    submission: Submission | None = None
    name: str = ""
    tag: str = ""
    client_key: str = ""
    place: int | None = None
    kind: str = ""
    policy: str = Policy.AT_LEAST_ONCE
    priority: int = 5
    rate: int | None = None
    ramp_up: int | None = None
    due_at: datetime | None = None
    expires_at: datetime | None = None
    expires_in: int | None = None
    wall_clock: str = ""
    is_test: bool = False
    faults: tuple[Fault, ...] = ()
    hops: int = 0
    steps: Sequence[Mapping[str, Any]] = ()  # of a scenario, as Scenario.steps has them
    runs_at_vendor: bool = False  # who goes from step to step
    settled: Mapping[str, Any] = field(default_factory=dict)  # for the freeze's cursor


def create_transfer(plan: NewTransfer, *, actor: str, now: datetime) -> Transfer:
    """Write down a transfer with its parts and targets; a worker freezes and sends it.

    With `faults` it becomes `failed` and its recipients are settled so.
    """
    # Who catches what goes wrong here has a transaction of his own around it.
    with transaction.atomic(savepoint=False):
        transfer = insert(_build_transfer(plan, now))
        insert(TransferEvent(transfer=transfer, old="", new=transfer.status, actor=actor, at=now))
        for number, part in enumerate(plan.parts):
            _create_part(transfer, number, part)
        _create_steps(transfer, plan)
        wake()
    return transfer


def _build_transfer(plan: NewTransfer, now: datetime) -> Transfer:
    return Transfer(
        app=plan.app,
        group=plan.group,
        campaign=plan.campaign,
        occurrence=plan.occurrence,
        submission=plan.submission,
        name=plan.name[:200],
        tag=plan.tag,
        client_key=plan.client_key,
        place=plan.place,
        kind=plan.kind,
        policy=plan.policy,
        priority=plan.priority,
        rate=plan.rate,
        ramp_up=plan.ramp_up,
        due_at=plan.due_at or now,
        expires_at=plan.expires_at,
        expires_in=plan.expires_in,
        wall_clock=plan.wall_clock,
        is_test=plan.is_test,
        has_steps=bool(plan.steps),
        runs_at_vendor=plan.runs_at_vendor and bool(plan.steps),
        faults=[write_fault(fault) for fault in plan.faults],
        hops=plan.hops,
        freeze_cursor=dict(plan.settled),
        status=Transfer.Status.ACCEPTED,
        status_since=now,
        created_at=now,
    )


def _create_part(transfer: Transfer, number: int, new: NewPart) -> None:
    part = insert(
        Part(
            transfer=transfer,
            number=number,
            kind=Part.Kind.DEVICE if new.channel == Channel.PUSH else Part.Kind.PERSON,
            message=new.message,
            channel=new.channel,
            sender=new.sender,
            audiences=new.audiences,
            only_primary=new.only_primary,
        )
    )
    for place, (kind, ids) in enumerate(_cut_targets(new.targets)):
        insert(TargetChunk(part=part, number=place, kind=kind, ids=pack_texts(ids)))


def _create_steps(transfer: Transfer, plan: NewTransfer) -> None:
    """The later steps of a scenario, still without anybody; the first one is there already."""
    first = transfer.parts.first() if plan.steps else None
    if first is None:
        return
    start = plan.steps[0]
    transfer.parts.update(wait=start["wait"], price=start.get("price", ""))
    Part.objects.bulk_create(
        Part(
            transfer=transfer,
            number=len(plan.parts) - 1 + number,
            kind=Part.Kind.PERSON,
            message=first.message,
            step=number,
            channel=step["channel"],
            sender=step.get("sender", ""),
            wait=step.get("wait"),
            price=step.get("price", ""),
        )
        for number, step in enumerate(plan.steps[1:], start=1)
    )


def _cut_targets(targets: Sequence[Targets]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for block in targets:
        for start in range(0, len(block.values), CHUNK_IDS):
            yield block.kind, block.values[start : start + CHUNK_IDS]


def write_fault(fault: Fault) -> dict[str, str]:
    """A fault as Transfer.faults keeps it; empty fields are absent."""
    body = {
        "kind": fault.kind.value,
        "platform": fault.platform,
        "identifier": fault.identifier,
        "detail": fault.detail,
    }
    return {name: value for name, value in body.items() if value}


def start_campaign(
    campaign: Campaign, *, actor: str, now: datetime, note: str = "", exempt: str = ""
) -> Campaign:
    """Move a campaign to SENDING and make one transfer per app.

    Who calls from a transaction says what was found `exempt` before it (`approvals.find_exempt`):
    so nobody is counted while it is open. Raises NotReady when something stands against it, and
    what `move_to` raises; that includes a time or a message that somebody has changed since it was
    read.
    """
    exempt = exempt or find_exempt(campaign)
    obstacle = find_obstacle(campaign, now, exempt)
    if obstacle is not None:
        raise NotReady(obstacle.sentence, code=obstacle.code)
    with transaction.atomic():
        campaign.move_to(
            Campaign.Status.SENDING, actor=actor, now=now, note=note, unchanged=DECIDING
        )
        create_transfers(campaign, actor=actor, now=now, exempt=exempt)
    return campaign


def create_transfers(
    campaign: Campaign,
    *,
    actor: str,
    now: datetime,
    occurrence: Occurrence | None = None,
    exempt: str = "",
) -> None:
    """One transfer per app of a campaign, or of one occurrence of it; `exempt` as in
    `start_campaign`.

    Raises ChangedMeanwhile for one that has stopped being what was approved while it was started.
    """
    apps = list_apps(campaign)
    started = take_start(campaign, apps)
    if set(list_segments(campaign.audience)) - started.meanings.keys():
        raise ChangedMeanwhile(_("A segment of it has just been deleted. Reload the page."))
    settled = _settle_approval(campaign, apps, started, exempt)
    for app in apps:
        plan = replace(_plan_app(campaign, app, started, now), occurrence=occurrence)
        if occurrence is not None:
            plan = replace(plan, name=_name_run(campaign, occurrence))
        plan = replace(plan, settled={**plan.settled, **settled})
        create_transfer(plan, actor=actor, now=now)


def _settle_approval(
    campaign: Campaign, apps: Sequence[App], started: Started, exempt: str
) -> dict[str, Any]:
    """Of what is started just so, the approval that it goes by: whoever changed any of it after
    the last look did not change that."""
    if not any(app.needs_approval for app in apps):
        return {}
    holding = find_holding(campaign, started)
    if holding is not None:
        return {APPROVAL: holding.pk}
    is_exempt = bool(exempt) and exempt == digest_campaign(campaign, started)
    if not is_exempt and needs_approval(campaign, started):
        words = _("It was changed while it was being started. Look at it again, as it is now.")
        raise ChangedMeanwhile(words)
    return {}


def _name_run(campaign: Campaign, occurrence: Occurrence) -> str:
    """Reports tell runs apart by their day, in the zone of the series."""
    local = occurrence.due_at.astimezone(ZoneInfo(campaign.timezone))
    return f"{campaign.name[:180]} {local:%Y-%m-%d %H:%M}"


def _plan_message(campaign: Campaign, started: Started) -> NewPart:
    """The message to the campaign's audience; its segments mean from now on what they mean now."""
    if not started.meanings:
        return NewPart(campaign.message)
    body = settle_body(campaign.audience, started.meanings)
    return NewPart(campaign.message, audiences=[body], only_primary=campaign.only_primary)


def _plan_app(campaign: Campaign, app: App, started: Started, now: datetime) -> NewTransfer:
    is_local = campaign.timezone == RECIPIENT_ZONE
    lifetime = None if is_local else campaign.expires_in
    return NewTransfer(
        app=app,
        group=_find_group(campaign, app),
        parts=(_plan_message(campaign, started),),
        campaign=campaign,
        name=campaign.name,
        tag=campaign.tag,
        policy=campaign.policy,
        rate=campaign.rate,
        ramp_up=campaign.ramp_up,
        due_at=now,
        expires_at=None if lifetime is None else now + timedelta(seconds=lifetime),
        wall_clock=campaign.send_at if is_local else "",
        is_test=campaign.is_test,
        steps=campaign.scenario.steps if campaign.scenario else (),
        runs_at_vendor=bool(campaign.scenario and campaign.scenario.runs_at_vendor),
        settled={APP: started.apps[app.pk]},
    )


def _find_group(campaign: Campaign, app: App) -> Group:
    """The campaign's group; an app group's campaign reports into each app's own default one."""
    if campaign.group is not None:
        chosen: Group = campaign.group
        return chosen
    group, _created = Group.objects.get_or_create(app=app, name=DEFAULT_GROUP)
    return group


def start_due(now: datetime) -> int:
    """Start every scheduled campaign whose time has come; gives how many were taken up."""
    due = Campaign.objects.filter(status=Campaign.Status.SCHEDULED, due_at__lte=now)
    related = ("app", "app_group", "group", "message", "scenario")
    rows = due.select_related(*related).order_by("due_at", "pk")
    campaigns = list(rows[:ONCE])
    for campaign in campaigns:
        _start_one(campaign, now)
    return len(campaigns)


def _start_one(campaign: Campaign, now: datetime) -> None:
    late = now - (campaign.due_at or now)
    # At recipients' own hours being late is a matter of each zone: when_past decides there.
    is_late = late > timedelta(seconds=campaign.grace) and campaign.timezone != RECIPIENT_ZONE
    words = _("No scheduler was running at its time.") if is_late else ""
    try:
        with stopping(campaign, partial(_fail_waiting, campaign, now)):
            if is_late and campaign.when_missed == WhenMissed.SKIP:
                _fail(campaign, words, now)
            else:
                start_campaign(campaign, actor=SCHEDULER, now=now, note=words)
    except ChangedMeanwhile:
        return  # another scheduler was faster, or a person has just cancelled or rescheduled it


def _fail_waiting(campaign: Campaign, now: datetime, words: str) -> None:
    campaign.refresh_from_db()
    if campaign.status == Campaign.Status.SCHEDULED:
        _fail(campaign, words, now)


def _fail(campaign: Campaign, words: str, now: datetime) -> None:
    campaign.move_to(
        Campaign.Status.FAILED, actor=SCHEDULER, now=now, note=words, unchanged=DECIDING
    )
