"""What a report is asked for (seed section "Getting a push campaign report", vendor pages "Table"
and "Drill down"). `wire_filters` reads the language of `filters`, `wire_report` has the answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from typing import Any
from zoneinfo import available_timezones

from providers.blocks import is_clean
from providers.inbound import Call
from providers.reports import FetchReport, Metric, ReportField

from .wire_filters import DIMENSIONS, FIELDS, read_filters, write_filters
from .wire_values import is_number, read_query_number, refuse_missing, refuse_value

TABLE_PATH = "stat/v1/data"
CSV_PATH = "stat/v1/data.csv"
DRILLDOWN_PATH = "stat/v1/data/drilldown"
DRILLDOWN_CSV_PATH = "stat/v1/data/drilldown.csv"

MAX_METRICS = 20
MAX_DIMENSIONS = 10
MAX_ROWS = 100_000
MAX_DRILLDOWN_ROWS = 10_000
DEFAULT_ROWS = 100
MAX_APPS = 100

# `users` stands in the use case, `shownDevices` and `eventsConversion` only in newer clients.
METRICS = {
    Metric.SENT: "ym:pc:sentDevices",
    Metric.DELIVERED: "ym:pc:receivedDevices",
    Metric.SHOWN: "ym:pc:shownDevices",
    Metric.OPENED: "ym:pc:openedDevices",
    Metric.OPEN_RATE: "ym:pc:conversion",
    Metric.EVENT_RATE: "ym:pc:eventsConversion",
    Metric.USERS: "ym:pc:users",
}
READ_METRICS = {theirs: ours for ours, theirs in METRICS.items()}

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}|today|yesterday|\d{1,4}daysAgo", re.ASCII)
_OFFSET = re.compile(r"[+-](0\d|1[0-4]):[0-5]\d", re.ASCII)


def write_fetch_report(command: FetchReport) -> dict[str, str]:
    """The parameters of a report call."""
    query = {
        "ids": ",".join(command.apps),
        "metrics": ",".join(METRICS[metric] for metric in command.metrics),
        "dimensions": ",".join(DIMENSIONS[item] for item in command.dimensions),
        "date1": command.date_from,
        "date2": command.date_to,
        "filters": "" if command.where is None else write_filters(command.where),
        "sort": ",".join(write_sort(*item) for item in command.sort),
        "limit": str(command.limit),
        "offset": str(command.offset + 1),
        "timezone": command.timezone,
        "parent_id": json.dumps(command.parents) if command.parents else "",
    }
    return {name: value for name, value in query.items() if value}


def read_table_query(call: Call) -> FetchReport:
    return _read_query(call.query, is_drilldown=False, is_csv=False)


def read_csv_query(call: Call) -> FetchReport:
    return _read_query(call.query, is_drilldown=False, is_csv=True)


def read_drilldown_query(call: Call) -> FetchReport:
    return _read_query(call.query, is_drilldown=True, is_csv=False)


def read_drilldown_csv_query(call: Call) -> FetchReport:
    return _read_query(call.query, is_drilldown=True, is_csv=True)


def _read_query(query: Mapping[str, str], *, is_drilldown: bool, is_csv: bool) -> FetchReport:
    for name, text in query.items():
        if not is_clean(text):
            raise refuse_value(name, ascii(text))
    metrics = _read_metrics(query)
    dimensions = _read_dimensions(query)
    date_from, date_to = _read_days(query)
    sort = _read_sort(query, metrics, dimensions)
    return FetchReport(
        apps=_read_apps(query),
        metrics=metrics,
        dimensions=dimensions,
        date_from=date_from,
        date_to=date_to,
        where=read_filters(query.get("filters", "")),
        sort=sort,
        limit=_read_limit(query, MAX_DRILLDOWN_ROWS if is_drilldown else MAX_ROWS),
        offset=(read_query_number(query, "offset") or 1) - 1,
        timezone=_read_timezone(query),
        parents=_read_parents(query, dimensions) if is_drilldown else (),
        is_drilldown=is_drilldown,
        is_csv=is_csv,
        asked={"filters": query.get("filters", "")},
    )


def _split(query: Mapping[str, str], name: str) -> list[str]:
    text = query.get(name, "").strip()
    return [item.strip() for item in text.split(",")] if text else []


def _read_apps(query: Mapping[str, str]) -> tuple[str, ...]:
    # `id` is the obsolete name, still used by the vendor's own samples.
    name = "ids" if query.get("ids", "").strip() else "id"
    texts = _split(query, name)
    if not texts:
        raise refuse_missing("ids")
    for text in texts[: MAX_APPS + 1]:
        if not is_number(text) or not int(text):
            raise refuse_value(name, text)
    if len(texts) > MAX_APPS:
        raise refuse_value(name, f"{len(texts)} applications")
    return tuple(dict.fromkeys(str(int(text)) for text in texts))


def _read_metrics(query: Mapping[str, str]) -> tuple[Metric, ...]:
    names = _split(query, "metrics")
    if not names:
        raise refuse_missing("metrics")
    _check_names("metrics", names, READ_METRICS, MAX_METRICS)
    return tuple(READ_METRICS[name] for name in names)


def _read_dimensions(query: Mapping[str, str]) -> tuple[ReportField, ...]:
    names = _split(query, "dimensions")
    _check_names("dimensions", names, FIELDS, MAX_DIMENSIONS)
    return tuple(FIELDS[name] for name in names)


def _check_names(field: str, names: list[str], known: Mapping[str, Any], maximum: int) -> None:
    for name in names:
        if name not in known:
            raise refuse_value(field, name)
    if len(names) > maximum:
        raise refuse_value(field, f"{len(names)} names, at most {maximum}")


def _read_days(query: Mapping[str, str]) -> tuple[str, str]:
    days = []
    for name, default in (("date1", "6daysAgo"), ("date2", "today")):
        text = query.get(name, "").strip() or default
        if not _is_day(text):
            raise refuse_value(name, text)
        days.append(text)
    date_from, date_to = days
    if date_from[4:5] == date_to[4:5] == "-" and date_from > date_to:
        raise refuse_value("date2", date_to)
    return date_from, date_to


def _is_day(text: str) -> bool:
    if not _DAY.fullmatch(text):
        return False
    try:
        return text[4:5] != "-" or bool(date.fromisoformat(text))
    except ValueError:
        return False


def write_sort(name: str, is_descending: bool) -> str:
    theirs = METRICS[Metric(name)] if name in set(Metric) else DIMENSIONS[ReportField(name)]
    return f"{'-' if is_descending else ''}{theirs}"


def _read_sort(
    query: Mapping[str, str], metrics: tuple[Metric, ...], dimensions: tuple[ReportField, ...]
) -> tuple[tuple[str, bool], ...]:
    """Without `sort` the first metric leads, biggest first; only what is shown can be sorted by."""
    names = _split(query, "sort")
    if not names:
        return ((metrics[0].value, True),)
    shown = {METRICS[item]: item.value for item in metrics}
    shown |= {DIMENSIONS[item]: item.value for item in dimensions}
    for name in names:
        if name.removeprefix("-") not in shown:
            raise refuse_value("sort", name)
    return tuple((shown[name.removeprefix("-")], name.startswith("-")) for name in names)


def _read_limit(query: Mapping[str, str], maximum: int) -> int:
    limit = read_query_number(query, "limit", maximum)
    return DEFAULT_ROWS if limit is None else limit


def _read_timezone(query: Mapping[str, str]) -> str:
    """An offset or an IANA name. A plus that was not encoded arrives as a blank."""
    text = query.get("timezone", "")
    offset = f"+{text[1:]}" if text.startswith(" ") else text
    if not text.strip() or _OFFSET.fullmatch(offset):
        return offset.strip()
    if text not in available_timezones():
        raise refuse_value("timezone", text)
    return text


def _read_parents(query: Mapping[str, str], dimensions: tuple[ReportField, ...]) -> tuple[str, ...]:
    if not dimensions:
        raise refuse_missing("dimensions")
    text = query.get("parent_id", "").strip()
    try:
        parents = json.loads(text) if text else []
    except (ValueError, RecursionError) as error:
        raise refuse_value("parent_id", text) from error
    is_list = isinstance(parents, list) and all(isinstance(item, str) for item in parents)
    if not is_list or len(parents) >= len(dimensions):
        raise refuse_value("parent_id", text)
    return tuple(parents)
