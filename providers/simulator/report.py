"""A simulated vendor's report: counts of its transfers by the asked dimensions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from providers.commands import GroupRow
from providers.outcomes import Refusal, RefusalKind
from providers.receipts import ReceiptKind
from providers.reporting import Cells, is_true, read_day, read_zone
from providers.reports import Cell, FetchReport, Metric, ReportField, ReportRow, ReportTable
from providers.simulator.receipts import list_receipts
from providers.simulator.transfers import SentTransfer

Numbers = tuple[float | None, ...]


@dataclass(slots=True)
class _Counts:
    sent: int = 0
    delivered: int = 0
    opened: int = 0

    def add(self, other: _Counts) -> None:
        self.sent += other.sent
        self.delivered += other.delivered
        self.opened += other.opened

    def find(self, metric: Metric) -> float | None:
        """None for what the simulated vendor does not count."""
        match metric:
            case Metric.SENT:
                return self.sent
            case Metric.DELIVERED:
                return self.delivered
            case Metric.OPENED:
                return self.opened
            case Metric.OPEN_RATE:
                return 100 * self.opened / self.sent if self.sent else 0.0
        return None


def build_report(
    command: FetchReport,
    transfers: Iterable[SentTransfer],
    groups: Mapping[str, GroupRow],
    now: datetime,
) -> ReportTable:
    """The page of rows that `command` asks for, with totals over all rows."""
    zone = read_zone(command.timezone)
    first, last = read_day(command.date_from, now, zone), read_day(command.date_to, now, zone)
    table: dict[tuple[Cell, ...], _Counts] = {}
    for transfer in transfers:
        if not first <= transfer.at.astimezone(zone).date() <= last:
            continue
        for cells, counts in _count_platforms(transfer, groups, now):
            key = _find_row(command, cells)
            if key is not None:
                table.setdefault(key, _Counts()).add(counts)
    return _cut_page(command, table, (first, last))


def _count_platforms(
    transfer: SentTransfer, groups: Mapping[str, GroupRow], now: datetime
) -> list[tuple[Cells, _Counts]]:
    group = groups.get(transfer.group)
    counts: dict[str, _Counts] = {}
    platform_of = {}
    for platform, recipient in transfer.list_recipients():
        platform_of[recipient] = platform
        counts.setdefault(platform, _Counts()).sent += 1
    came = [item for item in list_receipts(transfer) if item.comes_at <= now.timestamp()]
    for recipient, kind in {(item.recipient, item.kind) for item in came}:
        found = counts[platform_of[recipient]]
        found.delivered += kind is ReceiptKind.DELIVERED
        found.opened += kind is ReceiptKind.OPENED
    empty = {"": _Counts()}  # a transfer that reached nobody has a row all the same
    return [
        (
            {
                ReportField.GROUP: Cell(group.name if group else "", transfer.group),
                ReportField.TAG: Cell(transfer.tag),
                ReportField.TRANSFER: Cell(str(transfer.id), str(transfer.id)),
                ReportField.PLATFORM: Cell(platform),
            },
            found,
        )
        for platform, found in (counts or empty).items()
    ]


def _find_row(command: FetchReport, cells: Cells) -> tuple[Cell, ...] | None:
    """The row to which these cells belong; None if they are filtered away."""
    if command.where is not None and not is_true(command.where, cells):
        return None
    dimensions = [cells[name] for name in command.dimensions]
    if not command.is_drilldown:
        return tuple(dimensions)
    depth = len(command.parents)
    for cell, parent in zip(dimensions, command.parents, strict=False):
        if parent not in (cell.id, cell.name):
            return None
    return tuple(dimensions[depth : depth + 1])


def _cut_page(
    command: FetchReport, table: Mapping[tuple[Cell, ...], _Counts], days: tuple[date, date]
) -> ReportTable:
    rows = [
        ReportRow(cells, tuple(counts.find(metric) for metric in command.metrics))
        for cells, counts in table.items()
    ]
    # Sorting is stable, so the least important order comes first.
    for name, is_descending in reversed(command.sort):
        rows.sort(key=_find_sort_key(command, name), reverse=is_descending)
    total = _Counts()
    for counts in table.values():
        total.add(counts)
    columns = list(zip(*(row.metrics for row in rows), strict=True)) or [()] * len(command.metrics)
    return ReportTable(
        command=command,
        rows=tuple(rows[command.offset : command.offset + command.limit]),
        total_rows=len(rows),
        totals=tuple(total.find(metric) for metric in command.metrics),
        minima=_find_extremes(columns, min),
        maxima=_find_extremes(columns, max),
        date_from=days[0].isoformat(),
        date_to=days[1].isoformat(),
    )


def _find_sort_key(command: FetchReport, name: str) -> Callable[[ReportRow], Any]:
    if name in command.metrics:
        place = command.metrics.index(Metric(name))
        return lambda row: row.metrics[place] or 0
    dimensions = command.dimensions[len(command.parents) :]
    if name not in dimensions:
        raise Refusal(RefusalKind.INVALID, f"The report is not sorted by {name}.", field="sort")
    place = dimensions.index(ReportField(name))
    return lambda row: row.dimensions[place].name


def _find_extremes(columns: Sequence[Numbers], choose: Callable[[list[float]], float]) -> Numbers:
    known = [[number for number in column if number is not None] for column in columns]
    return tuple(choose(numbers) if numbers else None for numbers in known)
