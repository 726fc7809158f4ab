"""Calls of several pushes of which each counts as a call of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from django.utils.translation import gettext as _

from campaigns.errors import Refused
from campaigns.services import intake, quotas
from campaigns.services.callers import Caller
from providers.commands import AcceptedMany, Answer, Command, SendPushes
from providers.inbound import Route
from providers.outcomes import RefusalKind


def execute_counted(command: Command, route: Route, caller: Caller) -> Answer:
    """Do what a dialect has read. Where its pushes count one by one, the first is counted already,
    and those for which the quota has no room are refused, each by itself."""
    if not (route.counts_pushes and isinstance(command, SendPushes)):
        return intake.execute(command, caller)
    others = len(command.pushes) - 1
    taken, wait = quotas.use_some(caller.key, caller.dialect, route.quota, others, now=caller.now)
    kept = replace(command, pushes=command.pushes[: 1 + taken])
    answer = cast(AcceptedMany, intake.execute(kept, caller))
    return replace(answer, entries=(*answer.entries, *_refuse_late(others - taken, wait)))


def _refuse_late(count: int, wait: float) -> tuple[Refused, ...]:
    refusal = Refused(_("Too many calls."), kind=RefusalKind.THROTTLED, code="throttled")
    refusal.retry_after = wait
    return (refusal,) * count
