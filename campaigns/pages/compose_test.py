"""A test of a draft, sent from compose to a test group or to anybody found, and what came of it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns.errors import Invalid, Refused
from campaigns.models import App, Campaign, TestGroup, Transfer
from campaigns.pages.lookups import find_campaign, require_sender
from campaigns.pages.progress import read_standings
from campaigns.pages.shell import draw_fragment, operator_page
from campaigns.selectors.campaign_apps import list_apps
from campaigns.selectors.row_ids import read_id
from campaigns.services.access import name_actor
from campaigns.services.campaigns import test_campaign as send_test
from campaigns.services.testers import find_testers, list_found, list_recipients
from providers.outcomes import RefusalKind

GONE = frozenset({RefusalKind.NOT_FOUND, RefusalKind.FORBIDDEN})


@require_POST
@operator_page
def test_send(request: HttpRequest, pk: int) -> HttpResponse:
    """Send what the draft says now, at once, by the app's own routes; refused above 10 devices."""
    campaign = find_campaign(request.user, pk)
    apps = list_apps(campaign)
    require_sender(request.user, apps)
    try:
        devices = _find_devices(request, apps)
        test = send_test(
            request.user, campaign, {"devices": devices},
            actor=name_actor(request.user), now=timezone.now(),
        )  # fmt: skip
    except Refused as refusal:
        if refusal.kind in GONE:
            raise
        sentences = dict.fromkeys([*refusal.fields.values()] or [refusal.message])
        context = {"faults": list(sentences)}
        return draw_fragment(request, "pages/compose_test_result.html", context)
    return _draw_result(request, test)


@operator_page
def test_result(request: HttpRequest, pk: int) -> HttpResponse:
    """How far a test is; asked again until it has ended."""
    return _draw_result(request, find_campaign(request.user, pk))


def _find_devices(request: HttpRequest, apps: list[App]) -> list[int]:
    """Whom the chosen group and the typed word mean; raises Invalid where that is nobody."""
    term, number = request.POST.get("test_term", "").strip(), request.POST.get("test_group", "")
    found = []
    groups = TestGroup.objects.for_user(request.user).filter(app__in=apps, pk=read_id(number))
    found += [one for group in groups for one in list_found(group)]
    found += find_testers(apps, term, request.user) if term else []
    devices = sorted({pk for app in apps for pk in list_recipients(app, found)})
    if not devices:
        words = (
            _("Nobody here has the id, token, e-mail or phone %(term)s.") % {"term": term[:60]}
            if term
            else _("Choose a test group, or type whom the test shall reach.")
        )
        raise Invalid(words, fields={"test_term": words})
    return devices


def _draw_result(request: HttpRequest, test: Campaign) -> HttpResponse:
    rows = Transfer.objects.for_user(request.user).filter(campaign=test).select_related("app")
    is_over = test.status in Campaign.FINISHED
    context: dict[str, Any] = {
        "test": test,
        "progress": read_standings(rows.order_by("pk")),
        "is_live": not is_over,
    }
    return draw_fragment(
        request, "pages/compose_test_result.html", context, is_last=is_over and not request.POST
    )
