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
    """One check: its key, its subject, which is true however it ends, and the codes it finds."""

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
    _kind("status", _("Status"), "illegal_move", "no_app"),
    _kind("approval", _("Approval"), "approval_required"),
    _kind("audience", _("Audience"), "empty_audience", "nobody_left", "nobody_reachable",
          "unknown_value"),
    _kind("tokens", _("Tokens"), "no_token"),
    _kind("left_out", _("Opt-outs and suppressions"), "left_out"),
    _kind("unusual", _("Size beside former campaigns"), "unusual_size"),
    _kind("overlap", _("Other campaigns within the hour"), "overlap", "not_compared"),
    _kind("text", _("Text for every platform"), "no_text", "no_message"),
    _kind("variables", _("Variables in the text"),
          "template", "empty_variable", "empty_text", "default_stands_in", "too_many_texts",
          "braces"),
    _kind("languages", _("Languages"), "missing_language", "stand_in_language",
          "untranslated"),
    _kind("links", _("Links"), "dead_link"),
    _kind("title", _("Title on iOS"), "no_title"),
    _kind("size", _("Size of the message"), "payload_too_big"),
    _kind("vendor", _("What vendors take"), "vendor_refuses"),
    _kind("routes", _("Routes"), "no_route"),
    _kind("accounts", _("Accounts"),
          "account_disabled", "account_unhealthy", "credentials_expired", "credentials_expire"),
    _kind("addressing", _("How vendors are told who is meant"), "not_addressable"),
    _kind("losses", _("Fields that routes lose"), "lossy", "loses"),
    _kind("sdk", _("SDK versions"), "old_sdk"),
    _kind("schedule", _("Planned time"), "past_schedule"),
    _kind("clocks", _("Clock changes"), "clocks_change"),
    _kind("zones", _("Recipients' time zones"), "unknown_zones", "hour_passed"),
    _kind("expiry", _("Expiry"), "expires_too_soon", "wait_too_long"),
    _kind("quota", _("Quota of the day"), "day_quota", "shared_quota"),
    _kind("queue", _("Queue"), "queue_full"),
    _kind("folder", _("Group and scenario"),
          "group_archived", "scenario_archived", "scenario_changed"),
)  # fmt: skip
# What no check above has claimed is shown under this one.
OTHER = CheckKind("other", _("Anything else"), frozenset())
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
