"""Reports: tables of metrics by group, tag, transfer and platform, and totals by day.

Read from what was folded by hour (`report_facts`), whatever the size of a transfer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.utils.translation import gettext as _

from campaigns.errors import Invalid
from campaigns.models import App
from campaigns.selectors.report_facts import (
    Fact,
    Facts,
    Span,
    count_users,
    load_facts,
    make_span,
    name_cells,
)
from providers.reporting import Cells, is_true, list_fields, read_day, read_zone
from providers.reports import Cell, FetchReport, Metric, ReportField, ReportRow, ReportTable

Numbers = tuple[float | None, ...]
Key = tuple[int, str]


@dataclass(slots=True)
class _Row:
    cells: tuple[Cell, ...]
    fact: Fact
    keys: list[Key]
    users: int | None = None


def report_table(app_ids: Collection[int], command: FetchReport, now: datetime) -> ReportTable:
    """The page of rows that `command` asks for, with totals, minima and maxima over all rows.

    `command.apps` is not looked at: whoever calls has checked which apps may be read. Marked
    tests are left out. A metric that no account of a row reports is None.
    """
    days, span = _find_span(app_ids, command, now)
    by_platform = ReportField.PLATFORM in {*command.dimensions, *list_fields(command.where)}
    facts = load_facts(span, by_platform=by_platform)
    rows = _group_facts(command, facts)
    total = _sum_rows(rows)
    if Metric.USERS in command.metrics:
        _count_row_users(span, command, rows)
        total.users = _count_distinct(span, total, ()).get(())
    _sort_rows(command, rows)
    numbers = [_list_numbers(command, row) for row in rows]
    columns = list(zip(*numbers, strict=True)) or [()] * len(command.metrics)
    page = slice(command.offset, command.offset + command.limit)
    shown = zip(rows[page], numbers[page], strict=True)
    return ReportTable(
        command=command,
        rows=tuple(ReportRow(row.cells, found) for row, found in shown),
        total_rows=len(rows),
        totals=_list_numbers(command, total),
        minima=_find_extremes(columns, min),
        maxima=_find_extremes(columns, max),
        date_from=days[0].isoformat(),
        date_to=days[1].isoformat(),
    )


def _find_span(
    app_ids: Collection[int], command: FetchReport, now: datetime
) -> tuple[tuple[date, date], Span]:
    zone = read_zone(command.timezone or find_zone(app_ids))
    days = read_day(command.date_from, now, zone), read_day(command.date_to, now, zone)
    if days[1] < days[0]:
        raise Invalid(_("The report's last day is before its first."))
    return days, make_span(app_ids, days, zone)


def find_zone(app_ids: Collection[int]) -> str:
    """The time zone of the first of the apps, "UTC" if there is none."""
    zones = App.objects.filter(pk__in=app_ids).order_by("pk").values_list("timezone", flat=True)
    return zones.first() or "UTC"


def _group_facts(command: FetchReport, facts: Facts) -> list[_Row]:
    names = name_cells(facts)
    table: dict[tuple[Cell, ...], _Row] = {} if command.dimensions else {(): _Row((), Fact(), [])}
    for key, fact in facts.items():
        cells = _find_cells(command, names[key])
        if cells is not None:
            row = table.setdefault(cells, _Row(cells, Fact(), []))
            row.fact.add(fact)
            row.keys.append(key)
    return list(table.values())


def _find_cells(command: FetchReport, cells: Cells) -> tuple[Cell, ...] | None:
    """The row to which a fact belongs; None if it is filtered away."""
    if command.where is not None and not is_true(command.where, cells):
        return None
    dimensions = tuple(cells[name] for name in command.dimensions)
    if not command.is_drilldown:
        return dimensions
    for cell, parent in zip(dimensions, command.parents, strict=False):
        if parent not in (cell.id, cell.name):
            return None
    return dimensions[len(command.parents) :][:1]


def _sum_rows(rows: Sequence[_Row]) -> _Row:
    total = _Row((), Fact(), [])
    for row in rows:
        total.fact.add(row.fact)
        total.keys += row.keys
    return total


def _count_row_users(span: Span, command: FetchReport, rows: Sequence[_Row]) -> None:
    """A part reaches nobody twice, so only rows of several parts need their recipients read."""
    for row in rows:
        row.users = row.fact.sent if len(row.fact.parts) <= 1 else None
    unknown = [row for row in rows if row.users is None]
    if not unknown:
        return
    counts = _count_distinct(span, _sum_rows(unknown), _list_shown(command))
    for row in unknown:
        row.users = counts.get(tuple(_identify(cell) for cell in row.cells), 0)


def _identify(cell: Cell) -> str:
    return cell.id or cell.name


def _count_distinct(
    span: Span, row: _Row, dimensions: Sequence[ReportField]
) -> dict[tuple[str, ...], int]:
    if not dimensions and len(row.fact.parts) <= 1:
        return {(): row.fact.sent}
    return count_users(span, row.keys, dimensions)


def _list_numbers(command: FetchReport, row: _Row) -> Numbers:
    return tuple(_find_number(metric, row) for metric in command.metrics)


def _find_number(metric: Metric, row: _Row) -> float | None:
    match metric:
        case Metric.SENT:
            return row.fact.sent
        case Metric.USERS:
            return row.users
        case Metric.OPEN_RATE:
            return row.fact.open_rate
    return row.fact.receipts.get(metric)


def _sort_rows(command: FetchReport, rows: list[_Row]) -> None:
    """Equal rows stay in the order of their cells."""
    rows.sort(key=lambda row: [_order_cell(cell) for cell in row.cells])
    # Sorting is stable, so the least important order comes first.
    for name, is_descending in reversed(command.sort):
        if name in set(Metric):
            _sort_by_metric(rows, Metric(name), is_descending)
        else:
            _sort_by_cell(command, rows, ReportField(name), is_descending)


def _sort_by_metric(rows: list[_Row], metric: Metric, is_descending: bool) -> None:
    """Rows without the number come last in both directions."""
    sign = -1 if is_descending else 1

    def find_key(row: _Row) -> tuple[bool, float]:
        number = _find_number(metric, row)
        return number is None, sign * (number or 0)

    rows.sort(key=find_key)


def _sort_by_cell(
    command: FetchReport, rows: list[_Row], name: ReportField, is_descending: bool
) -> None:
    dimensions = _list_shown(command)
    if name not in dimensions:
        raise Invalid(_("The report is not sorted by %(name)s.") % {"name": name})
    place = dimensions.index(name)
    rows.sort(key=lambda row: _order_cell(row.cells[place]), reverse=is_descending)


def _order_cell(cell: Cell) -> tuple[int, str]:
    is_number = cell.name.isascii() and cell.name.isdigit()
    return (int(cell.name), "") if is_number else (0, cell.name)


def _list_shown(command: FetchReport) -> tuple[ReportField, ...]:
    """The dimensions of a row: a drill-down shows one level."""
    if not command.is_drilldown:
        return command.dimensions
    return command.dimensions[len(command.parents) :][:1]


def _find_extremes(columns: Sequence[Numbers], choose: Callable[[list[float]], float]) -> Numbers:
    known = [[number for number in column if number is not None] for column in columns]
    return tuple(choose(numbers) if numbers else None for numbers in known)
