"""Home: what is running, what needs me, what comes next, the last two weeks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, Subquery
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from campaigns.models import (
    Account,
    App,
    Campaign,
    CampaignEvent,
    Membership,
    Occurrence,
    Settled,
    Transfer,
)
from campaigns.pages.approvals import read_approvals
from campaigns.pages.progress import Standing, read_standings
from campaigns.pages.shell import draw_fragment, draw_page, operator_page
from campaigns.selectors.reports import DayTotal, daily_totals
from campaigns.selectors.status import find_pause_words
from campaigns.selectors.upcoming import list_coming
from campaigns.services.access import has_role

DAYS = 14
SHOWN = 8
WORRYING = timedelta(days=7)


@operator_page
def home(request: HttpRequest) -> HttpResponse:
    """The first page after signing in."""
    now = timezone.now()
    app_ids = list(App.objects.for_user(request.user).values_list("pk", flat=True))
    days = daily_totals(app_ids, DAYS, now)
    troubled = _list_troubled(request.user, now - WORRYING)
    context = {
        "has_apps": bool(app_ids),
        "may_compose": has_role(request.user, None, Membership.Role.COMPOSER),
        "running": list_running(request.user),
        "troubled": troubled,
        "pause_words": find_pause_words(troubled),
        "stuck": _list_stuck(request.user, now - WORRYING),
        "missed": _list_missed(request.user, now - WORRYING),
        "accounts": Account.objects.for_user(request.user).filter(health=Account.Health.BAD),
        "drafts": _list_drafts(request.user),
        **read_approvals(request.user, now),
        "coming": list_coming(request.user, now, SHOWN),
        "days": days,
        "has_days": any(sum(day.outcomes.values()) for day in days),
        "chart": write_chart(days),
    }
    return draw_page(request, "pages/home.html", _("Home"), context)


@operator_page
def running(request: HttpRequest) -> HttpResponse:
    """The polled piece of home."""
    return draw_fragment(request, "pages/running.html", {"running": list_running(request.user)})


def list_running(principal: Any) -> list[Standing]:
    """Transfers under way, the newest first."""
    rows = Transfer.objects.for_user(principal).filter(status__in=Transfer.RUNNING)
    return read_standings(rows.select_related("app").order_by("-pk")[:SHOWN])


def _list_troubled(principal: Any, since: Any) -> list[Transfer]:
    rows = Transfer.objects.for_user(principal).select_related("app")
    failed = rows.filter(status=Transfer.Status.FAILED, created_at__gte=since)
    paused = rows.filter(status=Transfer.Status.PAUSED)
    return [*paused.order_by("-pk")[:SHOWN], *failed.order_by("-pk")[:SHOWN]]


def _list_stuck(principal: Any, since: datetime) -> Any:
    """Campaigns that wait for a person, or ended, without a transfer that would tell."""
    last = CampaignEvent.objects.filter(campaign=OuterRef("pk")).order_by("-pk")
    rows = Campaign.objects.for_user(principal).annotate(note=Subquery(last.values("note")[:1]))
    paused = Q(status=Campaign.Status.PAUSED, recurrence__isnull=False)
    failed = Q(status=Campaign.Status.FAILED, status_since__gte=since)
    troubled = Transfer.objects.filter(
        campaign=OuterRef("pk"), status__in=[Transfer.Status.PAUSED, Transfer.Status.FAILED]
    )
    silent = rows.filter(paused | failed).exclude(Exists(troubled))
    return silent.select_related("app", "app_group").order_by("-status_since")[:SHOWN]


def _list_missed(principal: Any, since: datetime) -> Any:
    """Times of series that nobody started, while the series goes on."""
    seen = Campaign.objects.for_user(principal).filter(status=Campaign.Status.RECURRING)
    rows = Occurrence.objects.filter(
        campaign__in=seen, state=Occurrence.State.MISSED, settled_at__gte=since
    )
    return rows.select_related("campaign").order_by("-due_at")[:SHOWN]


def _list_drafts(principal: Any) -> Any:
    rows = Campaign.objects.for_user(principal).filter(status__in=Campaign.EDITABLE)
    return rows.select_related("app", "app_group").order_by("-pk")[:5]


def write_chart(days: tuple[DayTotal, ...]) -> dict[str, Any]:
    """What charts.js draws: outcomes by day."""
    kinds = [(Settled.SENT, "sent"), (Settled.FAILED, "failed")]
    return {
        "labels": [date_format(day.day, "j M") for day in days],
        "series": [
            {
                "label": str(outcome.label),
                "kind": kind,
                "values": [day.outcomes[outcome] for day in days],
            }
            for outcome, kind in kinds
        ],
    }
