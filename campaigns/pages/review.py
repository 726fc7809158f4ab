"""The last look before sending: what, to whom, when, by which way, and all that was checked.

A second person's word is given here too.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.errors import ChangedMeanwhile, Refused
from campaigns.models import Campaign, Membership
from campaigns.pages.fields import LinesArea, PageForm
from campaigns.pages.fixes import tell_problems
from campaigns.pages.held_back import tell_status
from campaigns.pages.languages import count_all_texts
from campaigns.pages.lookups import find_campaign, may, require_sender
from campaigns.pages.losses import gather_losses
from campaigns.pages.number_words import say_number
from campaigns.pages.plan_words import describe_plan
from campaigns.pages.samples import list_readings, list_worst_readings
from campaigns.pages.shell import draw_fragment, draw_page, operator_page, show_page
from campaigns.pages.written import OPEN, list_written
from campaigns.selectors.approvals import list_writers, read_standing
from campaigns.selectors.campaign_apps import list_apps
from campaigns.services.access import name_actor, require_role
from campaigns.services.approvals import (
    MAX_NOTE,
    approve_campaign,
    list_approvers,
    request_approval,
    send_back_campaign,
)
from campaigns.services.campaigns import launch_campaign
from campaigns.services.checks import Verdict
from campaigns.services.hours import list_hour_lines
from campaigns.services.review import Review, review_campaign
from providers.message_fields import SHARED_FIELDS
from providers.outcomes import RefusalKind

# What may become of it on this page, and the role that it needs.
DECISIONS = {
    "ask": Membership.Role.COMPOSER,
    "approve": Membership.Role.APPROVER,
    "send_back": Membership.Role.APPROVER,
}
# An audience that has grown by more than this since it was looked at is looked at anew.
GROWTH = 1.1
MOST_LANGUAGES = 8
HISTORY = 10


class LaunchForm(PageForm):
    """What is sent along by whoever has looked: what they saw, and the name if it is asked for."""

    version = forms.CharField(widget=forms.HiddenInput, required=False)
    seen = forms.IntegerField(widget=forms.HiddenInput, required=False)
    typed = forms.CharField(
        label=gettext_lazy("Name of the app"),
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "aria-describedby": "id_typed_error"}),
    )
    reason = forms.CharField(
        label=gettext_lazy("Why it goes without an approval"), required=False, max_length=MAX_NOTE
    )


class NoteForm(PageForm):
    """What goes with a question for an approval, and with the answer."""

    version = forms.CharField(widget=forms.HiddenInput, required=False)
    note = forms.CharField(
        label=gettext_lazy("Note"),
        required=False,
        max_length=MAX_NOTE,
        widget=LinesArea(attrs={"rows": 2}),
    )


@operator_page
def review_page(request: HttpRequest, pk: int) -> HttpResponse:
    """The review page; a post launches what was looked at."""
    campaign = find_campaign(request.user, pk)
    if campaign.status not in Campaign.EDITABLE:
        # What waits for its time, or was stopped, may wait for somebody's word too.
        if request.method == "POST" or not read_standing(campaign).is_asked:
            return redirect("campaign", pk=pk)
    elif request.method == "POST":
        return _launch(request, campaign)
    return _draw(request, campaign)


@operator_page
def review_checks(request: HttpRequest, pk: int) -> HttpResponse:
    """The piece of it that counts the audience, asked for once the page stands."""
    campaign = find_campaign(request.user, pk)
    review = review_campaign(campaign, now=timezone.now())
    context = describe_review(request, campaign, review)
    context["worst_apart"] = list_worst_readings(campaign, request.user)
    return draw_fragment(request, "pages/review_checks.html", context)


def _launch(request: HttpRequest, campaign: Campaign) -> HttpResponse:
    apps = list_apps(campaign)
    require_sender(request.user, apps)
    now = timezone.now()
    form = LaunchForm(request.POST)
    form.is_valid()
    review = review_campaign(campaign, now=now)
    try:
        _refuse_other(form, review)
        _refuse_untyped(form, review)
        _let_go(request, campaign, form, now)
    except Refused as refusal:
        if refusal.kind in (RefusalKind.NOT_FOUND, RefusalKind.FORBIDDEN):
            raise
        for name, words in form.place_faults(refusal.fields or {"": refusal.message}).items():
            form.add_error(None, words if not name else refusal.message)
        return _draw(request, campaign, review, form)
    messages.success(request, _say_done(campaign))
    return redirect("campaign", pk=campaign.pk)


def _let_go(request: HttpRequest, campaign: Campaign, form: LaunchForm, now: datetime) -> None:
    apps = list_apps(campaign)
    reason = form.cleaned_data.get("reason", "").strip()
    launch_campaign(
        campaign,
        actor=name_actor(request.user),
        now=now,
        may_bypass_approval=bool(reason) and may(request.user, apps, Membership.Role.ADMIN),
        bypass_reason=reason,
        cools_for=max((app.cooling_seconds for app in apps), default=0),
    )


def _refuse_other(form: LaunchForm, review: Review) -> None:
    """Raise ChangedMeanwhile unless it is what was looked at, to about as many."""
    if form.cleaned_data.get("version") != review.version:
        raise ChangedMeanwhile(
            _("It has been changed since you opened this page. Look at it again, as it is now.")
        )
    seen = form.cleaned_data.get("seen")
    # What was seen may have been an estimate as well, of another sample.
    if seen is None or review.total - 2 * review.margin > seen * GROWTH:
        words = _("The audience has grown from %(seen)s to %(now)s since you opened this page.")
        raise ChangedMeanwhile(words % {"seen": f"{seen or 0:,}", "now": f"{review.total:,}"})


def _refuse_untyped(form: LaunchForm, review: Review) -> None:
    guard = review.guard
    if guard is not None and form.cleaned_data.get("typed", "").strip() != guard.name:
        words = _("Type %(name)s, exactly as it is written, to send to so many.")
        sentence = words % {"name": guard.name}
        raise Refused(sentence, code="not_typed", fields={"typed": sentence})


def _say_done(campaign: Campaign) -> str:
    if campaign.is_cooling:
        return _("It starts soon; until then you can undo it.")
    if campaign.status in Campaign.WAITING:
        return _("It is scheduled.")
    return _("Sending has begun.")


def _draw(
    request: HttpRequest,
    campaign: Campaign,
    review: Review | None = None,
    form: LaunchForm | None = None,
    refused: Mapping[str, Any] | None = None,
) -> HttpResponse:
    """The page; with a review in it where something was refused, else it is asked for after."""
    context = _describe_campaign(request, campaign)
    if review is not None:
        context |= describe_review(request, campaign, review, form)
        context["worst"] = list_worst_readings(campaign, request.user)
    context |= refused or {}
    title = _("Review: %(name)s") % {"name": campaign.name}
    status = 422 if refused or (form is not None and form.errors) else 200
    return draw_page(request, "pages/review.html", title, context, status=status)


def _describe_campaign(request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
    """What is shown of it before its audience is counted."""
    content = campaign.message.content
    return {
        "campaign": campaign,
        "apps": list_apps(campaign),
        "content": content,
        "addresses": [
            (_(spec.label), content[spec.name])
            for spec in SHARED_FIELDS
            if spec.kind != "buttons" and content.get(spec.name)
        ],
        "written": list_written(campaign),
        "opens_languages": len(content.get("translations") or ()) <= OPEN,
        "plan": describe_plan(campaign),
        "standing": tell_status(campaign),
        "samples": list_readings(campaign, request.user),
        "may_compose": may(request.user, list_apps(campaign), Membership.Role.COMPOSER),
    }


def describe_review(
    request: HttpRequest, campaign: Campaign, review: Review, form: LaunchForm | None = None
) -> dict[str, Any]:
    """What the counted piece of the page shows."""
    apps = list_apps(campaign)
    languages = list(review.languages.items())
    texts = count_all_texts(campaign.message.read(), review.reaches)
    written = [*campaign.message.content.get("translations", {})]
    told = [
        (check, tell_problems(check.problems, request.user, written)) for check in review.checks
    ]
    draft = LaunchForm(initial={"version": review.version, "seen": review.total})
    if form is not None:
        # What was typed stays; what was seen is what stands on the page now.
        draft.initial.update({name: form.data.get(name, "") for name in ("typed", "reason")})
    return {
        "campaign": campaign,
        "review": review,
        "found": [pair for pair in told if pair[0].verdict is not Verdict.PASSED],
        "passed": [pair for pair in told if pair[0].verdict is Verdict.PASSED],
        "languages": languages[:MOST_LANGUAGES],
        "more_languages": len(languages[MOST_LANGUAGES:]),
        "texts": texts[:MOST_LANGUAGES],
        "more_texts": len(texts[MOST_LANGUAGES:]),
        "losses": gather_losses(review.losses),
        "hours": list_hour_lines(review.hours),
        "ways": [
            (app, platform, way.account.name)
            for app, ways in review.ways
            for platform, way in sorted(ways.items())
            if review.platforms.get(platform)
        ],
        "form": draft,
        "faults": form.errors if form is not None else {},
        **_describe_approval(request, campaign, review),
        "guard_words": say_number(review.guard.recipients) if review.guard else "",
        "may_send": may(request.user, apps, Membership.Role.SENDER),
        "may_compose": may(request.user, apps, Membership.Role.COMPOSER),
        "cooling": max((app.cooling_seconds for app in apps), default=0),
        "is_due_now": _is_due_now(campaign),
    }


def _describe_approval(request: HttpRequest, campaign: Campaign, review: Review) -> dict[str, Any]:
    """How it stands with its approval, and what the reader may do about it."""
    apps, writers = list_apps(campaign), list_writers(campaign)
    is_approver = may(request.user, apps, Membership.Role.APPROVER)
    standing, is_author = review.approval, name_actor(request.user) in writers
    may_ask = review.lacks_only_approval and not standing.is_asked
    return {
        "approval": standing,
        "approvers": list_approvers(campaign, writers),
        "history": campaign.approvals.order_by("-pk")[:HISTORY],
        "is_author": is_author,
        "is_approver": is_approver,
        "may_bypass": review.lacks_only_approval and may(request.user, apps, Membership.Role.ADMIN),
        "may_ask": may_ask,
        "may_answer": standing.is_asked and is_approver and not is_author,
        "note_form": NoteForm(initial={"version": review.version}),
        "is_launchable": campaign.status in Campaign.EDITABLE,
    }


@operator_page
def decide(request: HttpRequest, pk: int, decision: str) -> HttpResponse:
    """Ask for an approval, give it, or send it back; what is refused is drawn with its note."""
    if decision not in DECISIONS:
        raise Http404
    campaign = find_campaign(request.user, pk)
    if request.method != "POST":
        return show_page(request, "campaign_review", pk)
    for app in list_apps(campaign):
        require_role(request.user, app, DECISIONS[decision])
    form = NoteForm(request.POST)
    form.is_valid()
    try:
        messages.success(request, _decide(request, campaign, decision, form))
    except Refused as refusal:
        return _draw_undecided(request, find_campaign(request.user, pk), form, refusal)
    return redirect("campaign", pk=pk)


def _draw_undecided(
    request: HttpRequest, campaign: Campaign, form: NoteForm, refusal: Refused
) -> HttpResponse:
    """The review as it is now, with the note that was to go with the answer."""
    if refusal.kind in (RefusalKind.NOT_FOUND, RefusalKind.FORBIDDEN):
        raise refusal
    review = review_campaign(campaign, now=timezone.now())
    again = NoteForm({"version": review.version, "note": form["note"].value() or ""})
    again.forget_errors()
    elsewhere = again.place_faults(refusal.fields or {"": refusal.message})
    refused = {"note_form": again, "undecided": [*elsewhere.values()]}
    return _draw(request, campaign, review, refused=refused)


def _decide(request: HttpRequest, campaign: Campaign, decision: str, form: NoteForm) -> str:
    """Do it; gives the words for when it is done."""
    by: dict[str, Any] = {"actor": name_actor(request.user), "now": timezone.now()}
    # A note that is too long is refused by the service, in words.
    note = form["note"].value() or ""
    if decision == "approve":
        approve_campaign(campaign, form.cleaned_data.get("version", ""), note=note, **by)
        return _("Approved. Whoever may send launches it.")
    if decision == "send_back":
        send_back_campaign(campaign, note, **by)
        return _("It was sent back.")
    request_approval(campaign, note=note, **by)
    if list_approvers(campaign, list_writers(campaign)):
        return _("An approver finds it on the home page now.")
    return _("It was asked, but nobody can approve it yet: invite an approver, or give the role.")


def _is_due_now(campaign: Campaign) -> bool:
    return campaign.recurrence is None and (
        campaign.due_at is None or campaign.due_at <= timezone.now()
    )
