"""The page of one campaign: what it says, how far it is, what has happened, what can be done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from math import ceil
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from campaigns.errors import Invalid, Refused
from campaigns.models import App, Campaign, Membership, Transfer
from campaigns.models.audience import PLATFORM_KEYS
from campaigns.models.clock import RECIPIENT_ZONE
from campaigns.pages.authors import name_authors
from campaigns.pages.fields import PageForm
from campaigns.pages.fixes import tell_problems
from campaigns.pages.held_back import find_held_back, tell_status
from campaigns.pages.live import share_of
from campaigns.pages.lookups import find_campaign, may, require_sender
from campaigns.pages.plan_form import RescheduleForm
from campaigns.pages.plan_words import describe_plan
from campaigns.pages.progress import Standing as HowFar
from campaigns.pages.progress import read_standings
from campaigns.pages.row_history import find_history
from campaigns.pages.runs import read_runs
from campaigns.pages.shell import draw_fragment, draw_page, operator_page, show_page, tell_refusal
from campaigns.pages.verbs import RateForm, Verbs, list_fitting, press, press_rate
from campaigns.pages.written import write_plain
from campaigns.selectors.approvals import Standing, find_newest, list_writers, read_standing
from campaigns.selectors.campaign_apps import list_apps
from campaigns.selectors.campaign_moves import list_moves
from campaigns.selectors.status import find_pause_words
from campaigns.services.access import name_actor
from campaigns.services.approvals import is_askable, list_approvers
from campaigns.services.campaigns import (
    cancel_campaign,
    pause_campaign,
    resume_campaign,
)
from campaigns.services.hours import forecast_campaign
from campaigns.services.messages import Problem
from campaigns.services.preflight import find_clock_problems, find_problems
from campaigns.services.rates import change_campaign_rate
from campaigns.services.step_problems import find_change_since
from campaigns.services.waiting import reschedule_campaign, start_now, unschedule_campaign

Status = Campaign.Status
WAITING = Campaign.WAITING
HISTORY = 10
SHOWN = 300  # letters of one field of the message
# What still has something to send, and is no draft whose form has the rate.
PACED = frozenset(Status) - Campaign.FINISHED - Campaign.EDITABLE
VERBS: Verbs = {
    "start": (start_now, frozenset({Status.SCHEDULED}), gettext_lazy("Sending has begun.")),
    "unschedule": (unschedule_campaign, WAITING, gettext_lazy("It is a draft again.")),
    "pause": (
        pause_campaign, frozenset({Status.SENDING, Status.RECURRING}), gettext_lazy("Paused.")
    ),
    "resume": (resume_campaign, frozenset({Status.PAUSED}), gettext_lazy("Going on.")),
    "cancel": (cancel_campaign, Campaign.CANCELLABLE, gettext_lazy("Cancelled.")),
}  # fmt: skip


@operator_page
def campaign_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One campaign."""
    return _draw(request, find_campaign(request.user, pk))


def _draw(
    request: HttpRequest, campaign: Campaign, refused: Mapping[str, PageForm] | None = None
) -> HttpResponse:
    """The page; forms that were `refused`, by their names, as they were typed."""
    apps = list_apps(campaign)
    content = campaign.message.content
    context = {
        **_read_status(request, campaign),
        "content": content,
        "blocks": [(key, _shorten(content[key])) for key in PLATFORM_KEYS if content.get(key)],
        "plan": describe_plan(campaign),
        **_read_approval(request, campaign, apps),
        "history_page": find_history(request.user, campaign, campaign.workspace),
        **_read_history(request, campaign),
        # Of a draft the whole audience is counted, which the page does not wait for.
        **({"is_looked_at": True} if _is_draft(campaign) else _read_problems(request, campaign)),
        "reschedule_form": _start_rescheduling(campaign, apps) if apps else None,
        **(refused or {}),
    }
    status = 422 if refused else 200
    return draw_page(request, "pages/campaign.html", campaign.name, context, status=status)


def _shorten(block: Mapping[str, Any]) -> dict[str, Any]:
    """As far as it tells one campaign from another; its review has the whole of it."""
    return {name: write_plain(value, SHOWN) for name, value in block.items()}


