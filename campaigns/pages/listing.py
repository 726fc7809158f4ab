"""The list of campaigns, with filters and pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any, cast

from django import forms
from django.db.models import Case, Exists, F, Min, OuterRef, QuerySet, Subquery, When
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models import App, Approval, Campaign, Group, Membership, Transfer
from campaigns.models.clock import FARTHEST_AHEAD, RECIPIENT_ZONE
from campaigns.pages.authors import find_authors, name_authors
from campaigns.pages.fields import PageForm
from campaigns.pages.shell import draw_page, operator_page
from campaigns.selectors.row_ids import read_id
from campaigns.selectors.status import count_begun
from campaigns.services.access import has_role

PAGE = 25
MAX_PAGE = 400
MOST_GROUPS = 100  # to choose from
FILTERS = {
    "search": "name__icontains",
    "status": "status",
    "app": "app_id",
    "group": "group_id",
    "group_name": "group__name__icontains",
    "tag": "tag",
}
# What the column shows: on each one's own clock the hour that it reads, which is read there as UTC;
# of what was sent at once the first of its transfers.
FIRST_DUE = Transfer.objects.filter(campaign=OuterRef("pk")).order_by("due_at").values("due_at")
STARTS = Coalesce(
    Case(When(timezone=RECIPIENT_ZONE, then=F("due_at") + FARTHEST_AHEAD), default=F("due_at")),
    Subquery(FIRST_DUE[:1]),
)
# By the word in the address: the columns that they are sorted by, newest first where none is named.
SORTS = {
    "": ("-pk",),
    "oldest": ("pk",),
    "name": ("name", "-pk"),
    "-name": ("-name", "-pk"),
    "status": ("status", "-pk"),
    "-status": ("-status", "-pk"),
    "due": (STARTS.asc(nulls_last=True), "-pk"),
    "-due": (STARTS.desc(nulls_last=True), "-pk"),
}


HEADS = {
    "name": gettext_lazy("Name"),
    "status": gettext_lazy("Status"),
    "due": gettext_lazy("Starts"),
}


class GroupField(forms.ModelChoiceField):
    """Groups, by their apps too where there are several: each has a `General`."""

    names_apps = False

    def label_from_instance(self, group: Any) -> str:
        """As lines of a report are called."""
        return f"{group.name} · {group.app}" if self.names_apps else str(group.name)


class CampaignFilter(PageForm):
    """What the list may be narrowed by."""

    search = forms.CharField(
        label=gettext_lazy("Search"),
        required=False,
        max_length=200,
        widget=forms.TextInput({"type": "search"}),
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
    group = GroupField(
        Group.objects.none(),
        label=gettext_lazy("Group"),
        required=False,
        empty_label=gettext_lazy("Any"),
    )
    group_name = forms.CharField(
        label=gettext_lazy("Name of the group"), required=False, max_length=255
    )
    tag = forms.CharField(label=gettext_lazy("Tag"), required=False, max_length=255)
    author = forms.CharField(label=gettext_lazy("Written by"), required=False, max_length=150)
    date_from = forms.DateField(
        label=gettext_lazy("From"), required=False, widget=forms.DateInput({"type": "date"})
    )
    date_to = forms.DateField(
        label=gettext_lazy("To"), required=False, widget=forms.DateInput({"type": "date"})
    )

    def __init__(self, *args: Any, principal: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.principal = principal
        apps = App.objects.for_user(principal)
        self.offer("app", apps.order_by("name"))
        groups = Group.objects.for_user(principal).select_related("app")
        self._offer_groups(groups.order_by("name", "app__name", "pk"))
        if "group" in self.fields:
            several = len(apps.order_by("pk")[:2]) > 1
            cast(GroupField, self.fields["group"]).names_apps = several

    def _offer_groups(self, groups: QuerySet[Group]) -> None:
        """All of them; of too many the one that an address names, and a field for a name."""
        if not groups[MOST_GROUPS : MOST_GROUPS + 1]:
            del self.fields["group_name"]
            self.offer("group", groups)
            return
        asked = read_id(self.data.get("group", ""))
        self.offer("group", groups.filter(pk=asked))
        if not asked:
            del self.fields["group"]

    def narrow(self, campaigns: Any) -> Any:
        """The campaigns that fit; a filter that is wrong is shown and not applied."""
        self.is_valid()
        given = {
            FILTERS[name]: value
            for name, value in self.cleaned_data.items()
            if value and name in FILTERS
        }
        if author := self.cleaned_data.get("author"):
            given["created_by__in"] = find_authors(self.principal, author)
        first, last = (self.cleaned_data.get(name) for name in ("date_from", "date_to"))
        if first:
            given["created_at__gte"] = datetime.combine(first, time(), UTC)
        if last:
            given["created_at__lte"] = datetime.combine(last, time.max, UTC)
        return campaigns.filter(**given)


@dataclass(frozen=True, slots=True)
class Column:
    """A head that sorts: the word that a click asks for, and how it is sorted now."""

    title: str
    sort: str
    state: str  # of aria-sort


@operator_page
def campaigns(request: HttpRequest) -> HttpResponse:
    """Campaigns that the operator sees, the newest first; a page is read, and what has become of
    these is read from the counters."""
    form = CampaignFilter(request.GET, principal=request.user)
    rows = Campaign.objects.for_user(request.user).select_related("app", "app_group", "group")
    signed = Approval.objects.filter(campaign=OuterRef("pk"), state=Approval.State.APPROVED)
    rows = rows.annotate(is_approved=Exists(signed))
    sort = request.GET.get("sort", "")
    sort = sort if sort in SORTS else ""
    number = _read_page(request.GET.get("page", ""))
    first = (number - 1) * PAGE
    found = list(form.narrow(rows).order_by(*SORTS[sort])[first : first + PAGE + 1])
    context = {
        "form": form,
        "is_filtered": any(request.GET.get(name) for name in form.fields),
        "may_compose": has_role(request.user, None, Membership.Role.COMPOSER),
        "unsent": Campaign.EDITABLE | Campaign.WAITING,
        "shown": found[:PAGE],
        "numbers": count_begun(request.user, [row.pk for row in found[:PAGE]]),
        "authors": name_authors(
            (row.created_by for row in found), (row.workspace_id for row in found)
        ),
        "starts": _find_starts(found),
        "number": number,
        "has_next": len(found) > PAGE and number < MAX_PAGE,
        "sort": sort,
        "columns": {key: _head(key, title, sort) for key, title in HEADS.items()},
    }
    return draw_page(request, "pages/campaigns.html", _("Campaigns"), context)


def _find_starts(found: list[Campaign]) -> dict[int, datetime]:
    """When those were started that had no time of their own, by the first of their transfers."""
    at_once = [row.pk for row in found if row.due_at is None]
    rows = Transfer.objects.filter(campaign__in=at_once).order_by().values_list("campaign")
    return dict(rows.annotate(at=Min("due_at")))


def _read_page(text: str) -> int:
    return min(max(int(text), 1), MAX_PAGE) if text.isdecimal() and len(text) < 5 else 1


def _head(key: str, title: Any, sort: str) -> Column:
    state = {key: "ascending", f"-{key}": "descending"}.get(sort, "none")
    return Column(str(title), f"-{key}" if sort == key else key, state)
