"""What came of taking a transfer back, in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, ngettext_lazy

from campaigns.models import Attempt
from campaigns.selectors.recalls import WAITING, Recall
from campaigns.templatetags.pa import number

State = Attempt.Recall
OPEN = frozenset({WAITING, State.ASKING.value})
# By what came of a call; the number of calls stands before it.
WORDS: dict[str, Any] = {
    State.ASKED: ngettext_lazy(
        "%(count)s call: it has taken the request, and does not say whom that still stopped.",
        "%(count)s calls: it has taken the requests, and does not say whom that still stopped.",
        "n",
    ),
    State.REFUSED: ngettext_lazy(
        "%(count)s call: it refuses, or no route leads to it any more.",
        "%(count)s calls: it refuses, or no route leads to it any more.",
        "n",
    ),
    State.UNKNOWN: ngettext_lazy(
        "%(count)s call: it was asked, and nobody knows whether it has heard.",
        "%(count)s calls: it was asked, and nobody knows whether it has heard.",
        "n",
    ),
    State.LATE: ngettext_lazy(
        "%(count)s call: too late.",
        "%(count)s calls: too late.",
        "n",
    ),
}


@dataclass(frozen=True, slots=True)
class RecallNote:
    """What a page says of one account."""

    account: str
    sentences: tuple[str, ...]


def describe_recalls(recalls: Iterable[Recall]) -> list[RecallNote]:
    """A note per account, and of our own channel."""
    return [
        RecallNote(recall.account, tuple(_describe(recall)))
        if recall.account
        else RecallNote(_("Inboxes of devices"), tuple(_describe_own(recall)))
        for recall in recalls
    ]


def is_asking(recalls: Iterable[Recall]) -> bool:
    """Whether a vendor is still to be asked, or an inbox to be emptied."""
    return any(OPEN & recall.calls.keys() for recall in recalls)


def _describe(recall: Recall) -> Iterator[str]:
    if not recall.can_cancel:
        yield _("Its vendor has no call that takes a push back.")
    waiting = sum(recall.calls.get(state, 0) for state in OPEN)
    if waiting:
        words = ngettext(
            "%(count)s call is being asked back.", "%(count)s calls are being asked back.", waiting
        )
        yield words % {"count": number(waiting)}
    if State.TAKEN in recall.calls:
        words = ngettext(
            "Taken back from %(count)s recipient, as the vendor says.",
            "Taken back from %(count)s recipients, as the vendor says.",
            recall.taken,
        )
        yield words % {"count": number(recall.taken)}
    for state, sentence in WORDS.items():
        calls = recall.calls.get(state, 0)
        if calls:
            yield sentence % {"n": calls, "count": number(calls)}
    if State.LATE in recall.calls and recall.seconds is not None:
        hours = number(round(recall.seconds / 3600))
        yield _("The vendor takes a call back for %(hours)s h.") % {"hours": hours}
    if recall.left:
        yield _describe_left(recall.left)


def _describe_left(left: int) -> str:
    words = ngettext(
        "%(count)s recipient stays as it is counted.",
        "%(count)s recipients stay as they are counted.",
        left,
    )
    return words % {"count": number(left)}


def _describe_own(recall: Recall) -> Iterator[str]:
    """Of what we have kept for devices ourselves: there we know whom it has not reached."""
    waiting = recall.calls.get(WAITING, 0)
    if waiting:
        words = ngettext(
            "%(count)s message is being taken out.",
            "%(count)s messages are being taken out.",
            waiting,
        )
        yield words % {"count": number(waiting)}
    if recall.taken:
        words = ngettext(
            "Taken out before the app of %(count)s recipient had pulled it.",
            "Taken out before the apps of %(count)s recipients had pulled it.",
            recall.taken,
        )
        yield words % {"count": number(recall.taken)}
    if recall.left and not waiting:
        yield _describe_left(recall.left)
