"""API keys: which there are, a new one (its text is shown once), revoking."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from campaigns.errors import Invalid
from campaigns.models import ApiKey, App, Workspace
from campaigns.pages.access import require_workspace
from campaigns.pages.fields import PageForm
from campaigns.pages.paging import read_page
from campaigns.pages.shell import draw_page, operator_page
from campaigns.selectors.row_ids import read_id
from campaigns.services.access import (
    NO_SCOPE,
    SCOPES_ADVICE,
    find_workspaces,
    issue_key,
    name_actor,
    revoke_key,
)
from campaigns.services.permissions import Role
from providers import registry

PAGE = 50
NAMED = 8  # apps of a key in the list; its own page names them all
LONGEST_ID = 16  # digits


class AppsField(forms.ModelMultipleChoiceField):
    """Apps of a list; a number that no database holds is none of them."""

    def clean(self, value: Any) -> Any:
        """The apps. Raises ValidationError."""
        for pk in value or ():
            if len(str(pk)) > LONGEST_ID:
                words = self.error_messages["invalid_choice"]
                raise forms.ValidationError(words, code="invalid_choice", params={"value": pk})
        return super().clean(value)


class KeyForm(PageForm):
    """What a new key is good for."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=120,
        help_text=gettext_lazy("Which script uses it, so that you know later what to revoke."),
    )
    apps = AppsField(
        App.objects.none(),
        label=gettext_lazy("Apps"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None: every app of the workspace, later ones too."),
    )
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("Scopes"),
        choices=ApiKey.Scope,
        widget=forms.CheckboxSelectMultiple,
        help_text=SCOPES_ADVICE,
        error_messages={"required": NO_SCOPE},
    )
    dialect = forms.ChoiceField(
        label=gettext_lazy("Door"),
        required=False,
        help_text=gettext_lazy("A key for one door opens no other."),
    )
    expires_at = forms.DateTimeField(
        label=gettext_lazy("Expires (UTC)"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=gettext_lazy("Empty: never."),
    )

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer("apps", App.objects.filter(workspace=workspace).order_by("name"))
        doors = [dialect for dialect in registry.all_dialects() if dialect.has_door]
        spoken = [(dialect.key, dialect.label) for dialect in doors]
        self.offer_choices("dialect", [("", _("The native API and every dialect")), *spoken])


@never_cache
@operator_page
def keys(request: HttpRequest) -> HttpResponse:
    """The keys of a workspace, page by page, the newest first, or the one of `?key=`; and the form
    for one more."""
    workspace = require_workspace(request.user, request.GET.get("workspace", ""))
    now = timezone.now()
    form = KeyForm(request.POST or None, workspace=workspace)
    text = ""
    if request.method == "POST" and form.is_valid():
        text = _issue(request, workspace, form, now)
        form = KeyForm(workspace=workspace) if text else form
    context = {
        "workspace": workspace,
        "workspaces": list(find_workspaces(request.user, Role.ADMIN).order_by("name", "pk")),
        "form": form,
        "text": text,
        **_list_rows(request, workspace, now),
    }
    status = 422 if form.is_bound else 200
    return draw_page(request, "pages/keys.html", _("API keys"), context, status=status)


@dataclass(frozen=True, slots=True)
class Row:
    """A key as the list shows it: the apps that it names, and how many more there are."""

    key: ApiKey
    is_usable: bool
    apps: list[App]
    others: int


def _list_rows(request: HttpRequest, workspace: Workspace, now: datetime) -> dict[str, Any]:
    """A page of keys, and what its template needs besides."""
    # The key that stands for an app group is revoked by a new secret on the group's page.
    keys = ApiKey.objects.filter(workspace=workspace, app_group__isnull=True)
    asked = request.GET.get("key", "")
    keys = keys.filter(pk=read_id(asked)) if asked else keys
    found, context = read_page(request, keys.prefetch_related("apps"), PAGE)
    rows = []
    for key in found:
        apps = sorted(key.apps.all(), key=lambda app: (app.name, app.pk))
        shown = apps if asked or len(apps) <= NAMED + 1 else apps[:NAMED]
        rows.append(Row(key, key.is_usable(now), shown, len(apps) - len(shown)))
    return {"rows": rows, "is_one": bool(asked), **context}


def _issue(request: HttpRequest, workspace: Workspace, form: KeyForm, now: datetime) -> str:
    """The new key's text; "" where it was refused, with the faults at their fields."""
    asked = dict(form.cleaned_data)
    try:
        _key, text = issue_key(
            workspace,
            name=asked.pop("name"),
            actor=name_actor(request.user),
            now=now,
            apps=list(asked.pop("apps")),
            **asked,
        )
    except Invalid as refusal:
        form.place_faults(dict(refusal.fields))
        return ""
    return text


@require_POST
@operator_page
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """Scripts that use it stop working at once."""
    key = ApiKey.objects.select_related("workspace").filter(pk=pk, app_group__isnull=True).first()
    if key is None:
        raise Http404
    workspace = require_workspace(request.user, key.workspace.slug)
    revoke_key(key, actor=name_actor(request.user), now=timezone.now())
    messages.success(
        request, _("The key is revoked: scripts that use it are refused within a second.")
    )
    return redirect(f"{reverse('keys')}?workspace={workspace.slug}")
