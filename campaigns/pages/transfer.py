"""The page of one transfer: its books, live; its faults and the vendor's words; its verbs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from campaigns.errors import Refused
from campaigns.models import Campaign, Membership, Transfer
from campaigns.models.audience import PLATFORMS
from campaigns.pages.authors import name_authors
from campaigns.pages.hour_rows import list_hour_rows
from campaigns.pages.live import share_of
from campaigns.pages.lookups import find_transfer, may, require_sender
from campaigns.pages.origin import find_again, find_words, list_declared, name_door, name_transfer
from campaigns.pages.plot import draw_plot
from campaigns.pages.progress import Standing, find_start
from campaigns.pages.recall_words import describe_recalls, is_asking
from campaigns.pages.shell import draw_fragment, draw_page, operator_page, show_page, tell_refusal
from campaigns.pages.step_rows import list_step_rows
from campaigns.pages.transfer_books import describe_books, list_receipts
from campaigns.pages.verbs import RateForm, Verbs, list_fitting, press, press_rate
from campaigns.selectors.course import read_course
from campaigns.selectors.lost_callbacks import find_trouble
from campaigns.selectors.recalls import can_be_recalled, list_recalls
from campaigns.selectors.status import Progress
from campaigns.selectors.status import progress as read_progress
from campaigns.selectors.timeline import list_answers, list_moments
from campaigns.selectors.token_faults import count_token_faults
from campaigns.selectors.transfer_books import Books, read_books
from campaigns.services.access import name_actor
from campaigns.services.exports import EXPORT
from campaigns.services.rates import change_transfer_rate
from campaigns.services.repeats import find_repeat, may_repeat, plan_repeat
from campaigns.services.transfers import cancel_transfer, pause_transfer, resume_transfer
from providers.commands import FaultKind

Status = Transfer.Status
MAX_SIBLINGS = 50
VERBS: Verbs = {
    "pause": (
        pause_transfer,
        frozenset({Status.ACCEPTED, Status.SENDING}),
        gettext_lazy("Paused."),
    ),
    "resume": (resume_transfer, frozenset({Status.PAUSED}), gettext_lazy("Going on.")),
    "cancel": (cancel_transfer, Transfer.RUNNING, gettext_lazy("Cancelled.")),
    "recall": (
        cancel_transfer,
        frozenset({Status.SENT}),
        gettext_lazy("The vendors are being asked to take it back."),
    ),
}
FAULTS = {
    FaultKind.CREDENTIALS: gettext_lazy("The vendor refused our credentials. Check the account."),
    FaultKind.NO_MESSAGE: gettext_lazy("Recipients of this platform have no message."),
    FaultKind.NO_TEXT: gettext_lazy("A visible push needs a text."),
    FaultKind.NO_ROUTE: gettext_lazy("No route serves this platform."),
    FaultKind.NOT_ADDRESSABLE: gettext_lazy("The route cannot address these recipients."),
    FaultKind.CANCELLED: gettext_lazy("Somebody cancelled it."),
}


@operator_page
def transfer_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One transfer."""
    return _draw(request, find_transfer(request.user, pk))


def _draw(
    request: HttpRequest, transfer: Transfer, refused: RateForm | None = None
) -> HttpResponse:
    """The page; a rate that was `refused`, as it was typed."""
    numbers = _read_numbers(transfer)
    context = {**_read_status(request, transfer, numbers), **_read_story(request, transfer)}
    if refused:
        context["rate_form"] = refused
    status = 422 if refused else 200
    title = name_transfer(transfer)
    return draw_page(request, "pages/transfer.html", title, context, status=status)


@operator_page
def transfer_status(request: HttpRequest, pk: int) -> HttpResponse:
    """The piece of it that is asked for again and again: how far it is."""
    transfer = find_transfer(request.user, pk)
    numbers = share_of("transfer", [transfer], lambda: _read_numbers(transfer))
    context = _read_status(request, transfer, numbers)
    is_last = not context["is_live"]
    return draw_fragment(request, "pages/transfer_status.html", context, is_last=is_last)


@operator_page
def transfer_story(request: HttpRequest, pk: int) -> HttpResponse:
    """What has happened and what vendors have answered; asked for less often."""
    transfer = find_transfer(request.user, pk)
    context = {"transfer": transfer, **_read_story(request, transfer)}
    is_last = not context["goes_on"]
    return draw_fragment(request, "pages/transfer_story.html", context, is_last=is_last)


@dataclass(frozen=True, slots=True)
class _Numbers:
    """What is the same for everybody who looks."""

    progress: Progress
    books: Books
    token_faults: int


def _read_numbers(transfer: Transfer) -> _Numbers:
    progress = read_progress(transfer, now=timezone.now())
    return _Numbers(progress, read_books(transfer), count_token_faults(transfer))


def _read_status(request: HttpRequest, transfer: Transfer, numbers: _Numbers) -> dict[str, Any]:
    now = timezone.now()
    progress, books = numbers.progress, numbers.books
    repeat = find_repeat(transfer)
    return {
        "transfer": transfer,
        "faults": [describe_fault(fault) for fault in transfer.faults],
        "callback": find_trouble(transfer),
        "is_live": transfer.finished_at is None or is_asking(progress.recalls),
        "starts_at": find_start(transfer, now),
        "door": name_door(transfer),
        "said": find_words(transfer) if transfer.submission else (),
        "declared": list_declared(transfer),
        "siblings": _list_siblings(request, transfer),
        "again": find_again(transfer, books.counters),
        "repeat": repeat,
        "repeat_waits": repeat is not None and repeat.status in Campaign.EDITABLE,
        "standing": Standing(transfer, books.counters, None, None),
        **_describe_progress(transfer, progress),
        **_describe_speed(transfer, progress, now),
        **describe_books(transfer, books),
        **_list_choices(request, transfer, now, numbers.token_faults),
    }


