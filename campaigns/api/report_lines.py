"""A report by any dimension of the books, as the API asks for it and as it is answered."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime, tzinfo
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request

from campaigns.api.asked import choose, choose_flag
from campaigns.api.listing import APP
from campaigns.api.paging import read_number
from campaigns.api.strict import StrictSerializer, Text, Whole
from campaigns.errors import Invalid
from campaigns.models.clock import list_zone_names
from campaigns.models.ledger import SETTLED_KEYS
from campaigns.selectors.dimensions import RECEIPTS, break_down
from campaigns.selectors.lines import Line, sum_lines
from campaigns.selectors.questions import NARROWING, Dimension, Question, is_value
from campaigns.selectors.report_facts import MAX_DAYS, make_span
from campaigns.selectors.reports import find_zone
from providers.reporting import read_day, read_zone

FIRST_DAY, LAST_DAY = "6daysAgo", "today"
MOST_ROWS = 10_000
DAYS = [
    OpenApiParameter("date_from", OpenApiTypes.STR, description="2026-11-20 or 6daysAgo"),
    OpenApiParameter("date_to", OpenApiTypes.STR, description="2026-11-20 or today"),
]
PAGED = [
    OpenApiParameter("timezone", OpenApiTypes.STR, description="Default: the app's."),
    OpenApiParameter("limit", OpenApiTypes.INT, description="1 to 10000, default 100."),
    OpenApiParameter("offset", OpenApiTypes.INT, description="From 0."),
]
PARAMETERS = [
    OpenApiParameter("by", OpenApiTypes.STR, enum=[name.value for name in Dimension]),
    APP, *DAYS, *PAGED,
    OpenApiParameter("of_sends", OpenApiTypes.BOOL, description="`receipts` of what was sent in "
                     "these days, whenever they came. By language, country, app_version and "
                     "send_hour, or narrowed to one, they always are."),
    *(OpenApiParameter(name.value, OpenApiTypes.STR, description="Only this.")
      for name in NARROWING),
]  # fmt: skip
NAMES = tuple(parameter.name for parameter in PARAMETERS)


class NumbersShape(serializers.Serializer[Any]):
    """`outcomes` of who was settled, `receipts` of what came back, `vendor` what vendors count
    themselves; null is "not reported".

    `open_rate` is of transfers that began in these days, in percent; where `receipts` are counted
    when they came, a day or an hour has none. `of_opened` is then the share of everything opened
    that was opened at it.
    """

    outcomes = serializers.DictField(child=serializers.IntegerField())
    receipts = serializers.DictField(child=serializers.IntegerField(allow_null=True))
    open_rate = serializers.FloatField(allow_null=True)
    of_opened = serializers.FloatField(allow_null=True)
    vendor = serializers.DictField(child=serializers.IntegerField(allow_null=True))


class ReportLineShape(NumbersShape):
    """A value of the dimension; `key` is what narrows a report to it."""

    key = serializers.CharField()
    name = serializers.CharField()


class ReportLinesShape(serializers.Serializer[Any]):
    by = serializers.ChoiceField([name.value for name in Dimension])
    rows = ReportLineShape(many=True)
    totals = NumbersShape()
    total_rows = serializers.IntegerField()
    date_from = serializers.DateField()
    date_to = serializers.DateField()
    timezone = serializers.CharField()


class BackgroundBody(StrictSerializer):
    """`field` is one of a report's fields, or `device.custom.<key>`, `person.custom.<key>`."""

    field = Text(max_length=120)
    app = Text(required=False)
    date_from = Text(required=False, default=FIRST_DAY)
    date_to = Text(required=False, default=LAST_DAY)
    transfer = Whole(required=False, min_value=1)
    group = Whole(required=False, min_value=1)
    tag = Text(required=False, allow_blank=True, max_length=255)


def check_zone(name: str) -> str:
    """The name of a time zone as it is, "" too; raises Invalid."""
    if name and name not in list_zone_names():
        sentence = _("Name an IANA time zone such as Europe/Berlin.")
        raise Invalid(sentence, fields={"timezone": sentence})
    return name


def read_days(query: Mapping[str, Any], now: datetime, zone: tzinfo) -> tuple[date, date]:
    """The first and the last day; raises Refused."""
    first = read_day(query.get("date_from", FIRST_DAY), now, zone)
    last = read_day(query.get("date_to", LAST_DAY), now, zone)
    if not 0 <= (last - first).days <= MAX_DAYS:
        sentence = _("Choose a day after the first, at most a year later.")
        raise Invalid(sentence, fields={"date_to": sentence})
    return first, last


def answer_lines(request: Request, apps: Collection[int], now: datetime) -> dict[str, Any]:
    """The lines that the query of a request asks for, of these apps; raises Refused."""
    query = request.query_params
    by = Dimension(choose(request, "by", [name.value for name in Dimension]) or Dimension.GROUP)
    name = check_zone(query.get("timezone", "")) or find_zone(apps)
    zone = read_zone(name)
    days = read_days(query, now, zone)
    limit = read_number(request, "limit", 100, 1, MOST_ROWS)
    offset = read_number(request, "offset", 0, 0, 2**31)
    is_of_sends = choose_flag(request, "of_sends")
    span, only = make_span(apps, days, zone), _read_narrowing(query)
    lines = break_down(Question(span, by, zone, only, is_of_sends))
    return {
        "by": by.value,
        "rows": [
            {"key": line.key, "name": line.name, **_show_numbers(line)}
            for line in lines[offset : offset + limit]
        ],
        "totals": _show_numbers(sum_lines(lines)),
        "total_rows": len(lines),
        "date_from": days[0].isoformat(),
        "date_to": days[1].isoformat(),
        "timezone": name,
    }


def _read_narrowing(query: Mapping[str, str]) -> dict[Dimension, str]:
    given = {name: query[name] for name in NARROWING if name in query}
    faults = {
        name.value: _("No line of a report has this value.")
        for name, value in given.items()
        if not is_value(name, value)
    }
    if faults:
        raise Invalid(_("Some query parameters are wrong; see fields."), fields=faults)
    return given


def _show_numbers(line: Line) -> dict[str, Any]:
    return {
        "outcomes": {outcome: line.outcomes.get(outcome, 0) for outcome in SETTLED_KEYS},
        "receipts": {metric.value: line.receipts.get(metric) for metric in RECEIPTS},
        "open_rate": line.open_rate,
        "of_opened": line.of_opened,
        "vendor": {metric.value: line.vendor.get(metric) for metric in RECEIPTS},
    }
