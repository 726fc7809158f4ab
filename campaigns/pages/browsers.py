"""Subscribe this browser: the page, its service worker, and what they ask for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.contrib import messages
from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from campaigns.errors import Invalid, NotFound, Refused
from campaigns.models import App, Campaign, Device, Membership
from campaigns.pages.shell import draw_page, operator_page, tell_refusal
from campaigns.pages.without_app import advise
from campaigns.services.access import find_apps, name_actor, require_role
from campaigns.services.browsers import (
    Offer,
    list_browsers,
    offer_key,
    send_first_push,
    subscribe_browser,
)
from providers.outcomes import HTTP_STATUS

Role = Membership.Role
WORKER = "pushadmin/push_worker.js"
MAX_BYTES = 8192
OFFER = "browser_key_%s"


@operator_page
def browsers(request: HttpRequest) -> HttpResponse:
    """The button, and the browsers that have been subscribed."""
    context = {
        "apps": find_apps(request.user, Role.COMPOSER).order_by("name")[:200],
        "devices": list_browsers(request.user),
        **advise(request.user),
    }
    return draw_page(request, "pages/browsers.html", _("Test browsers"), context)


@require_safe
def worker(request: HttpRequest) -> HttpResponse:
    """The service worker. Open to all: it holds nothing, and a browser fetches it without cookies
    when it looks for a newer one."""
    found = finders.find(WORKER)
    answer = HttpResponse(Path(str(found)).read_bytes(), content_type="text/javascript")
    answer["Service-Worker-Allowed"] = reverse("browsers")
    answer["Cache-Control"] = "no-cache"
    # It loads nothing and tells its receipts here.
    answer["Content-Security-Policy"] = "default-src 'none'; connect-src 'self'"
    return answer


@require_POST
@operator_page
def open_account(request: HttpRequest) -> JsonResponse:
    """The key to subscribe with. The app's account is made once a browser has: until then the
    session holds what it will be made of."""
    try:
        app, _body = _read(request)
        known = _find_offer(request, app)
        offer = offer_key(app, request.user, known.sealed if known else "")
    except Refused as refusal:
        return _refuse(refusal)
    request.session[OFFER % app.pk] = [offer.key, offer.sealed]
    return JsonResponse({"key": offer.key})


def _find_offer(request: HttpRequest, app: App) -> Offer | None:
    kept = request.session.get(OFFER % app.pk)
    return Offer(*kept) if kept else None


@require_POST
@operator_page
def keep(request: HttpRequest) -> JsonResponse:
    """Keep the subscription as a test device, and send it a first push."""
    actor, now = name_actor(request.user), timezone.now()
    try:
        app, body = _read(request)
        offer, given = _find_offer(request, app), body.get("subscription")
        device = subscribe_browser(app, given, request.user, offer, actor=actor, now=now)
        request.session.pop(OFFER % app.pk, None)
        test = send_first_push(device, request.user, actor=actor, now=now)
    except Refused as refusal:
        return _refuse(refusal)
    _tell_sent(request, test)
    return JsonResponse({"address": reverse("browsers")})


@require_POST
@operator_page
def send_again(request: HttpRequest, pk: int) -> HttpResponse:
    """One more push to a browser."""
    known = {device.pk: device for device in list_browsers(request.user)}
    device: Device | None = known.get(pk)
    if device is None:
        raise NotFound(_("There is no such browser."))
    require_role(request.user, device.app, Role.COMPOSER)
    try:
        test = send_first_push(
            device, request.user, actor=name_actor(request.user), now=timezone.now()
        )
        _tell_sent(request, test)
    except Refused as refusal:
        tell_refusal(request, refusal)
    return redirect("browsers")


def _read(request: HttpRequest) -> tuple[App, dict[str, Any]]:
    """The app that a script names, and what else it says. Raises Invalid, Forbidden."""
    try:
        body = json.loads(request.body[:MAX_BYTES])
        number = int(str(body["app"])[:16])
    except (ValueError, LookupError, TypeError, RecursionError):
        raise Invalid(_("Choose an app.")) from None
    app = find_apps(request.user, Role.COMPOSER).select_related("workspace").filter(pk=number)
    found = app.first()
    if found is None:
        raise NotFound(_("There is no such app."))
    return found, body


def _refuse(refusal: Refused) -> JsonResponse:
    return JsonResponse({"message": refusal.message}, status=HTTP_STATUS[refusal.kind])


def _tell_sent(request: HttpRequest, test: Campaign) -> None:
    words = _("A push is on its way; what becomes of it is on the page of %(name)s.")
    messages.success(request, words % {"name": test.name})
