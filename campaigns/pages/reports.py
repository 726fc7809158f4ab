"""Reports: days, then group > tag > transfer; the same numbers as a file."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models import App, Group, Settled, Transfer
from campaigns.pages.fields import PageForm
from campaigns.pages.home import write_chart
from campaigns.pages.shell import draw_fragment, draw_page, operator_page
from campaigns.selectors.reports import (
    DayTotal,
    count_channels,
    daily_totals,
    list_report_rows,
    report_level,
    report_table,
)
from campaigns.services.cells import disarm
from providers.reports import FetchReport, Metric, ReportField, ReportTable

DEFAULT_DAYS = 29
MAX_DAYS = 366
MAX_DAYS_AGO = 4000
COLUMNS = (
    (Metric.SENT, gettext_lazy("Sent")),
    (Metric.DELIVERED, gettext_lazy("Delivered")),
    (Metric.SHOWN, gettext_lazy("Shown")),
    (Metric.OPENED, gettext_lazy("Opened")),
    (Metric.OPEN_RATE, gettext_lazy("Open rate, %")),
)


class ReportFilter(PageForm):
    """Days and app of a report."""

    date_from = forms.DateField(
        label=gettext_lazy("From"), widget=forms.DateInput({"type": "date"})
    )
    date_to = forms.DateField(label=gettext_lazy("To"), widget=forms.DateInput({"type": "date"}))
    app = forms.ModelChoiceField(
        App.objects.none(),
        label=gettext_lazy("App"),
        required=False,
        empty_label=gettext_lazy("All apps"),
    )

    def __init__(self, *args: Any, principal: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer("app", App.objects.for_user(principal).order_by("name"))

    def clean(self) -> dict[str, Any]:
        """The first day comes first, and not more than a year is asked for."""
        values = super().clean() or self.cleaned_data
        first, last = values.get("date_from"), values.get("date_to")
        if first and last and not 0 <= (last - first).days <= MAX_DAYS:
            self.add_error("date_to", _("Choose a day after the first, at most a year later."))
        return values


@dataclass(frozen=True, slots=True)
class Asked:
    """What a report is about."""

    form: ReportFilter
    app_ids: list[int]
    days: tuple[date, date]

    @property
    def texts(self) -> tuple[str, str]:
        """Both days as texts."""
        return self.days[0].isoformat(), self.days[1].isoformat()


def _read_asked(request: HttpRequest) -> Asked:
    today = timezone.now().date()
    values = request.GET.copy()
    values.setdefault("date_from", (today - timedelta(days=DEFAULT_DAYS)).isoformat())
    values.setdefault("date_to", today.isoformat())
    form = ReportFilter(values, principal=request.user)
    app_ids = list(App.objects.for_user(request.user).values_list("pk", flat=True))
    if not form.is_valid():
        return Asked(form, app_ids, (today - timedelta(days=DEFAULT_DAYS), today))
    app = form.cleaned_data["app"]
    days = form.cleaned_data["date_from"], form.cleaned_data["date_to"]
    return Asked(form, [app.pk] if app else app_ids, days)


@operator_page
def reports(request: HttpRequest) -> HttpResponse:
    """Totals, a plot by day, and the first level of the drill-down."""
    asked, now = _read_asked(request), timezone.now()
    table = report_level(asked.app_ids, asked.texts, (), now=now)
    # One day more than counted in UTC: in the app's zone tomorrow may have begun.
    ago = max(1, min(MAX_DAYS_AGO, (now.date() - asked.days[0]).days + 2))
    totals = daily_totals(asked.app_ids, ago, now)
    shown = tuple(day for day in totals if asked.days[0] <= day.day <= asked.days[1])
    labels = [label for _metric, label in COLUMNS]
    context = {
        "asked": asked,
        "form": asked.form,
        "columns": COLUMNS,
        "cards": [*zip(labels, table.totals, strict=True), *_sum_outcomes(shown)],
        "rows": _draw_rows(table, (), asked, request),
        "days": shown,
        "chart": write_chart(shown),
    }
    return draw_page(request, "pages/reports.html", _("Reports"), context)


def _sum_outcomes(days: tuple[DayTotal, ...]) -> list[tuple[Any, int]]:
    """Everybody who was not sent to, by outcome."""
    others = [outcome for outcome in Settled if outcome is not Settled.SENT]
    return [(outcome.label, sum(day.outcomes[outcome] for day in days)) for outcome in others]


@operator_page
def report_rows(request: HttpRequest) -> HttpResponse:
    """The rows below a group, or below a tag of it, as htmx asks for them."""
    asked = _read_asked(request)
    parents = tuple(request.GET.getlist("parent"))[:2]
    table = report_level(asked.app_ids, asked.texts, parents, now=timezone.now())
    return draw_fragment(
        request, "pages/report_rows.html", {"rows": _draw_rows(table, parents, asked, request)}
    )


def _draw_rows(
    table: ReportTable, parents: tuple[str, ...], asked: Asked, request: HttpRequest
) -> list[dict[str, Any]]:
    level = len(parents)
    names = _name_transfers(table) if level == 2 else {}
    apps = _name_apps(table) if level == 0 and len(asked.app_ids) > 1 else {}
    channels = count_channels(asked.app_ids, asked.texts, names, now=timezone.now())
    rows = []
    for row in table.rows:
        cell = row.dimensions[0]
        below = [*parents, cell.id or cell.name]
        query = request.GET.copy()
        query.setlist("parent", below)
        rows.append(
            {
                "name": names.get(cell.id, cell.name),
                "app": apps.get(cell.id, ""),
                "channels": channels.get(cell.id, {}),
                "numbers": row.metrics,
                "depth": level,
                "path": "/".join(below),
                "path_above": "/".join(parents),
                "query": "?" + query.urlencode(),
                "is_transfer": level == 2,
                "id": cell.id or cell.name,
            }
        )
    return rows


def _name_apps(table: ReportTable) -> dict[str, str]:
    """By id of a group, the name of its app: groups of two apps may have one name."""
    ids = [int(row.dimensions[0].id) for row in table.rows]
    rows = Group.objects.filter(pk__in=ids).values_list("pk", "app__name")
    return {str(pk): name for pk, name in rows}


def _name_transfers(table: ReportTable) -> dict[str, str]:
    """By id, the number and the name: runs of a series are told apart by their time."""
    ids = [int(row.dimensions[0].id) for row in table.rows]
    rows = Transfer.objects.filter(pk__in=ids).values_list("pk", "name")
    return {str(pk): f"{pk} {name}".strip() for pk, name in rows}


@operator_page
def report_csv(request: HttpRequest) -> StreamingHttpResponse:
    """Every transfer of the report as a line of a file."""
    asked = _read_asked(request)
    command = FetchReport(
        apps=tuple(map(str, asked.app_ids)),
        metrics=tuple(metric for metric, _label in COLUMNS),
        dimensions=(ReportField.GROUP, ReportField.TAG, ReportField.TRANSFER),
        date_from=asked.texts[0],
        date_to=asked.texts[1],
        limit=1_000_000,
    )
    table = report_table(asked.app_ids, command, timezone.now())
    name = f"report-{asked.texts[0]}-{asked.texts[1]}.csv"
    return stream_csv(list_report_rows(table), name)


class _Echo:
    """A file for the csv module that gives every line back."""

    def write(self, value: str) -> str:
        return value


def stream_csv(rows: Iterator[list[Any]], name: str) -> StreamingHttpResponse:
    """Lines as a download, made while they are read; nothing in them is run by a spreadsheet."""
    writer = csv.writer(_Echo())
    lines = (writer.writerow([disarm(cell) for cell in row]) for row in rows)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)
