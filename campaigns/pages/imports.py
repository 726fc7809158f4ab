"""Imports: the list, and one of them: what its columns are, the dry run, and applying it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from campaigns.errors import NotFound, Refused
from campaigns.models import App, Import, Job, Label
from campaigns.models.audience import PLATFORMS
from campaigns.pages.fields import PageForm
from campaigns.pages.import_columns import (
    describe_columns,
    find_name_faults,
    list_attributes,
    read_mapping,
)
from campaigns.pages.jobs import find_job, read_job
from campaigns.pages.paging import read_page
from campaigns.pages.row_history import find_history
from campaigns.pages.shell import (
    draw_fragment,
    draw_page,
    operator_page,
    show_page,
    tell_refusal,
)
from campaigns.selectors.row_ids import read_id
from campaigns.services import imports as services
from campaigns.services.access import Role, has_role, name_actor, require_role
from campaigns.services.import_book import Verdict
from campaigns.services.import_left_out import count_left_out
from campaigns.services.import_steps import SAMPLES, read_choice
from campaigns.services.import_tally import read_tally
from campaigns.services.import_targets import Choice, list_targets
from campaigns.services.jobs import read_file

SHOWN = 50
SHOWN_REASONS = 10
NO_COLUMNS: Mapping[str, Any] = {"columns": [], "attributes": []}  # for who may not change them
MAX_LABELS = 100
ROLE = Role.COMPOSER


class ChoiceForm(PageForm):
    """What is to be done with a file, beside its columns."""

    verb = forms.ChoiceField(label=gettext_lazy("What to do"), choices=Import.Verb.choices)
    platform = forms.ChoiceField(
        label=gettext_lazy("Platform of every device"),
        choices=[("", gettext_lazy("As a column says")), *PLATFORMS],
        required=False,
    )
    labels = forms.MultipleChoiceField(
        label=gettext_lazy("Labels"),
        required=False,
        help_text=gettext_lazy("Every person of the file gets them, or loses them."),
    )
    moves_devices = forms.BooleanField(
        label=gettext_lazy("Move devices that belong to somebody else"),
        required=False,
        help_text=gettext_lazy("Without it, such a row is a conflict and is left out."),
    )

    def __init__(self, *args: Any, app: App, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._offer_labels(Label.objects.filter(app=app).order_by("name"))

    def _offer_labels(self, rows: QuerySet[Label]) -> None:
        """The first of them, and what is chosen already."""
        open_ones = rows.filter(archived_at__isnull=True)
        first = list(open_ones[: MAX_LABELS + 1])
        if len(first) > MAX_LABELS:  # told before the field is drawn
            words = _(
                "The first %(shown)s of %(count)s labels are listed; from the page of any other a "
                "file can be uploaded for it."
            )
            counts = {"shown": MAX_LABELS, "count": f"{open_ones.count():,}"}
            self.fields["labels"].help_text = words % counts
        chosen = [read_id(str(pk)) for pk in self["labels"].value() or ()]
        labels = dict.fromkeys([*rows.filter(pk__in=chosen), *first[:MAX_LABELS]])
        self.offer_choices("labels", [(str(label.pk), label.name) for label in labels])


def find_import(principal: Any, pk: int) -> Import:
    """Raises NotFound."""
    rows = Import.objects.for_user(principal).select_related(
        "app__workspace", "upload", "check_job", "apply_job"
    )
    one: Import | None = rows.filter(pk=pk).first()
    if one is None:
        raise NotFound(_("There is no such import."))
    return one


@operator_page
def imports(request: HttpRequest) -> HttpResponse:
    """All imports, the newest first, page by page."""
    rows = Import.objects.for_user(request.user).select_related(
        "app", "upload", "check_job", "apply_job"
    )
    page, paging = read_page(request, rows, SHOWN)
    context = {
        **paging,
        "rows": [(one, name_state(one), _find_job(one)) for one in page],
        "may_import": has_role(request.user, None, ROLE),
    }
    return draw_page(request, "pages/imports.html", _("Imports"), context)


def name_state(one: Import) -> tuple[str, Any]:
    """The status of its chip, and the words on it."""
    words = {
        "uploaded": ("draft", _("Uploaded")),
        "checking": ("running", _("Dry run")),
        "checked": ("waiting", _("Checked")),
        "applying": ("running", _("Importing")),
        "applied": ("done", _("Imported")),
        "failed": ("failed", _("Failed")),
        "cancelled": ("cancelled", _("Cancelled")),
    }
    return words[services.name_state(one)]


def _find_job(one: Import) -> Job | None:
    return one.apply_job or one.check_job


@operator_page
def import_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One import: its columns, its dry run, what it came to."""
    one = find_import(request.user, pk)
    return _draw(request, one)


def _draw(
    request: HttpRequest, one: Import, mapping: Mapping[str, str] | None = None, *,
    form: ChoiceForm | None = None, faults: Mapping[str, str] | None = None,
) -> HttpResponse:  # fmt: skip
    choice = read_choice(one)
    initial = {
        "verb": choice.verb, "platform": choice.platform, "moves_devices": choice.moves_devices,
        "labels": [str(label) for label in choice.labels],
    }  # fmt: skip
    faults = faults or {}
    status = _read_status(request, one)
    context = {
        **status,
        "history_page": find_history(request.user, one, one.app.workspace),
        "form": form or ChoiceForm(initial=initial, app=one.app),
        **(_list_columns(request, one, mapping, faults) if status["may_change"] else NO_COLUMNS),
        "fault": faults.get("mapping") or faults.get("labels", ""),
        "targets": list_targets(),
        "is_open": bool(faults) or one.check_job is None,
    }
    title = _("Import of %(name)s") % {"name": one.file_name or f"#{one.pk}"}
    return draw_page(request, "pages/import.html", title, context, status=422 if faults else 200)


