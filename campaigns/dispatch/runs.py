"""Runs of recurring campaigns: what is due is fired once, or recorded as missed, never in a burst.

The next time is moved on by a guarded UPDATE in the transaction that records the occurrence and
makes its transfers: two schedulers, or one that dies in between, make each run once.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models import Exists, OuterRef

from campaigns.dispatch import folds
from campaigns.dispatch.mishaps import stopping
from campaigns.dispatch.plan import ONCE, SCHEDULER, create_transfers
from campaigns.errors import ChangedMeanwhile
from campaigns.models import Campaign, Occurrence, Transfer, WhenMissed
from campaigns.selectors.approvals import find_exempt
from campaigns.selectors.starting import Obstacle, find_obstacle

Reason = Occurrence.Reason
State = Occurrence.State
Status = Campaign.Status


@dataclass(frozen=True, slots=True)
class _Turn:
    """What a scheduler finds: the newest due time, those before it, and the next one."""

    newest: datetime
    older: list[datetime]
    following: datetime | None
    is_late: bool
    is_missed: bool


@dataclass(frozen=True, slots=True)
class _Look:
    """What is found before a turn is taken, as recipients are counted: what stands against it, and
    that it is exempt from approval (`find_exempt`)."""

    obstacle: Obstacle | None = None
    exempt: str = ""


def run_due(now: datetime) -> int:
    """Settle every recurring campaign whose time has come; gives how many were taken up."""
    recurring = Campaign.objects.filter(status=Status.RECURRING)
    due = recurring.filter(due_at__lte=now).order_by("due_at", "pk")
    campaigns = list(due.select_related("app", "app_group", "group", "message")[:ONCE])
    for campaign in campaigns:
        # Whoever is faster, another scheduler or a person, has settled it.
        with suppress(ChangedMeanwhile), stopping(campaign, partial(_pause, campaign, now)):
            _take_turn(campaign, now)
    # Its last run may have ended before its last time was settled.
    unfinished = Transfer.objects.filter(campaign=OuterRef("pk"), finished_at__isnull=True)
    for campaign in recurring.filter(~Exists(unfinished), due_at__isnull=True)[:ONCE]:
        folds.follow_transfers(campaign, now)
    return len(campaigns)


def take_due_turn(campaign: Campaign, now: datetime) -> None:
    """Settle what of one series is due, before somebody ends or replaces it."""
    if campaign.status == Status.RECURRING and campaign.due_at is not None:
        _take_turn(campaign, now)


def resume_series(campaign: Campaign, *, actor: str, now: datetime) -> None:
    """Move a paused campaign on, whether it is a series or not, in the caller's transaction.

    Times that passed meanwhile are recorded and not made up for. Raises what `move_to` raises.
    """
    passed, following = _split_due(campaign, now)
    campaign.move_to(
        campaign.running_status, actor=actor, now=now, unchanged=["due_at"], due_at=following
    )
    _record(campaign, _leave_settled(campaign, passed), State.SKIPPED, Reason.PAUSED, now)


def _split_due(campaign: Campaign, now: datetime) -> tuple[list[datetime], datetime | None]:
    """The times of a series that have come, and the one behind them."""
    series, due_at = campaign.series, campaign.due_at
    if series is None or due_at is None:
        return [], due_at
    return series.split_due(due_at, now)


def _take_turn(campaign: Campaign, now: datetime) -> None:
    turn = _find_turn(campaign, now)
    if turn is None:
        return
    look = _look(campaign, turn, now)
    with transaction.atomic():
        # The WHERE clause is the lock: another scheduler was faster, or a person has just paused,
        # cancelled or rescheduled it.
        unmoved = Campaign.objects.filter(
            pk=campaign.pk, status=Status.RECURRING, due_at=campaign.due_at
        )
        if not unmoved.update(due_at=turn.following):
            return
        campaign.due_at = turn.following
        _settle(campaign, turn, look, now)
    folds.follow_transfers(campaign, now)


def _find_turn(campaign: Campaign, now: datetime) -> _Turn | None:
    due, following = _split_due(campaign, now)
    if not due:
        return None
    newest = due[-1]
    is_late = now - newest > timedelta(seconds=campaign.grace)
    return _Turn(
        newest=newest,
        older=due[:-1],
        following=following,
        is_late=is_late,
        is_missed=is_late and not _may_run_late(campaign, newest, now),
    )


def _look(campaign: Campaign, turn: _Turn, now: datetime) -> _Look:
    if turn.is_missed:
        return _Look()
    exempt = find_exempt(campaign)
    return _Look(find_obstacle(campaign, now, exempt), exempt)


def _may_run_late(campaign: Campaign, due_at: datetime, now: datetime) -> bool:
    """A late run must not come close to the next: it is nearer to its own time."""
    if campaign.series is None or campaign.when_missed != WhenMissed.RUN_LATE:
        return False
    return now - due_at < campaign.series.find_gap(due_at) / 2


def _settle(campaign: Campaign, turn: _Turn, look: _Look, now: datetime) -> None:
    older = _leave_settled(campaign, turn.older)
    _record(campaign, older, State.MISSED, Reason.NO_SCHEDULER, now)
    if _leave_settled(campaign, [turn.newest]):
        _settle_newest(campaign, turn, look, now)


def _leave_settled(campaign: Campaign, times: list[datetime]) -> list[datetime]:
    """Times without those that are settled already, which a series that was moved back, by a
    person or by a clock, meets again."""
    settled = set(campaign.occurrences.filter(due_at__in=times).values_list("due_at", flat=True))
    return [due_at for due_at in times if due_at not in settled]


def _settle_newest(campaign: Campaign, turn: _Turn, look: _Look, now: datetime) -> None:
    if turn.is_missed:
        _record(campaign, [turn.newest], State.MISSED, Reason.NO_SCHEDULER, now)
        return
    unfinished = Transfer.objects.filter(campaign=campaign, finished_at__isnull=True)
    if unfinished.exists():
        _record(campaign, [turn.newest], State.SKIPPED, Reason.STILL_RUNNING, now)
        return
    obstacle = look.obstacle or find_obstacle(campaign, now, look.exempt)
    if obstacle is not None:
        _stop(campaign, turn.newest, obstacle, now)
        return
    reason = Reason.LATE if turn.is_late else Reason.NONE
    [occurrence] = _record(campaign, [turn.newest], State.FIRED, reason, now)
    create_transfers(campaign, actor=SCHEDULER, now=now, occurrence=occurrence, exempt=look.exempt)


def _stop(campaign: Campaign, due_at: datetime, obstacle: Obstacle, now: datetime) -> None:
    """Pause the series until a person has mended what stands against it."""
    words = obstacle.sentence[:500]
    _record(campaign, [due_at], State.SKIPPED, Reason.NOT_READY, now, note=words)
    campaign.move_to(Status.PAUSED, actor=SCHEDULER, now=now, note=words)


def _pause(campaign: Campaign, now: datetime, words: str) -> None:
    campaign.refresh_from_db()
    if campaign.status == Status.RECURRING:
        campaign.move_to(Status.PAUSED, actor=SCHEDULER, now=now, note=words)


def _record(
    campaign: Campaign,
    times: list[datetime],
    state: str,
    reason: str,
    now: datetime,
    note: str = "",
) -> list[Occurrence]:
    return Occurrence.objects.bulk_create(
        Occurrence(
            campaign=campaign, due_at=due_at, state=state, reason=reason, note=note, settled_at=now
        )
        for due_at in times
    )
