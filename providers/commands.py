"""Commands and their results: what a caller asks and what it is told. Plain values.

A dialect reads its wire format into a command and writes a result back; outbound it writes the
command and reads the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from providers.message import PushMessage
from providers.message_fields import Platform
from providers.outcomes import Result

TOKEN_KIND = "token"


@dataclass(frozen=True, slots=True)
class IdentifierKind:
    """A kind of device id that a dialect knows, e.g. `google_aid`.

    `platform` None means any. `is_token` says that it names `Device.token` of that platform.
    """

    name: str
    platform: Platform | None = None
    is_token: bool = False


@dataclass(frozen=True, slots=True)
class Targets:
    """Recipients that are addressed by one kind of id; `references` are our receipt tokens."""

    kind: str
    values: tuple[str, ...]
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PushPart:
    """One message and who gets it."""

    message: PushMessage
    targets: tuple[Targets, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SendPush:
    """Send one or many parts. Outbound it is one vendor call, with one part.

    `client_key` is the caller's own id for the call (idempotency), "" when it has none.
    `expires_in` in seconds from now. `app` is read where a call names the app and no group.
    """

    parts: tuple[PushPart, ...]
    group: str = ""
    tag: str = ""
    name: str = ""
    client_key: str = ""
    expires_in: int | None = None
    app: str = ""


@dataclass(frozen=True, slots=True)
class CreateGroup:
    app: str
    name: str
    send_rate: int | None = None


@dataclass(frozen=True, slots=True)
class ListGroups:
    app: str


@dataclass(frozen=True, slots=True)
class FetchGroup:
    group: str


@dataclass(frozen=True, slots=True)
class UpdateGroup:
    group: str
    name: str
    send_rate: int | None = None


@dataclass(frozen=True, slots=True)
class ArchiveGroup:
    group: str


@dataclass(frozen=True, slots=True)
class RestoreGroup:
    group: str


@dataclass(frozen=True, slots=True)
class FetchStatus:
    """Ask for a transfer by our id, or by the client's own id inside a group."""

    transfer: str = ""
    group: str = ""
    client_key: str = ""


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
class FetchReport:
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
class FetchReceipts:
    """What came back since `cursor` ("" = from the start), oldest first."""

    cursor: str = ""
    limit: int = 1000


Command = (
    SendPush | CreateGroup | ListGroups | FetchGroup | UpdateGroup | ArchiveGroup | RestoreGroup
    | FetchStatus | FetchReport | FetchReceipts
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class GroupRow:
    id: str
    app: str
    name: str
    send_rate: int
    is_archived: bool = False


@dataclass(frozen=True, slots=True)
class GroupRows:
    rows: tuple[GroupRow, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """It is done and there is nothing to add."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A send was taken. `results` only where the dialect answers per recipient, and `accepted`,
    the number of recipients whom no result names, where it tells that.
    """

    transfer: str
    client_key: str = ""
    results: tuple[Result, ...] = ()
    accepted: int | None = None


class TransferState(StrEnum):
    """Life of a transfer in a few words; dialects rename them."""

    ACCEPTED = "accepted"
    SENDING = "sending"
    SENT = "sent"
    CANCELLED = "cancelled"
    FAILED = "failed"


class FaultKind(StrEnum):
    """Why a transfer as a whole failed after it was accepted; dialects have their own words."""

    CREDENTIALS = "credentials"  # the platform's credentials were refused
    NO_MESSAGE = "no_message"  # ids of a kind whose platform has no message
    NO_TEXT = "no_text"  # a visible push without its mandatory text
    NO_ROUTE = "no_route"
    NOT_ADDRESSABLE = "not_addressable"
    CANCELLED = "cancelled"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Fault:
    """One reason why a transfer failed. `identifier` is an id kind, `detail` plain words."""

    kind: FaultKind
    platform: str = ""
    identifier: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferStatus:
    """`created_at` is aware, in the app's zone. `client_key` only if asked for by it."""

    transfer: str
    group: str
    tag: str
    state: TransferState
    created_at: datetime
    faults: tuple[Fault, ...] = ()
    client_key: str = ""


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
class ReportTable:
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


class ReceiptKind(StrEnum):
    """What comes back later. Beside the books, never in them."""

    DELIVERED = "delivered"
    SHOWN = "shown"
    OPENED = "opened"
    CLICKED = "clicked"
    DISMISSED = "dismissed"
    UNREGISTERED = "unregistered"


@dataclass(frozen=True, slots=True)
class ReceiptEvent:
    """One recipient's receipt; `reference` is the receipt token we sent along."""

    reference: str
    kind: ReceiptKind
    at: datetime


@dataclass(frozen=True, slots=True)
class ReceiptPage:
    events: tuple[ReceiptEvent, ...]
    cursor: str


@dataclass(frozen=True, slots=True)
class VendorTotal:
    """A total that a vendor reports about a transfer of its own. None = it does not say."""

    metric: Metric
    value: int | None


AnyResult = (
    Accepted | GroupRow | GroupRows | Done | TransferStatus | ReportTable | ReceiptPage
)  # fmt: skip
