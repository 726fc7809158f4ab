"""The page of one campaign: what it says, how far it is, what has happened, what can be done."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from campaigns.models import Campaign, Membership, Transfer
from campaigns.models.audience import PLATFORM_KEYS
from campaigns.pages.lookups import find_campaign, may
from campaigns.pages.progress import read_standings
from campaigns.pages.shell import draw_fragment, draw_page, operator_page
from campaigns.pages.verbs import RateForm, Verbs, list_fitting, press, press_rate
from campaigns.selectors.starting import list_apps
from campaigns.selectors.status import find_pause_words
from campaigns.services.campaigns import (
    cancel_campaign,
    launch_campaign,
    pause_campaign,
    resume_campaign,
)
from campaigns.services.messages import Problem
from campaigns.services.preflight import find_clock_problems, find_problems
from campaigns.services.rates import change_campaign_rate

Status = Campaign.Status
# What still has something to send, and is no draft whose form has the rate.
PACED = frozenset(Status) - Campaign.FINISHED - Campaign.EDITABLE
VERBS: Verbs = {
    "launch": (launch_campaign, frozenset({Status.DRAFT}), gettext_lazy("Sending has begun.")),
    "pause": (pause_campaign, frozenset({Status.SENDING}), gettext_lazy("Paused.")),
    "resume": (resume_campaign, frozenset({Status.PAUSED}), gettext_lazy("Going on.")),
    "cancel": (cancel_campaign, Campaign.CANCELLABLE, gettext_lazy("Cancelled.")),
}


@operator_page
def campaign_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One campaign."""
    campaign = find_campaign(request.user, pk)
    apps = list_apps(campaign)
    content = campaign.message.content
    is_draft = campaign.status in Campaign.EDITABLE
    context = {
        **_read_status(request, campaign),
        "content": content,
        "blocks": [(key, content[key]) for key in PLATFORM_KEYS if content.get(key)],
        "events": campaign.events.order_by("-pk")[:30],
        "problems": _find_problems(campaign, timezone.now()),
        "is_draft": is_draft,
        "may_compose": may(request.user, apps, Membership.Role.COMPOSER),
    }
    return draw_page(request, "pages/campaign.html", campaign.name, context)


def _find_problems(campaign: Campaign, now: datetime) -> Iterable[Problem]:
    """What stands against a draft; afterwards what its clocks do, which its transfers then tell."""
    if campaign.status in Campaign.EDITABLE:
        return find_problems(campaign, now=now)
    if campaign.status == Status.SCHEDULED:
        return tuple(find_clock_problems(campaign, now))
    return ()


@operator_page
def campaign_status(request: HttpRequest, pk: int) -> HttpResponse:
    """The polled piece of it."""
    campaign = find_campaign(request.user, pk)
    context = _read_status(request, campaign)
    is_last = not context["is_live"]
    return draw_fragment(request, "pages/campaign_status.html", context, is_last=is_last)


def _read_status(request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
    rows = Transfer.objects.for_user(request.user).filter(campaign=campaign)
    own = list(rows.select_related("app").order_by("pk"))
    is_sender = may(request.user, list_apps(campaign), Membership.Role.SENDER)
    return {
        "campaign": campaign,
        "progress": read_standings(own),
        "pause_words": find_pause_words(own),
        "is_live": campaign.status in {Status.SENDING, Status.SCHEDULED, Status.PAUSED},
        "verbs": list_fitting(VERBS, campaign.status) if is_sender else [],
        "may_pace": is_sender and campaign.status in PACED,
        "rate_form": RateForm(initial={"rate": campaign.rate}),
    }


@require_POST
@operator_page
def change_rate(request: HttpRequest, pk: int) -> HttpResponse:
    """Send it faster or slower from now on."""
    campaign = find_campaign(request.user, pk)
    press_rate(request, campaign, list_apps(campaign), change_campaign_rate)
    return redirect("campaign", pk=pk)


@require_POST
@operator_page
def change_campaign(request: HttpRequest, pk: int, verb: str) -> HttpResponse:
    """Launch, pause, resume or cancel."""
    campaign = find_campaign(request.user, pk)
    press(request, campaign, list_apps(campaign), VERBS, verb)
    return redirect("campaign", pk=pk)
