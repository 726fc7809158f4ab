"""What a vendor is: a `Dialect`. Outbound it `connect`s to an `Outbound`, inbound its `routes`
are data. Plain Python, no web, no database.

Providers return facts (`Receipt`, `Failure`, results); they never change a row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from providers.audience import Expression
from providers.commands import Fault, SendPush
from providers.fields import FieldSpec, gettext_noop
from providers.gateways import Gateway
from providers.inbound import (
    ApiCredentials,
    Call,
    DoorApp,
    DoorCallback,
    Hook,
    Quota,
    Reply,
    Route,
    WriteCallback,
)
from providers.message import PushMessage
from providers.message_fields import Platform
from providers.outbound import AccountConfig, DeviceSender, Outbound
from providers.outcomes import Refusal
from providers.recipients import IdentifierKind
from providers.scenarios import Channel
from providers.schedules import SaveSchedule, ScheduleRow


class Addressing(StrEnum):
    """How a vendor's recipients can be named."""

    TOKEN = "token"
    VENDOR_ID = "vendor_id"
    USERNAME = "username"
    LABEL = "label"
    FILTER = "filter"
    EVERYONE = "everyone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a vendor takes. Rates are per account.

    `call_rates` holds calls per second of single kinds of calls, as `Dialect.name_call` names
    them, beside `requests_per_second` of all. `in_flight` bounds calls without an answer yet, or
    where a vendor `fans_out` batches that are worked off at once, each with up to `streams` calls;
    `texts_per_call` is how many recipients of a call may each get a text of their own;
    `running_tasks` accepted calls that the vendor is still working on, as far as `fetch_status`
    tells, and for `task_seconds` where it cannot be asked. `calls_window` is the seconds over which
    the vendor counts calls. `granted` names limits that the vendor raises for whoever asks it, with
    the most that an operator may say was granted.
    """

    batch_size: int = 1000
    texts_per_call: int = 1
    labels_per_call: int = 1
    requests_per_second: float | None = None
    requests_per_day: int | None = None
    day_zone: str = "UTC"
    recipients_per_second: float | None = None
    in_flight: int = 4
    streams: int = 100
    running_tasks: int | None = None
    task_seconds: float = 300.0
    call_rates: Mapping[str, float] = field(default_factory=dict)
    calls_window: float = 10.0
    granted: Mapping[str, int] = field(default_factory=dict)
    max_payload_bytes: int = 4096
    addressing: frozenset[Addressing] = frozenset({Addressing.TOKEN})


class Cap(StrEnum):
    """What a vendor bounds of what its scripts keep, or say in one call.

    A call over one is refused with the code `OVER_CAP` and the cap's name as `subject`. Lengths
    are in bytes of UTF-8.
    """

    LABELS = "labels"  # per app
    MEMBERS = "members"  # per label
    MEMBERS_PER_CALL = "members_per_call"
    TAGS = "tags"  # different ones per app
    TAGS_PER_DEVICE = "tags_per_device"
    DEVICES_PER_TAG = "devices_per_tag"
    TAG_BYTES = "tag_bytes"
    ALIAS_BYTES = "alias_bytes"
    DEVICES_PER_CALL = "devices_per_call"


# A flag of this name among `Dialect.door_options` decides whether labels are looked up without
# regard to case; where there is none, they are told apart by it.
LABELS_IGNORE_CASE = "labels_ignore_case"
# A text of this name among them lists, with commas, the inbox topics that an app has; a push for
# another one is refused by its field. Where nothing is set, every topic is taken.
INBOX_TOPICS = "inbox_topics"
# A flag of every door: whether a push that would lose something on its way out is refused.
STRICT = FieldSpec(
    name="strict",
    kind="bool",
    label=gettext_noop("Refuse a lossy route"),
    help=gettext_noop(
        "Refuses a push of which the account it leaves through drops or cuts a field."
    ),
    default=False,
)


class Idempotency(StrEnum):
    """What can be done when a request was written and no answer came."""

    KEY = "key"  # resend with the same key
    LOOKUP = "lookup"  # ask by our own id, resend only on a definite "not known"
    NONE = "none"


class Fate(StrEnum):
    """What a route does with a message field."""

    CARRIED = "carried"
    RENAMED = "renamed"
    EMULATED = "emulated"  # not the vendor's, but done by us with the same effect
    TRUNCATED = "truncated"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Carry:
    """How one message field (`android.priority`) fares; `note` says how in a sentence."""

    fate: Fate
    name: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class SdkFloor:
    """From which version of the vendor's SDK in an app on a message field does something there.

    `field` is a path such as `in_app.style`; with a `value` it holds for that one alone.
    """

    platform: Platform
    field: str
    version: str
    value: str = ""


# As long as a receipt token gets: what is measured before sending holds one.
LONGEST_REFERENCE = "1.1y2p0ij32e8e7.1y2p0ij32e8e7." + "z" * 12


@dataclass(frozen=True, slots=True)
class Payload:
    """How many bytes one device is sent, and how many of them the vendor takes."""

    bytes: int
    limit: int

    @property
    def is_over(self) -> bool:
        """Whether the vendor would not take it."""
        return self.bytes > self.limit


def _writes_no_filter(expression: Expression) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class CallKind:
    """What a vendor may tell one kind of its calls by: the account's and route's `options`, of what
    kind the audience is that it is `told` in place of recipients, and whether the outcome of a
    single recipient `is_awaited`.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    told: Addressing | None = None
    is_awaited: bool = False


