"""What waits for a second person's word, and what went without one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.models import Campaign, Membership
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
from campaigns.services.access import name_actor

SHOWN_DAYS = timedelta(days=7)
PAGE = 50
MOST_BYPASSED = 20
ON_HOME = 8


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
    asked = list(list_asked(principal)[:ON_HOME])
    own = [row for row in asked if _may_answer(principal, row.campaign)]
    return {
        "to_approve": own,
        "to_launch": list_approved(principal, name_actor(principal))[:ON_HOME],
        "asked": [row for row in asked if row not in own],
        "bypassed": list_bypassed(principal, now - SHOWN_DAYS)[:ON_HOME],
        "sent_without": list_sent_without(principal, now - SHOWN_DAYS, ON_HOME),
    }


def _may_answer(principal: Any, campaign: Campaign) -> bool:
    is_approver = may(principal, list_apps(campaign), Membership.Role.APPROVER)
    return is_approver and name_actor(principal) not in list_writers(campaign)
