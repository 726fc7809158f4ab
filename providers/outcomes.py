"""Closed vocabularies: the outcome of a call, whose fault a failure is, why a caller is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """What one vendor call did for a recipient."""

    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    FAILED = "failed"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """Whose fault it is; decides what may be touched. Only TOKEN ever touches a token."""

    TOKEN = "token"
    PAYLOAD = "payload"
    CREDENTIAL = "credential"
    THROTTLED = "throttled"
    VENDOR = "vendor"
    OURS = "ours"
    NO_ANSWER = "no_answer"
    NO_ROUTE = "no_route"
    NO_TOKEN = "no_token"
    NO_MESSAGE = "no_message"
    TEMPLATE = "template"
    NOT_ADDRESSABLE = "not_addressable"
    OPTED_OUT = "opted_out"
    SUPPRESSED = "suppressed"
    GONE = "gone"  # the device or the person is no longer there
    UNKNOWN_ID = "unknown_id"
    TOO_LATE = "too_late"
    HOUR_PASSED = "hour_passed"
    OFFLINE = "offline"
    RETAINED = "retained"
    ANSWERED = "answered"
    CANCELLED = "cancelled"
    RECALLED = "recalled"


@dataclass(slots=True)  # to freeze it takes three times as long, for each message
class Result:
    """The outcome of one recipient of a call, by its place in the call's targets.

    `dead_since` is when the vendor saw a token go (reason TOKEN), where it tells: who has
    registered with the token after that keeps it. `blocks_account`: it is not this recipient alone
    that is to wait for `retry_after`, but everybody whom the account would be called for.
    """

    index: int
    outcome: Outcome
    reason: Reason | None = None
    message: str = ""
    retry_after: float | None = None  # seconds; set when another try can help
    dead_since: datetime | None = None
    blocks_account: bool = False


@dataclass(frozen=True, slots=True)
class AppPart:
    """What a call for several apps of a vendor's came to in one of them, by the vendor's name for
    it: its `reference`, or in `words` why not."""

    name: str
    reference: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A vendor's answer to a send.

    `outcome` holds for every recipient that `results` does not name; it is UNKNOWN where the call
    was for several apps and some of these refused: `parts` tells which. `raw` is what the vendor
    really said, scrubbed, at most a few kB.
    """

    reference: str
    outcome: Outcome
    results: tuple[Result, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict)
    parts: tuple[AppPart, ...] = ()


class Failure(Exception):
    """A vendor call that did not work.

    `was_sent`: True when the vendor certainly got it, False when certainly not, None when nobody
    knows (the request was written and no answer came). `retry_after` in seconds.
    """

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        retry_after: float | None = None,
        is_permanent: bool = False,
        was_sent: bool | None = False,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retry_after = retry_after
        self.is_permanent = is_permanent
        self.was_sent = was_sent


class RefusalKind(StrEnum):
    """Why we refuse a caller; each dialect has its own words and status for each."""

    MALFORMED = "malformed"
    MISSING = "missing"
    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    METHOD = "method"
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    THROTTLED = "throttled"
    BUSY = "busy"  # as much of the kind is running as `Dialect.running_limits` allows
    INTERNAL = "internal"
    UNAVAILABLE = "unavailable"


# The usual number for each; a dialect with numbers of its own has its own table.
HTTP_STATUS = {
    RefusalKind.MALFORMED: 400,
    RefusalKind.MISSING: 400,
    RefusalKind.INVALID: 400,
    RefusalKind.UNAUTHENTICATED: 401,
    RefusalKind.FORBIDDEN: 403,
    RefusalKind.NOT_FOUND: 404,
    RefusalKind.METHOD: 405,
    RefusalKind.CONFLICT: 409,
    RefusalKind.TOO_LARGE: 413,
    RefusalKind.THROTTLED: 429,
    RefusalKind.BUSY: 429,
    RefusalKind.INTERNAL: 500,
    RefusalKind.UNAVAILABLE: 503,
}


class RefusalCode(StrEnum):
    """Why a caller's credentials are refused, for dialects that have words for each."""

    UNKNOWN_CLIENT = "unknown_client"
    WRONG_SECRET = "wrong_secret"
    EXPIRED = "expired"
    CORRUPT = "corrupt"
    OTHER_DIALECT = "other_dialect"
    UNAUTHENTICATED = "unauthenticated"  # none of these, or none that is told


# The code of a refusal over one of a dialect's caps, whose name is the refusal's subject.
OVER_CAP = "over_cap"
# The code of a refusal because every device that is named has a dead token.
UNREGISTERED = "unregistered"


class Refusal(Exception):
    """Our rule, or a dialect's, says no to a caller. `field` is a path such as `group.name`.

    `subject` is what it is about where a dialect's words name it, such as the label that is not
    there. `code` is a word for programs, a `RefusalCode` where credentials are refused. `allowed`
    are the methods of an address that refuses another one, as its finder notes; `request_id` is
    the call's in our log, as the door notes.
    """

    allowed: tuple[str, ...] = ()
    request_id: str = ""

    def __init__(
        self,
        kind: RefusalKind,
        message: str,
        *,
        field: str = "",
        subject: str = "",
        retry_after: float | None = None,
        code: str = "",
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.field = field
        self.subject = subject
        self.code = code
        self.retry_after = retry_after
