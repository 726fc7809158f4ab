"""The list of campaigns, with filters and pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models import App, Campaign, Group, Membership
from campaigns.pages.fields import PageForm
from campaigns.pages.shell import draw_page, operator_page
from campaigns.services.access import has_role

PAGE = 25
FILTERS = {
    "search": "name__icontains",
    "status": "status",
    "app": "app_id",
    "group": "group_id",
    "tag": "tag",
    "date_from": "created_at__date__gte",
    "date_to": "created_at__date__lte",
}


class CampaignFilter(PageForm):
    """What the list may be narrowed by."""

    search = forms.CharField(
        label=gettext_lazy("Search"), required=False, widget=forms.TextInput({"type": "search"})
    )
    status = forms.ChoiceField(
        label=gettext_lazy("Status"),
        choices=[("", gettext_lazy("Any")), *Campaign.Status.choices],
        required=False,
    )
    app = forms.ModelChoiceField(
        App.objects.none(),
        label=gettext_lazy("App"),
        required=False,
        empty_label=gettext_lazy("Any"),
    )
    group = forms.ModelChoiceField(
        Group.objects.none(),
        label=gettext_lazy("Group"),
        required=False,
        empty_label=gettext_lazy("Any"),
    )
    tag = forms.CharField(label=gettext_lazy("Tag"), required=False)
    date_from = forms.DateField(
        label=gettext_lazy("From"), required=False, widget=forms.DateInput({"type": "date"})
    )
    date_to = forms.DateField(
        label=gettext_lazy("To"), required=False, widget=forms.DateInput({"type": "date"})
    )

    def __init__(self, *args: Any, principal: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, model in (("app", App), ("group", Group)):
            self.offer(name, model.objects.for_user(principal).order_by("name"))

    def narrow(self, campaigns: Any) -> Any:
        """The campaigns that fit; a filter that is wrong is shown and not applied."""
        self.is_valid()
        given = {FILTERS[name]: value for name, value in self.cleaned_data.items() if value}
        return campaigns.filter(**given)


@operator_page
def campaigns(request: HttpRequest) -> HttpResponse:
    """Campaigns that the operator sees, the newest first."""
    form = CampaignFilter(request.GET, principal=request.user)
    rows = Campaign.objects.for_user(request.user).select_related("app", "app_group", "group")
    paginator = Paginator(form.narrow(rows).order_by("-pk"), PAGE)
    context = {
        "form": form,
        "is_filtered": any(request.GET.get(name) for name in FILTERS),
        "may_compose": has_role(request.user, None, Membership.Role.COMPOSER),
        "waiting": Campaign.WAITING,
        "shown": paginator.get_page(request.GET.get("page")),
    }
    return draw_page(request, "pages/campaigns.html", _("Campaigns"), context)
