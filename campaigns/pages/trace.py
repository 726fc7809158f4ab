"""Why somebody got a transfer or not: every reason in its order, for anyone who is asked about."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from campaigns.models import Membership
from campaigns.pages.lookups import find_transfer
from campaigns.pages.origin import name_transfer
from campaigns.pages.people import SearchForm
from campaigns.pages.shell import draw_page, operator_page
from campaigns.selectors.trace import Trace, trace_transfer
from campaigns.services.access import has_role


@operator_page
def trace_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One transfer and whoever `who` names, as the search takes them."""
    transfer = find_transfer(request.user, pk)
    form = SearchForm(request.GET if "who" in request.GET else None)
    who = form.cleaned_data["who"].strip() if form.is_valid() else ""
    is_admin = has_role(request.user, transfer.app.workspace, Membership.Role.ADMIN)
    traced: Trace | None = None
    if who:
        traced = trace_transfer(transfer, who, request.user, may_see_calls=is_admin)
    context: dict[str, Any] = {
        "transfer": transfer,
        "form": form,
        "who": who,
        "trace": traced,
        "zone": transfer.app.timezone,
    }
    title = _("Trace in %(name)s") % {"name": name_transfer(transfer)}
    return draw_page(request, "pages/trace.html", title, context)
