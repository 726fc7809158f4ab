"""What waits for a person: drafts, what has stopped, what nobody knows, what expires.

Each list is bounded, and read by an index.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery, Sum

from campaigns.models import (
    ApiKey,
    App,
    Approval,
    Campaign,
    CampaignEvent,
    Counter,
    Occurrence,
    Settled,
    Transfer,
)
from campaigns.selectors.approvals import find_missing

SOON = timedelta(days=14)
# A campaign that has not begun to send, and one that has sent to nobody or not to all.
UNDECIDED = (*Campaign.EDITABLE, Campaign.Status.CANCELLED, Campaign.Status.FAILED)
RELATED = ("app", "app_group", "group", "message", "scenario")


def list_stopped(principal: Any, since: datetime, limit: int) -> list[Transfer]:
    """Transfers that are paused, then those that have failed lately."""
    rows = Transfer.objects.for_user(principal).select_related("app").order_by("-pk")
    paused = rows.filter(status=Transfer.Status.PAUSED, finished_at__isnull=True)
    failed = rows.filter(status=Transfer.Status.FAILED, created_at__gte=since)
    return [*paused[:limit], *failed[:limit]]


def list_stuck(principal: Any, since: datetime, limit: int) -> QuerySet[Any]:
    """Campaigns that wait for a person, or ended, without a transfer that would tell."""
    last = CampaignEvent.objects.filter(campaign=OuterRef("pk")).order_by("-pk")
    rows = Campaign.objects.for_user(principal).annotate(note=Subquery(last.values("note")[:1]))
    paused = Q(status=Campaign.Status.PAUSED, recurrence__isnull=False)
    failed = Q(status=Campaign.Status.FAILED, status_since__gte=since)
    troubled = Transfer.objects.filter(
        campaign=OuterRef("pk"), status__in=[Transfer.Status.PAUSED, Transfer.Status.FAILED]
    )
    silent = rows.filter(paused | failed).exclude(Exists(troubled))
    return silent.select_related("app", "app_group").order_by("-status_since")[:limit]


def list_unapproved(principal: Any, limit: int) -> list[Campaign]:
    """Campaigns that wait for their time and lack an approval that nobody was asked for, the next
    first. Of those with one only the next few are looked at, whether it still holds."""
    if not App.objects.filter(needs_approval=True).exists():
        return []
    policy = Q(app__needs_approval=True) | Q(
        Exists(App.objects.filter(app_groups=OuterRef("app_group_id"), needs_approval=True))
    )
    rows = Campaign.objects.for_user(principal).filter(
        policy, status__in=Campaign.WAITING, is_test=False
    )
    of_it = Approval.objects.filter(campaign=OuterRef("pk"))
    rows = rows.exclude(Exists(of_it.filter(state=Approval.State.ASKED)))
    signed = Exists(of_it.filter(state__in=Approval.SIGNED))
    related = rows.select_related(*RELATED).order_by("due_at", "pk")
    found = [*related.exclude(signed)[:limit], *related.filter(signed)[:limit]]
    return [campaign for campaign in found if find_missing(campaign)][:limit]


def list_missed(principal: Any, since: datetime, limit: int) -> QuerySet[Any]:
    """Times of series that nobody started, while the series goes on."""
    seen = Campaign.objects.for_user(principal).filter(status=Campaign.Status.RECURRING)
    rows = Occurrence.objects.filter(
        campaign__in=seen, state=Occurrence.State.MISSED, settled_at__gte=since
    )
    return rows.select_related("campaign").order_by("-due_at")[:limit]


def list_drafts(principal: Any, actor: str, limit: int) -> QuerySet[Any]:
    """Drafts that the actor has written, the newest first."""
    rows = Campaign.objects.for_user(principal).filter(
        status=Campaign.Status.DRAFT, created_by=actor
    )
    return rows.select_related("app", "app_group").order_by("-pk")[:limit]


def list_undecided(
    app_ids: Collection[int], since: datetime, limit: int
) -> list[tuple[Transfer, int]]:
    """Transfers that have ended with recipients of whom nobody knows, and how many; those that
    were sent to again, or are to be, are decided: a draft or what came to nothing is not."""
    recent = Transfer.objects.filter(
        app__in=app_ids, created_at__gte=since, is_test=False, finished_at__isnull=False
    )
    counters = Counter.objects.filter(
        part__transfer__in=recent, outcome=Settled.UNKNOWN, count__gt=0
    ).order_by()
    counts = dict(counters.values_list("part__transfer").annotate(total=Sum("count")))
    # Asked by itself: for each transfer SQLite would read all campaigns, as few repeat anything.
    again = Campaign.objects.filter(repeats__in=recent).exclude(status__in=UNDECIDED)
    decided = set(again.values_list("repeats", flat=True))
    newest = sorted(counts.keys() - decided, reverse=True)[:limit]
    rows = Transfer.objects.select_related("app").in_bulk(newest)
    return [(rows[pk], counts[pk]) for pk in newest]


def list_expiring_keys(principal: Any, now: datetime, limit: int) -> QuerySet[Any]:
    """API keys that work, and soon will not; their names and ids, no secret."""
    rows = ApiKey.objects.for_user(principal).filter(revoked_at__isnull=True, app_group=None)
    soon = rows.filter(expires_at__gt=now, expires_at__lt=now + SOON)
    return soon.order_by("expires_at", "pk")[:limit]
