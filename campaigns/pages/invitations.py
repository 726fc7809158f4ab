"""Invitations: made by admins, accepted by whoever has the link, once."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.forms import BaseUserCreationForm
from django.contrib.auth.models import User
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from campaigns.errors import NotFound
from campaigns.models import App, Invitation, Membership, Workspace
from campaigns.pages.access import require_workspace
from campaigns.pages.fields import PageForm, PageRenderer
from campaigns.pages.shell import draw_page, operator_page
from campaigns.services.access import name_actor
from campaigns.services.members import (
    accept_invitation,
    find_invitation,
    invite,
    withdraw_invitation,
)

SHOWN = 100


class InvitationForm(PageForm):
    """Whom, to what."""

    email = forms.EmailField(
        label=gettext_lazy("E-mail"),
        required=False,
        max_length=254,
        help_text=gettext_lazy("For your own list: nothing is mailed, you hand over the link."),
    )
    role = forms.ChoiceField(
        label=gettext_lazy("Role"), choices=Membership.Role, initial=Membership.Role.COMPOSER
    )
    app = forms.ModelChoiceField(
        App.objects.none(),
        label=gettext_lazy("App"),
        required=False,
        empty_label=gettext_lazy("All apps"),
    )

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer("app", App.objects.filter(workspace=workspace).order_by("name"))


@never_cache
@operator_page
def invitations(request: HttpRequest) -> HttpResponse:
    """Who is invited to a workspace, and the form for one more; the link is shown once."""
    workspace = require_workspace(request.user, request.GET.get("workspace", ""))
    form = InvitationForm(request.POST or None, workspace=workspace)
    link = ""
    if request.method == "POST" and form.is_valid():
        _row, secret = invite(
            workspace, **form.cleaned_data, actor=name_actor(request.user), now=timezone.now()
        )
        link = settings.PUBLIC_URL + reverse("accept_invitation", args=[secret])
        form = InvitationForm(workspace=workspace)
    now = timezone.now()
    rows = Invitation.objects.filter(workspace=workspace).select_related("app", "accepted_by")
    context = {
        "workspace": workspace,
        "form": form,
        "link": link,
        "rows": [(row, row.is_open(now)) for row in rows.order_by("-pk")[:SHOWN]],
    }
    status = 422 if form.is_bound else 200
    return draw_page(request, "pages/invitations.html", _("Invitations"), context, status=status)


@require_POST
@operator_page
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Nobody can use its link any more."""
    row = Invitation.objects.select_related("workspace").filter(pk=pk).first()
    if row is None:
        raise Http404
    workspace = require_workspace(request.user, row.workspace.slug)
    if withdraw_invitation(row, actor=name_actor(request.user), now=timezone.now()):
        messages.success(request, _("The invitation is withdrawn."))
    else:
        messages.error(request, _("It was accepted or withdrawn before."))
    return redirect(f"{reverse('invitations')}?workspace={workspace.slug}")


class NewUserForm(BaseUserCreationForm):
    """A name and a password, by the rules of the installation."""

    default_renderer = PageRenderer
    use_required_attribute = False

    class Meta:
        model = User
        fields = ("username",)


@sensitive_post_parameters()
@never_cache
def accept(request: HttpRequest, secret: str) -> HttpResponseBase:
    """The page behind the link: join as who is signed in, or as a new user."""
    now = timezone.now()
    try:
        invitation = find_invitation(secret, now=now)
        if request.method == "POST":
            return _take_accept(request, invitation)
    except NotFound as refusal:
        context = {"words": refusal.message}
        return draw_page(request, "pages/accept.html", _("Invitation"), context, status=404)
    return _draw_accept(request, invitation, NewUserForm())


def _draw_accept(
    request: HttpRequest, invitation: Invitation, form: NewUserForm, *, status: int = 200
) -> HttpResponse:
    context = {
        "invitation": invitation,
        "form": form,
        "login_url": f"{settings.LOGIN_URL}?next={request.path}",
    }
    return draw_page(request, "pages/accept.html", _("Invitation"), context, status=status)


def _take_accept(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    now = timezone.now()
    if request.user.is_authenticated:
        accept_invitation(invitation, request.user, now=now)
        return _welcome(request, invitation)
    form = NewUserForm(request.POST)
    if not form.is_valid():
        return _draw_accept(request, invitation, form, status=422)
    with transaction.atomic():  # no user is left of an invitation that somebody else took
        user = form.save()
        accept_invitation(invitation, user, now=now)
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[-1])
    return _welcome(request, invitation)


def _welcome(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    messages.success(request, _("Welcome to %(name)s.") % {"name": invitation.workspace})
    return redirect("home")
