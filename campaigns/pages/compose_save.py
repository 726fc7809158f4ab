"""Saving a draft while it is typed: whatever of it is whole, a few seconds after each change."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns.errors import ChangedMeanwhile, Invalid, Refused
from campaigns.models import Campaign, Membership, Message
from campaigns.pages.composition import Composition, read_composition, write_version
from campaigns.pages.lookups import find_campaign
from campaigns.pages.shell import operator_page
from campaigns.pages.stored_texts import name_stored
from campaigns.selectors.campaign_apps import list_apps
from campaigns.selectors.origins import list_origin_writers
from campaigns.selectors.row_ids import read_id
from campaigns.services.access import name_actor, require_role
from campaigns.services.campaigns import create_campaign, update_campaign
from providers.outcomes import RefusalKind

MARK = "leaving_mark"  # in the session: what a window calls its last save on leaving, the version
GONE = frozenset({RefusalKind.NOT_FOUND, RefusalKind.FORBIDDEN})


@require_POST
@operator_page
def autosave(request: HttpRequest) -> JsonResponse:
    """Keep what is typed in the draft `campaign`, or in a new one once a message is begun.

    `{"campaign", "version", "stored_in", "address", "parts"}`, where `parts` names what is not
    whole and stays as it was; `{"campaign": null, "parts"}` where nothing could be kept yet;
    409 `{"message"}` where somebody else has changed the draft, or it is none any more.
    """
    number = request.POST.get("campaign", "")
    campaign = find_campaign(request.user, read_id(number)) if number else None
    composition = read_composition(request.user, request.POST)
    for app in [*composition.place.apps, *(list_apps(campaign) if campaign else [])]:
        require_role(request.user, app, Membership.Role.COMPOSER)
    try:
        return _save(request, composition, campaign)
    except ChangedMeanwhile as refusal:
        return JsonResponse({"message": refusal.message}, status=409)
    except Refused as refusal:
        if refusal.kind in GONE:
            raise
        return JsonResponse({"campaign": None, "parts": [refusal.message]})


def _save(
    request: HttpRequest, composition: Composition, campaign: Campaign | None
) -> JsonResponse:
    parts = composition.describe_unfinished()
    is_moved = campaign is not None and not _is_at(campaign, composition)
    if (campaign is None or is_moved) and parts:
        return JsonResponse({"campaign": None, "parts": parts})
    if campaign is None and not composition.is_begun():
        return JsonResponse({"campaign": None, "parts": []})
    before = name_stored(campaign) if campaign else ""
    try:
        saved = _write(request, composition, campaign)
    except Invalid as refusal:
        # What is refused is not whole either.
        composition.place_faults(refusal.fields)
        parts = composition.describe_unfinished()
        if campaign is None or is_moved or not parts:
            raise
        saved = _write(request, composition, campaign)
    if mark := request.POST.get("mark", "")[:64]:
        request.session[MARK] = [mark, write_version(saved)]
    told: dict[str, Any] = {"campaign": saved.pk, "version": write_version(saved), "parts": parts}
    # What the page left in a template goes on to be there as long as the message is not saved.
    is_there = composition.is_written or composition.stored.name == before
    place = name_stored(saved) if is_there else composition.stored.name
    told |= {"address": reverse("edit", args=[saved.pk]), "stored_in": place}
    return JsonResponse(told)


def recall_mark(request: HttpRequest, version: str) -> str:
    """What the window calls the save on leaving that made this version; "" of any other version."""
    mark, made = request.session.get(MARK, ["", ""])
    return str(mark) if made == version else ""


def _write(request: HttpRequest, composition: Composition, campaign: Campaign | None) -> Campaign:
    actor, now = name_actor(request.user), timezone.now()
    body = composition.write_finished()
    writers = list_origin_writers(request.user, composition.origins)
    if campaign is None:
        return create_campaign(request.user, body, actor=actor, now=now, writers=writers)
    if campaign.status != Campaign.Status.DRAFT:
        raise ChangedMeanwhile(_("This campaign is no draft any more; open its page to see it."))
    if composition.version != write_version(campaign):
        words = _("Somebody else has just changed this draft. Reload the page to see it.")
        raise ChangedMeanwhile(words)
    before = campaign.message_id
    saved = update_campaign(
        campaign, request.user, body, actor=actor, now=now, writers=writers
    )  # fmt: skip
    # Each change has a message of its own; one that a few seconds made is in nobody's way.
    Message.objects.filter(pk=before, campaigns=None, parts=None).delete()
    return saved


def _is_at(campaign: Campaign, composition: Composition) -> bool:
    place = composition.place
    group = place.app_group.pk if place.app_group else None
    app = place.app.pk if place.app else None
    return (campaign.app_group_id, campaign.app_id) == (group, app)
