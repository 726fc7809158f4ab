"""What is still to come: the next times of a campaign, and of all campaigns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from campaigns.models import Campaign
from campaigns.models.clock import RECIPIENT_ZONE
from campaigns.models.recurrence import UPCOMING, Upcoming


@dataclass(frozen=True, slots=True)
class NextTime:
    """An instant in UTC, the wall clock that it is in the campaign's zone, and a note on it.

    At each recipient's own hour it is the instant at which the first of them has it.
    """

    due_at: datetime
    local: str
    note: str


def list_next_times(campaign: Campaign, now: datetime) -> list[NextTime]:
    """The next five times of a campaign, as far as it has any; paused ones as if it went on."""
    return [
        NextTime(found.due_at, _find_local(campaign, found.due_at), found.note)
        for found in _list_upcoming(campaign, now)
    ]


def _find_local(campaign: Campaign, due_at: datetime) -> str:
    if campaign.timezone == RECIPIENT_ZONE:
        return campaign.send_at
    local = due_at.astimezone(ZoneInfo(campaign.timezone or "UTC"))
    return local.replace(tzinfo=None).isoformat(timespec="minutes")


def _list_upcoming(campaign: Campaign, now: datetime) -> list[Upcoming]:
    series, due_at = campaign.series, campaign.due_at
    if campaign.status in Campaign.FINISHED or due_at is None:
        return []
    if series is None:
        return [Upcoming(due_at, "")] if due_at > now else []
    has_begun = campaign.status not in Campaign.EDITABLE
    after = max(now, due_at - timedelta(microseconds=1)) if has_begun else now
    return list(series.list_upcoming(after, UPCOMING))


def list_coming(
    principal: Any, now: datetime, limit: int, *, each: int = UPCOMING
) -> list[tuple[Campaign, NextTime]]:
    """The next starts over all campaigns that the principal sees, the earliest first, at most
    `each` of one campaign.
    """
    rows = Campaign.objects.for_user(principal).filter(
        status__in=Campaign.WAITING, due_at__isnull=False
    )
    # A series comes again after the first starts of the others: no more rows than are shown matter.
    campaigns = rows.select_related("app", "app_group").order_by("due_at", "pk")[:limit]
    coming = [
        (campaign, time) for campaign in campaigns for time in list_next_times(campaign, now)[:each]
    ]
    return sorted(coming, key=lambda found: (found[1].due_at, found[0].pk))[:limit]
