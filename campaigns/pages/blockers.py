"""What of the review's findings is quick enough to be told beside the form, besides those of the
message: who gets nothing, accounts that are over, full queues, strict losses, approvals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from campaigns.models.clock import RECIPIENT_ZONE
from campaigns.models.patience import TookTooLong, at_most
from campaigns.pages.composition import Composition
from campaigns.pages.crowd import Crowd, list_crowds
from campaigns.selectors.addressing import DESCRIBED, Wanted
from campaigns.selectors.audience import select_devices
from campaigns.selectors.left_out import select_suppressing
from campaigns.selectors.routes import find_first_ways
from campaigns.services.account_problems import find_expiry_problems
from campaigns.services.forecast import Reach
from campaigns.services.messages import Loss, Problem, find_addressing_problems
from campaigns.services.preflight import find_queue_problems, name_ways, refuse_losses
from campaigns.services.schedule import Schedule
from campaigns.services.unreached import (
    QUICK,
    Need,
    count_tokenless,
    describe_nobody_left,
    find_needs,
    find_served,
    is_surely_nobody,
    look_for_somebody,
    may_be_nobody,
    tell_opted_out,
    tell_tokenless,
    write_needs,
)
from providers.message import PushMessage


def find_unreached(
    composition: Composition,
    reaches: tuple[Reach, ...],
    message: PushMessage,
    principal: Any,
    now: datetime,
) -> Iterator[Problem]:
    """Who gets nothing, by what was counted; that nobody is left blocks."""
    is_left = False
    for reach, crowd in zip(reaches, list_crowds(composition, principal), strict=True):
        needs = find_needs(reach.app, message)
        yield from tell_tokenless(reach, count_tokenless(reach, needs))
        yield from tell_opted_out(reach)
        served = find_served(reach.app, message)
        # That no platform of an app is served is told elsewhere.
        is_left = is_left or not served or _is_left(reach, crowd, served, needs, now)
    has_devices = any(reach.total for reach in reaches)
    if has_devices and not is_left and composition.failover.chosen is None:
        yield describe_nobody_left()


def _is_left(
    reach: Reach, crowd: Crowd, served: AbstractSet[str], needs: Mapping[str, Need], now: datetime
) -> bool:
    """Whether somebody of one app is left; looked for only where the counts leave it open."""
    unserved = sum(count for name, count in reach.platforms.items() if name not in served)
    lost = unserved + count_tokenless(reach, needs)
    if is_surely_nobody(reach, lost):
        return False
    is_open = may_be_nobody(reach, lost + reach.opted_out)
    if not is_open and not select_suppressing(reach.app, now).exists():
        return True
    is_left: bool = crowd.count(
        look_for_somebody, platforms=sorted(served), needs=write_needs(needs)
    )
    return is_left


def find_blockers(
    composition: Composition,
    reaches: tuple[Reach, ...],
    losses: Iterable[Loss],
    schedule: Schedule | None,
    now: datetime,
) -> Iterator[Problem]:
    """What does not lie in the message, and blocks on the review page."""
    starts_at = (schedule.last_at or schedule.due_at) if schedule else None
    ways = name_ways(composition.failover.chosen, reaches)
    yield from find_expiry_problems(ways, starts_at, now)
    for reach in reaches:
        yield from find_queue_problems(reach.app, now)
    if composition.plan.cleaned_data["strict"]:
        yield from refuse_losses(losses)
    yield from _tell_approvals(reaches)


def _tell_approvals(reaches: tuple[Reach, ...]) -> Iterator[Problem]:
    """That somebody else must agree: no fault of the draft, so nothing is held up here."""
    asking = [one for one in reaches if one.app.asks_approval_of(one.total + one.margin)]
    names = ", ".join(reach.app.name for reach in asking)
    if names:
        words = _("%(apps)s: it needs an approval, which is asked for on the review page.")
        yield Problem(
            code="approval_required",
            field="",
            sentence=words % {"apps": names},
            is_blocking=False,
        )


def find_untold(
    composition: Composition, message: PushMessage, schedule: Schedule | None, principal: Any
) -> tuple[Problem, ...] | None:
    """Why vendors that choose recipients themselves cannot be told who is meant; None where it
    takes too long to find out."""
    has_local_hours = bool(schedule and schedule.timezone == RECIPIENT_ZONE)
    found: list[Problem] = []
    try:
        for crowd in list_crowds(composition, principal):
            ways = find_first_ways(crowd.app).values()
            if any(way.limits.addressing & DESCRIBED for way in ways):
                wanted = _read_wanted(composition, message, crowd, has_local_hours=has_local_hours)
                with at_most(QUICK):
                    found += find_addressing_problems(wanted)
    except TookTooLong:
        return None
    return tuple(dict.fromkeys(found))


def _read_wanted(
    composition: Composition, message: PushMessage, crowd: Crowd, *, has_local_hours: bool
) -> Wanted:
    return Wanted(
        app=crowd.app,
        message=message,
        bodies=[crowd.body],
        devices=select_devices(crowd.app, crowd.read(), only_primary=crowd.only_primary),
        only_primary=crowd.only_primary,
        has_local_hours=has_local_hours,
        has_steps=composition.failover.chosen is not None,
    )
