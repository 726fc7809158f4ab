"""Reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from zoneinfo import available_timezones

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api import campaign_shapes as shapes
from campaigns.api.base import NativeViewSet
from campaigns.api.listing import APP
from campaigns.api.paging import read_number
from campaigns.errors import Invalid
from campaigns.models import App
from campaigns.selectors.reports import report_table
from providers.reports import FetchReport, Metric, ReportField, ReportTable

METRICS = (Metric.SENT, Metric.DELIVERED, Metric.SHOWN, Metric.OPENED)
MOST_ROWS = 10_000
REPORT_PARAMETERS = ("app", "by", "metrics", "sort", "date_from", "date_to", "timezone", "limit")


class ReportViews(NativeViewSet):
    """One table: numbers by group, tag, transfer or platform over days."""

    queryset = App.objects.all()
    filters: ClassVar[Mapping[str, Sequence[str]]] = {"list": (*REPORT_PARAMETERS, "offset")}
    paged = frozenset()

    @extend_schema(
        parameters=[
            APP,
            OpenApiParameter("by", OpenApiTypes.STR, description="group,tag,transfer,platform"),
            OpenApiParameter("metrics", OpenApiTypes.STR, description="Default: the four counts."),
            OpenApiParameter("sort", OpenApiTypes.STR, description="-sent: the largest first."),
            OpenApiParameter("date_from", OpenApiTypes.STR, description="2026-11-20 or 6daysAgo"),
            OpenApiParameter("date_to", OpenApiTypes.STR, description="2026-11-20 or today"),
            OpenApiParameter("timezone", OpenApiTypes.STR, description="Default: the app's."),
            OpenApiParameter("limit", OpenApiTypes.INT, description="1 to 10000, default 100."),
            OpenApiParameter("offset", OpenApiTypes.INT, description="From 0."),
        ],
        responses=shapes.ReportShape,
    )
    def list(self, request: Request) -> Response:
        apps = self.filter_own_app()
        table = report_table(apps, self._read_command(apps), self.now)
        return Response(show_table(table))

    def filter_own_app(self) -> Sequence[int]:
        slug = self.request.query_params.get("app")
        rows = self.get_queryset()
        return (
            [self.find_app(slug).pk]
            if slug is not None
            else list(rows.values_list("pk", flat=True))
        )

    def _read_command(self, apps: Sequence[int]) -> FetchReport:
        query = self.request.query_params
        return FetchReport(
            apps=tuple(map(str, apps)),
            dimensions=tuple(ReportField(word) for word in self._split("by", ReportField)),
            metrics=tuple(Metric(word) for word in self._split("metrics", Metric)) or METRICS,
            date_from=query.get("date_from", "6daysAgo"),
            date_to=query.get("date_to", "today"),
            sort=self._read_sort(),
            limit=read_number(self.request, "limit", 100, 1, MOST_ROWS),
            offset=read_number(self.request, "offset", 0, 0, 2**31),
            timezone=_check_zone(query.get("timezone", "")),
        )

    def _split(self, name: str, known: Any) -> Sequence[str]:
        words = [word for word in self.request.query_params.get(name, "").split(",") if word]
        if set(words) - set(known) or len(set(words)) < len(words):
            sentence = _("Some of %(known)s, each once, with commas.") % {"known": ", ".join(known)}
            raise Invalid(sentence, fields={name: sentence})
        return words

    def _read_sort(self) -> tuple[tuple[str, bool], ...]:
        words = [word for word in self.request.query_params.get("sort", "").split(",") if word]
        known = {*ReportField, *Metric}
        if any(word.removeprefix("-") not in known for word in words):
            sentence = _("Sort by dimensions or metrics, with - for the largest first.")
            raise Invalid(sentence, fields={"sort": sentence})
        return tuple((word.removeprefix("-"), word.startswith("-")) for word in words)


def _check_zone(name: str) -> str:
    if name and name not in available_timezones():
        sentence = _("Name an IANA time zone such as Europe/Berlin.")
        raise Invalid(sentence, fields={"timezone": sentence})
    return name


def show_table(table: ReportTable) -> dict[str, Any]:
    """A report as our JSON: a cell per dimension and a number or null per metric, by name."""
    command = table.command
    dimensions = [field.value for field in command.dimensions]
    metrics = [metric.value for metric in command.metrics]
    rows = [
        {
            name: {"name": cell.name, "id": cell.id}
            for name, cell in zip(dimensions, row.dimensions, strict=True)
        }
        | dict(zip(metrics, row.metrics, strict=True))
        for row in table.rows
    ]
    return {
        "rows": rows,
        "totals": dict(zip(metrics, table.totals, strict=True)),
        "total_rows": table.total_rows,
        "date_from": table.date_from,
        "date_to": table.date_to,
    }
