"""Long work: the list of jobs, the page of one with its progress, cancel, its files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns.errors import NotFound, Refused
from campaigns.models import Job, Transfer
from campaigns.pages.job_links import list_links
from campaigns.pages.paging import read_page
from campaigns.pages.progress import Standing, read_standings
from campaigns.pages.shell import draw_fragment, draw_page, operator_page, tell_refusal
from campaigns.services.access import has_role, name_actor, record_audit, require_role
from campaigns.services.job_kinds import KINDS
from campaigns.services.jobs import (
    JobFile,
    JobKind,
    cancel_job,
    is_final,
    may_cancel,
    measure_files,
    read_file,
)

SHOWN = 50


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job with the words of its kind; `done_words` say what its progress counts, "" where that
    is what it comes to; `seconds_left` is None where nobody can say."""

    job: Job
    label: str
    done_words: str
    address: str
    figures: tuple[tuple[str, int], ...]
    seconds_left: int | None
    zone: str
    about: str


def find_job(principal: Any, pk: int) -> Job:
    """Raises NotFound."""
    rows = Job.objects.for_user(principal).select_related("app", "workspace")
    job: Job | None = rows.filter(pk=pk).first()
    if job is None:
        raise NotFound(_("There is no such job."))
    return job


@operator_page
def jobs(request: HttpRequest) -> HttpResponse:
    """What runs in the background, what it came to, and audiences that are being frozen."""
    return draw_page(request, "pages/jobs.html", _("Jobs"), _read_list(request))


@operator_page
def jobs_status(request: HttpRequest) -> HttpResponse:
    """The polled piece of it."""
    context = _read_list(request)
    return draw_fragment(request, "pages/jobs_rows.html", context, is_last=not context["is_live"])


def _read_list(request: HttpRequest) -> dict[str, Any]:
    now = timezone.now()
    found = Job.objects.for_user(request.user).select_related("app", "workspace")
    page, context = read_page(request, found, SHOWN)
    rows = [describe_job(job, now) for job in page]
    freezing = _list_freezing(request.user) if context["is_first"] else []
    is_live = bool(freezing) or any(row.job.status in Job.OPEN for row in rows)
    return {"rows": rows, "freezing": freezing, "is_live": is_live, **context}


def _list_freezing(principal: Any) -> list[Standing]:
    """Transfers whose audience is being frozen: long work too, with a page and a cancel there."""
    rows = Transfer.objects.for_user(principal).filter(
        frozen_at__isnull=True, status__in=Transfer.RUNNING, due_at__lte=timezone.now()
    )
    return read_standings(rows.select_related("app").order_by("-pk")[:SHOWN])


@operator_page
def job_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One job; a kind with a page of its own is shown there."""
    job = find_job(request.user, pk)
    kind = KINDS.get(job.kind)
    if kind and kind.page:
        return redirect(kind.page, pk)
    context = read_job(request, job)
    return draw_page(request, "pages/job.html", context["row"].label, context)


@operator_page
def job_status(request: HttpRequest, pk: int) -> HttpResponse:
    """The polled piece of it."""
    job = find_job(request.user, pk)
    is_last = job.status not in Job.OPEN
    return draw_fragment(request, "pages/job_status.html", read_job(request, job), is_last=is_last)


def read_job(request: HttpRequest, job: Job) -> dict[str, Any]:
    """What `pages/job_status.html` shows; pages of kinds add to it."""
    kind = KINDS.get(job.kind)
    may_change = kind is not None and has_role(request.user, job.place, kind.role)
    return {
        "row": describe_job(job, timezone.now()),
        "job": job,
        "is_live": job.status in Job.OPEN,
        "may_cancel": may_change and may_cancel(job),
        "is_final": is_final(job),
        "files": list(_list_files(job, kind)) if kind and may_change else [],
        "links": list_links(request.user, job),
        "events": job.events.order_by("-pk")[:20],
    }


def describe_job(job: Job, now: datetime) -> JobRow:
    """One line about a job."""
    kind = KINDS.get(job.kind)
    words = kind.counts if kind else {}
    figures = tuple(
        (str(word), job.counts[key]) for key, word in words.items() if key in job.counts
    )
    return JobRow(
        job=job,
        label=str(kind.label) if kind else job.kind,
        done_words=str(kind.done_words) if kind else "",
        address=reverse(kind.page if kind and kind.page else "job", args=[job.pk]),
        figures=figures,
        seconds_left=_estimate(job, now),
        zone=job.app.timezone if job.app else "UTC",
        about=kind.about(job) if kind else "",
    )


def _estimate(job: Job, now: datetime) -> int | None:
    if job.status != Job.Status.RUNNING or not job.total or not job.done:
        return None
    spent = (now - job.status_since).total_seconds()
    return round(spent * max(0, job.total - job.done) / job.done)


def _list_files(job: Job, kind: JobKind) -> Iterator[tuple[JobFile, int]]:
    sizes = measure_files(job)
    return ((file, sizes[file.role]) for file in kind.files if sizes.get(file.role))


@require_POST
@operator_page
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Stop it; what is done stays done, and what must not be left half done is ended."""
    job = find_job(request.user, pk)
    _require(request, job)
    try:
        cancel_job(job, actor=name_actor(request.user), now=timezone.now())
        messages.success(request, _("Cancelled. What was done before stays done."))
    except Refused as refusal:
        tell_refusal(request, refusal)
    return redirect("job", pk=pk)


@operator_page
def job_file(request: HttpRequest, pk: int, role: str) -> HttpResponseBase:
    """A file that the job has written, streamed; who takes it is kept in the audit log."""
    job = find_job(request.user, pk)
    kind = _require(request, job)
    file = next((file for file in kind.files if file.role == role), None)
    if file is None or not measure_files(job).get(role):
        raise Http404
    actor = name_actor(request.user)
    record_audit(actor, f"download_{role}", job, workspace=job.workspace, now=timezone.now())
    response = StreamingHttpResponse(read_file(job, role), content_type=file.content_type)
    response["Content-Disposition"] = f'attachment; filename="{job.kind}-{job.pk}-{file.name}"'
    return response


def _require(request: HttpRequest, job: Job) -> JobKind:
    kind = KINDS.get(job.kind)
    if kind is None:
        raise Http404
    require_role(request.user, job.place, kind.role)
    return kind
