"""A line of a report: the numbers of one value of a dimension."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Sum

from campaigns.models import Settled
from campaigns.selectors.report_facts import find_open_rate
from providers.reports import Metric

Key = str


@dataclass(slots=True)
class Line:
    """The numbers of one value of a dimension. What nobody reports is not in `receipts`.

    `earlier` of what was sent and opened is of transfers that had begun before the span. What was
    opened at a moment, an hour or a day, is not of what was sent at it: `of_opened` is its share,
    in percent, of everything opened.
    """

    key: Key
    name: str = ""
    outcomes: dict[str, int] = field(default_factory=dict)
    receipts: dict[Metric, int] = field(default_factory=dict)
    vendor: dict[Metric, int] = field(default_factory=dict)
    earlier: dict[str, int] = field(default_factory=dict)
    is_moment: bool = False
    of_opened: float | None = None

    @property
    def total(self) -> int:
        """Everybody who is settled."""
        return sum(self.outcomes.values())

    @property
    def open_rate(self) -> float | None:
        """Opens in percent of what was sent by transfers that began in the span; None where they
        are not known, or nobody knows which sends they are of."""
        opened = self.receipts.get(Metric.OPENED)
        if opened is None or self.is_moment:
            return None
        sent = self.outcomes.get(Settled.SENT, 0) - self.earlier.get(Settled.SENT, 0)
        return find_open_rate(sent, opened - self.earlier.get(Metric.OPENED, 0))


def share_opened(lines: Collection[Line]) -> None:
    """Say of moments when it was opened; at one where nothing came of what is reported, 0 came."""
    receipts = sum_lines(lines).receipts
    total = receipts.get(Metric.OPENED)
    for line in lines:
        line.is_moment = True
        line.receipts = {**dict.fromkeys(receipts, 0), **line.receipts}
        if total:
            line.of_opened = 100 * line.receipts.get(Metric.OPENED, 0) / total


def find_line(lines: dict[Key, Line], key: Key) -> Line:
    """The line of a value, made where there is none yet."""
    line = lines.get(key)
    if line is None:
        line = lines[key] = Line(key)
    return line


def sum_lines(lines: Iterable[Line]) -> Line:
    """One line of all."""
    total = Line("")
    for line in lines:
        add_counts(total.outcomes, line.outcomes.items())
        add_counts(total.receipts, line.receipts.items())
        if line.vendor:
            add_counts(total.vendor, line.vendor.items())
        if line.earlier:
            add_counts(total.earlier, line.earlier.items())
    return total


def add_counts(numbers: dict[Any, int], more: Iterable[tuple[Any, int | None]]) -> None:
    """Add to numbers what is known of each."""
    for key, count in more:
        if count is not None:
            numbers[key] = numbers.get(key, 0) + count


class Total(Sum):
    """A sum of whole numbers. SQLite gives it as one; Django would look at each all the same, and
    of a report there are ten thousand."""

    def get_db_converters(self, connection: Any) -> list[Any]:
        if connection.vendor == "sqlite":
            return []
        converters: list[Any] = super().get_db_converters(connection)
        return converters
