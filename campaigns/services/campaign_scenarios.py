"""The scenario that a campaign names, and what does not go together with one."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from campaigns.errors import Invalid
from campaigns.models import Scenario, Workspace
from campaigns.models.clock import RECIPIENT_ZONE
from campaigns.services.schedule import Schedule
from providers.scenarios import Channel


def find_campaign_scenario(principal: Any, workspace: Workspace, name: Any) -> Scenario | None:
    """The workspace's scenario of that key or id; None without a name. Raises Invalid."""
    if name is None:
        return None
    rows = Scenario.objects.for_user(principal).filter(workspace=workspace)
    found: Scenario | None = None
    if isinstance(name, int) and not isinstance(name, bool) and 0 < name < 2**53:
        found = rows.filter(pk=name).first()
    elif isinstance(name, str) and name.isascii() and name.isalnum():
        found = rows.filter(key=name.upper()).first()
    if found is None:
        raise _refuse(_("There is no such scenario in this workspace."))
    return found


def refuse_unplayable(scenario: Scenario, schedule: Schedule) -> None:
    """Raise Invalid for a scenario that a campaign of this schedule cannot have."""
    if scenario.steps[0]["channel"] != Channel.PUSH:
        raise _refuse(_("A campaign begins with a push; this scenario does not."))
    if schedule.recurrence is not None or schedule.timezone == RECIPIENT_ZONE:
        words = _("A scenario goes with what is sent once, at one time for everybody.")
        raise _refuse(words)


def _refuse(sentence: str) -> Invalid:
    return Invalid(sentence, fields={"scenario": sentence})
