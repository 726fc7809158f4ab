"""Report tables of the Reporting API: the JSON envelope, the drill-down and CSV (seed section
"Getting a push campaign report", vendor pages "Table" and "Drill down").
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from typing import Any

from providers.inbound import Reply
from providers.message_fields import Platform
from providers.reports import (
    Cell,
    FetchReport,
    Metric,
    ReportField,
    ReportRow,
    ReportTable,
    VendorTotal,
)

from .wire_filters import DIMENSIONS
from .wire_query import METRICS, write_sort
from .wire_values import read_id

PLATFORM_NAMES = {Platform.ANDROID.value: "Android", Platform.IOS.value: "iOS"}
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_report(table: ReportTable) -> Reply:
    """The whole envelope: a live client refuses an answer that lacks a part of it."""
    command = table.command
    if command.is_csv:
        return Reply(200, write_csv(table), content_type="text/csv; charset=utf-8")
    # Nothing is sampled, so the sample is as large as the space: the rows of the table.
    body = {
        "total_rows": table.total_rows,
        "sampled": False,
        "sample_share": 1.0,
        "sample_size": table.total_rows,
        "sample_space": table.total_rows,
        "data_lag": 0,
        "query": _write_asked(table),
        "totals": _write_numbers(command, table.totals),
        "min": _write_numbers(command, table.minima),
        "max": _write_numbers(command, table.maxima),
        "data": [_write_row(table.command, row) for row in table.rows],
    }
    return Reply(200, body)


def _write_asked(table: ReportTable) -> dict[str, Any]:
    command = table.command
    return {
        "ids": [int(app) for app in command.apps],
        "dimensions": [DIMENSIONS[item] for item in command.dimensions],
        "metrics": [METRICS[item] for item in command.metrics],
        "sort": [write_sort(*item) for item in command.sort],
        "date1": table.date_from,
        "date2": table.date_to,
        "filters": str(command.asked.get("filters", "")),
        "limit": command.limit,
        "offset": command.offset + 1,
    }


def _write_row(command: FetchReport, row: ReportRow) -> dict[str, Any]:
    metrics = _write_numbers(command, row.metrics)
    if not command.is_drilldown:
        cells = zip(command.dimensions, row.dimensions, strict=True)
        return {"dimensions": [_write_cell(*cell) for cell in cells], "metrics": metrics}
    level = len(command.parents)
    dimension = _write_cell(command.dimensions[level], row.dimensions[-1])
    return {
        "dimension": dimension,
        "metrics": metrics,
        "expand": level + 1 < len(command.dimensions),
    }


def _write_cell(field: ReportField, cell: Cell) -> dict[str, str]:
    """Always a name; an id only where the vendor has one: at a group and at a system."""
    if field is ReportField.PLATFORM:
        return {"id": cell.name, "name": PLATFORM_NAMES.get(cell.name, cell.name)}
    if field is ReportField.GROUP:
        return {"id": cell.id, "name": cell.name}
    return {"name": cell.name}


def _write_numbers(command: FetchReport, values: tuple[float | None, ...]) -> list[float | None]:
    pairs = zip(command.metrics, values, strict=True)
    return [_write_number(metric, value) for metric, value in pairs]


def _write_number(metric: Metric, value: float | None) -> float | None:
    """What nobody reports is null, but for the conversion to events: its clients expect a number
    and 0 is what the vendor shows an application that tracks no events.
    """
    if value is None and metric is Metric.EVENT_RATE:
        return 0
    return int(value) if value is not None and value == int(value) else value


def write_csv(table: ReportTable) -> str:
    """RFC 4180 with a heading of names. Texts that a spreadsheet would run are made harmless."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    command = table.command
    dimensions = command.dimensions
    if command.is_drilldown:
        dimensions = (command.dimensions[len(command.parents)],)
    writer.writerow([*map(DIMENSIONS.get, dimensions), *map(METRICS.get, command.metrics)])
    for row in table.rows:
        cells = row.dimensions[-len(dimensions) :] if dimensions else ()
        names = [_write_cell(*cell)["name"] for cell in zip(dimensions, cells, strict=True)]
        writer.writerow([*map(_neutralise, names), *_write_numbers(command, row.metrics)])
    return text.getvalue()


def _neutralise(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def read_report(command: FetchReport, body: Any) -> ReportTable:
    """The table that answers `command`."""
    return ReportTable(
        command=command,
        rows=tuple(_read_row(command, row) for row in body["data"]),
        total_rows=int(read_id(body["total_rows"])),
        totals=_read_numbers(body["totals"]),
        minima=_read_numbers(body.get("min") or ()),
        maxima=_read_numbers(body.get("max") or ()),
        date_from=str(body["query"]["date1"]),
        date_to=str(body["query"]["date2"]),
    )


def read_totals(table: ReportTable) -> tuple[VendorTotal, ...]:
    """The counts of a table that is about one transfer; none while it has no row."""
    if not table.rows:
        return ()
    values = zip(table.command.metrics, table.rows[0].metrics, strict=True)
    return tuple(
        VendorTotal(metric, None if value is None else int(value)) for metric, value in values
    )


def _read_row(command: FetchReport, row: Mapping[str, Any]) -> ReportRow:
    level = len(command.parents)
    fields = command.dimensions[level : level + 1] if command.is_drilldown else command.dimensions
    cells = [row["dimension"]] if command.is_drilldown else row["dimensions"]
    dimensions = tuple(_read_cell(*cell) for cell in zip(fields, cells, strict=True))
    return ReportRow(dimensions, _read_numbers(row["metrics"]))


def _read_cell(field: ReportField, cell: Mapping[str, Any]) -> Cell:
    if field is ReportField.PLATFORM:
        return Cell(str(cell["name"]).lower())
    return Cell(str(cell["name"]), str(cell.get("id") or ""))


def _read_numbers(values: Any) -> tuple[float | None, ...]:
    return tuple(None if value is None else _read_number(value) for value in values)


def _read_number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("no finite number")
    return number