def _name_no_kind(call: CallKind) -> str:
    return ""


def _has_extras(message: PushMessage) -> bool:
    return True


def _addresses_as_always(options: Mapping[str, Any]) -> frozenset[Addressing] | None:
    return None


def _needs_no_identifiers(app: DoorApp) -> Mapping[str, str]:
    return {}


def _tells_nothing(shown: Mapping[str, str]) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One vendor's API, spoken by us in both directions. Everything else derives from it.

    `running_limits` bounds by `SendPush.kind` how many transfers of an app may run at once, from
    when they are due; one more is refused with BUSY. `refuses_empty` makes a send that nobody is
    meant by a refusal: NOT_FOUND with the field `audience` or `targets`, its code UNREGISTERED
    where every device that is named by its token has a dead one. With `judges_later` a send
    that no route can address is taken and becomes `failed`; else it is refused: INVALID, `targets`.

    `can_filter` tells whether the vendor's filters can say exactly what an expression says; labels
    are in it as `person.label`, platforms as `device.platform`. A vendor that `prefers_audience` is
    told whom a call means, where that is exact, although it could be given every recipient; with an
    `audience_option` each account has a flag of this name that decides. One that
    `takes_translations` gets a message in all its languages with one call. `find_addressing`
    tells where a route, by the account's and its own options, can name recipients in fewer ways
    than `limits` say; None for as always.

    `carries` names fields that fare other than DROPPED, by path. `door_identifiers` gives what we
    call an app in this dialect; `door_secrets` names texts of 32 random hex digits that belong to
    a door; `door_options` are what staff may set for it (a secret among them is kept as
    `door_secrets` are, under its own name), `name_door` tells which door's count for a
    call (its body is not read yet). `describe_key` gives what `issue_key`
    prints beside these, from an ApiKey's `key` (its public id) and `secret`, with the identifiers
    and secrets of the door, or from an app group's
    `group_key` and `group_secret`: then with the `authorization`, where the dialect knows groups.
    `caps` bounds what scripts keep. `lookup_lag` is how many seconds a vendor
    may need until it knows a call that it accepted. `find_faults` tells what this vendor would
    find wrong with a send only after it has accepted it: the transfer becomes `failed` with them.
    `find_message_faults` tells by field path why this vendor would not take a message at all.
    `measure` writes a message that is resolved for one platform as a device is sent it and counts
    its bytes; without it they are estimated against `limits.max_payload_bytes`.
    A vendor that `can_cancel` does so for `recall_seconds` after it has accepted a call.
    `refuse_strict` raises Refusal for a push that this vendor takes only where a door is not
    strict. `says_more` tells whether this dialect's extras of a message say what no field holds.
    `name_call` tells which of `Limits.call_rates` a call counts against; "" for none.
    `find_idempotency` tells from the account's and route's options which of the vendor's calls is
    made, where `idempotency` is not that of all. A vendor that `runs_scenarios` goes from
    a push to the later steps itself, over its `channels`; `scenario_carries` names fields that fare
    otherwise then. One that `fans_out` takes one device per call (`outbound.DeviceSender`), and its
    `gateway` is how it answers in the simulator; one that `judges_tokens` answers NOT_ADDRESSABLE
    for a token that is none of its own, as a wrong route makes it do for all of them: too many of
    these pause a campaign as refused messages do.
    `make_credentials` makes what an account needs of secrets that no vendor gives: what is empty
    of them is filled when it is saved. `find_browser_key` gives the key that browsers subscribe
    with of an account's credentials, where its devices are browsers that do so by themselves.
    `recognise_secret` gives from the name and text of a kept credential what a person tells it by
    in place of its last characters, "" for those: it must give away nothing of the secret.
    `find_expiry` reads until when an account's credentials are good, where they say so themselves.
    `make_door_secret` makes each of `door_secrets` where they are no hex digits, and
    `find_credential_faults` tells by name what is wrong with an account's credentials before the
    vendor is asked.
    `plan_schedule` makes of a kept schedule's body, and the records bound to it,
    what is to be planned now (its `push` None: nothing); it raises Refusal.
    """

    key: str
    label: str
    purpose: str = ""  # in one line, for whoever chooses among vendors
    limits: Limits
    platforms: frozenset[Platform]
    channels: frozenset[Channel] = frozenset()  # how it reaches persons beside pushes
    credentials: tuple[FieldSpec, ...] = ()
    base_urls: tuple[FieldSpec, ...] = ()
    account_options: tuple[FieldSpec, ...] = ()
    route_options: tuple[FieldSpec, ...] = ()
    message_options: tuple[FieldSpec, ...] = ()  # fields that only this vendor has, for compose
    identifier_kinds: tuple[IdentifierKind, ...] = ()
    carries: Mapping[str, Carry] = field(default_factory=dict)
    scenario_carries: Mapping[str, Carry] = field(default_factory=dict)
    sdk_floors: tuple[SdkFloor, ...] = ()
    idempotency: Idempotency = Idempotency.NONE
    lookup_lag: float = 0.0
    blind_resend: bool = False
    can_report: bool = False
    has_totals: bool = False
    can_cancel: bool = False
    recall_seconds: float = math.inf
    has_groups: bool = False
    has_labels: bool = False
    has_receipts: bool = False
    wants_references: bool = False
    fans_out: bool = False
    judges_tokens: bool = False
    runs_scenarios: bool = False
    is_sandbox: bool = False  # reached through PUSHADMIN_SANDBOX_URL
    can_filter: Callable[[Expression], bool] = _writes_no_filter
    prefers_audience: bool = False
    find_addressing: Callable[[Mapping[str, Any]], frozenset[Addressing] | None] = (
        _addresses_as_always
    )
    audience_option: str = ""
    takes_translations: bool = False
    name_call: Callable[[CallKind], str] = _name_no_kind
    find_idempotency: Callable[[Mapping[str, Any]], Idempotency] | None = None
    find_credential_faults: Callable[[Mapping[str, str]], Mapping[str, str]] | None = None
    connect: Callable[[AccountConfig], Outbound | DeviceSender] | None = None
    make_credentials: Callable[[], Mapping[str, str]] | None = None
    find_browser_key: Callable[[Mapping[str, str]], str] | None = None
    recognise_secret: Callable[[str, str], str] | None = None
    find_expiry: Callable[[Mapping[str, str]], datetime | None] | None = None
    routes: tuple[Route, ...] = ()
    quotas: Mapping[str, Quota] = field(default_factory=dict)
    authenticate: Callable[[Call], ApiCredentials] | None = None
    write_authorization: Callable[[str], str] | None = None  # our key -> the header's value
    write_refusal: Callable[[Refusal], Reply] | None = None
    door_options: tuple[FieldSpec, ...] = ()
    door_secrets: tuple[str, ...] = ()
    make_door_secret: Callable[[], str] | None = None
    name_door: Callable[[Call], str] | None = None
    door_identifiers: Callable[[DoorApp], Mapping[str, Any]] = _needs_no_identifiers
    describe_key: Callable[[Mapping[str, str]], Mapping[str, Any]] = _tells_nothing
    running_limits: Mapping[str, int] = field(default_factory=dict)
    caps: Mapping[Cap, int] = field(default_factory=dict)
    refuses_empty: bool = False
    judges_later: bool = False
    hooks: tuple[Hook, ...] = ()
    write_callback: WriteCallback | None = None
    door_callback: DoorCallback | None = None
    find_faults: Callable[[SendPush], tuple[Fault, ...]] | None = None
    refuse_strict: Callable[[SendPush], None] | None = None
    says_more: Callable[[PushMessage], bool] = _has_extras
    find_message_faults: Callable[[PushMessage], Mapping[str, str]] | None = None
    measure: Callable[[PushMessage, Platform], Payload] | None = None
    plan_schedule: Callable[[ScheduleRow], SaveSchedule] | None = None
    gateway: Gateway | None = None

    @property
    def can_be_asked(self) -> bool:
        """Whether the vendor tells something of a call by its own reference for it."""
        return self.can_report or self.has_totals

    @property
    def all_door_options(self) -> tuple[FieldSpec, ...]:
        """What staff may set for a door: the dialect's own, and what every door has."""
        return (*self.door_options, STRICT)

    @property
    def has_door(self) -> bool:
        """Whether scripts may speak it to us: it can be told who calls, and is a real vendor's."""
        can_answer = self.routes and self.authenticate and self.write_refusal
        return bool(can_answer) and not self.is_sandbox
