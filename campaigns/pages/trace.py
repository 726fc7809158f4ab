"""Why somebody got a transfer or not: every reason in its order, for anyone who is asked about."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models import Membership
from campaigns.pages.lookups import find_transfer
from campaigns.pages.origin import name_transfer
from campaigns.pages.people import SearchForm
from campaigns.pages.shell import draw_page, operator_page
from campaigns.selectors.trace import Trace, trace_transfer
from campaigns.services.access import has_role


class TraceForm(SearchForm):
    """Who, and where a call of a script has several messages in which of these."""

    part = forms.IntegerField(
        label=gettext_lazy("Part"), required=False, min_value=0, max_value=2**31 - 1,
        help_text=gettext_lazy("The number of the message in the script's call, from 0."),
    )  # fmt: skip


@operator_page
def trace_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One transfer, or a part of it, and whoever `who` names, as the search takes them."""
    transfer = find_transfer(request.user, pk)
    form = TraceForm(request.GET if "who" in request.GET else None)
    given: dict[str, Any] = form.cleaned_data if form.is_valid() else {"who": "", "part": None}
    who = given["who"].strip()
    is_admin = has_role(request.user, transfer.app.workspace, Membership.Role.ADMIN)
    traced: Trace | None = None
    if who:
        traced = trace_transfer(
            transfer, who, request.user, part=given["part"], may_see_calls=is_admin
        )
    context: dict[str, Any] = {
        "transfer": transfer,
        "form": form,
        "who": who,
        "part": given["part"],
        "has_parts": transfer.parts.filter(number=1).exists(),
        "trace": traced,
        "zone": transfer.app.timezone,
    }
    title = _("Trace in %(name)s") % {"name": name_transfer(transfer)}
    return draw_page(request, "pages/trace.html", title, context)
