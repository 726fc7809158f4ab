"""Every fault that the simulated vendor can be asked for, as data.

`FAULTS` befall every vendor, `STREAM_FAULTS` the streams of HTTP/2, which gateways speak. A name
that does not resolve is the caller's own side: point the account's address at one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

OptionValue = float | str | bool


class Stage(StrEnum):
    """When a fault acts. Of one stage a call suffers one fault, except where they combine."""

    CONNECTION = "connection"  # before a byte of the call is read
    PACE = "pace"  # the call waits
    REFUSAL = "refusal"  # instead of being accepted
    ACCEPTANCE = "acceptance"  # how it is accepted, and what comes of it later
    RESULTS = "results"  # what is said of single recipients
    ANSWER = "answer"  # status, headers and body
    WIRE = "wire"  # how the answer goes over the socket
    DOOR = "door"  # what the next callers find
    STREAM = "stream"  # what becomes of the stream that the call came on


COMBINED = frozenset({Stage.PACE, Stage.ACCEPTANCE})


class CallKind(StrEnum):
    """What a call asks for, whatever the dialect."""

    SEND = "send"
    STATUS = "status"
    RECEIPTS = "receipts"
    REPORT = "report"
    GROUPS = "groups"
    LABELS = "labels"
    TOKENS = "tokens"
    RECALLS = "recalls"
    OTHER = "other"
    ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultType:
    """`options` are its settings with their defaults, whose types are the settings' types.

    `is_accepted` says whether the vendor has taken a send that suffered it; None: an option
    `accepted` decides. `on` is the kind of call that it concerns unless a rule says otherwise.
    """

    name: str
    stage: Stage
    sentence: str
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    is_accepted: bool | None = True
    on: CallKind = CallKind.SEND

    @property
    def knows_call(self) -> bool:
        """Whether it is chosen after the call was read."""
        return self.stage is not Stage.CONNECTION

    @property
    def is_of_tls(self) -> bool:
        """Whether it befalls a handshake."""
        return self.name.startswith("tls_")


def _refusal(name: str, sentence: str, **options: OptionValue) -> FaultType:
    return FaultType(
        name=name, stage=Stage.REFUSAL, sentence=sentence, options=options, is_accepted=False
    )


def _answer(name: str, sentence: str, **options: OptionValue) -> FaultType:
    return FaultType(
        name=name,
        stage=Stage.ANSWER,
        sentence=sentence,
        options={"accepted": True, **options},
        is_accepted=None,
    )


def _of(stage: Stage, on: CallKind, name: str, sentence: str, **options: OptionValue) -> FaultType:
    return FaultType(name=name, stage=stage, sentence=sentence, options=options, on=on)


def _before(name: str, sentence: str) -> FaultType:
    return FaultType(
        name=name,
        stage=Stage.CONNECTION,
        sentence=sentence,
        is_accepted=False,
        on=CallKind.ANY,
    )


_TYPES = (
    _before("close_before_reading", "closes the connection before a byte of the call is read"),
    _before("tls_error", "answers a TLS handshake with bytes that are none"),
    _before("tls_expired", "shows a certificate that has expired"),
    _of(
        Stage.DOOR, CallKind.SEND, "connect_refused",
        "answers this call, then refuses every connection for so many seconds", seconds=5.0,
    ),
    _of(
        Stage.DOOR, CallKind.SEND, "connect_timeout",
        "answers this call, then lets every connection hang for so many seconds", seconds=5.0,
    ),
    _of(
        Stage.PACE, CallKind.SEND, "latency",
        "takes from so many to so many milliseconds until it looks at the call",
        low=5.0, high=1000.0,
    ),
    _refusal("close_before_acceptance", "reads the call, does not take it, closes"),
    _refusal("silence", "reads the call, does not take it, says nothing for so long", seconds=30.0),
    _refusal("error_400", "refuses the message as malformed"),
    _refusal("error_401", "refuses the key"),
    _refusal("error_403", "forbids the call"),
    _refusal("token_expired", "says that the key has expired; times=1 makes it good again"),
    _refusal("error_404", "does not know the address"),
    _refusal("error_410", "says that the recipient is gone, and since when"),
    _refusal("error_413", "finds the call too large"),
    _refusal("error_422", "understands the call and will not do it"),
    _refusal("error_429", "asks to slow down", retry_after=""),
    _refusal("quota_exhausted", "has no quota left until the next full minute"),
    _refusal("error_500", "fails", retry_after=""),
    _refusal("error_502", "has a gateway that fails", retry_after=""),
    _refusal("error_503", "is not available", retry_after=""),
    _refusal("error_504", "has a gateway that waits in vain; the call was not taken"),
    _refusal("redirect", "sends the caller to another address", to="http://169.254.169.254/latest"),
    _of(
        Stage.ACCEPTANCE, CallKind.SEND, "unregistered",
        "takes the call; these recipients' tokens are dead",
    ),
    _of(
        Stage.ACCEPTANCE, CallKind.SEND, "recipient_later",
        "takes the call; these recipients are to be tried again", retry_after=1.0,
    ),
    _of(
        Stage.ACCEPTANCE, CallKind.SEND, "recipient_refused",
        "takes the call; will not send to these recipients",
    ),
    _of(
        Stage.ACCEPTANCE, CallKind.SEND, "mixed",
        "takes the call, and a quarter each is sent, dead, refused, to be tried again (207)",
        retry_after=1.0,
    ),
    _of(
        Stage.ACCEPTANCE, CallKind.SEND, "forgets_key",
        "takes a call again whose idempotency key it has taken before",
    ),
    _of(
        Stage.ACCEPTANCE, CallKind.SEND, "receipts_late",
        "tells what became of these recipients so much later", seconds=60.0,
    ),
    _of(
        Stage.ACCEPTANCE, CallKind.SEND, "receipts_twice",
        "tells twice what became of these recipients",
    ),
    _of(
        Stage.ACCEPTANCE, CallKind.SEND, "receipts_out_of_order",
        "tells that a push was opened before it tells that it was delivered",
    ),
    _of(
        Stage.ACCEPTANCE, CallKind.SEND, "receipts_early",
        "tells what became of recipients so long before it answers the call", seconds=1.0,
    ),
    _of(
        Stage.ACCEPTANCE, CallKind.STATUS, "status_lag",
        "does not know a call until so long after it was taken", seconds=60.0,
    ),
    _of(
        Stage.ACCEPTANCE, CallKind.STATUS, "status_backwards",
        "says of a call, in turn, that it is sent, on its way, and just taken",
    ),
    _of(
        Stage.ACCEPTANCE, CallKind.REPORT, "totals_change",
        "gives other totals at every question, smaller ones too",
    ),
    _of(Stage.RESULTS, CallKind.SEND, "fewer_results", "leaves out half of what it has to say of "
        "single recipients"),
    _of(Stage.RESULTS, CallKind.SEND, "reordered_results", "says it in another order"),
    _of(Stage.RESULTS, CallKind.SEND, "duplicate_results", "says two things of one recipient"),
    _of(Stage.RESULTS, CallKind.SEND, "stranger_results", "speaks of recipients that were not in "
        "the call"),
    _of(Stage.ANSWER, CallKind.SEND, "accepted_500", "takes the call and answers 500"),
    _of(Stage.ANSWER, CallKind.SEND, "accepted_504", "takes the call; its gateway answers 504"),
    _answer("ok_with_error", "answers 200 with an error in its own shape", accepted=False),
    _answer("html", "answers 200 with a page"),
    _answer("invalid_json", "answers 200 with JSON that breaks off"),
    _answer("wrong_types", "answers 200 with numbers for texts and texts for numbers"),
    _answer("missing_ids", "answers 200 with every value left out"),
    _answer("unprintable", "answers 200 with NUL and half characters in its texts"),
    _answer("empty", "answers 200 with no body"),
    _answer("huge", "answers 200 with 20 MB"),
    FaultType(
        name="clock_skew",
        stage=Stage.ANSWER,
        sentence="shows a Date that is so many seconds wrong",
        options={"seconds": 86_400.0},
    ),
    _of(Stage.WIRE, CallKind.SEND, "accepted_answer_lost", "takes the call and closes without a "
        "word"),
    _of(Stage.WIRE, CallKind.SEND, "slow_headers", "waits so long after each line of the head",
        seconds=10.0),
    _of(Stage.WIRE, CallKind.SEND, "slow_body", "waits so long after each byte of the body",
        seconds=1.0),
    _of(Stage.WIRE, CallKind.SEND, "bandwidth", "answers with so many bytes a second",
        bytes_per_second=1000.0),
    _of(Stage.WIRE, CallKind.SEND, "half_body", "closes in the middle of the body"),
    _of(Stage.WIRE, CallKind.SEND, "wrong_length", "promises so many bytes more than it sends",
        by=100.0),
)  # fmt: skip

_STREAM_TYPES = (
    FaultType(
        name="goaway",
        stage=Stage.STREAM,
        sentence="says that this call and those after it on the connection are not looked at",
        is_accepted=False,
    ),
    FaultType(
        name="goaway_after",
        stage=Stage.STREAM,
        sentence="answers this call and those before it, then ends the connection",
    ),
    FaultType(
        name="stream_refused",
        stage=Stage.STREAM,
        sentence="resets the stream and says that the call was not looked at",
        is_accepted=False,
    ),
    FaultType(
        name="stream_reset",
        stage=Stage.STREAM,
        sentence="resets the stream without a word about the call",
        options={"accepted": True},
        is_accepted=None,
    ),
)

FAULTS: Mapping[str, FaultType] = {item.name: item for item in _TYPES}
STREAM_FAULTS: Mapping[str, FaultType] = {item.name: item for item in _STREAM_TYPES}
