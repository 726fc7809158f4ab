"""Sending again to some of a transfer's recipients: whom, and how many may get it twice."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.errors import Refused
from campaigns.models import Membership
from campaigns.pages.lookups import find_transfer, may
from campaigns.pages.origin import name_transfer
from campaigns.pages.shell import draw_page, operator_page, tell_refusal
from campaigns.services.access import name_actor, require_role
from campaigns.services.resends import CHOICES, list_resends, preview_resend, share_resend


@operator_page
def resend_page(request: HttpRequest, pk: int) -> HttpResponse:
    """The choices with their counts; a post makes the draft and goes to its review."""
    transfer = find_transfer(request.user, pk)
    if request.method == "POST":
        require_role(request.user, transfer.app, Membership.Role.COMPOSER)
        asked = {key: asked for key, _label, asked in CHOICES}.get(request.POST.get("who", ""))
        if asked is None:
            raise Http404
        by = {"actor": name_actor(request.user), "now": timezone.now()}
        try:
            campaign, is_new = share_resend(transfer, dict(asked), **by)  # type: ignore[arg-type]
        except Refused as refusal:
            tell_refusal(request, refusal)
            return redirect("resend", pk=pk)
        if is_new:
            messages.success(request, _("This is a draft for exactly these. Nothing is sent yet."))
        else:
            messages.info(request, _("There is a draft for these already. Nothing is sent yet."))
        return redirect("campaign_review", pk=campaign.pk)
    context = {
        "transfer": transfer,
        "preview": preview_resend(transfer, now=timezone.now()),
        "kept_days": settings.KEEP_RECEIPTS_DAYS,
        "resends": list_resends(transfer),
        "may_compose": may(request.user, [transfer.app], Membership.Role.COMPOSER),
    }
    title = _("Send again: %(name)s") % {"name": name_transfer(transfer)}
    return draw_page(request, "pages/resend.html", title, context)