def _describe_progress(transfer: Transfer, progress: Progress) -> dict[str, Any]:
    return {
        "receipts": list_receipts(transfer, progress.receipts),
        "steps": list_step_rows(transfer, progress.steps),
        "next_handover": progress.next_handover,
        "vendor_figures": progress.vendor_figures,
        "hours": list_hour_rows(transfer, progress.hours),
        "next_hour": progress.next_hour,
        "pause_words": progress.paused_because,
        "recalls": describe_recalls(progress.recalls),
        "app_parts": progress.app_parts,
    }


def _describe_speed(transfer: Transfer, progress: Progress, now: datetime) -> dict[str, Any]:
    """Of what ended before promises were kept, its own rate is all that is known."""
    bound = progress.speed.promised
    if transfer.finished_at and bound is None and transfer.rate:
        bound = float(transfer.rate)
    return {
        "rate": progress.rate,
        "seconds_left": progress.seconds_left,
        "speed": progress.speed,
        "plot": draw_plot(read_course(transfer, now=now), bound),
    }


def _read_story(request: HttpRequest, transfer: Transfer) -> dict[str, Any]:
    moments = list_moments(transfer)
    return {
        "moments": moments,
        "actors": name_authors({moment.actor for moment in moments}, [transfer.app.workspace_id]),
        "answers": list_answers(transfer),
        "may_see_exchanges": request.user.has_perm("campaigns.view_exchange"),
        "goes_on": transfer.status in Transfer.RUNNING or is_asking(list_recalls(transfer)),
    }


def _list_choices(
    request: HttpRequest, transfer: Transfer, now: datetime, token_faults: int
) -> dict[str, Any]:
    """What whoever looks at it may do with it."""
    is_sender = may(request.user, [transfer.app], Membership.Role.SENDER)
    return {
        "verbs": _list_verbs(transfer, now) if is_sender else [],
        "may_retry": is_sender and may_repeat(transfer),
        "may_enable": is_sender and token_faults > 0,
        "may_pace": is_sender and transfer.status in Transfer.RUNNING,
        "may_export": may(request.user, [transfer.app], EXPORT.role),
        "rate_form": RateForm(initial={"rate": transfer.rate}),
    }


def _list_verbs(transfer: Transfer, now: datetime) -> list[str]:
    verbs = list_fitting(VERBS, transfer.status)
    return verbs if "recall" not in verbs or can_be_recalled(transfer, now) else []


def _list_siblings(request: HttpRequest, transfer: Transfer) -> list[Transfer]:
    """Other transfers of the same start, as far as one may see them: of the other apps of an app
    group, or of the same call of a script."""
    same = Transfer.objects.for_user(request.user).exclude(pk=transfer.pk).select_related("app")
    if transfer.submission is not None:
        same = same.filter(
            submission__workspace=transfer.submission.workspace_id,
            submission__door=transfer.submission.door,
            submission__reference=transfer.submission.reference,
        )
    elif transfer.campaign_id is not None:
        same = same.filter(campaign=transfer.campaign_id, occurrence=transfer.occurrence_id)
    else:
        return []
    return list(same.order_by("pk")[:MAX_SIBLINGS])


def describe_fault(fault: Mapping[str, Any]) -> str:
    """Why a transfer failed, in a sentence."""
    kind = fault.get("kind", "")
    known = FAULTS.get(FaultKind(kind)) if kind in set(FaultKind) else None
    sentence = str(known or fault.get("detail") or _("It failed for a reason that is not known."))
    platform = str(fault.get("platform") or "")
    place = dict(PLATFORMS).get(platform, platform) or fault.get("identifier")
    return f"{place}: {sentence}" if place else sentence


@operator_page
def change_rate(request: HttpRequest, pk: int) -> HttpResponse:
    """Send it faster or slower from now on."""
    transfer = find_transfer(request.user, pk)
    if request.method != "POST":
        return show_page(request, "transfer", pk)
    refused = press_rate(request, transfer, [transfer.app], change_transfer_rate)
    if refused:
        return _draw(request, transfer, refused)
    return redirect("transfer", pk=pk)


@require_POST
@operator_page
def change_transfer(request: HttpRequest, pk: int, verb: str) -> HttpResponse:
    """Pause, resume, cancel, or ask back what is sent."""
    transfer = find_transfer(request.user, pk)
    press(request, transfer, [transfer.app], VERBS, verb)
    return redirect("transfer", pk=pk)


@require_POST
@operator_page
def retry_unknown(request: HttpRequest, pk: int) -> HttpResponse:
    """Make the draft that sends again to those whose outcome is unknown, and go to its review."""
    transfer = find_transfer(request.user, pk)
    require_sender(request.user, [transfer.app])
    try:
        campaign = plan_repeat(transfer, actor=name_actor(request.user), now=timezone.now())
    except Refused as refusal:
        tell_refusal(request, refusal)
        return redirect("transfer", pk=pk)
    messages.success(request, _("This is a draft for exactly these. Nothing is sent yet."))
    return redirect("campaign_review", pk=campaign.pk)
