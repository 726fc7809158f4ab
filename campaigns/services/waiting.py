"""What can be done to a campaign that waits for its time: move that time, take it back, or begin
what was to go at once before its time to be undone is over.

Both race with the scheduler by a guarded UPDATE: one wins, the other is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.dispatch.plan import DECIDING, start_campaign
from campaigns.errors import ChangedMeanwhile, Conflict, IllegalMove, Invalid, NotReady
from campaigns.models import Campaign
from campaigns.models.clock import RECIPIENT_ZONE, find_first_instant, find_instant
from campaigns.selectors.approvals import find_exempt, needs_approval
from campaigns.selectors.campaign_apps import list_apps
from campaigns.services.access import record_audit
from campaigns.services.approvals import void_bypasses
from campaigns.services.campaign_scenarios import refuse_unplayable
from campaigns.services.campaign_values import Place, plan_start
from campaigns.services.preflight import MISSING
from campaigns.services.schedule import Schedule, plan_series

FIELDS = ("send_at", "timezone")


def reschedule_campaign(
    campaign: Campaign, body: Mapping[str, Any], *, actor: str, now: datetime
) -> Campaign:
    """Move the start of a scheduled campaign, or the next time of a series, to another one.

    `body` is `{"send_at", "timezone"}` as for a new campaign; without a zone it keeps its own.
    Raises Invalid with the field, IllegalMove once it is under way, ChangedMeanwhile.
    """
    _require_waiting(campaign)
    _refuse_signed(campaign)
    schedule = _read_schedule(campaign, body, now)
    with transaction.atomic():
        waiting = Campaign.objects.filter(
            pk=campaign.pk, status=campaign.status, due_at=campaign.due_at
        )
        moved = waiting.update(
            send_at=schedule.send_at,
            timezone=schedule.timezone,
            due_at=schedule.due_at,
            recurrence=schedule.recurrence,
            authors=list(dict.fromkeys([*campaign.authors, actor])),
        )
        if not moved:
            raise ChangedMeanwhile(
                _("It has just begun, or somebody else has changed it. Reload the page.")
            )
        campaign.events.create(
            old=campaign.status,
            new=campaign.status,
            actor=actor,
            at=now,
            note=_say_move(schedule),
        )
        record_audit(
            actor, "reschedule_campaign", campaign,
            workspace=campaign.workspace, fields=FIELDS, now=now,
        )  # fmt: skip
    campaign.refresh_from_db()
    return campaign


def _say_move(schedule: Schedule) -> str:
    moment = datetime.fromisoformat(schedule.send_at)
    # An instant with an offset needs no zone to be named, a wall clock does.
    when = f"{moment:%Y-%m-%d %H:%M} {schedule.timezone or moment.tzname()}"
    if schedule.timezone == RECIPIENT_ZONE:
        words = _("Moved to %(when)s of each recipient's own time.")
        return words % {"when": f"{moment:%Y-%m-%d %H:%M}"}
    return _("Moved to %(when)s.") % {"when": when}


def unschedule_campaign(campaign: Campaign, *, actor: str, now: datetime) -> Campaign:
    """Take a waiting campaign back to a draft; a series only while none of its runs is sent.

    Raises IllegalMove once it is under way, NotReady, ChangedMeanwhile.
    """
    _require_waiting(campaign)
    # What was launched to go at once has no time of its own to keep.
    also: dict[str, Any] = {}
    if campaign.is_cooling:
        also = {"due_at": _find_planned(campaign), "cools_until": None}
    with transaction.atomic():
        campaign.move_to(Campaign.Status.DRAFT, actor=actor, now=now, unchanged=DECIDING, **also)
        if campaign.transfers.filter(finished_at__isnull=True).exists():
            raise NotReady(_("A run is being sent. Wait for its end, or cancel it first."))
        void_bypasses(campaign, actor=actor, now=now)
        record_audit(actor, "unschedule_campaign", campaign, workspace=campaign.workspace, now=now)
    return campaign


def start_now(campaign: Campaign, *, actor: str, now: datetime) -> Campaign:
    """Begin before the time in which it could be undone is over.

    Raises IllegalMove for what does not wait for that, and what `start_campaign` raises.
    """
    if not campaign.is_cooling:
        words = _("Only what was sent at once and can still be undone starts now.")
        raise IllegalMove(words)
    exempt = find_exempt(campaign)
    with transaction.atomic():
        start_campaign(campaign, actor=actor, now=now, exempt=exempt)
        # When it would have begun by itself is nobody's time any more.
        campaign.due_at, campaign.cools_until = _find_planned(campaign), None
        campaign.save(update_fields=["due_at", "cools_until"])
        record_audit(actor, "start_campaign", campaign, workspace=campaign.workspace, now=now)
    return campaign


def _find_planned(campaign: Campaign) -> datetime | None:
    """When sending would begin by what was planned; None for at once."""
    if campaign.send_at and campaign.timezone == RECIPIENT_ZONE:
        return find_first_instant(datetime.fromisoformat(campaign.send_at))
    return None


def _refuse_signed(campaign: Campaign) -> None:
    """Its time is part of what was approved."""
    if needs_approval(campaign):
        raise Conflict(
            _("Its time is part of what was approved. Edit it, and ask for an approval again."),
            code=MISSING,
        )


def _require_waiting(campaign: Campaign) -> None:
    if campaign.status not in Campaign.WAITING:
        words = _("Only a campaign that waits for its time has one to change; this one is %(now)s.")
        raise IllegalMove(words % {"now": campaign.get_status_display()})


def _read_schedule(campaign: Campaign, body: Mapping[str, Any], now: datetime) -> Schedule:
    values = {name: body.get(name) for name in FIELDS}
    faults = {name: _("Unknown field.") for name in body if name not in FIELDS}
    for name, value in values.items():
        if value is not None and not isinstance(value, str):
            faults[name] = _("Expected a text.")
    if not values["send_at"]:
        faults["send_at"] = _("Say when.")
    if faults:
        raise Invalid(" ".join(dict.fromkeys(faults.values())), fields=faults)
    zone = campaign.timezone or Place(tuple(list_apps(campaign))).default_zone
    schedule = plan_start(
        values["send_at"] or "", values["timezone"] or "", default_zone=zone, now=now
    )
    schedule = plan_series(schedule, _find_rest(campaign), now=now)
    if campaign.scenario is not None:
        refuse_unplayable(campaign.scenario, schedule)
    return schedule


def _find_rest(campaign: Campaign) -> dict[str, Any] | None:
    """The rule with the number of times that are left: those before its start are of an earlier
    one, and were taken off when that was moved."""
    rule, series = campaign.recurrence, campaign.series
    if rule is None or series is None or "runs" not in rule:
        return rule
    begun, _note = find_instant(series.first, series.zone)
    settled = campaign.occurrences.filter(due_at__gte=begun).count()
    return {**rule, "runs": max(1, rule["runs"] - settled)}
