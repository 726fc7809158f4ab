"""The pre-flight list: every check by name, and what each has found, passed ones included."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from campaigns.services.messages import Problem


class Verdict(StrEnum):
    """What a check came to."""

    BLOCKING = "blocking"
    WARNING = "warning"
    PASSED = "passed"


@dataclass(frozen=True, slots=True)
class CheckKind:
    """One check: its key, what it asks as a statement that should hold, the codes it finds."""

    key: str
    label: str | Promise
    codes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Check:
    """A check with the problems that it found."""

    key: str
    label: str
    problems: tuple[Problem, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of its problems."""
        if any(problem.is_blocking for problem in self.problems):
            return Verdict.BLOCKING
        return Verdict.WARNING if self.problems else Verdict.PASSED


def _kind(key: str, label: Promise, *codes: str) -> CheckKind:
    return CheckKind(key, label, frozenset(codes))


KINDS = (
    _kind("status", _("It can be started from where it stands"), "illegal_move", "no_app"),
    _kind("approval", _("Nobody's approval is missing"), "approval_required"),
    _kind("audience", _("Somebody is in the audience"), "empty_audience", "nobody_reachable"),
    _kind("left_out", _("Nobody in it is suppressed or has opted out"), "left_out"),
    _kind("unusual", _("So many are usual for the app"), "unusual_size"),
    _kind("overlap", _("Nobody gets another campaign within the hour"), "overlap"),
    _kind("text", _("Every platform has its text"), "no_text", "no_message"),
    _kind("variables", _("Everybody has what the text needs"),
          "template", "empty_variable", "empty_text", "too_many_texts"),
    _kind("languages", _("Recipients get it in their language"), "missing_language"),
    _kind("links", _("Its addresses lead somewhere"), "dead_link"),
    _kind("title", _("iOS has a title"), "no_title"),
    _kind("size", _("It fits what the gateways carry"), "payload_too_big"),
    _kind("vendor", _("The vendors take these fields"), "vendor_refuses"),
    _kind("routes", _("A route serves every platform"), "no_route"),
    _kind("accounts", _("The accounts are switched on and well"),
          "account_disabled", "account_unhealthy"),
    _kind("addressing", _("The vendors can be told exactly who is meant"), "not_addressable"),
    _kind("losses", _("The routes carry what was written"), "lossy", "loses"),
    _kind("sdk", _("The devices' SDKs are new enough"), "old_sdk"),
    _kind("schedule", _("The planned time is still to come"), "past_schedule"),
    _kind("clocks", _("No clock changes at that hour"), "clocks_change"),
    _kind("zones", _("The recipients' time zones are known"), "unknown_zones", "hour_passed"),
    _kind("expiry", _("It is sent before it expires"), "expires_too_soon", "wait_too_long"),
    _kind("quota", _("The day's quota is enough"), "day_quota", "shared_quota"),
    _kind("queue", _("There is room in the queue"), "queue_full"),
    _kind("folder", _("Its group and scenario are in use"),
          "group_archived", "scenario_archived", "scenario_changed"),
)  # fmt: skip
# What no check above has claimed is shown under this one.
OTHER = CheckKind("other", _("Nothing else stands against it"), frozenset())
ORDER = [Verdict.BLOCKING, Verdict.WARNING, Verdict.PASSED]


def list_checks(problems: Iterable[Problem]) -> tuple[Check, ...]:
    """Every check once, the worst first, each with its problems."""
    found = tuple(problems)
    claimed = frozenset().union(*(kind.codes for kind in KINDS))
    checks = [_make(kind, [item for item in found if item.code in kind.codes]) for kind in KINDS]
    checks.append(_make(OTHER, [item for item in found if item.code not in claimed]))
    return tuple(sorted(checks, key=lambda check: ORDER.index(check.verdict)))


def _make(kind: CheckKind, problems: Iterable[Problem]) -> Check:
    return Check(kind.key, str(kind.label), tuple(problems))
