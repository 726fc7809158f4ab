"""Exports: what can be taken out as a file, and the files that were."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.errors import NotFound, Refused
from campaigns.models import App, Job, Label, Segment, Transfer, Workspace
from campaigns.pages.fields import PageForm
from campaigns.pages.jobs import describe_job
from campaigns.pages.paging import read_page
from campaigns.pages.shell import draw_page, operator_page, tell_refusal
from campaigns.selectors.row_ids import read_id
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
WORDS: dict[tuple[What, type[Model]], Any] = {
    (What.PEOPLE, App): gettext_lazy("People of %(name)s"),
    (What.DEVICES, App): gettext_lazy("Devices of %(name)s"),
    (What.PEOPLE, Workspace): gettext_lazy("Everybody in %(name)s"),
    (What.SEGMENT, Segment): gettext_lazy("Segment %(name)s of %(app)s"),
    (What.LABEL, Label): gettext_lazy("Label %(name)s of %(app)s"),
    (What.RECIPIENTS, Transfer): gettext_lazy("Recipients of transfer %(id)s %(name)s"),
}
# What a link to this page may ask for, by its parameter.
ADDRESSES = {
    "segment": What.SEGMENT,
    "label": What.LABEL,
    "transfer": What.RECIPIENTS,
    "app": What.PEOPLE,
}


class ExportForm(PageForm):
    """What is to be exported, and how. What is `wanted` is offered, however much there is."""

    what = forms.ChoiceField(label=gettext_lazy("What"))
    format = forms.ChoiceField(
        label=gettext_lazy("As"), choices=[(name, name.upper()) for name in FORMATS]
    )

    def __init__(self, *args: Any, principal: Any, wanted: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sources = list_sources(principal, wanted)
        self.offer_choices("what", [(key, label) for key, (label, _w, _of) in self.sources.items()])
        self.initial["what"] = wanted

    def find_source(self) -> tuple[str, Any]:
        """What was chosen, and whose it is."""
        _label, what, of = self.sources[self.cleaned_data["what"]]
        return what, of


def list_sources(principal: Any, wanted: str = "") -> dict[str, tuple[str, str, Any]]:
    """By key, what the principal may export: the words for it, what it is, whose it is.

    The first by name and the newest of what there may be many of, and what is `wanted` anyway.
    """
    apps: list[App] = list(find_apps(principal, EXPORT.role).order_by("pk")[:MAX_CHOICES])
    labels = Label.objects.filter(archived_at__isnull=True)
    found: list[tuple[What, Any]] = [
        *((What.PEOPLE, app) for app in apps),
        *((What.DEVICES, app) for app in apps),
        *((What.PEOPLE, one) for one in find_workspaces(principal, EXPORT.role).order_by("name")),
        *((What.SEGMENT, one) for one in _list_named(Segment.objects.all(), apps)),
        *((What.LABEL, one) for one in _list_named(labels, apps)),
        *((What.RECIPIENTS, one) for one in _list_newest(apps)),
        *_find_wanted(principal, wanted),
    ]
    return {_write_key(what, row): (_name_source(what, row), what, row) for what, row in found}


def _list_named(rows: QuerySet[Any], apps: list[App]) -> QuerySet[Any]:
    own = rows.filter(app__in=apps).select_related("app")
    return own.order_by("app", "name")[:MAX_CHOICES]


def _list_newest(apps: list[App]) -> QuerySet[Transfer]:
    return Transfer.objects.filter(app__in=apps).select_related("app").order_by("-pk")[:SHOWN]


def _find_wanted(principal: Any, key: str) -> Iterator[tuple[What, Any]]:
    """What a key means, if the principal may export it; workspaces are all listed anyway."""
    kind, _dash, number = key.rpartition("-")
    own = find_apps(principal, EXPORT.role)
    for what, model in WORDS:
        if kind == _write_kind(what, model) and model is not Workspace:
            rows = own if model is App else model._default_manager.filter(app__in=own)
            yield from ((what, row) for row in rows.filter(pk=read_id(number)))


def _write_key(what: What, row: Model) -> str:
    return f"{_write_kind(what, type(row))}-{row.pk}"


def _write_kind(what: What, model: type[Model]) -> str:
    return f"{what}-{model._meta.model_name}"


def _name_source(what: What, row: Any) -> str:
    app = row.app if hasattr(row, "app") else ""
    return str(WORDS[what, type(row)]) % {"name": row, "app": app, "id": row.pk}


@operator_page
def exports(request: HttpRequest) -> HttpResponse:
    """The files that there are, and a form for the next one."""
    may_export = has_role(request.user, None, EXPORT.role)
    posted = request.POST if request.method == "POST" else None
    wanted = _name_wanted(request) if posted is None else posted.get("what", "")
    form = ExportForm(posted, principal=request.user, wanted=wanted)
    if may_export and wanted and posted is None and wanted not in form.sources:
        raise NotFound(_("There is nothing like that which you may export."))
    if posted is not None:
        require_role(request.user, None, EXPORT.role)
        job = _start(request, form)
        if job is not None:
            return redirect("job", job.pk)
    now = timezone.now()
    rows = Job.objects.for_user(request.user).filter(kind=EXPORT.key)
    jobs, paging = read_page(request, rows.select_related("app", "workspace"), SHOWN)
    context = {
        **paging,
        "form": form if may_export and form.sources else None,
        "rows": [(describe_job(job, now), name_export(job)) for job in jobs],
    }
    status = 422 if form.is_bound and not form.is_valid() else 200
    return draw_page(request, "pages/exports.html", _("Exports"), context, status=status)


def _name_wanted(request: HttpRequest) -> str:
    """What an address such as ?segment=5 or ?transfer=7 means."""
    given = ((what, name, request.GET.get(name)) for name, what in ADDRESSES.items())
    return next((f"{what}-{name}-{pk}" for what, name, pk in given if pk), "")


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
        What.LABEL: _("Who carries %(name)s"),
        What.RECIPIENTS: _("Recipients of %(name)s"),
    }
    named = words[What(job.params["what"])]
    return named % {"name": job.params["name"]} if "name" in job.params else named
