"""Commands and their answers: what a caller asks and what it is told. Plain values.

A dialect reads its wire format into a command and writes an answer back; outbound it writes the
command and reads the answer. Labels and devices are in `audience_calls`, totals and outcomes in
`reports`, schedules in `schedules`, failover in `scenarios`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from providers.audience import Expression
from providers.message import PushMessage
from providers.message_fields import Platform
from providers.outcomes import Outcome, Reason, Refusal, Result

TOKEN_KIND = "token"


class PersonKind(StrEnum):
    """Kinds of ids that mean a person: all of their devices of the app."""

    EXTERNAL_USER_ID = "external_user_id"
    EMAIL = "email"
    PHONE = "phone"


class Command:
    """What a caller asks."""

    __slots__ = ()


class Answer:
    """What a caller is told."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class IdentifierKind:
    """A kind of device id that a dialect knows, e.g. `google_aid`.

    `platform` None means any. `is_token` says that it names `Device.token` of that platform.
    `is_ours` says that we give such ids, of `length` random `letters`, to devices without one.
    """

    name: str
    platform: Platform | None = None
    is_token: bool = False
    is_ours: bool = False
    letters: str = "0123456789abcdef"
    length: int = 32


@dataclass(frozen=True, slots=True)
class Targets:
    """Recipients that are addressed by one kind of id: a `PersonKind`, or one of the dialect's
    `identifier_kinds`.

    `references` are our receipt tokens. `ids` are the caller's own ids for the single targets, in
    the order of `values`, "" where he gave none.
    """

    kind: str
    values: tuple[str, ...]
    references: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Recipients by what is true of them; without labels and expression everyone of the app.

    Who is meant carries all `labels` and fulfils the `expression`. `segments` are our ids of
    saved ones, all of which must hold; of `any_segments` one is enough, of `not_segments` none may
    hold. Of the latter two those of another app of the workspace mean nobody.
    """

    labels: tuple[str, ...] = ()
    expression: Expression | None = None
    segments: tuple[str, ...] = ()
    any_segments: tuple[str, ...] = ()
    not_segments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AppChoice:
    """Apps of those that the key reaches: all, or the named ones and the members of named groups,
    without those that are excluded. Ids of apps as `find_app` takes them, of app groups ours.
    """

    is_all: bool = False
    apps: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    not_apps: tuple[str, ...] = ()
    not_groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PushPart:
    """One message and who gets it: the ids of `targets`, or an `audience`.

    `only_primary` leaves of each person the primary device; a device that is named by an id of its
    own stays. `id` is the caller's own id of this
    part where an audience has one.
    """

    message: PushMessage
    targets: tuple[Targets, ...] = ()
    audience: Audience | None = None
    only_primary: bool = False
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """Where a script wants to be told what became of its push, in its own dialect.

    `data` is given back with each call. `content_type` is what the script asked for.
    """

    url: str
    data: str = ""
    content_type: str = "application/json"
    wants_intermediate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SendPush(Command):
    """Send one or many parts. Outbound it is one vendor call, with one part.

    `client_key` is the caller's own id for the call (idempotency), "" when it has none.
    `expires_in` in seconds from when it is due. `app` is a door identifier, or our id, of the app
    where the call names one, `app_group` the key of a group whose member apps all get it.

    `due_at` is aware; None = now. `wall_clock` (naive, `2026-11-20T09:00`) is an hour of each
    recipient's own. `is_dry_run` checks everything and sends nothing. `wait` is how many seconds
    the caller waits for the outcome of each target. `is_tracked` asks for an id of each target,
    by which later reports name it, and for how many devices it means. `kind` names the call in
    `Dialect.running_limits`.
    """

    parts: tuple[PushPart, ...]
    group: str = ""
    tag: str = ""
    name: str = ""
    client_key: str = ""
    expires_in: int | None = None
    app: str = ""
    app_group: str = ""
    due_at: datetime | None = None
    wall_clock: str = ""
    is_dry_run: bool = False
    wait: float = 0.0
    is_tracked: bool = False
    kind: str = ""
    rate: int | None = None
    callback: Callback | None = None


@dataclass(frozen=True, slots=True)
class SendPushes(Command):
    """Several pushes in one call, each accepted or refused on its own; `client_key` is the
    caller's id of the whole."""

    pushes: tuple[SendPush, ...]
    client_key: str = ""


