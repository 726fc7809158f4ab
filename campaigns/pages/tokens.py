"""Enabling again what a vendor switched off wrongly: by its account, or by one transfer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.errors import Refused
from campaigns.models import Account, App, Membership, Transfer, Workspace
from campaigns.pages.fields import PageForm
from campaigns.pages.lookups import find_transfer
from campaigns.pages.origin import name_transfer
from campaigns.pages.shell import draw_page, operator_page
from campaigns.selectors.row_ids import read_id
from campaigns.selectors.token_faults import count_token_faults
from campaigns.services.access import find_apps, find_workspaces, name_actor, require_role
from campaigns.services.token_jobs import Doubted, start_enabling

ROLE = Membership.Role.SENDER
TYPED = "%Y-%m-%dT%H:%M"


class SinceForm(PageForm):
    """Since when a word is not believed."""

    since = forms.DateTimeField(
        label=gettext_lazy("Disabled since (UTC)"),
        input_formats=[TYPED],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=TYPED),
        help_text=gettext_lazy("What was disabled before stays off."),
    )

    def clean_since(self) -> datetime:
        moment: datetime = self.cleaned_data["since"]
        return moment.replace(tzinfo=UTC)


class AccountForm(SinceForm):
    """An account's word, in which apps."""

    account = forms.ModelChoiceField(
        Account.objects.none(),
        label=gettext_lazy("Account"),
        empty_label=gettext_lazy("Choose"),
    )
    place = forms.ChoiceField(label=gettext_lazy("For"))
    field_order = ("account", "place", "since")

    def __init__(self, *args: Any, principal: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.places = _list_places(principal)
        self.offer("account", Account.objects.for_user(principal).order_by("name"))
        self.offer_choices("place", [(key, label) for key, (label, _place) in self.places.items()])


def _list_places(principal: Any) -> dict[str, tuple[str, App | Workspace]]:
    places: dict[str, tuple[str, App | Workspace]] = {}
    for workspace in find_workspaces(principal, ROLE).order_by("name"):
        words = _("Every app of %(workspace)s") % {"workspace": workspace.name}
        places[f"w{workspace.pk}"] = (words, workspace)
    for app in find_apps(principal, ROLE).select_related("workspace").order_by("name"):
        places[f"a{app.pk}"] = (app.name, app)
    return places


@operator_page
def enable_tokens(request: HttpRequest) -> HttpResponse:
    """The form, for a transfer or else for an account; a POST begins the job."""
    transfer = _read_transfer(request)
    require_role(request.user, transfer.app if transfer else None, ROLE)
    form = _make_form(request, transfer)
    if request.method == "POST" and form.is_valid():
        answer = _begin(request, form, transfer)
        if answer is not None:
            return answer
    context = {
        "form": form,
        "transfer": transfer,
        "name": name_transfer(transfer) if transfer else "",
        "count": count_token_faults(transfer) if transfer else 0,
    }
    status = 422 if form.is_bound else 200
    title = _("Enable tokens again")
    return draw_page(request, "pages/enable_tokens.html", title, context, status=status)


def _read_transfer(request: HttpRequest) -> Transfer | None:
    text = request.GET.get("transfer", "")
    return find_transfer(request.user, read_id(text)) if text else None


def _make_form(request: HttpRequest, transfer: Transfer | None) -> SinceForm:
    given = request.POST if request.method == "POST" else None
    if transfer is not None:
        return SinceForm(given, initial={"since": transfer.created_at})
    day_ago = timezone.now() - timedelta(days=1)
    initial = {"since": day_ago, "account": request.GET.get("account", "")}
    return AccountForm(given, principal=request.user, initial=initial)


def _begin(request: HttpRequest, form: SinceForm, transfer: Transfer | None) -> HttpResponse | None:
    """The job's page; None, with the form's errors, when it is refused."""
    given, place = form.cleaned_data, transfer.app if transfer else _find_place(form)
    doubted = Doubted(since=given["since"], account=given.get("account"), transfer=transfer)
    try:
        job = start_enabling(place, doubted, actor=name_actor(request.user), now=timezone.now())
    except Refused as refusal:
        for sentence in form.place_faults(refusal.fields or {"since": refusal.message}).values():
            form.add_error(None, sentence)
        return None
    return redirect("job", job.pk)


def _find_place(form: Any) -> App | Workspace:
    place: App | Workspace = form.places[form.cleaned_data["place"]][1]
    return place
