"""Custom attributes that an app's audience really has, and which of them are indexed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns.errors import Refused
from campaigns.models import App, Membership, PromotedAttribute
from campaigns.pages.lookups import find_app, may
from campaigns.pages.shell import draw_page, operator_page, tell_refusal
from campaigns.pages.without_app import draw_without_app
from campaigns.selectors.suggestions import CustomAttribute, list_custom
from campaigns.services.access import name_actor, require_role
from campaigns.services.promoted import (
    MAX_PROMOTED,
    demote_attribute,
    list_promoted,
    promote_attribute,
)

Role = Membership.Role


@dataclass(frozen=True, slots=True)
class Row:
    """An attribute that occurs, is indexed, or both."""

    owner: str
    name: str
    seen: CustomAttribute | None
    promoted: PromotedAttribute | None


@operator_page
def attributes(request: HttpRequest) -> HttpResponse:
    """Of one app; without one chosen, of the first that the operator sees."""
    apps = list(App.objects.for_user(request.user).order_by("name", "pk"))
    if not apps:
        return draw_without_app(request, _("Attributes"))
    chosen = request.GET.get("app", "")
    app = find_app(request.user, chosen) if chosen else apps[0]
    context = {
        "apps": apps,
        "app": app,
        "rows": list_rows(app),
        "most": MAX_PROMOTED,
        "may_index": may(request.user, [app], Role.ADMIN),
    }
    return draw_page(request, "pages/attributes.html", _("Attributes"), context)


def list_rows(app: App) -> list[Row]:
    """By owner and name."""
    promoted = {(one.owner, one.name): one for one in list_promoted(app)}
    seen = {_split(one.name): one for one in list_custom(app)}
    return [
        Row(owner, name, seen.get((owner, name)), promoted.get((owner, name)))
        for owner, name in sorted({*promoted, *seen})
    ]


def _split(name: str) -> tuple[str, str]:
    owner, _custom, attribute = name.split(".", 2)
    return owner, attribute


@require_POST
@operator_page
def index_attribute(request: HttpRequest) -> HttpResponse:
    """Index one, or stop that (`wanted` is empty)."""
    app = find_app(request.user, request.POST.get("app", ""))
    require_role(request.user, app, Role.ADMIN)
    owner, name = request.POST.get("owner", ""), request.POST.get("name", "")
    by: dict[str, Any] = {"actor": name_actor(request.user), "now": timezone.now()}
    try:
        if request.POST.get("wanted"):
            promote_attribute(app, owner, name, **by)
            messages.success(request, _("%(name)s is being indexed.") % {"name": name})
        else:
            for known in PromotedAttribute.objects.filter(app=app, owner=owner, name=name[:128]):
                demote_attribute(known, **by)
            messages.success(request, _("%(name)s is no longer indexed.") % {"name": name})
    except Refused as refusal:
        tell_refusal(request, refusal)
    return redirect(f"{reverse('attributes')}?app={app.pk}")