@dataclass(frozen=True, slots=True)
class RecallPush(Command):
    """Stop a transfer: what is not yet sent is cancelled."""

    transfer: str


@dataclass(frozen=True, slots=True)
class IssueToken(Command):
    """Exchange an ApiKey's public id and secret for a token that lives `ttl` seconds (0: for
    ever, None: as long as we choose). `app` is a door identifier, "" where none is named.
    """

    client_id: str
    client_secret: str
    ttl: int | None = None
    app: str = ""


@dataclass(frozen=True, slots=True)
class CreateGroup(Command):
    app: str
    name: str
    send_rate: int | None = None


@dataclass(frozen=True, slots=True)
class ListGroups(Command):
    app: str


@dataclass(frozen=True, slots=True)
class FetchGroup(Command):
    group: str


@dataclass(frozen=True, slots=True)
class UpdateGroup(Command):
    group: str
    name: str
    send_rate: int | None = None


@dataclass(frozen=True, slots=True)
class ArchiveGroup(Command):
    group: str


@dataclass(frozen=True, slots=True)
class RestoreGroup(Command):
    group: str


@dataclass(frozen=True, slots=True)
class FetchStatus(Command):
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
class FetchReceipts(Command):
    """What came back since `cursor` ("" = from the start), oldest first."""

    cursor: str = ""
    limit: int = 1000


@dataclass(frozen=True, slots=True)
class GroupRow(Answer):
    id: str
    app: str
    name: str
    send_rate: int
    is_archived: bool = False


@dataclass(frozen=True, slots=True)
class GroupRows(Answer):
    rows: tuple[GroupRow, ...]


@dataclass(frozen=True, slots=True)
class Done(Answer):
    """It is done and there is nothing to add."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedTarget:
    """One tracked target: the id that reports name it by, and how many devices it means now.

    `is_duplicate` says that the caller's id for it had been used before.
    """

    id: str
    kind: str = ""
    value: str = ""
    count: int = 0
    is_duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Accepted(Answer):
    """A send was taken. `results` only where the dialect answers per recipient, or the caller
    waited: then by the place of each target in the call. `accepted` is the number of recipients
    whom no result names, where the dialect tells that; `targets` only of a tracked send.
    """

    transfer: str
    client_key: str = ""
    results: tuple[Result, ...] = ()
    accepted: int | None = None
    targets: tuple[AcceptedTarget, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedMany(Answer):
    """Several sends: what became of each, in order. `reference` names the whole, and so does the
    caller's own `client_key`; `names` are the first of each app's door identifiers where an app
    group got it.
    """

    entries: tuple[Accepted | Refusal, ...]
    reference: str = ""
    client_key: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Token(Answer):
    """`expires_in` seconds, 0 = never; `app` is the app's id and `identifiers` are its door's,
    where the call named an app."""

    text: str = field(repr=False)
    expires_in: int
    app: str = ""
    identifiers: Mapping[str, Any] = field(default_factory=dict)


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
class TransferStatus(Answer):
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
    """One recipient's receipt. `reference` is the receipt token we sent along; where we could
    send none, `transfer` is the vendor's id of the call, and `target_kind` and `target` say whom.
    """

    reference: str
    kind: ReceiptKind
    at: datetime
    transfer: str = ""
    target_kind: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeEvent:
    """What a vendor says later about one recipient of a call: `reference` is the receipt token we
    sent along, else `transfer` is the vendor's id of the call, and `target_kind` and `target` say
    whom.
    """

    outcome: Outcome
    at: datetime
    reference: str = ""
    transfer: str = ""
    target_kind: str = ""
    target: str = ""
    reason: Reason | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class ReceiptPage(Answer):
    events: tuple[ReceiptEvent | OutcomeEvent, ...]
    cursor: str


@dataclass(frozen=True, slots=True)
class VendorTotal:
    """A total that a vendor reports about a transfer of its own. None = it does not say."""

    metric: Metric
    value: int | None
