"""The compose page: write, check while typing, save, send or schedule."""

from __future__ import annotations

import re
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns.errors import ChangedMeanwhile, Forbidden, Refused
from campaigns.models import Campaign, Membership, MessageTemplate, TestGroup, Transfer
from campaigns.models.clock import list_zone_names
from campaigns.pages.compose_save import recall_mark
from campaigns.pages.composition import (
    Composition,
    Place,
    find_campaign_place,
    find_first_place,
    find_place,
    read_campaign_initial,
    read_composition,
    start_composition,
    write_version,
)
from campaigns.pages.field_ids import find_field_id
from campaigns.pages.fixes import find_page, tell_problems
from campaigns.pages.languages import count_texts, describe_language
from campaigns.pages.last_app import recall_place, remember_place
from campaigns.pages.lookups import find_campaign, find_template
from campaigns.pages.losses import gather_losses, name_field
from campaigns.pages.plan_form import list_targets
from campaigns.pages.precheck import Precheck, check_composition
from campaigns.pages.samples import (
    list_samples,
    list_variable_lines,
    list_worst_sizes,
    mark_fates,
    write_samples,
)
from campaigns.pages.shell import draw_fragment, draw_page, operator_page
from campaigns.pages.sizes import list_sizes, measure_all, tell_sizes
from campaigns.pages.stored_texts import keep_stored
from campaigns.pages.template_form import (
    compose_from,
    make_keep_form,
    may_keep,
    put_template,
)
from campaigns.pages.translation_form import TranslationForm
from campaigns.pages.without_app import draw_without_app
from campaigns.selectors.audience_fields import field_catalogue
from campaigns.selectors.campaign_apps import list_apps
from campaigns.selectors.copy_names import name_copy
from campaigns.selectors.language_names import list_languages
from campaigns.selectors.origins import add_origin, list_origin_writers
from campaigns.selectors.row_ids import read_id
from campaigns.selectors.variables import suggest_variables
from campaigns.services.access import has_role, name_actor, require_role
from campaigns.services.campaigns import create_campaign, update_campaign
from campaigns.services.personalisation import find_faults
from campaigns.services.templates import list_templates
from providers.languages import RIGHT_TO_LEFT
from providers.message_json import read_message

Role = Membership.Role
WALL_CLOCK = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d")
REDRAW, DRAFT, SEND = "redraw", "draft", "send"
RECENT_TAGS = 30
OFFERED = 200  # templates in the dialog; the library has them all
SCRIPTS = [
    f"pushadmin/{name}.js"
    for name in (
        "compose",
        "compose_choices",
        "compose_left",
        "compose_languages",
        "compose_rows",
        "compose_preview",
        "compose_data",
        "compose_buttons",
        "compose_titles",
        "compose_save",
        "compose_variables",
        "compose_test",
        "compose_templates",
    )
]


@operator_page
def new_campaign(request: HttpRequest) -> HttpResponse:
    """A new campaign: empty, a copy of `?copy=<id>`, from `?template=<id>`, or for a given time."""
    if request.method == "POST":
        return _take_post(request, None)
    copied = request.GET.get("copy", "")
    if copied:
        return _draw(request, _copy_campaign(request, copied), None)
    if "template" in request.GET:
        kept = _find_kept(request, request.GET["template"])
        return _draw(request, compose_from(request.user, kept), None)
    key = request.GET.get("target", "")
    place = find_place(request.user, key) if key else _find_usual_place(request)
    if place is None:
        return draw_without_app(request, _("New campaign"))
    return _draw(request, start_composition(request.user, place, _read_wish(request)), None)


def _find_usual_place(request: HttpRequest) -> Place | None:
    """Where they wrote last, as long as they may; else the first where they may, if any."""
    last = recall_place(request)
    offered = {key for _label, rows in list_targets(request.user) for key, _name in rows}
    if last in offered:
        return find_place(request.user, last)
    return find_first_place(request.user)


def _find_kept(request: HttpRequest, pk: str) -> MessageTemplate:
    return find_template(request.user, read_id(pk))


