"""Whether a vendor can go through the steps of a scenario itself, in our place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from campaigns.models import App, Scenario
from campaigns.selectors.routes import Way, find_first_ways
from providers.message import PushMessage
from providers.message_fields import VENDOR_ONLY, Platform


@dataclass(frozen=True, slots=True)
class Later:
    """A step after the push."""

    channel: str
    sender: str


def read_later(scenario: Scenario) -> list[Later]:
    """The steps of a scenario after its first one."""
    return [Later(step["channel"], step.get("sender") or "") for step in scenario.steps[1:]]


def find_steps_obstacle(app: App, message: PushMessage, later: Sequence[Later]) -> str:
    """Why no vendor can run these steps of an app's push, "" if one can."""
    ways = find_first_ways(app)
    pushing = [ways[platform.value] for platform in Platform if platform.value in ways]
    if not pushing:
        return _("No account serves a platform of %(app)s.") % {"app": app.name}
    accounts = {way.account.pk: way.account.name for way in pushing}
    if len(accounts) > 1:
        words = _("The push of %(app)s leaves through several accounts: %(accounts)s.")
        return words % {"app": app.name, "accounts": ", ".join(sorted(accounts.values()))}
    return explain_way(pushing[0], ways, message, later)


def explain_way(
    way: Way, ways: Mapping[str, Way], message: PushMessage, later: Sequence[Later]
) -> str:
    """Why the vendor of one way cannot run what comes after its push, "" if it can.

    `ways` are the first ones of the app, by platform and channel.
    """
    names = {"account": way.account.name}
    if not way.dialect.runs_scenarios:
        return _("The vendor of %(account)s runs no scenarios.") % names
    if message.channel not in VENDOR_ONLY:
        return _("What may go the app's own way cannot be left to %(account)s.") % names
    if message.template:
        return (
            _("Each text of a message with variables is written here, not at %(account)s.") % names
        )
    for step in later:
        own = ways.get(step.channel)
        names["channel"] = step.channel
        if step.channel not in way.dialect.channels or own is None or own.account != way.account:
            return _("The step %(channel)s does not leave through %(account)s.") % names
        if not step.sender:
            return _("%(account)s needs a sender for the step %(channel)s.") % names
    return ""
