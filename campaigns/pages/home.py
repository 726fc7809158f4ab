"""Home: what runs, what waits for me, what comes next, how accounts do, the last month."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models import App, Membership, Settled, Transfer
from campaigns.models.access import visible_app_ids
from campaigns.pages.approvals import read_approvals
from campaigns.pages.live import share
from campaigns.pages.progress import Standing, read_standings
from campaigns.pages.report_links import find_report
from campaigns.pages.shell import draw_fragment, draw_page, operator_page
from campaigns.pages.start import list_steps
from campaigns.pages.transfer_books import Number
from campaigns.selectors import attention
from campaigns.selectors.account_health import AccountHealth, count_accounts, list_health
from campaigns.selectors.hours import find_seconds_left
from campaigns.selectors.month import Month, read_month
from campaigns.selectors.status import find_pause_words, measure_rates
from campaigns.selectors.upcoming import list_coming
from campaigns.services.access import has_role, name_actor

SHOWN = 8
UNDECIDED = 4
ACCOUNTS = 12
WORRYING = timedelta(days=7)
CHANGE_WORDS = {
    "sent": gettext_lazy("Sent"),
    "failed": gettext_lazy("Failed"),
    "delivered": gettext_lazy("Delivered"),
    "opened": gettext_lazy("Opened"),
}
STATE_WORDS = {
    "bad": gettext_lazy("Refused"),
    "off": gettext_lazy("Switched off"),
    "expired": gettext_lazy("Credentials expired"),
    "waiting": gettext_lazy("Asked to wait"),
    "used_up": gettext_lazy("Day used up"),
    "failing": gettext_lazy("Last call failed"),
    "expiring": gettext_lazy("Credentials expire soon"),
    "good": gettext_lazy("Good"),
    "unknown": gettext_lazy("Not called lately"),
}
STATE_TONES = {
    "bad": "bad", "expired": "bad", "waiting": "paused", "used_up": "paused", "failing": "failed",
    "expiring": "paused", "good": "good", "unknown": "off",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class DayTotal:
    """Outcomes of one calendar day, by the six words of `Settled`."""

    day: date
    outcomes: dict[str, int]


@operator_page
def home(request: HttpRequest) -> HttpResponse:
    """The first page after signing in."""
    now = timezone.now()
    context = {
        "steps": list_steps(request.user),
        "may_compose": has_role(request.user, None, Membership.Role.COMPOSER),
        "running": list_running(request.user, now),
        "coming": list_coming(request.user, now, SHOWN, each=1),
        **_read_accounts(request, now),
        **_read_waiting(request, now),
        **read_approvals(request.user, now),
    }
    return draw_page(request, "pages/home.html", _("Home"), context)


@operator_page
def running(request: HttpRequest) -> HttpResponse:
    """The polled piece of home."""
    reached = list(visible_app_ids(request.user).order_by("pk").values_list("pk", flat=True))
    rows = share("running", reached, lambda: list_running(request.user, timezone.now()))
    context = {"running": rows}
    return draw_fragment(request, "pages/running.html", context)


@operator_page
def month(request: HttpRequest) -> HttpResponse:
    """The last thirty days beside those before, fetched once home is there."""
    app_ids = list(App.objects.for_user(request.user).order_by("pk").values_list("pk", flat=True))
    found = read_month(app_ids, timezone.now())
    context = {
        "month": found,
        "changes": [(CHANGE_WORDS[change.key], change) for change in found.changes],
        "chart": _write_month_chart(found),
        "addresses": _find_reports(found),
        "days": [(day, _list_numbers(day, numbers)) for day, numbers in found.days],
    }
    return draw_fragment(request, "pages/home_month.html", context)


def list_running(principal: Any, now: datetime) -> list[tuple[Standing, float, float | None]]:
    """Transfers under way, the newest first, with rate and seconds left; None: nobody can say."""
    rows = Transfer.objects.for_user(principal).filter(
        status__in=Transfer.RUNNING, finished_at__isnull=True
    )
    transfers = list(rows.select_related("app").order_by("-pk")[:SHOWN])
    rates = measure_rates(transfers, now=now)
    return [_time(standing, rates, now) for standing in read_standings(transfers)]


def _time(
    standing: Standing, rates: dict[int, float], now: datetime
) -> tuple[Standing, float, float | None]:
    rate = rates[standing.transfer.pk]
    if standing.next_at is not None or not rate:
        return standing, rate, None
    return standing, rate, find_seconds_left(standing.counters.pending, rate, (), now)


def _read_waiting(request: HttpRequest, now: datetime) -> dict[str, Any]:
    user, actor = request.user, name_actor(request.user)
    stopped = attention.list_stopped(user, now - WORRYING, SHOWN)
    app_ids = list(App.objects.for_user(user).values_list("pk", flat=True))
    sees_keys = user.has_perm("campaigns.view_apikey")
    return {
        "stopped": stopped,
        "pause_words": find_pause_words(stopped),
        "stuck": list(attention.list_stuck(user, now - WORRYING, SHOWN)),
        "unapproved": attention.list_unapproved(user, SHOWN),
        "missed": list(attention.list_missed(user, now - WORRYING, SHOWN)),
        "undecided": attention.list_undecided(app_ids, now - WORRYING, UNDECIDED),
        "drafts": list(attention.list_drafts(user, actor, SHOWN)),
        "keys": list(attention.list_expiring_keys(user, now, SHOWN)) if sees_keys else [],
    }


def _read_accounts(request: HttpRequest, now: datetime) -> dict[str, Any]:
    shown = [_describe_health(one) for one in list_health(request.user, now, ACCOUNTS)]
    is_cut = len(shown) == ACCOUNTS
    return {
        "accounts": shown,
        "more_accounts": count_accounts(request.user) - ACCOUNTS if is_cut else 0,
    }


def _describe_health(one: AccountHealth) -> dict[str, Any]:
    limit = one.day.limit
    return {
        "health": one,
        "tone": STATE_TONES.get(one.state, one.state),
        "words": STATE_WORDS[one.state],
        "vendor_differs": one.vendor != one.account.name,
        "share": min(100, 100 * one.day.used // limit) if limit else None,
    }


def _find_reports(found: Month) -> dict[str, str]:
    """The reports that hold the same numbers, by transfer."""
    (first, _numbers), (last, _of_last) = found.days[0], found.days[-1]
    back = timedelta(days=len(found.days))
    return {"now": find_report(first, last), "before": find_report(first - back, last - back)}


def _list_numbers(day: date, numbers: Mapping[str, int]) -> list[Number]:
    """Outcomes of a day are 0 where there is none; what came back is None."""
    counts = [(key, numbers.get(key, 0 if key in Settled.values else None)) for key in CHANGE_WORDS]
    address = find_report(day, day)
    return [
        Number(key, str(CHANGE_WORDS[key]), count, address if count else "")
        for key, count in counts
    ]


def _write_month_chart(found: Month) -> dict[str, Any]:
    return write_chart(tuple(DayTotal(day, {**_none(), **numbers}) for day, numbers in found.days))


def _none() -> dict[str, int]:
    return dict.fromkeys(Settled.values, 0)


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