def _read_wish(request: HttpRequest) -> dict[str, Any]:
    """The plan that an address asks for; a time that is none is no wish."""
    send_at, zone = request.GET.get("send_at", ""), request.GET.get("timezone", "")
    if not WALL_CLOCK.fullmatch(send_at):
        return {}
    wish = {"when": "later", "send_at": send_at}
    return wish | ({"timezone": zone} if zone in list_zone_names() else {})


@operator_page
def edit_campaign(request: HttpRequest, pk: int) -> HttpResponse:
    """A draft."""
    campaign = find_campaign(request.user, pk)
    if campaign.status not in Campaign.EDITABLE:
        return redirect("campaign", pk=pk)
    for app in list_apps(campaign):  # what is posted may name another app
        require_role(request.user, app, Role.COMPOSER)
    if request.method == "POST":
        return _take_post(request, campaign)
    place = find_campaign_place(request.user, campaign)
    remember_place(request, place.key)
    composition = start_composition(request.user, place, read_campaign_initial(campaign))
    composition.version = write_version(campaign)
    composition.stored = keep_stored(campaign)
    return _draw(request, composition, campaign)


@require_POST
@operator_page
def check_campaign(request: HttpRequest) -> HttpResponse:
    """The panel beside the form, for what is filled in so far."""
    composition = read_composition(request.user, request.POST)
    check = check_composition(composition, request.user, timezone.now())
    is_patient = "count_all" in request.POST
    context = _read_preview(composition, check, request.user, is_patient=is_patient) | {
        "check": check,
        "problems": tell_problems(check.problems, request.user, composition.languages),
        "faults": composition.faults,
        "is_written": composition.is_written,
        "losses": gather_losses(check.losses),
        "scenario": composition.failover.chosen,
    }
    return draw_fragment(request, "pages/compose_check.html", context)


def _read_preview(
    composition: Composition, check: Precheck, user: Any, *, is_patient: bool
) -> dict[str, Any]:
    """What the preview and the languages are drawn with; nothing while the message is wrong."""
    if not composition.is_written:
        return {"samples": [], "texts": {}, "size_words": {}}
    message = read_message(composition.write_message())
    counts = check.counts["languages"] if check.counts else {}
    reach = count_texts(message, counts, composition.place.apps)
    app = composition.place.apps[0]
    known = [one.name for one in suggest_variables(app)] if message.template else []
    faults = [
        (find_field_id(f"message.{path}", composition.languages), name_field(path), words)
        for path, words in find_faults(message, known).items()
    ]
    asked = (composition, message, user)
    samples = [] if faults else list_samples(*asked, is_patient=is_patient)
    lines = [] if faults else list_variable_lines(*asked, is_patient=is_patient)
    sizes = measure_all(composition, message)
    worst = [] if faults else list_worst_sizes(*asked, is_patient=is_patient)
    platforms = check.counts["platforms"] if check.counts else None
    return {
        "samples": write_samples(samples),
        "variable_lines": lines,
        "is_estimated": not all(line.is_all for line in lines),
        "is_patient": is_patient,
        "sizes": list_sizes([*sizes, *worst], platforms, samples),
        "size_words": tell_sizes(sizes),
        "reach": reach,
        "variable_faults": faults,
        "texts": {line.tag: line.count for line in reach.lines} if counts else {},
    }


def _copy_campaign(request: HttpRequest, pk: str) -> Composition:
    campaign = find_campaign(request.user, read_id(pk))
    initial = read_campaign_initial(campaign)
    initial["name"] = name_copy(Campaign.objects.for_user(request.user), campaign.name)
    initial |= {"when": "now", "send_at": ""}
    place = find_campaign_place(request.user, campaign)
    composition = start_composition(request.user, place, initial)
    composition.origins = add_origin("", campaign)
    composition.stored = keep_stored(campaign)
    return composition


