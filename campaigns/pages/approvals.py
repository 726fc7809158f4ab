"""What waits for a second person's word, and what went without one."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.models import Approval, Campaign, Membership
from campaigns.pages.lookups import may
from campaigns.pages.shell import draw_page, operator_page
from campaigns.selectors.approvals import (
    list_approved,
    list_asked,
    list_bypassed,
    list_sent_without,
    list_writers,
)
from campaigns.selectors.campaign_apps import list_apps
from campaigns.selectors.row_ids import read_id
from campaigns.services.access import find_apps, name_actor

SHOWN_DAYS = timedelta(days=7)
PAGE = 50
MOST_BYPASSED = 20
ON_HOME = 8
LOOKED_AT = 50  # for the reader's own


@operator_page
def approvals(request: HttpRequest) -> HttpResponse:
    """Everything that waits, the longest waiting first, page by page."""
    after = read_id(request.GET.get("after", ""))
    rows = list_asked(request.user)
    if after:
        rows = rows.filter(pk__gt=after)
    asked = list(rows[: PAGE + 1])
    context = {
        "asked": asked[:PAGE],
        "more": asked[PAGE - 1].pk if len(asked) > PAGE else None,
        "bypassed": list_bypassed(request.user, timezone.now() - SHOWN_DAYS)[:MOST_BYPASSED],
        "sent_without": list_sent_without(request.user, timezone.now() - SHOWN_DAYS, MOST_BYPASSED),
    }
    return draw_page(request, "pages/approvals.html", _("Approvals"), context)


def read_approvals(principal: Any, now: datetime) -> dict[str, Any]:
    """What home shows of them: apart what waits for the principal's own word or launch."""
    own = _list_own(principal)
    others = list_asked(principal).exclude(pk__in=[row.pk for row in own])
    return {
        "to_approve": own,
        "to_launch": list_approved(principal, name_actor(principal))[:ON_HOME],
        "asked": others[:ON_HOME],
        "bypassed": list_bypassed(principal, now - SHOWN_DAYS)[:ON_HOME],
        "sent_without": list_sent_without(principal, now - SHOWN_DAYS, ON_HOME),
    }


def _list_own(principal: Any) -> list[Approval]:
    """What waits for the principal's word, wherever it stands among what waits for others."""
    apps = find_apps(principal, Membership.Role.APPROVER).order_by().values("pk")
    answered = Q(campaign__app__in=apps) | Q(campaign__app_group__isnull=False)
    rows = list_asked(principal).filter(answered)[:LOOKED_AT]
    return list(islice((row for row in rows if _may_answer(principal, row.campaign)), ON_HOME))


def _may_answer(principal: Any, campaign: Campaign) -> bool:
    is_approver = may(principal, list_apps(campaign), Membership.Role.APPROVER)
    return is_approver and name_actor(principal) not in list_writers(campaign)
