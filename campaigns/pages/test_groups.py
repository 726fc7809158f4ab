"""Test groups: the list, and the page on which one is made, changed or forgotten."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from campaigns.errors import Invalid, NotFound, Refused
from campaigns.models import App, Membership, TestGroup
from campaigns.models.kept import MAX_TESTERS
from campaigns.pages.fields import LinesArea, PageForm
from campaigns.pages.named_list import read_list
from campaigns.pages.row_history import find_history
from campaigns.pages.shell import draw_page, operator_page
from campaigns.pages.without_app import draw_composed
from campaigns.services.access import find_apps, name_actor, require_role
from campaigns.services.testers import (
    Found,
    delete_test_group,
    find_testers,
    list_found,
    name_tester,
    save_test_group,
)

Role = Membership.Role


class TestGroupForm(PageForm):
    """Its name, and whom it means."""

    __test__ = False  # test runners collect classes with this prefix

    app = forms.ModelChoiceField(
        App.objects.none(), label=gettext_lazy("App"), empty_label=None, required=False
    )
    name = forms.CharField(label=gettext_lazy("Name"), required=False, max_length=120)
    testers = forms.CharField(
        label=gettext_lazy("Who gets its tests"),
        required=False,
        max_length=20_000,
        widget=LinesArea(attrs={"rows": 6, "spellcheck": "false"}),
        help_text=gettext_lazy(
            "One per line: an external user id, e-mail, phone, push token or device id, or our own "
            "number as in device 12 or person 12. A person stands for all of their devices."
        ),
    )

    def read_testers(self, app: App, principal: Any) -> list[Found]:
        """Whom the lines mean; raises Invalid that names the lines nobody has."""
        lines = [line.strip() for line in self.cleaned_data["testers"].splitlines()]
        lines = list(dict.fromkeys(line for line in lines if line))[: 10 * MAX_TESTERS]
        found = {line: find_testers([app], line, principal) for line in lines}
        unknown = [line for line in lines if not found[line]]
        if unknown:
            words = _("Nobody in %(app)s has: %(lines)s") % {
                "app": app.name, "lines": ", ".join(line[:60] for line in unknown[:5]),
            }  # fmt: skip
            raise Invalid(words, fields={"testers": words})
        return list({one.key: one for line in lines for one in found[line]}.values())


@operator_page
def test_groups(request: HttpRequest) -> HttpResponse:
    """Those of the apps that the operator sees, by name, page by page."""
    rows = TestGroup.objects.for_user(request.user).annotate(size=Count("testers"))
    groups, context = read_list(request, rows)
    context |= {"groups": groups}
    return draw_page(request, "pages/test_groups.html", _("Test groups"), context)


@operator_page
def new_test_group(request: HttpRequest) -> HttpResponse:
    """An empty form, and a group from it."""
    apps = find_apps(request.user, Role.COMPOSER).order_by("pk")
    if not apps:
        return draw_composed(request, _("New test group"))
    form = TestGroupForm(request.POST or None)
    form.offer("app", apps)
    if request.method == "POST" and form.is_valid():
        app = form.cleaned_data["app"]
        if app is None:
            form.add_error("app", _("Choose an app."))
        elif _save(request, TestGroup(app=app), form):
            return redirect("test_groups")
    return _draw(request, form, None)


@operator_page
def test_group(request: HttpRequest, pk: int) -> HttpResponse:
    """One group, changed by who may compose in its app."""
    group = find_test_group(request.user, pk)
    require_role(request.user, group.app, Role.COMPOSER)
    lines = "\n".join(name_tester(group.app, one, request.user) for one in list_found(group))
    form = TestGroupForm(
        request.POST or None, initial={"name": group.name, "testers": lines}
    )  # fmt: skip
    del form.fields["app"]
    if request.method == "POST" and form.is_valid() and _save(request, group, form):
        return redirect("test_groups")
    return _draw(request, form, group)


@require_POST
@operator_page
def test_group_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Forget it."""
    group = find_test_group(request.user, pk)
    require_role(request.user, group.app, Role.COMPOSER)
    delete_test_group(group, actor=name_actor(request.user), now=timezone.now())
    messages.success(request, _("The test group is gone; what was sent to it stays."))
    return redirect("test_groups")


def find_test_group(principal: Any, pk: int) -> TestGroup:
    """Raises NotFound."""
    rows = TestGroup.objects.for_user(principal).select_related("app__workspace")
    group: TestGroup | None = rows.filter(pk=pk).first()
    if group is None:
        raise NotFound(_("There is no such test group."))
    return group


def _save(request: HttpRequest, group: TestGroup, form: TestGroupForm) -> bool:
    """Whether it was saved; what was wrong stands at its field."""
    try:
        found = form.read_testers(group.app, request.user)
        save_test_group(
            group, form.cleaned_data["name"], found,
            actor=name_actor(request.user), now=timezone.now(),
        )  # fmt: skip
    except Refused as refusal:
        left = form.place_faults(refusal.fields or {"name": refusal.message})
        for sentence in left.values():
            form.add_error(None, sentence)
        return False
    messages.success(request, _("The test group is saved."))
    return True


def _draw(request: HttpRequest, form: TestGroupForm, group: TestGroup | None) -> HttpResponse:
    title = group.name if group else _("New test group")
    history = find_history(request.user, group, group.app.workspace) if group else ""
    context = {"form": form, "group": group, "history_page": history}
    status = 422 if form.is_bound and form.errors else 200
    return draw_page(request, "pages/test_group.html", title, context, status=status)
