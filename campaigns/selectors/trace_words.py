"""What a trace says: lines in time's order, outcomes and reasons as sentences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.selectors.audience import AudienceKind
from campaigns.selectors.explain import CONDITION, Verdict
from campaigns.selectors.segment_words import say_condition, say_of_field
from providers.outcomes import Reason

MOST_LETTERS = 240  # of a condition, or of what was found


class Dated(str):
    """A sentence with a moment in it: as a text in ISO, for scripts; pages write it in a zone.

    Of `words`, `%(at)s` is where the moment stands.
    """

    words: str
    at: datetime

    def __new__(cls, words: str, at: datetime) -> Self:
        """The sentence with its moment."""
        sentence = super().__new__(cls, words % {"at": at.isoformat(" ", "seconds")})
        sentence.words, sentence.at = words, at
        return sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One reason: `code` for programs, `words` for people, when (None: as it is now, or was
    frozen), `tone` good, bad, warn or "", and what bears it out."""

    code: str
    words: str
    at: datetime | None = None
    tone: str = ""
    details: tuple[str, ...] = ()


OUTCOMES = {
    "sent": gettext_lazy("It was sent: the vendor, or the inbox, has taken it."),
    "failed": gettext_lazy("It failed."),
    "skipped": gettext_lazy("They were left out."),
    "expired": gettext_lazy("It expired before it was sent or seen."),
    "cancelled": gettext_lazy("It was cancelled."),
    "unknown": gettext_lazy("Nobody knows: a call was made and no answer came."),
}
TONES = {"sent": "good", "failed": "bad", "skipped": "bad", "cancelled": "", "expired": "warn"}
REASONS = {
    Reason.TOKEN: gettext_lazy("The vendor says that the token is dead."),
    Reason.PAYLOAD: gettext_lazy("The vendor did not take this message."),
    Reason.CREDENTIAL: gettext_lazy("The vendor refused our credentials."),
    Reason.THROTTLED: gettext_lazy("The vendor wanted fewer calls until it was too late."),
    Reason.VENDOR: gettext_lazy("The vendor failed."),
    Reason.OURS: gettext_lazy("It failed here, not at the vendor."),
    Reason.NO_ANSWER: gettext_lazy("No answer came."),
    Reason.NO_ROUTE: gettext_lazy("No route of the app serves this platform."),
    Reason.NO_TOKEN: gettext_lazy("The device had no token that could be sent to."),
    Reason.NO_MESSAGE: gettext_lazy("The message says nothing for this platform."),
    Reason.NOT_ADDRESSABLE: gettext_lazy("The route has no id of theirs that its vendor takes."),
    Reason.OPTED_OUT: gettext_lazy("They have opted out."),
    Reason.SUPPRESSED: gettext_lazy("An id of theirs was on the suppression list."),
    Reason.GONE: gettext_lazy("They were there no more when it was to be sent."),
    Reason.UNKNOWN_ID: gettext_lazy("Nobody here had the id that was named."),
    Reason.TOO_LATE: gettext_lazy("Its time ran out."),
    Reason.HOUR_PASSED: gettext_lazy("The hour had passed in their time zone."),
    Reason.OFFLINE: gettext_lazy("The device was not online."),
    Reason.RETAINED: gettext_lazy("It waits in the device's inbox."),
    Reason.ANSWERED: gettext_lazy("They had answered an earlier step already."),
    Reason.CANCELLED: gettext_lazy("Somebody cancelled the transfer."),
    Reason.RECALLED: gettext_lazy("It was taken back."),
}
KINDS = {
    AudienceKind.ALL: gettext_lazy("Everyone of the app is meant."),
    AudienceKind.PERSONS: gettext_lazy("The audience names persons by their external user ids."),
    AudienceKind.DEVICES: gettext_lazy("The audience names single devices."),
    AudienceKind.UNKNOWN_OF: gettext_lazy(
        "Meant are those of whom another transfer knows nothing."
    ),
    AudienceKind.OUTCOMES_OF: gettext_lazy("Meant are some by what became of another transfer."),
}


def tell_reason(reason: str) -> str:
    """A delivery's reason as a sentence; one that has none yet by its name."""
    known = REASONS.get(Reason(reason)) if reason in set(Reason) else None
    return str(known or reason.replace("_", " "))


def tell_outcome(outcome: str, reason: str) -> str:
    """What became of it and why."""
    said = str(OUTCOMES.get(outcome, outcome))
    return f"{said} {tell_reason(reason)}" if reason else said


def list_verdict_lines(verdict: Verdict, zone: str) -> list[Line]:
    """What decides whether an audience means a device, evaluated now; moments in a zone."""
    lines: dict[str, Line] = {}
    for node, is_denied in _find_deciding(verdict, is_denied=False):
        words = _tell_node(node, is_denied, zone)
        if words:
            is_good = node.is_met != is_denied
            tone = "good" if is_good else "bad"
            details = _tell_instant(node)
            line = Line(code="condition", words=words, tone=tone, details=details)
            lines.setdefault(words, line)
    return list(lines.values())


def _find_deciding(verdict: Verdict, *, is_denied: bool) -> Iterator[tuple[Verdict, bool]]:
    """Leaves that make the verdict what it is, and whether they must not be met."""
    if not verdict.terms:
        yield verdict, is_denied
        return
    denied = is_denied != (verdict.kind == "not")
    told = verdict.terms
    if verdict.kind != "not":
        told = tuple(term for term in told if term.is_met == verdict.is_met) or told
    for term in told:
        yield from _find_deciding(term, is_denied=denied)


def _tell_node(node: Verdict, is_denied: bool, zone: str) -> str:
    if node.kind == CONDITION:
        return _tell_condition(node, is_denied, zone)
    if node.kind == AudienceKind.SEGMENT:
        return _("The segment that is meant has been deleted.")
    if node.kind in {"and", "or"}:
        return _("No condition at all is set.") if node.kind == "and" else _("Nobody is meant.")
    words = str(KINDS.get(AudienceKind(node.kind), node.kind)) if node.kind in KINDS else node.kind
    if node.kind == AudienceKind.ALL:
        return words
    is_in = _("They are among these.") if node.is_met else _("They are not among these.")
    return f"{words} {is_in}"


def _tell_condition(node: Verdict, is_denied: bool, zone: str) -> str:
    found = _("not known") if node.found is None else say_of_field(node.field, node.found, zone)
    words = _("%(condition)s. Found: %(found)s.")
    if is_denied:
        words = _("Must not be so: %(condition)s. Found: %(found)s.")
    condition = say_condition(node.field, node.op, node.wanted, zone)
    return words % {"condition": _cut(condition), "found": _cut(found)}


def _tell_instant(node: Verdict) -> tuple[str, ...]:
    """What a relative time comes to now."""
    if node.instant is None:
        return ()
    return (Dated(_("Counted from now, that is %(at)s."), node.instant),)


def _cut(text: str) -> str:
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}…"
