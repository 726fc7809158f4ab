"""Campaigns that were launched and would not go: nobody has approved what needs it by now."""

from __future__ import annotations

from django.utils.translation import gettext as _

from campaigns.models import Campaign
from campaigns.selectors.approvals import find_missing, read_standing
from campaigns.services.approvals import is_askable
from campaigns.services.messages import Problem
from campaigns.services.preflight import MISSING


def find_held_back(campaign: Campaign) -> tuple[Problem, ...]:
    """What to do about the approval that something launched lacks; nothing for a draft, whose
    checks say it."""
    if campaign.status in Campaign.EDITABLE or not is_askable(campaign):
        return ()
    missing = find_missing(campaign)
    if not missing:
        return ()
    if campaign.status == Campaign.Status.PAUSED:
        words = _("Ask for an approval; once it is given, resume it.")
    else:
        words = _("Until it has one it waits, and at its time it does not go out without.")
    return (Problem(code=MISSING, field="status", sentence=f"{missing} {words}"),)


def tell_status(campaign: Campaign) -> tuple[str, str]:
    """The tone and the words of a campaign's chip: its status, or how its approval stands where
    that says more."""
    status = Campaign.Status
    if campaign.status == status.IN_REVIEW and read_standing(campaign).holds:
        return "approved", _("Approved")
    if campaign.status in Campaign.WAITING and find_missing(campaign):
        return "asked", _("Waits for an approval")
    return campaign.status, campaign.get_status_display()
