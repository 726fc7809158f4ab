"""Reports: a table by group, tag, transfer and platform, lines by any dimension, background."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api import campaign_shapes as shapes
from campaigns.api.base import NativeViewSet
from campaigns.api.job_views import JobShape
from campaigns.api.listing import APP
from campaigns.api.paging import read_number
from campaigns.api.report_lines import (
    DAYS,
    FIRST_DAY,
    LAST_DAY,
    MOST_ROWS,
    NAMES,
    PAGED,
    PARAMETERS,
    BackgroundBody,
    ReportLinesShape,
    answer_lines,
    check_zone,
    read_days,
)
from campaigns.errors import Invalid
from campaigns.models import ApiKey, App
from campaigns.selectors.questions import NARROWING
from campaigns.selectors.report_facts import make_span
from campaigns.selectors.reports import report_table
from campaigns.services.report_jobs import Wanted, choose_place, start_report
from providers.reporting import read_zone
from providers.reports import FetchReport, Metric, ReportField, ReportTable

METRICS = (Metric.SENT, Metric.DELIVERED, Metric.SHOWN, Metric.OPENED)
REPORT_PARAMETERS = ("app", "by", "metrics", "sort", "date_from", "date_to", "timezone", "limit")


class ReportViews(NativeViewSet):
    """Numbers over days: a table, lines by any one dimension, a count in the background."""

    queryset = App.objects.all()
    serializer_class = BackgroundBody
    scopes: ClassVar[Mapping[str, str]] = {"background": ApiKey.Scope.READ}
    filters: ClassVar[Mapping[str, Sequence[str]]] = {
        "list": (*REPORT_PARAMETERS, "offset"),
        "lines": NAMES,
    }
    paged = frozenset()

    @extend_schema(
        parameters=[
            APP,
            OpenApiParameter("by", OpenApiTypes.STR, description="group,tag,transfer,platform"),
            OpenApiParameter("metrics", OpenApiTypes.STR, description="Default: the four counts."),
            OpenApiParameter("sort", OpenApiTypes.STR, description="-sent: the largest first."),
            *DAYS,
            *PAGED,
        ],
        responses=shapes.ReportShape,
    )
    def list(self, request: Request) -> Response:
        apps = self.filter_own_app()
        table = report_table(apps, self._read_command(apps), self.now)
        return Response(show_table(table))

    @extend_schema(parameters=PARAMETERS, responses=ReportLinesShape)
    @action(detail=False)
    def lines(self, request: Request) -> Response:
        return Response(answer_lines(request, self.filter_own_app(), self.now))

    @extend_schema(request=BackgroundBody, responses={201: JobShape})
    @action(detail=False, methods=["post"])
    def background(self, request: Request) -> Response:
        """Begin to count recipient by recipient; the job holds the report as a file."""
        body = self.read_body()
        apps = list(self.get_queryset().select_related("workspace").order_by("pk"))
        if "app" in body:
            apps = [self.find_app(body["app"])]
        place = choose_place(request.user, apps)
        self.require(place)
        zone = read_zone(apps[0].timezone)
        span = make_span([app.pk for app in apps], read_days(body, self.now, zone), zone)
        only = {name.value: str(body[name]) for name in NARROWING if name in body}
        wanted = Wanted(tuple(apps), body["field"], span.start, span.end, only)
        return Response(JobShape(start_report(place, wanted, **self.by)).data, status=201)

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
            date_from=query.get("date_from", FIRST_DAY),
            date_to=query.get("date_to", LAST_DAY),
            sort=self._read_sort(),
            limit=read_number(self.request, "limit", 100, 1, MOST_ROWS),
            offset=read_number(self.request, "offset", 0, 0, 2**31),
            timezone=check_zone(query.get("timezone", "")),
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
