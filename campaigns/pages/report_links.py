"""From a number of a report to whom it counts: the recipients of one transfer, or the transfers
that have them, each with its share of the number."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.http import urlencode

from campaigns.models import App, Transfer
from campaigns.pages.report_question import OF_SENDS, Asked
from campaigns.selectors.lines import Line
from campaigns.selectors.outside_days import Outside, find_outside
from campaigns.selectors.questions import Dimension, is_known_beside
from campaigns.selectors.recipient_pages import NONE
from campaigns.selectors.report_facts import find_day
from providers.outcomes import Reason
from providers.reporting import read_zone

# One level of the tree below another.
BELOW = {Dimension.GROUP: Dimension.TAG, Dimension.TAG: Dimension.TRANSFER}
STRANGERS = f"skipped:{Reason.UNKNOWN_ID}"
# Dimensions by which the page of recipients is narrowed too, and "" is asked for as NONE.
OF_RECIPIENTS = (
    Dimension.CHANNEL, Dimension.PLATFORM, Dimension.LANGUAGE, Dimension.COUNTRY,
    Dimension.APP_VERSION,
)  # fmt: skip
MOST_TRANSFERS = 50  # that are looked at for two campaigns
LIST = "#pa-table-title"  # of the lines, on the page of a report


@dataclass(frozen=True, slots=True)
class Links:
    """Where the lines and the numbers of a report lead to."""

    asked: Asked
    outside: Outside
    # Written once for all numbers of a line: a report has hundreds of them.
    _written: dict[Any, str] = field(default_factory=dict)

    def open_line(self, key: str) -> str:
        """The address of what is below a line; "" where there is nothing."""
        if self.asked.by is Dimension.TRANSFER:
            return ""
        below = BELOW.get(self.asked.by, Dimension.TRANSFER)
        return self.asked.write_query({**_narrow(self.asked.by, key), "by": below.value})

    def find(
        self, name: str, value: str, by: Dimension | None = None, key: str = "", **more: str
    ) -> str:
        """The address behind the number of an outcome or receipt, in the line of a key, or in the
        sum of all lines; "" where nobody can be listed. `more` narrows it further."""
        only: dict[Any, str] = {**self.asked.only, **({by: key} if by else {}), **more}
        if Dimension.TRANSFER in only:
            return self._find_recipients(name, value, only)
        return self._write_once((by, key), lambda: self._find_transfers(by, key))

    def _find_transfers(self, by: Dimension | None, key: str) -> str:
        line = _narrow(by, key) if by else {}
        # The sum of lines by what recipients were is the same sum by transfer.
        beside = {OF_SENDS: "1"} if not by and self.asked.ask().is_beside else {}
        query = self.asked.write_query({**line, **beside, "by": Dimension.TRANSFER.value})
        return f"{reverse('reports')}{query}{LIST}"

    def _write_once(self, place: Any, write: Callable[[], str]) -> str:
        if place not in self._written:
            self._written[place] = write()
        return self._written[place]

    def _find_recipients(self, name: str, value: str, only: Mapping[Any, str]) -> str:
        # Of these the books know a number and nobody's name.
        if only.get(Dimension.PLATFORM) == "" or only.get(Dimension.REASON) == STRANGERS:
            return ""
        is_receipt = name == "receipt"
        came = is_receipt and not (self.asked.is_of_sends or is_known_beside(only))
        query = {name: value, **_name_rest(only, is_receipt=is_receipt)}
        query |= self._name_times(only, came=came)
        pk = int(only[Dimension.TRANSFER])
        address = self._write_once(pk, lambda: reverse("recipients", args=[pk]))
        return f"{address}?{urlencode(query)}"

    def _name_times(self, only: Mapping[Any, str], *, came: bool) -> dict[str, Any]:
        """Days where the transfer has more than these, the hour of the day, and whose clock; of
        when it `came` back, or of the sends."""
        times: dict[str, Any] = {}
        outside = self.outside.came if came else self.outside.settled
        day, transfer = only.get(Dimension.DAY), int(only[Dimension.TRANSFER])
        # Without days a platform is the one that the device had when something came back.
        is_as_sent = self.asked.is_of_sends and Dimension.PLATFORM in only
        if day or is_as_sent or transfer in outside:
            first, last = (day, day) if day else map(str, self.asked.days)
            times = {"date_from": first, "date_to": last}
        if hour := only.get(Dimension.HOUR) or only.get(Dimension.SEND_HOUR):
            times["hour"] = int(hour[:2])
        if times and came:
            times["time_of"] = "receipt"
        # The clock of the transfer's own app is meant where nothing is said.
        if times and len(self.asked.app_ids) > 1:
            times["zone"] = str(self.asked.zone)
        return times


def find_report(first: date, last: date, **only: str) -> str:
    """The address of the transfers of some days, of an app or narrowed where that is said."""
    days = {"date_from": first.isoformat(), "date_to": last.isoformat()}
    query = urlencode({**days, "by": Dimension.TRANSFER.value, **only})
    return f"{reverse('reports')}?{query}{LIST}"


@dataclass(frozen=True, slots=True)
class DayReports:
    """Reports of the days that have some moments, by the clock of the report: it is not always that
    of the page that leads there. `zones` are of the apps that somebody sees, by their ids."""

    zones: Mapping[int, str]

    def find_zone(self, app: int | None) -> str:
        """Whose days a report of one app has, or of all."""
        first = self.zones[min(self.zones)] if self.zones else "UTC"
        return self.zones.get(app or 0, first)

    def find(self, start: datetime, end: datetime, app: int | None) -> str:
        """The address of what was from `start` to `end`, of one app or of all."""
        zone = read_zone(self.find_zone(app))
        only = {"app": str(app)} if app else {}
        return find_report(find_day(start, zone), find_day(end, zone), **only)


def read_day_reports(apps: QuerySet[App]) -> DayReports:
    """With the clocks of these apps."""
    return DayReports(dict(apps.order_by().values_list("pk", "timezone")))


def find_comparison(asked: Asked, lines: Sequence[Line]) -> str:
    """The address where two are compared: those two campaigns, if the report is of no others."""
    address = reverse("compare")
    if asked.by is not Dimension.TRANSFER or not 2 <= len(lines) <= MOST_TRANSFERS:
        return address
    rows = Transfer.objects.filter(pk__in=[int(line.key) for line in lines], app__in=asked.app_ids)
    pair = sorted(set(rows.order_by().values_list("campaign", flat=True)) - {None})
    return f"{address}?{urlencode({'a': pair[0], 'b': pair[1]})}" if len(pair) == 2 else address


def make_links(asked: Asked, transfers: Iterable[str] = ()) -> Links:
    """Links of a report whose lines, or part of them, are of these transfers."""
    only = asked.only.get(Dimension.TRANSFER)
    ids: Collection[int] = {*map(int, transfers), *([int(only)] if only else [])}
    none = Outside(frozenset(), frozenset())
    return Links(asked, find_outside(asked.ask().span, ids) if ids else none)


def list_transfers(asked: Asked, lines: Iterable[Line]) -> list[str]:
    """Those that the lines are of."""
    return [line.key for line in lines] if asked.by is Dimension.TRANSFER else []


def _narrow(by: Dimension, key: str) -> dict[str, str]:
    if by is Dimension.DAY:
        return {"date_from": key, "date_to": key}
    return {by.value: key}


def _name_rest(only: Mapping[Any, str], *, is_receipt: bool) -> dict[str, str]:
    """What else narrows them. A receipt is counted at the account that told of it."""
    query = {name.value: only[name] or NONE for name in OF_RECIPIENTS if name in only}
    if Dimension.ACCOUNT in only:
        query["told_by" if is_receipt else "account"] = only[Dimension.ACCOUNT]
    if Dimension.REASON in only:
        query["reason"] = only[Dimension.REASON].partition(":")[2] or NONE
    return query
