"""Commands and their answers: what a caller asks and what it is told. Plain values.

A dialect reads its wire format into a command and writes an answer back; outbound it writes the
command and reads the answer. Who is meant is in `recipients`, what comes back in `receipts`;
labels and devices are in `audience_calls`, reports, totals and outcomes in `reports`, schedules in
`schedules`, failover in `scenarios`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from providers.message import PushMessage
from providers.message_fields import Platform
from providers.outcomes import Refusal, Result
from providers.recipients import Audience, Targets


class Command:
    """What a caller asks."""

    __slots__ = ()


class Answer:
    """What a caller is told."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class PushPart:
    """One message and who gets it: the ids of `targets`, or an `audience`.

    `only_primary` leaves of each person the primary device; a device that is named by an id of its
    own stays. `id` is the caller's own id of this
    part where an audience has one. `platforms` are those of an outbound audience.
    """

    message: PushMessage
    targets: tuple[Targets, ...] = ()
    audience: Audience | None = None
    only_primary: bool = False
    id: str = ""
    platforms: tuple[Platform, ...] = ()


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
    """Stop a transfer: what is not yet sent is cancelled. Answered by `Recalled`."""

    transfer: str


@dataclass(frozen=True, slots=True)
class IssueToken(Command):
    """Exchange an ApiKey's public id and secret for a token that lives `ttl` seconds (0: for
    ever, None: as long as we choose). `app` is a door identifier, "" where none is named.

    With `is_proof` the `client_id` is a door identifier that no other door has, and no secret is
    shown: it tells from the door's secrets and the time whether the caller knows one of them. It
    may raise `Refusal`.
    """

    client_id: str
    client_secret: str
    ttl: int | None = None
    app: str = ""
    is_proof: Callable[[Mapping[str, str], datetime], bool] | None = field(default=None, repr=False)


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


@dataclass(frozen=True, slots=True)
class Recalled(Answer):
    """The request to take a push back is taken.

    `taken` are those who will not get it, where the vendor says whom: None is "it does not say",
    empty is "nobody any more". Who is named by it must not have got it.
    """

    taken: tuple[Targets, ...] | None = None


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