def _list_columns(
    request: HttpRequest, one: Import, mapping: Mapping[str, str] | None, faults: Mapping[str, str]
) -> dict[str, Any]:
    attributes = list_attributes(one.app)
    columns = describe_columns(one, mapping, faults, request.POST, attributes)
    return {"columns": columns, "attributes": sorted(attributes.items())}


def _read_status(request: HttpRequest, one: Import) -> dict[str, Any]:
    """What the polled piece shows."""
    job = _find_job(one)
    checked, applied = one.check_job, one.apply_job
    told = checked if count_left_out(checked) else applied
    state = services.name_state(one)
    may_change = has_role(request.user, one.app, ROLE)
    may_see = may_change and services.reaches_all_of(request.user, one)
    own = read_job(request, job) if job else {"is_live": False}
    return {
        **own,
        "one": one,
        "chip": name_state(one),
        "may_change": may_change and services.find_running(one) is None and state != "applied",
        "may_apply": may_see and _writes(checked) and _is_ready(one, state),
        "is_applied": state == "applied",
        "is_of_others": may_change and not may_see and _is_ready(one, state),
        "is_idle": checked is not None and not _writes(checked) and _is_ready(one, state),
        "fields": sorted(checked.cursor.get("fields", {}).items()) if checked else [],
        "unread": services.list_unread_columns(one),
        "samples": _read_samples(checked) if may_see and checked and not applied else [],
        "left_out": count_left_out(checked) if may_change else 0,
        "why": _tell_why(told) if may_change and told and not own["is_live"] else {},
        "left_out_since": count_left_out(applied) if may_change else 0,
    }


def _is_ready(one: Import, state: str) -> bool:
    checked = one.check_job
    is_done = checked is not None and checked.status == Job.Status.DONE
    return is_done and services.find_running(one) is None and state != "applied"


def _writes(checked: Job | None) -> bool:
    """Whether a dry run found a row that would change anything."""
    counts = checked.counts if checked else {}
    return bool(counts.get(Verdict.NEW.value) or counts.get(Verdict.CHANGED.value))


def _read_samples(job: Job) -> list[dict[str, Any]]:
    text = b"".join(read_file(job, SAMPLES))
    # A row that named somebody who was erased is struck out.
    return [json.loads(line) for line in text.splitlines() if line.startswith(b"{")]


def _tell_why(job: Job) -> dict[str, Any]:
    """Why rows were left out, the most frequent reason first."""
    tally = read_tally(job)
    return {
        "rows": tally.reasons[:SHOWN_REASONS],
        "more": max(len(tally.reasons) - SHOWN_REASONS, 0),
        "others": tally.others,
        "counted": tally.rows,
        "is_whole": tally.rows == count_left_out(job),
    }


@operator_page
def import_status(request: HttpRequest, pk: int) -> HttpResponse:
    """The polled piece; once all is done the whole page is loaded anew."""
    one = find_import(request.user, pk)
    context = _read_status(request, one)
    response = draw_fragment(
        request, "pages/import_status.html", context, is_last=not context["is_live"]
    )
    if not context["is_live"]:
        response["HX-Refresh"] = "true"
    return response


@operator_page
def check(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep what the columns are and begin a dry run; what is wrong is shown where it was typed."""
    one = find_import(request.user, pk)
    if request.method != "POST":
        return show_page(request, "import", pk)
    require_role(request.user, one.app, ROLE)
    mapping = read_mapping(one, request.POST)
    form = ChoiceForm(request.POST, app=one.app)
    faults = find_name_faults(mapping)
    if faults or not form.is_valid():
        return _draw(request, one, mapping, form=form, faults=faults or {"mapping": ""})
    try:
        services.check_import(
            one,
            _make_choice(mapping, form.cleaned_data),
            principal=request.user,
            actor=name_actor(request.user),
            now=timezone.now(),
        )
    except Refused as refusal:
        told = refusal.fields or {"mapping": refusal.message}
        return _draw(request, one, mapping, form=form, faults=told)
    return redirect("import", pk)


def _make_choice(mapping: Mapping[str, str], given: Mapping[str, Any]) -> Choice:
    return Choice(
        mapping,
        given["verb"],
        given["platform"],
        tuple(map(int, given["labels"])),
        given["moves_devices"],
    )


@require_POST
@operator_page
def apply(request: HttpRequest, pk: int) -> HttpResponse:
    """Do what the dry run showed."""
    one = find_import(request.user, pk)
    require_role(request.user, one.app, ROLE)
    try:
        services.apply_import(
            one, principal=request.user, actor=name_actor(request.user), now=timezone.now()
        )
        messages.success(request, _("The import has begun."))
    except Refused as refusal:
        tell_refusal(request, refusal)
    return redirect("import", pk)


@operator_page
def import_of_job(request: HttpRequest, pk: int) -> HttpResponse:
    """The import that a job belongs to; a job of an upload that was refused has its own page."""
    job = find_job(request.user, pk)
    for name in ("apply_job", "check_job", "upload"):
        one = Import.objects.filter(**{name: job}).first()
        if one is not None:
            return redirect("import", one.pk)
    context = read_job(request, job)
    return draw_page(request, "pages/job.html", context["row"].label, context)
