"""The runs of a series on its page: what they came to, what was missed and why, what comes next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, QuerySet

from campaigns.models import Campaign, Occurrence, Transfer
from campaigns.pages.progress import list_figures
from campaigns.pages.repeat_form import describe_rule
from campaigns.selectors.status import Counters, count_campaigns, count_occurrences
from campaigns.selectors.upcoming import list_next_times

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Run:
    """One time of a series with its transfers, as far as the operator sees them."""

    occurrence: Occurrence
    transfers: list[Transfer]
    counters: Counters


def read_runs(campaign: Campaign, transfers: QuerySet[Transfer], now: datetime) -> dict[str, Any]:
    """The context of `campaign_runs.html`: the newest runs, the sums over all, the next times."""
    rows = campaign.occurrences.order_by("-due_at").prefetch_related(
        Prefetch("transfers", queryset=transfers.select_related("app").order_by("pk"))
    )
    shown = list(rows[:SHOWN])
    counted = count_occurrences([row.pk for row in shown])
    totals = count_campaigns([campaign.pk])[campaign.pk]
    return {
        "rule_words": describe_rule(campaign.recurrence or {}),
        "runs": [Run(row, list(row.transfers.all()), counted[row.pk]) for row in shown],
        "run_count": campaign.occurrences.count(),
        "totals": totals,
        "total_figures": list_figures(totals),
        "next_times": list_next_times(campaign, now),
    }
