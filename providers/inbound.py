"""What a script's or a vendor's call to us is: parsed calls, the routes and hooks that read them,
and the doors they come to. Plain Python, no web, no database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from providers.commands import Callback, Command
from providers.message import PushMessage
from providers.outbound import AccountConfig
from providers.outcomes import Refusal
from providers.receipts import OutcomeEvent, ReceiptEvent
from providers.reports import OutcomeRow


@dataclass(frozen=True, slots=True)
class Call:
    """One request from a script, already parsed: `path` holds the route's named pieces.

    `options` are those of the door that `Dialect.name_door` names, `now` is when it came; both
    only where a script calls us. `repeats` holds every value of a parameter that came more than
    once; `query` has its last.
    """

    body: Any = None
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)  # lower-case names
    options: Mapping[str, Any] = field(default_factory=dict)
    now: datetime | None = None
    repeats: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of ours. A text body is sent as it is, with `content_type`."""

    status: int
    body: Any
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ApiCredentials:
    """What a caller showed: an ApiKey's whole text, or its public id and secret; with `is_token`
    perhaps a token of `IssueToken` in place of the text; or an app group's key and secret
    (`is_group`; `may_be_group` where the caller does not say whether they are that).

    Or a proof that he knows a secret of a door: `door` is an identifier of it, which no other
    door has, and `is_proof` tells from the door's secrets and the time whether the proof holds.
    It may raise `Refusal` with a `RefusalCode`.
    """

    key: str = ""
    secret: str = field(default="", repr=False)
    is_token: bool = False
    is_group: bool = False
    may_be_group: bool = False
    door: str = ""
    is_proof: Callable[[Mapping[str, str], datetime], bool] | None = None


@dataclass(frozen=True, slots=True)
class Quota:
    """How often one caller may call a class of routes: so many times a second, or `calls` times
    within so many seconds, and a day.

    With `per_app` all callers of one app share it, which then has no bound of a day; the app is the
    one that `Dialect.name_door` names.
    """

    per_second: int | None = None
    per_day: int | None = None
    calls: int | None = None
    within: float = 1.0
    per_app: bool = False

    @property
    def burst(self) -> int:
        """How many calls may come at once; 0 where only the day counts."""
        return self.calls or self.per_second or 0

    @property
    def rate(self) -> float:
        """Calls per second."""
        return self.burst / (self.within if self.calls else 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One inbound call. `path` is a pattern such as `push/v1/status/{transfer}`.

    `read` raises `Refusal`; `write` gets the answer and the call, and never fails. `quota` names
    an entry of `Dialect.quotas`. `write_refusal` stands for the dialect's where this endpoint has
    an error shape of its own. An `is_open` route is called without credentials. One that
    `takes_forms` reads a body that says so of itself as a form, with texts for values. Where it
    `counts_pushes`, each push of a call of several counts against the quota, and those beyond it
    are refused one by one.
    """

    method: str
    path: str
    read: Callable[[Call], Command]
    write: Callable[[Any, Call], Reply]
    write_refusal: Callable[[Refusal], Reply] | None = None
    is_open: bool = False
    takes_forms: bool = False
    counts_pushes: bool = False
    quota: str = ""
    max_bytes: int = 10_000_000
    max_recipients: int = 20_000


@dataclass(frozen=True, slots=True)
class CallbackRequest:
    """A call that a script asked for, in its dialect's words; made by the engine's outbox."""

    method: str
    url: str
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


# From the credentials that the vendor and we share, the address, and what is new of targets.
WriteHook = Callable[[AccountConfig, str, tuple[OutcomeRow, ...]], CallbackRequest | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One call of a vendor to us, under `/hooks/<account public id>/`.

    `verify` tells from the account's credentials whether the vendor made it; `read` gives what it
    says, raises `Refusal`. `answer` is what the vendor wants to hear; `echo` answers its check of
    the address and gives None for any other call.

    `write` is the vendor's side of it: the call of that address that `verify` and `read` take, None
    where there is nothing to say; `write_check` its check of the address, with a text of its own.
    """

    method: str
    path: str
    read: Callable[[Call], tuple[ReceiptEvent | OutcomeEvent, ...]]
    verify: Callable[[Call, AccountConfig], bool]
    answer: Reply
    echo: Callable[[Call], Reply | None] | None = None
    write: WriteHook | None = None
    write_check: Callable[[str, str], CallbackRequest] | None = None
    max_bytes: int = 1_000_000


# What to say of targets, all of one state and fewer than 1,000; None where there is nothing to say.
WriteCallback = Callable[[Callback, tuple[OutcomeRow, ...]], CallbackRequest | None]


# From what is set for the door, its secrets too, what is new of targets (as `WriteCallback`), when
# the call is made, and digits of chance.
WriteDoorCallback = Callable[
    [Mapping[str, Any], tuple[OutcomeRow, ...], datetime, str], CallbackRequest | None
]


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorCallback:
    """Callbacks to an address that is set for a door, about all whom its scripts name by an id.

    `url` names the door option with that address. `write_check` writes a check of an address,
    which must answer the text that is given here; nothing else is called before. `find_data` gives
    what of a message comes back with each call, as `OutcomeRow.callback_data`.
    """

    url: str
    write: WriteDoorCallback
    write_check: Callable[[str, str], CallbackRequest]
    find_data: Callable[[PushMessage], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorApp:
    """What a dialect may make an app's door identifiers of: they never change.

    `slug` and `workspace` are words, `slug` made unique in the workspace; `code` is 32 random hex
    digits that no other door has.
    """

    id: int
    slug: str
    workspace: str
    code: str = ""
