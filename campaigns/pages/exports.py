"""Exports: what can be taken out as a file, and the files that were."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.errors import Refused
from campaigns.models import App, Job, Segment, Transfer, Workspace
from campaigns.pages.fields import PageForm
from campaigns.pages.jobs import describe_job
from campaigns.pages.shell import draw_page, operator_page, tell_refusal
from campaigns.selectors.newest import list_newest
from campaigns.services.access import (
    find_apps,
    find_workspaces,
    has_role,
    name_actor,
    require_role,
)
from campaigns.services.exports import EXPORT, FORMATS, What, start_export

SHOWN = 50
MAX_CHOICES = 200


class ExportForm(PageForm):
    """What is to be exported, and how."""

    what = forms.ChoiceField(label=gettext_lazy("What"))
    format = forms.ChoiceField(
        label=gettext_lazy("As"), choices=[(name, name.upper()) for name in FORMATS]
    )

    def __init__(self, *args: Any, principal: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sources = list_sources(principal)
        self.offer_choices("what", [(key, label) for key, (label, _w, _of) in self.sources.items()])

    def find_source(self) -> tuple[str, Any]:
        """What was chosen, and whose it is."""
        _label, what, of = self.sources[self.cleaned_data["what"]]
        return what, of


def list_sources(principal: Any) -> dict[str, tuple[str, str, Any]]:
    """By key, what the principal may export: the words for it, what it is, whose it is."""
    apps: list[App] = list(find_apps(principal, EXPORT.role).order_by("pk")[:MAX_CHOICES])
    spaces: list[Workspace] = list(find_workspaces(principal, EXPORT.role).order_by("name"))
    segments = Segment.objects.filter(app__in=apps).select_related("app").order_by("app", "name")
    transfers = Transfer.objects.filter(app__in=apps).select_related("app").order_by("-pk")
    kinds: list[tuple[str, Any, Callable[[Any], str]]] = [
        (What.PEOPLE, apps, lambda app: _("People of %(name)s") % {"name": app}),
        (What.DEVICES, apps, lambda app: _("Devices of %(name)s") % {"name": app}),
        (What.PEOPLE, spaces, lambda one: _("Everybody in %(name)s") % {"name": one}),
        (What.SEGMENT, segments[:MAX_CHOICES],
         lambda one: _("Segment %(name)s of %(app)s") % {"name": one, "app": one.app}),
        (What.RECIPIENTS, transfers[:SHOWN],
         lambda one: _("Recipients of transfer %(id)s %(name)s") % {"id": one.pk, "name": one}),
    ]  # fmt: skip
    return {
        f"{what}-{row._meta.model_name}-{row.pk}": (words(row), what, row)
        for what, rows, words in kinds
        for row in rows
    }


@operator_page
def exports(request: HttpRequest) -> HttpResponse:
    """The files that there are, and a form for the next one."""
    may_export = has_role(request.user, None, EXPORT.role)
    posted = request.POST if request.method == "POST" else None
    form = ExportForm(posted, principal=request.user, initial={"what": _name_wanted(request)})
    if posted is not None:
        require_role(request.user, None, EXPORT.role)
        job = _start(request, form)
        if job is not None:
            return redirect("job", job.pk)
    now = timezone.now()
    rows = Job.objects.for_user(request.user).filter(kind=EXPORT.key)
    jobs = list_newest(rows.select_related("app", "workspace"), SHOWN)
    context = {
        "form": form if may_export and form.sources else None,
        "rows": [(describe_job(job, now), name_export(job)) for job in jobs],
    }
    status = 422 if form.is_bound and not form.is_valid() else 200
    return draw_page(request, "pages/exports.html", _("Exports"), context, status=status)


def _name_wanted(request: HttpRequest) -> str:
    """What an address such as ?segment=5 or ?transfer=7 means."""
    wanted = {"segment": What.SEGMENT, "transfer": What.RECIPIENTS, "app": What.PEOPLE}
    pairs = ((what, name, request.GET.get(name)) for name, what in wanted.items())
    return next((f"{what}-{name}-{pk}" for what, name, pk in pairs if pk), "")


def _start(request: HttpRequest, form: ExportForm) -> Job | None:
    if not form.is_valid():
        return None
    what, of = form.find_source()
    try:
        job = start_export(
            what,
            of,
            form=form.cleaned_data["format"],
            actor=name_actor(request.user),
            now=timezone.now(),
        )
    except Refused as refusal:
        tell_refusal(request, refusal)
        return None
    messages.success(request, _("The export has begun. Its file can be taken when it is done."))
    return job


def name_export(job: Job) -> str:
    """What an export holds, for people."""
    words = {
        What.PEOPLE: _("People"),
        What.DEVICES: _("Devices"),
        What.SEGMENT: _("Members of %(name)s"),
        What.RECIPIENTS: _("Recipients of %(name)s"),
    }
    named = words[What(job.params["what"])]
    return named % {"name": job.params["name"]} if "name" in job.params else named
