"""The scenario that a campaign names, and what does not go together with one."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from campaigns.errors import Invalid
from campaigns.models import Scenario, Workspace
from campaigns.models.clock import RECIPIENT_ZONE
from campaigns.services.schedule import Schedule


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
    if found.archived_at is not None:
        words = _("The scenario %(name)s is archived; restore it or choose another.")
        raise _refuse(words % {"name": found})
    return found


def refuse_unplayable(scenario: Scenario, schedule: Schedule) -> None:
    """Raise Invalid for a scenario that a campaign of this schedule cannot have."""
    words = ""
    if not scenario.begins_with_push:
        words = _("A campaign begins with a push; %(name)s does not. Choose another scenario.")
    elif schedule.recurrence is not None:
        words = _(
            "What comes again cannot go by %(name)s. Send it once, or choose no scenario and "
            "write one campaign per time."
        )
    elif schedule.timezone == RECIPIENT_ZONE:
        words = _(
            "At each recipient's own hour it cannot go by %(name)s. Choose one time zone for "
            "everybody, or no scenario."
        )
    if words:
        raise _refuse(words % {"name": scenario})


def _refuse(sentence: str) -> Invalid:
    return Invalid(sentence, fields={"scenario": sentence})