def _read_approval(request: HttpRequest, campaign: Campaign, apps: list[App]) -> dict[str, Any]:
    """How it stands with its approval; what is over keeps what let it go."""
    can_be_asked = is_askable(campaign)
    if can_be_asked:
        standing = read_standing(campaign)
    else:
        standing = Standing(needed=False, newest=find_newest(campaign), holds=True)
    is_open = can_be_asked and campaign.status not in Campaign.EDITABLE
    is_missing = standing.needed and not standing.holds
    is_wanted = is_missing and not standing.is_asked
    return {
        "approvers": list_approvers(campaign, list_writers(campaign)) if is_missing else [],
        "is_missing": is_missing,
        "approval": standing,
        "history": campaign.approvals.order_by("-pk")[:HISTORY],
        "may_ask": is_open and is_wanted and may(request.user, apps, Membership.Role.COMPOSER),
    }


@operator_page
def campaign_problems(request: HttpRequest, pk: int) -> HttpResponse:
    """What stands against a draft: the piece of it that counts the audience."""
    campaign = find_campaign(request.user, pk)
    context = {"campaign": campaign, **_read_problems(request, campaign)}
    return draw_fragment(request, "pages/campaign_problems.html", context)


def _read_history(request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
    """What was done to it and its transfers, the newest first, and what keys among those are
    called who did."""
    moves = list_moves(campaign, _list_transfers(request, campaign))
    actors = {campaign.created_by, *(move.actor for move in moves)}
    return {"moves": moves, "actors": name_authors(actors, [campaign.workspace_id])}


def _list_transfers(request: HttpRequest, campaign: Campaign) -> QuerySet[Transfer]:
    return Transfer.objects.for_user(request.user).filter(campaign=campaign)


def _is_draft(campaign: Campaign) -> bool:
    return campaign.status in Campaign.EDITABLE


def _read_problems(request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
    found = _find_problems(campaign, timezone.now())
    written = [*campaign.message.content.get("translations", {})]
    return {
        "problems": tell_problems(found, request.user, written),
        "is_draft": _is_draft(campaign),
        "may_compose": may(request.user, list_apps(campaign), Membership.Role.COMPOSER),
    }


def _find_problems(campaign: Campaign, now: datetime) -> Iterable[Problem]:
    """What stands against a draft; afterwards what its clocks do, which its transfers then tell."""
    if _is_draft(campaign):
        return find_problems(campaign, now=now)
    held_back = find_held_back(campaign)
    if campaign.status == Status.SCHEDULED:
        clocks = find_clock_problems(campaign, forecast_campaign(campaign, now))
        return (*held_back, *clocks, *find_change_since(campaign))
    return held_back


@operator_page
def campaign_status(request: HttpRequest, pk: int) -> HttpResponse:
    """The polled piece of it."""
    campaign = find_campaign(request.user, pk)
    context = _read_status(request, campaign, is_polled=True)
    is_last = not context["is_live"]
    return draw_fragment(request, "pages/campaign_status.html", context, is_last=is_last)


def _count(transfers: list[Transfer]) -> tuple[list[HowFar], dict[int, str]]:
    return read_standings(transfers), find_pause_words(transfers)


def _read_status(
    request: HttpRequest, campaign: Campaign, *, is_polled: bool = False
) -> dict[str, Any]:
    rows = _list_transfers(request, campaign)
    is_series = campaign.recurrence is not None
    # Of a series only what is under way is shown whole; its runs are a table.
    shown = rows.filter(finished_at__isnull=True) if is_series else rows
    own = list(shown.select_related("app").order_by("pk"))
    progress, words = share_of("campaign", own, lambda: _count(own)) if is_polled else _count(own)
    is_sender = may(request.user, list_apps(campaign), Membership.Role.SENDER)
    now = timezone.now()
    context = {
        "campaign": campaign,
        "standing": tell_status(campaign),
        "progress": progress,
        "pause_words": words,
        "is_live": _is_live(campaign, own),
        "verbs": _list_verbs(campaign) if is_sender else [],
        "is_sender": is_sender,
        "seconds_left": find_seconds_left(campaign, now),
        "may_pace": is_sender and campaign.status in PACED,
        "rate_form": RateForm(initial={"rate": campaign.rate}),
        "may_reschedule": is_sender and campaign.status in WAITING,
    }
    return context | (read_runs(campaign, rows, now) if is_series else {})


def _is_live(campaign: Campaign, transfers: list[Transfer]) -> bool:
    """Whether numbers may still change: what is cancelled is settled a moment later."""
    if campaign.status in Campaign.FINISHED:
        return any(transfer.finished_at is None for transfer in transfers)
    return campaign.status not in Campaign.EDITABLE


def _list_verbs(campaign: Campaign) -> list[str]:
    fitting = list_fitting(VERBS, campaign.status)
    # What waits to be undone has buttons of its own for these.
    hidden = {"start", "unschedule"} if campaign.is_cooling else {"start"}
    return [verb for verb in fitting if verb not in hidden]


@require_POST
@operator_page
def edit_waiting(request: HttpRequest, pk: int) -> HttpResponse:
    """Take what waits for its time back to a draft, which keeps that time, and open it."""
    campaign = find_campaign(request.user, pk)
    apps = list_apps(campaign)
    require_sender(request.user, apps)
    try:
        unschedule_campaign(campaign, actor=name_actor(request.user), now=timezone.now())
    except Refused as refusal:
        tell_refusal(request, refusal)
        return redirect("campaign", pk=pk)
    messages.success(request, _("It is a draft again and goes nowhere until it is launched anew."))
    return redirect("edit", pk=pk)


def find_seconds_left(campaign: Campaign, now: datetime) -> int | None:
    """Whole seconds in which it can still be undone; None where it does not wait for that."""
    if not campaign.is_cooling or campaign.due_at is None:
        return None
    return max(0, ceil((campaign.due_at - now).total_seconds()))


def _start_rescheduling(campaign: Campaign, apps: list[App]) -> RescheduleForm:
    """The form with the next time, on the clock of the zone that it names."""
    zone = campaign.timezone or apps[0].timezone
    send_at = campaign.send_at[:16]
    if zone != RECIPIENT_ZONE and campaign.due_at is not None:
        send_at = f"{campaign.due_at.astimezone(ZoneInfo(zone)):%Y-%m-%dT%H:%M}"
    return RescheduleForm(initial={"send_at": send_at, "timezone": zone}, apps=apps)


@operator_page
def reschedule(request: HttpRequest, pk: int) -> HttpResponse:
    """Move the time of a campaign that waits for it; what cannot be is drawn as it was typed."""
    campaign = find_campaign(request.user, pk)
    if request.method != "POST":
        return show_page(request, "campaign", pk)
    apps = list_apps(campaign)
    require_sender(request.user, apps)
    form = RescheduleForm(request.POST, apps=apps)
    if form.is_valid() and _move(request, campaign, form):
        return redirect("campaign", pk=pk)
    return _draw(request, campaign, {"reschedule_form": form})


def _move(request: HttpRequest, campaign: Campaign, form: RescheduleForm) -> bool:
    """Whether that is settled; False with the faults at their fields."""
    body, actor = form.cleaned_data, name_actor(request.user)
    try:
        reschedule_campaign(campaign, body, actor=actor, now=timezone.now())
        messages.success(request, _("It has a new time."))
    except Invalid as refusal:
        for words in form.place_faults(dict(refusal.fields) or {"": refusal.message}).values():
            form.add_error("send_at", words)
        return False
    except Refused as refusal:
        tell_refusal(request, refusal)
    return True


@operator_page
def change_rate(request: HttpRequest, pk: int) -> HttpResponse:
    """Send it faster or slower from now on."""
    campaign = find_campaign(request.user, pk)
    if request.method != "POST":
        return show_page(request, "campaign", pk)
    refused = press_rate(request, campaign, list_apps(campaign), change_campaign_rate)
    if refused:
        return _draw(request, campaign, {"rate_form": refused})
    return redirect("campaign", pk=pk)


@require_POST
@operator_page
def change_campaign(request: HttpRequest, pk: int, verb: str) -> HttpResponse:
    """Start now, unschedule, pause, resume or cancel."""
    campaign = find_campaign(request.user, pk)
    press(request, campaign, list_apps(campaign), VERBS, verb)
    return redirect("campaign", pk=pk)
