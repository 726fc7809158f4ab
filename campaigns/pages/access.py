"""Who may do what: members and their roles, app by app, and what each role stands for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.errors import Refused
from campaigns.models import App, Membership, Workspace
from campaigns.pages.fields import PageForm
from campaigns.pages.shell import draw_page, operator_page, tell_refusal
from campaigns.services.access import find_workspaces, name_actor
from campaigns.services.members import list_roles, set_roles
from campaigns.services.role_matrix import draw_matrix

Role = Membership.Role
PAGE = 50
LONGEST_NAME = 150  # of a user
NO_ROLE = [("", gettext_lazy("No role"))]


def require_workspace(user: Any, slug: str) -> Workspace:
    """The workspace of that slug, or the first, that the user administers.

    One that the user does not see is 404; one that others administer, or none at all, 403.
    """
    if "\0" in slug:
        raise Http404  # no slug, and PostgreSQL would not even look
    workspaces = find_workspaces(user, Role.ADMIN).order_by("name", "pk")
    found = workspaces.filter(slug=slug).first() if slug else workspaces.first()
    if found is not None:
        return found
    if slug and not Workspace.objects.for_user(user).filter(slug=slug).exists():
        raise Http404
    raise PermissionDenied(_("Only an admin for all apps of a workspace may see this."))


@operator_page
def access(request: HttpRequest) -> HttpResponse:
    """What roles stand for; for admins also who has which."""
    workspaces = list(find_workspaces(request.user, Role.ADMIN).order_by("name", "pk"))
    slug = request.GET.get("workspace", "")
    chosen = require_workspace(request.user, slug) if workspaces else None
    context = {
        "roles": list(Role),
        "matrix": draw_matrix(),
        "workspaces": workspaces,
        "workspace": chosen,
        "own": _list_own(request.user),
        **(_list_members(request, chosen) if chosen else {}),
    }
    return draw_page(request, "pages/access.html", _("Roles"), context)


def _list_own(user: Any) -> QuerySet[Membership]:
    rows = Membership.objects.filter(user=user).select_related("workspace", "app")
    return rows.order_by("workspace__name", "app__name")


def _list_members(request: HttpRequest, workspace: Workspace) -> dict[str, Any]:
    held = Membership.objects.filter(workspace=workspace)
    users = User.objects.filter(pk__in=held.values("user_id")).order_by("username")
    who = request.GET.get("who", "").strip().replace("\0", "")[:LONGEST_NAME]
    if who:
        users = users.filter(username__icontains=who)
    shown = Paginator(users, PAGE).get_page(request.GET.get("page"))
    roles: dict[int, list[Membership]] = {}
    for row in held.filter(user__in=list(shown)).select_related("app").order_by("app__name"):
        roles.setdefault(row.user_id, []).append(row)
    members = [(user, roles.get(user.pk, [])) for user in shown]
    return {"shown": shown, "members": members, "who": who}


class RolesForm(PageForm):
    """A role for all apps, and one for each app."""

    def __init__(self, *args: Any, apps: Iterable[App], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [*NO_ROLE, *Role.choices]
        self.places: dict[str, App | None] = {"all": None}
        self.places |= {f"app-{app.pk}": app for app in apps}
        for name, app in self.places.items():
            label = app.name if app else gettext_lazy("All apps, and what they share")
            self.fields[name] = forms.ChoiceField(label=label, choices=choices, required=False)


@operator_page
def member(request: HttpRequest, slug: str, user_id: int) -> HttpResponse:
    """The roles of one user in one workspace."""
    workspace = require_workspace(request.user, slug)
    user = _find_user(request.user, user_id)
    apps = list(App.objects.filter(workspace=workspace).order_by("name"))
    held = list_roles(user, workspace)
    initial = {f"app-{app_id}" if app_id else "all": role for app_id, role in held.items()}
    form = RolesForm(request.POST or None, apps=apps, initial=initial)
    if request.method == "POST" and form.is_valid():
        if _save_roles(request, user, workspace, form):
            return redirect("member", slug, user.pk)
        form = RolesForm(apps=apps, initial=form.cleaned_data)
    status = 422 if form.is_bound else 200
    context = {"form": form, "member": user, "workspace": workspace, "is_new": not held}
    title = _("Roles of %(name)s") % {"name": user.get_username()}
    return draw_page(request, "pages/member.html", title, context, status=status)


def _find_user(principal: Any, user_id: int) -> User:
    """A user whom the principal administers somewhere; who is no member yet is invited."""
    reached = find_workspaces(principal, Role.ADMIN)
    members = Membership.objects.filter(workspace__in=reached)
    user = User.objects.filter(pk__in=members.values("user_id"), pk=user_id).first()
    if user is None:
        raise Http404
    return user


def _save_roles(request: HttpRequest, user: User, workspace: Workspace, form: RolesForm) -> bool:
    actor, now = name_actor(request.user), timezone.now()
    try:
        roles = {app: form.cleaned_data[name] for name, app in form.places.items()}
        set_roles(user, workspace, roles, actor=actor, now=now)
    except Refused as refusal:
        tell_refusal(request, refusal)
        return False
    messages.success(request, _("The roles are saved; they hold from the next page on."))
    return True
