"""What must hold when a campaign starts, whether a person launches it or its time has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from campaigns.models import Campaign, Scenario
from campaigns.selectors.approvals import find_missing
from campaigns.selectors.campaign_apps import list_apps
from campaigns.selectors.forgotten import FORGOTTEN, find_forgotten
from campaigns.selectors.gone import list_gone

GONE = "audience_gone"
STARTABLE = Campaign.EDITABLE | Campaign.WAITING


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a campaign cannot start: a code for programs, a sentence for people."""

    code: str
    sentence: str


def find_obstacle(campaign: Campaign, now: datetime, exempt: str = "") -> Obstacle | None:
    """What stands against starting now, or None. Nobody is counted of what is `exempt`
    (`approvals.find_exempt`).

    An audience that has become empty and a platform without a route are no obstacles: the first
    ends `sent` with 0 recipients, the second settles its recipients as skipped.
    """
    if campaign.status not in STARTABLE:
        words = _("This campaign is %(status)s and cannot start again.")
        return Obstacle("illegal_move", words % {"status": campaign.get_status_display()})
    apps = list_apps(campaign)
    if not apps:
        return Obstacle("no_app", _("The app group has no apps."))
    if campaign.group is not None and campaign.group.archived_at is not None:
        words = _("The group %(group)s is archived; restore it or choose another.")
        return Obstacle("group_archived", words % {"group": campaign.group.name})
    gone = [one.words for one in list_gone(apps, campaign.audience) if one.is_everywhere]
    if gone:
        return Obstacle(GONE, " ".join(dict.fromkeys(gone)))
    forgotten = find_forgotten(campaign.audience, now)
    if forgotten:
        return Obstacle(FORGOTTEN, forgotten)
    obstacle = _judge_scenario(campaign.scenario) if campaign.scenario is not None else None
    missing = "" if obstacle else find_missing(campaign, exempt)
    return Obstacle("approval_required", missing) if missing else obstacle


def _judge_scenario(scenario: Scenario) -> Obstacle | None:
    """It may have been chosen long ago."""
    names = {"name": scenario}
    if scenario.archived_at is not None:
        words = _("The scenario %(name)s is archived; restore it or choose another.")
        return Obstacle("scenario_archived", words % names)
    if not scenario.begins_with_push:
        words = _("The scenario %(name)s begins with a push no more; choose another, or none.")
        return Obstacle("scenario_changed", words % names)
    return None
