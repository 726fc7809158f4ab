"""What a client of a vendor is: an account, a written request, and what can be asked of it.

Plain Python; a client returns facts (`Receipt`, `Failure`, results) and never changes a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from providers.commands import CreateGroup, FetchStatus, Recalled, SendPush, TransferStatus
from providers.outcomes import Failure, Reason, Receipt, Result
from providers.receipts import FetchReceipts, ReceiptPage
from providers.reports import VendorTotal
from providers.scenarios import SaveScenario, SendByScenario, SendText


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountConfig:
    """A login at a vendor, as plain values. `options` are the route's outbound identifiers,
    `test_browser` the token of an operator's browser, in which a check may show that it works."""

    public_id: str
    credentials: Mapping[str, str]
    base_urls: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    test_browser: str = field(default="", repr=False)


_SAYING_NOTHING = frozenset({Reason.VENDOR, Reason.NO_ANSWER, Reason.THROTTLED})


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What the vendor's cheapest harmless call said, in its own words.

    Where nobody `is_heard` who could judge the account, it is neither good nor refused.
    """

    is_good: bool
    words: str
    is_heard: bool = True

    @classmethod
    def of_failure(cls, failure: Failure | Result) -> CheckResult:
        """A vendor that cannot be reached, is out or wants to be left alone judges nothing."""
        return cls(False, failure.message, failure.reason not in _SAYING_NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A send as it goes over the wire, written to its last byte: only talking is left.

    `lookup` is how the vendor can be asked about it, where it can be. `count` is the number of
    recipients, for vendors whose answer can be checked against it.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)  # with the account's secret
    body: bytes = field(repr=False)
    lookup: FetchStatus | None = None
    count: int = 0


class Outbound(Protocol):
    """One account, connected. Every method may raise `Failure` and nothing else.

    A send has two halves. `write` renders and encodes everything and sends nothing to anybody;
    the engine then notes the call in its books, and `send` only talks. So a worker that dies
    without such a note has certainly not sent.

    A client offers the methods that its dialect's flags promise (`has_groups`: `ensure_group`;
    `can_report`: `fetch_status`, `fetch_totals`; `has_totals`: the latter, also alone, which then
    counts a call as a whole, whatever the day; `has_receipts`: `fetch_receipts`; `can_cancel`:
    `cancel`; `has_labels`: `ensure_label`; `runs_scenarios`: those of `ScenarioRunner`).
    """

    def check(self) -> CheckResult: ...

    def write(self, push: SendPush) -> Request: ...

    def send(self, request: Request) -> Receipt: ...


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """What a gateway knows a caller by in the TLS handshake: PEM texts."""

    certificate: bytes
    key: bytes = field(repr=False)


@dataclass(slots=True)  # to freeze it takes three times as long, for each message
class DeviceCall:
    """One request to a gateway for one device, written to its last byte; always a POST.

    `place` is that of the target in the push, counted on over all parts and their targets.
    `headers` are lines `name: value`, the account's secret among them. `is_address_given`: the
    device has named the address and nobody vouches for it; what is wrong there, silence included,
    concerns nobody else. `is_believed`: an answer from there tells how the account is; those of
    whom none does are called on connections of their own.
    """

    place: int
    url: str
    headers: tuple[str, ...] = field(repr=False)
    body: bytes = field(repr=False)
    is_address_given: bool = False
    is_believed: bool = True


@dataclass(slots=True)  # to freeze it takes three times as long, for each message
class DeviceAnswer:
    """What a gateway answered to one DeviceCall, after so many `seconds`.

    Names of headers are in lower case; only `retry-after` is sure to be among them.
    """

    place: int
    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float = 0.0


class AddressRests(Protocol):
    """What many addresses of one account have asked of this process: to be left alone for a while.
    Others hear of it, and this one of what they were asked for; both in seconds, by address.
    """

    def take_told(self) -> Mapping[str, float]:
        """What was asked for since this was called last, by addresses whose word counts."""
        ...

    def put_back(self, told: Mapping[str, float]) -> None:
        """Others could not be told of this: it is taken the next time."""
        ...

    def learn(self, rests: Mapping[str, float]) -> None:
        """What others were asked for."""
        ...


class DeviceCalls(Protocol):
    """A push rendered once for every message in it: what differs per device is spliced in.

    `write` gives a Result where there is nothing to be called for a target (its subscription is
    none). `read` judges an answer; a Result with the reason CREDENTIAL or THROTTLED stops the
    calls that are not written yet. `find_rest` is asked right before a call that was written
    earlier is made: a Result where its address has asked to wait since, with the seconds that are
    left; nobody is called then, and no try is used up. `count` is the number of
    targets. `rests` is for gateways that are many under one account. `caller` stands for the
    credentials, as a digest, where a gateway holds a connection to those of its first call; it is
    empty elsewhere.
    """

    count: int
    certificate: ClientCertificate | None
    caller: str
    rests: AddressRests | None

    def write(self, place: int) -> DeviceCall | Result: ...

    def find_rest(self, call: DeviceCall) -> Result | None: ...

    def read(self, answer: DeviceAnswer) -> Result: ...


class DeviceSender(Protocol):
    """An outbound client of a gateway that takes one device per call (`Dialect.fans_out`).

    It has no `write` and `send`: the engine makes the calls of `write_calls`, many at once, and
    settles them as their answers come.
    """

    def check(self) -> CheckResult: ...

    def write_calls(self, push: SendPush) -> DeviceCalls: ...


class GroupKeeper(Protocol):
    """An outbound client whose vendor has report groups of its own."""

    def ensure_group(self, group: CreateGroup) -> str: ...


class StatusTeller(Protocol):
    """An outbound client that can be asked about a call.

    `fetch_status` gives None when the vendor definitely does not know the call, so that it may
    be sent again once `Dialect.lookup_lag` has passed. `day` is `YYYY-MM-DD`.
    """

    def fetch_status(self, command: FetchStatus) -> TransferStatus | None: ...

    def fetch_totals(self, transfer: str, day: str) -> tuple[VendorTotal, ...]: ...


class ReceiptTeller(Protocol):
    """An outbound client that tells what came back."""

    def fetch_receipts(self, command: FetchReceipts) -> ReceiptPage: ...


class Canceller(Protocol):
    """An outbound client that can ask the vendor to take back a call, by its reference for it.

    A permanent Failure is the vendor's no.
    """

    def cancel(self, reference: str) -> Recalled: ...


class LabelKeeper(Protocol):
    """An outbound client whose vendor keeps labels: it makes one and sets its members."""

    def ensure_label(self, name: str, add: tuple[str, ...], remove: tuple[str, ...]) -> None: ...


class TextWriter(Protocol):
    """An outbound client of a vendor with `channels`: SMS or e-mail to persons.

    What it writes is sent by `send`, like a push.
    """

    def write_text(self, text: SendText) -> Request: ...


class ScenarioRunner(Protocol):
    """An outbound client whose vendor goes from one step of a scenario to the next itself.

    `ensure_scenario` gives the vendor's id of the scenario of exactly these steps, of which the
    push's sender is the account's own. What
    `write_by_scenario` writes is sent by `send`, and asked about, like a push; the events of its
    recipients name the channel by which they were reached.
    """

    def ensure_scenario(self, scenario: SaveScenario) -> str: ...

    def write_by_scenario(self, command: SendByScenario) -> Request: ...


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call as it went over the wire, scrubbed: no secret, recipients replaced by counts."""

    method: str
    url: str
    request: str
    status: int | None
    response: str
    seconds: float
