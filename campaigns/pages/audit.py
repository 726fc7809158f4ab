"""The audit log: who did what to which row, overall and of one row; the same as a file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, time
from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models import AuditEntry, Workspace
from campaigns.pages.access import require_workspace
from campaigns.pages.authors import name_authors
from campaigns.pages.downloads import stream_csv
from campaigns.pages.fields import LongSelect, PageForm
from campaigns.pages.row_history import find_row_page
from campaigns.pages.shell import draw_page, operator_page
from campaigns.selectors.row_ids import read_id
from campaigns.services.access import find_workspaces, name_actor, record_audit
from campaigns.services.audit_words import list_kinds, list_verbs
from campaigns.services.permissions import Role

PAGE = 50
CHUNK = 2_000
HEADING = ["at", "actor", "verb", "kind", "id", "fields"]
CODE = re.compile("[a-z_]{1,60}")
FILTERS = {"actor": "actor", "verb": "verb", "kind": "target_type", "number": "target_id"}


class AuditFilter(PageForm):
    """What the log may be narrowed by."""

    actor = forms.CharField(
        label=gettext_lazy("Who, in full"),
        required=False,
        max_length=150,
    )
    verb = forms.ChoiceField(label=gettext_lazy("What"), required=False, widget=LongSelect)
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), required=False, widget=LongSelect)
    number = forms.CharField(label=gettext_lazy("Id"), required=False, max_length=60)
    date_from = forms.DateField(
        label=gettext_lazy("From (UTC)"), required=False, widget=forms.DateInput({"type": "date"})
    )
    date_to = forms.DateField(
        label=gettext_lazy("To (UTC)"), required=False, widget=forms.DateInput({"type": "date"})
    )

    def __init__(self, asked: Any) -> None:
        super().__init__(asked)
        for name, known in (("verb", list_verbs()), ("kind", list_kinds())):
            self.offer_choices(name, [("", _("Any")), *known, *self._keep(name, known)])

    def _keep(self, name: str, known: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """A code that an address names and no entry of today has, such as one of before."""
        code = self.data.get(name, "")
        is_kept = CODE.fullmatch(code) and code not in dict(known)
        return [(code, code)] if is_kept else []

    def select(self, workspace: Workspace) -> QuerySet[AuditEntry]:
        """The entries that fit, the newest first; a filter that is wrong is shown, not applied."""
        self.is_valid()
        given = self.cleaned_data
        rows = AuditEntry.objects.filter(
            workspace=workspace,
            **{FILTERS[name]: given[name] for name in FILTERS if given.get(name)},
        )
        if given.get("date_from"):
            rows = rows.filter(at__gte=datetime.combine(given["date_from"], time(), UTC))
        if given.get("date_to"):
            rows = rows.filter(at__lte=datetime.combine(given["date_to"], time.max, UTC))
        return rows.order_by("-at", "-pk")


def select_before(rows: QuerySet[AuditEntry], at: datetime, pk: int) -> QuerySet[AuditEntry]:
    """Those that stand below an entry in the log's order: many may be of one moment."""
    return rows.filter(Q(at__lt=at) | Q(pk__lt=pk), at__lte=at)


@operator_page
def audit(request: HttpRequest) -> HttpResponse:
    """The entries of a workspace, a page at a time, or the one of `?entry=` with all its fields."""
    workspace = require_workspace(request.user, request.GET.get("workspace", ""))
    return _draw(request, workspace, AuditFilter(request.GET))


def _draw(request: HttpRequest, workspace: Workspace, form: AuditFilter) -> HttpResponse:
    rows = form.select(workspace)
    before = _find_before(request, workspace)
    if before:
        rows = select_before(rows, before.at, before.pk)
    asked = request.GET.get("entry", "")
    rows = rows.filter(pk=read_id(asked)) if asked else rows
    found = list(rows[: PAGE + 1])
    for entry in found:
        entry.workspace = workspace  # which links name
    context = {
        "workspace": workspace,
        "workspaces": list(find_workspaces(request.user, Role.ADMIN).order_by("name", "pk")),
        "form": form,
        "entries": [(entry, find_row_page(entry)) for entry in found[:PAGE]],
        "authors": name_authors((entry.actor for entry in found), [workspace.pk]),
        "before": found[PAGE - 1].pk if len(found) > PAGE else "",
        "is_first": not before,
        "is_one": bool(asked),
        "is_filtered": any(request.GET.get(name) for name in (*form.fields, "entry")),
    }
    status = 200 if form.is_valid() else 422
    return draw_page(request, "pages/audit.html", _("Audit log"), context, status=status)


@operator_page
def audit_csv(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """All that fit the filters; that somebody took them is an entry too. A filter that is wrong
    makes no file, which would hold more than was asked for."""
    workspace = require_workspace(request.user, request.GET.get("workspace", ""))
    form = AuditFilter(request.GET)
    if not form.is_valid():
        return _draw(request, workspace, form)
    selected = form.select(workspace)
    record_audit(
        name_actor(request.user), "download_audit", workspace, workspace=workspace,
        now=timezone.now(),
    )  # fmt: skip
    return stream_csv(_list_lines(selected), f"audit-{workspace.slug}.csv")


def _find_before(request: HttpRequest, workspace: Workspace) -> AuditEntry | None:
    """The last entry of the page before; None for the first page."""
    pk = read_id(request.GET.get("before", ""))
    return AuditEntry.objects.filter(workspace=workspace, pk=pk).first() if pk else None


def _list_lines(selected: QuerySet[AuditEntry]) -> Iterator[list[Any]]:
    yield HEADING
    rows = list(selected[:CHUNK])
    while rows:
        for row in rows:
            fields = " ".join(row.fields)
            yield [row.at.isoformat(), row.actor, row.verb, row.target_type, row.target_id, fields]
        rows = list(select_before(selected, rows[-1].at, rows[-1].pk)[:CHUNK])