def _take_post(request: HttpRequest, campaign: Campaign | None) -> HttpResponse:
    composition = read_composition(request.user, request.POST)
    if composition.target.is_valid():
        remember_place(request, composition.place.key)
    action = request.POST.get("action", DRAFT)
    if action == REDRAW:
        composition.forget_errors()
        if "use_template" in request.POST:
            put_template(composition, _find_kept(request, request.POST["use_template"]))
        return _draw(request, composition, campaign)
    _require_roles(request, composition, Role.COMPOSER)
    if not composition.is_valid():
        return _draw(request, composition, campaign)
    try:
        saved = _save(request, composition, campaign, composition.write_body())
    except Refused as refusal:
        composition.place_faults(refusal.fields or {"": refusal.message})
        if campaign is not None and action == DRAFT and _is_of_audience(refusal):
            _save_all_else(request, composition, campaign)
        return _draw(request, composition, campaign)
    # What is to be sent is looked at first: nothing leaves from here.
    return redirect("campaign_review" if action == SEND else "campaign", pk=saved.pk)


def _is_of_audience(refusal: Refused) -> bool:
    return {path.partition(".")[0] for path in refusal.fields} == {"audience"}


def _save_all_else(request: HttpRequest, composition: Composition, campaign: Campaign) -> None:
    """Keep what is typed beside an audience that names what is gone, say, as autosave does."""
    try:
        saved = _save(request, composition, campaign, composition.write_finished())
    except Refused:  # the draft's own audience is not for the apps that were chosen
        return
    composition.version, composition.stored = write_version(saved), keep_stored(saved)
    messages.warning(request, _("Saved, but for who gets it: that stays as it was."))


def _save(
    request: HttpRequest,
    composition: Composition,
    campaign: Campaign | None,
    body: dict[str, Any],
) -> Campaign:
    actor, now = name_actor(request.user), timezone.now()
    writers = list_origin_writers(request.user, composition.origins)
    if campaign is None:
        return create_campaign(request.user, body, actor=actor, now=now, writers=writers)
    # Somebody may have saved the draft since this page was opened.
    if composition.version != write_version(campaign):
        raise ChangedMeanwhile(_("Somebody else has just changed this. Reload the page."))
    return update_campaign(
        campaign, request.user, body, actor=actor, now=now, writers=writers
    )  # fmt: skip


def _require_roles(request: HttpRequest, composition: Composition, role: str) -> None:
    for app in composition.place.apps:
        require_role(request.user, app, role)


def _draw(
    request: HttpRequest, composition: Composition, campaign: Campaign | None
) -> HttpResponse:
    apps = composition.place.apps
    if not all(has_role(request.user, app, Role.COMPOSER) for app in apps):
        raise Forbidden(_("You may look at campaigns of this app, but not write them."))
    if campaign is not None:
        composition.audience.keep_stored(campaign)
    groups = TestGroup.objects.for_user(request.user).filter(app__in=apps).select_related("app")
    tags = Transfer.objects.filter(app__in=apps).exclude(tag="").order_by("-created_at")
    context = {
        "composition": composition,
        "campaign": campaign,
        "mark": recall_mark(request, composition.version),
        "app": apps[0],
        "tags": list(dict.fromkeys(tags.values_list("tag", flat=True)[:200]))[:RECENT_TAGS],
        "expression_fields": field_catalogue(),
        "scenarios_address": find_page("admin:campaigns_scenario_changelist"),
        "empty_translation": TranslationForm(prefix="translations-__prefix__"),
        "default_language": describe_language(apps[0].default_language),
        "known_languages": list_languages(),
        "may_send": all(has_role(request.user, app, Role.SENDER) for app in apps),
        "test_groups": groups.order_by("name", "app__name")[:200],
        "has_many_apps": len(apps) > 1,
        "templates": list_templates(request.user, apps)[:OFFERED],
        "may_keep": may_keep(request.user, apps),
        "keep_form": make_keep_form(request.user, apps),
        "right_to_left": sorted(RIGHT_TO_LEFT),
        "page_scripts": SCRIPTS,
    }
    mark_fates(composition)
    title = campaign.name if campaign else _("New campaign")
    # A script draws nothing of a refusal; for another app it asks for the page as it is.
    is_refused = composition.has_errors() and request.POST.get("action") != REDRAW
    status = 422 if is_refused else 200
    return draw_page(request, "pages/compose.html", title, context, status=status)
