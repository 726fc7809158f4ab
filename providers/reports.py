"""Commands and answers about what became of pushes: totals, outcomes, days. Plain values.

None is "not reported" everywhere, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from providers.commands import Answer, Command, TransferState
from providers.outcomes import Outcome, Reason
from providers.receipts import ReceiptKind


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchTotals(Command):
    """Totals of transfers, by our ids or by the id of a whole submission (`reference`, ours or
    the caller's own), or of all with one of `tags` within the days. Unknown ids are left out,
    an unknown reference raises NOT_FOUND.
    """

    app: str = ""
    transfers: tuple[str, ...] = ()
    reference: str = ""
    tags: tuple[str, ...] = ()
    date_from: date | None = None
    date_to: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Counts of recipients. `failed` is by reason; `receipts` by kind, None = not reported."""

    targets: int = 0
    sent: int = 0
    failed: Mapping[Reason, int] = field(default_factory=dict)
    skipped: int = 0
    expired: int = 0
    cancelled: int = 0
    unknown: int = 0
    pending: int = 0
    receipts: Mapping[ReceiptKind, int | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferTotals:
    """One transfer. `last_at` is when the last of its receipts came in."""

    transfer: str
    app: str
    tag: str
    name: str
    state: TransferState
    created_at: datetime
    total: Totals
    by_platform: Mapping[str, Totals] = field(default_factory=dict)
    title: str = ""
    body: str = ""
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TotalsRows(Answer):
    rows: tuple[TransferTotals, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchOutcomes(Command):
    """What became of single targets, newest first.

    Of tracked sends by their ids: all that fit `references` (of submissions), `ids`, `tags`,
    `state`, `since` and `until` (when sent). `is_once` gives each to a key only once, and only
    when its outcome is known. Or of `transfers` by recipients: `kind` and `values`.
    """

    app: str = ""
    references: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    value: str = ""
    state: Outcome | None = None
    since: datetime | None = None
    until: datetime | None = None
    transfers: tuple[str, ...] = ()
    kind: str = ""
    values: tuple[str, ...] = ()
    is_once: bool = False
    channel: str = ""
    limit: int = 50
    cursor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeRow:
    """One target. `outcome` None = pending; `sent_at` and `done_at` None = not yet.

    `receipts` maps what came back to when. `count` is how many devices it meant.
    """

    reference: str
    id: str
    kind: str
    value: str
    outcome: Outcome | None
    reason: Reason | None = None
    words: str = ""
    platform: str = ""
    channel: str = "push"
    sender: str = ""
    tag: str = ""
    text: str = ""
    callback_data: str = ""
    count: int = 1
    transfer: str = ""
    sent_at: datetime | None = None
    done_at: datetime | None = None
    receipts: Mapping[ReceiptKind, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OutcomeRows(Answer):
    rows: tuple[OutcomeRow, ...]
    cursor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchDays(Command):
    """Counts of an app by day (of the app's zone) and platform; both days included."""

    app: str
    date_from: date
    date_to: date
    platform: str = ""


@dataclass(frozen=True, slots=True)
class PlatformDay:
    day: date
    platform: str
    total: Totals


@dataclass(frozen=True, slots=True)
class PlatformDays(Answer):
    rows: tuple[PlatformDay, ...]


class ReportField(StrEnum):
    """Dimensions of a report, in our words; a dialect renames them."""

    GROUP = "group"
    TAG = "tag"
    TRANSFER = "transfer"
    PLATFORM = "platform"


class Metric(StrEnum):
    """Counts of a report. A metric without a source is None, never 0."""

    SENT = "sent"
    DELIVERED = "delivered"
    SHOWN = "shown"
    OPENED = "opened"
    OPEN_RATE = "open_rate"
    EVENT_RATE = "event_rate"
    USERS = "users"


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchReport(Command):
    """A table of metrics by dimensions over days of `timezone` (both ends included).

    `dates` are day texts as the caller gave them (`today`, `7daysAgo`, `2026-11-20`); the reader
    of the command resolves them, since only it knows the app's zone. `where` is an expression
    over `ReportField` names; its values are the caller's texts (a group's id may be no number).
    `offset` counts from 0. `parents` narrows a drill-down: it holds the
    values of the first dimensions, and the rows are by the dimension after them (one cell a row).
    `timezone` is "" for the app's, an IANA name, or an offset such as `+03:00`.
    """

    apps: tuple[str, ...]
    metrics: tuple[Metric, ...]
    dimensions: tuple[ReportField, ...] = ()
    date_from: str = "6daysAgo"
    date_to: str = "today"
    where: Any = None
    sort: tuple[tuple[str, bool], ...] = ()  # (metric or dimension, is_descending)
    limit: int = 100
    offset: int = 0
    timezone: str = ""
    parents: tuple[str, ...] = ()
    is_drilldown: bool = False
    is_csv: bool = False
    asked: Mapping[str, Any] = field(default_factory=dict)  # echoed by the dialect's `write`


@dataclass(frozen=True, slots=True)
class Cell:
    """A dimension's value: its name for people and, where it has one, its id."""

    name: str
    id: str = ""
    icon: str = ""


@dataclass(frozen=True, slots=True)
class ReportRow:
    dimensions: tuple[Cell, ...]
    metrics: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportTable(Answer):
    """A page of rows in the asked order, with totals over all rows.

    `date_from` and `date_to` are the days that were really read, `YYYY-MM-DD`.
    """

    command: FetchReport
    rows: tuple[ReportRow, ...]
    total_rows: int
    totals: tuple[float | None, ...]
    minima: tuple[float | None, ...]
    maxima: tuple[float | None, ...]
    date_from: str
    date_to: str


@dataclass(frozen=True, slots=True)
class VendorTotal:
    """A total that a vendor reports about a transfer of its own. None = it does not say."""

    metric: Metric
    value: int | None
