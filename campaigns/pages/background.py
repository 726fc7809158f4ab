"""The background report: asked for from a report, watched and read on a page of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.errors import Invalid
from campaigns.models import App, Job, Settled
from campaigns.pages.background_links import JobLinks, read_links
from campaigns.pages.downloads import send_workbook
from campaigns.pages.jobs import find_job, read_job
from campaigns.pages.report_names import RECEIPT_WORDS, say_value
from campaigns.pages.report_question import Asked, BackgroundForm, read_asked
from campaigns.pages.reports import ALWAYS_SHOWN, SHARE_WORDS, Number, draw_refused, draw_report
from campaigns.pages.shell import draw_fragment, draw_page, operator_page, show_page
from campaigns.selectors.report_facts import RECEIPT_METRICS, find_open_rate
from campaigns.selectors.suggestions import list_custom
from campaigns.services.access import name_actor
from campaigns.services.report_jobs import (
    FIELDS,
    NUMBERS,
    Wanted,
    choose_place,
    hide_untold,
    list_told,
    sort_values,
    start_report,
)

SHOWN = 200
COUNTED_WORDS = gettext_lazy("Counted recipient by recipient: no list holds exactly these.")


@operator_page
def start(request: HttpRequest) -> HttpResponse:
    """Begin to count what the report of this address is about."""
    if request.method != "POST":
        return show_page(request, "reports")
    asked = read_asked(request.user, request.GET)
    if asked.form.errors:
        return draw_refused(request, asked)
    form = BackgroundForm(request.POST)
    if form.is_valid():
        field = form.cleaned_data["custom"].strip() or form.cleaned_data["field"]
        try:
            return redirect("report_job", _start(request, asked, field).pk)
        except Invalid as refusal:
            form.add_error("custom", _suggest(asked, field) or refusal.message)
    return draw_report(request, asked, form)


def _suggest(asked: Asked, field: str) -> str:
    """What to write for an attribute that is named by itself; "" where none has the name."""
    apps = App.objects.filter(pk__in=asked.app_ids)
    found = {one.name for app in apps for one in list_custom(app)}
    known = [name for name in sorted(found) if name.partition(".custom.")[2] == field]
    return _("Write %(names)s.") % {"names": _(" or ").join(known)} if known else ""


def _start(request: HttpRequest, asked: Asked, field: str) -> Job:
    apps = list(App.objects.filter(pk__in=asked.app_ids).select_related("workspace"))
    place = choose_place(request.user, apps)
    span = asked.ask().span
    only = {name.value: value for name, value in asked.only.items()}
    wanted = Wanted(tuple(apps), field, span.start, span.end, only)
    return start_report(place, wanted, actor=name_actor(request.user), now=timezone.now())


@operator_page
def report_job(request: HttpRequest, pk: int) -> HttpResponse:
    """How far it is, and what it came to."""
    return draw_page(request, "pages/report_job.html", _("Report"), _read(request, pk))


@operator_page
def report_job_status(request: HttpRequest, pk: int) -> HttpResponse:
    """The polled piece of it."""
    context = _read(request, pk)
    is_last = not context["is_live"]
    return draw_fragment(request, "pages/report_job_status.html", context, is_last=is_last)


def _read(request: HttpRequest, pk: int) -> dict[str, Any]:
    job = find_job(request.user, pk)
    field = job.params.get("field", "")
    lines = list_lines(job)
    apps = App.objects.for_user(request.user).values_list("pk", flat=True)
    links = read_links(job, list(apps)) if lines else None
    return {
        **read_job(request, job),
        "field": FIELDS.get(field, field),
        "heads": _list_heads(),
        "lines": [
            (say_value(field, value, value), [*_draw_numbers(value, numbers, links)])
            for value, numbers in lines[:SHOWN]
        ],
        "left_out": max(0, len(lines) - SHOWN),
        "is_linked": links is not None,
    }


def _draw_numbers(
    value: str, numbers: list[float | None], links: JobLinks | None
) -> Iterator[Number]:
    heads = _list_heads()
    for place, (head, number) in enumerate(zip(heads, numbers, strict=True)):
        name = NUMBERS[place] if place < len(NUMBERS) else ""
        link = links.find(value, name) if links and name and number else ""
        words = COUNTED_WORDS if name else SHARE_WORDS
        is_spare = not number and place not in ALWAYS_SHOWN
        yield Number(number, head, link, "" if link or not number else words, is_spare)


def _list_heads() -> list[str]:
    came = [str(RECEIPT_WORDS[metric]) for metric in RECEIPT_METRICS.values()]
    return [*(str(outcome.label) for outcome in Settled), *came, _("Open rate, %")]


def list_lines(job: Job) -> list[tuple[str, list[float | None]]]:
    """By value its numbers and the share of those sent to who opened."""
    told = list_told(job.cursor)
    lines = sort_values(job.cursor.get("values", {}))
    known = [(value, hide_untold(numbers, told)) for value, numbers in lines]
    return [(value, [*numbers, _find_rate(numbers)]) for value, numbers in known]


def _find_rate(numbers: list[int | None]) -> float | None:
    sent, opened = numbers[0], numbers[-1]
    return None if sent is None or opened is None else find_open_rate(sent, opened)


@operator_page
def report_job_xlsx(request: HttpRequest, pk: int) -> FileResponse:
    """The same as a workbook."""
    job = find_job(request.user, pk)
    heading = [job.params.get("field", ""), *_list_heads()]
    rows = [heading, *([value, *numbers] for value, numbers in list_lines(job))]
    return send_workbook(rows, _("Report"), f"report-{job.pk}.xlsx")
