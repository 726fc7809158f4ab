"""Variables to choose from while a message is written, each with words for what it holds."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.pages.lookups import find_app
from campaigns.pages.shell import operator_page
from campaigns.selectors.variables import Variable, suggest_variables

KINDS = {
    "text": gettext_lazy("text"),
    "number": gettext_lazy("number"),
    "flag": gettext_lazy("yes or no"),
    "time": gettext_lazy("time"),
    "other": gettext_lazy("list or object"),
}


@operator_page
def variables(request: HttpRequest) -> HttpResponse:
    """Those of one app: `{"variables": [{"name", "words"}]}`."""
    app = find_app(request.user, request.GET.get("app", ""))
    told = [{"name": one.name, "words": describe(one)} for one in suggest_variables(app)]
    return JsonResponse({"variables": told})


def describe(one: Variable) -> str:
    """`text · 80 % have it · DE, FR`."""
    words = [str(KINDS[one.kind])]
    if one.looked_at:
        share = number_format(100 * one.count / one.looked_at, 0)
        words.append(_("%(share)s %% have it") % {"share": share})
    return " · ".join([*words, ", ".join(one.examples)]).removesuffix(" · ")
