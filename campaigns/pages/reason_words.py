"""Why somebody did not get it, in words: what happened, and what an operator can do about it."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from providers.outcomes import Reason

WORDS: dict[str, tuple[str | Promise, str | Promise]] = {
    Reason.TOKEN: (
        _("Dead token"),
        _("The app was removed or the token replaced. The device is left out until it registers."),
    ),
    Reason.PAYLOAD: (
        _("Message refused"),
        _("The vendor does not take this message. Mend it and send to these again."),
    ),
    Reason.CREDENTIAL: (
        _("Login refused"),
        _("The vendor refused the account. Check its credentials, then send to these again."),
    ),
    Reason.THROTTLED: (
        _("Too fast for the vendor"),
        _("The vendor's limit did not let it through in time. Lower the rate."),
    ),
    Reason.VENDOR: (_("Vendor's fault"), _("The vendor answered with a fault of its own.")),
    Reason.OURS: (_("Our fault"), _("A fault on this side; the log has it under the transfer.")),
    Reason.NO_ANSWER: (
        _("No answer"),
        _("The call was made and nothing came back, so nobody knows whether it arrived."),
    ),
    Reason.NO_ROUTE: (
        _("No route"),
        _("No account serves this platform. Add a route to the app."),
    ),
    Reason.NO_TOKEN: (_("No token"), _("The device has no token that works at present.")),
    Reason.NO_MESSAGE: (_("No message"), _("The message says nothing for this platform.")),
    Reason.TEMPLATE: (
        _("No whole text"),
        _("A variable had no value for them, and nothing stood in for it. Give it a default."),
    ),
    Reason.NOT_ADDRESSABLE: (
        _("Not addressable"),
        _("The route's vendor does not know these recipients by any id that we have."),
    ),
    Reason.OPTED_OUT: (_("Opted out"), _("They do not want to be sent to.")),
    Reason.SUPPRESSED: (
        _("Suppressed"),
        _("An address or id of theirs is on the suppression list of the workspace."),
    ),
    Reason.GONE: (
        _("Gone"),
        _("The device or the person was deleted before their turn came."),
    ),
    Reason.UNKNOWN_ID: (_("Unknown id"), _("Nobody here has the id that the script named.")),
    Reason.TOO_LATE: (_("Too late"), _("The message had expired before its turn came.")),
    Reason.HOUR_PASSED: (
        _("Hour had passed"),
        _("It was past the hour on their own clock when sending began."),
    ),
    Reason.OFFLINE: (
        _("Offline"),
        _("The app was not open, and the message is for open apps only."),
    ),
    Reason.RETAINED: (_("Waits in the inbox"), _("It waits there until the app looks.")),
    Reason.ANSWERED: (_("Had answered"), _("They had answered an earlier step of the scenario.")),
    Reason.CANCELLED: (_("Cancelled"), _("The transfer was cancelled before their turn came.")),
    Reason.RECALLED: (_("Taken back"), _("The vendor took it back when it was asked to.")),
}


def name_reason(key: str) -> str:
    """The reason in two or three words."""
    return str(WORDS[key][0]) if key in WORDS else key.replace("_", " ")


def explain_reason(key: str) -> str:
    """What happened and what to do, "" for a reason of a later version."""
    return str(WORDS[key][1]) if key in WORDS else ""
