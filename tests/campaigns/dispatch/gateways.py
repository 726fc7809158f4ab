"""A gateway that takes one device per call, at the edge of the machine: it notes what it gets at
the very moment at which a call is written, and answers as a test wants."""

from __future__ import annotations

import json
import math
from collections import Counter as Tally
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.db import connection

from campaigns.selectors import routes
from providers import fanout, registry
from providers.commands import SendPush
from providers.contract import Dialect, Idempotency, Limits
from providers.outbound import AccountConfig, AddressRests, DeviceAnswer, DeviceCall
from providers.outcomes import Failure, Outcome, Reason, Result
from tests.campaigns.dispatch.boundaries import Boundaries

STREAMS = 2
REST = 1800.0  # seconds for which an address that has asked to wait is left alone
Answer = DeviceAnswer | Failure
SILENCE = Failure(Reason.NO_ANSWER, "No answer came.", was_sent=None)
UNREACHED = Failure(Reason.VENDOR, "Cannot be reached.", was_sent=False)


def say(outcome: Outcome = Outcome.FAILED, **fields: Any) -> Callable[[int], Answer]:
    """An answer that its client reads as this result."""

    def answer(place: int) -> Answer:
        body = json.dumps({"outcome": outcome, **fields}).encode()
        return DeviceAnswer(place, 200 if outcome is Outcome.ACCEPTED else 400, {}, body)

    return answer


ACCEPTED = say(Outcome.ACCEPTED)


@dataclass
class Gateway:
    """`wishes` are answers by token, the first of several first; everybody else is accepted."""

    wishes: dict[str, list[Callable[[int], Answer]]] = field(default_factory=dict)
    usual: Callable[[int], Answer] = ACCEPTED
    calls: list[str] = field(default_factory=list)  # tokens, as their calls came
    answered: int = 0  # calls whose answers were read
    most: int = 0  # calls at once
    streams: int = STREAMS
    places: float = math.inf  # who is called above that waits until it is admitted
    boundaries: Boundaries | None = None
    on_call: Callable[[str], None] | None = None

    def take(self, call: DeviceCall) -> Answer:
        token = json.loads(call.body)["token"]
        self.calls.append(token)
        if self.on_call is not None:
            elsewhere(lambda: self.on_call(token))
        wishes = self.wishes.get(token)
        return (wishes.pop(0) if wishes else self.usual)(call.place)

    def summarize(self) -> dict[str, int]:
        times = Tally(self.calls)
        return {"accepted_recipients": times.total(), "distinct_recipients": len(times)}


def elsewhere(act: Callable[[], None]) -> None:
    """Somebody else does something at this moment: on a connection of his own, as a worker may
    wait for an answer on its one. In memory there is only one."""
    if connection.vendor != "postgresql":
        act()
        return

    def act_and_leave() -> None:
        try:
            act()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as other:
        other.submit(act_and_leave).result()


class Line:
    """What `Fanout` is to the engine, without a wire: a call is written when it is submitted."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.answers: list[tuple[DeviceCall, Answer]] = []
        self.waiting: list[DeviceCall] = []

    @property
    def in_flight(self) -> int:
        return len(self.answers) + len(self.waiting)

    def submit(self, call: DeviceCall) -> None:
        if self.waiting or len(self.answers) >= self.gateway.places:
            self.waiting.append(call)
        else:
            self._write(call)

    def admit(self, find_rest: Callable[[DeviceCall], Result | None]) -> list[Result]:
        """Whoever waits is called where there is a place again."""
        rests: list[Result] = []
        while self.waiting and len(self.answers) < self.gateway.places:
            call = self.waiting.pop(0)
            if (rest := find_rest(call)) is None:
                self._write(call)
            else:
                rests.append(rest)
        return rests

    def _write(self, call: DeviceCall) -> None:
        boundaries = self.gateway.boundaries
        if boundaries is not None:
            boundaries.cross()
            boundaries.state += 1
        self.answers.append((call, self.gateway.take(call)))
        self.gateway.most = max(self.gateway.most, len(self.answers))

    def poll(self, seconds: float) -> list[tuple[DeviceCall, Answer]]:
        """One at a time, the last one first: answers come in any order."""
        if self.gateway.boundaries is not None:
            self.gateway.boundaries.cross()
        self.gateway.answered += bool(self.answers)
        return [self.answers.pop()] if self.answers else []

    def withdraw(self) -> list[DeviceCall]:
        waiting, self.waiting = self.waiting, []
        return waiting

    def close(self) -> None:
        self.answers.clear()
        self.waiting.clear()


class Calls:
    """Like a gateway's own: one body per message, with the token spliced in."""

    certificate = None
    caller = ""
    rests: AddressRests | None = None
    resting: frozenset[str] = frozenset()  # tokens whose addresses have asked to wait

    def __init__(self, push: SendPush) -> None:
        self.targets = [
            (part.message.title, value)
            for part in push.parts
            for targets in part.targets
            for value in targets.values
        ]
        self.count = len(self.targets)

    def write(self, place: int) -> DeviceCall | Result:
        title, token = self.targets[place]
        if token.startswith("broken"):
            return Result(place, Outcome.FAILED, Reason.TOKEN, "It is no token.")
        body = json.dumps({"title": title, "token": token}).encode()
        headers = ("authorization: Bearer secret-of-ours",)
        address = f"https://gateway.example/send/{token}"
        is_own, is_named = token.startswith("browser"), "named" in token
        return DeviceCall(
            place,
            address,
            headers,
            body,
            is_address_given=is_own,
            is_believed=is_named or not is_own,
        )

    def find_rest(self, call: DeviceCall) -> Result | None:
        _title, token = self.targets[call.place]
        if token not in self.resting:
            return None
        words = "It has asked to wait."
        return Result(call.place, Outcome.FAILED, Reason.VENDOR, words, retry_after=REST)

    def read(self, answer: DeviceAnswer) -> Result:
        body = json.loads(answer.body)
        since = body.get("dead_since")
        return Result(
            answer.place,
            Outcome(body["outcome"]),
            Reason(body["reason"]) if "reason" in body else None,
            body.get("message", ""),
            body.get("retry_after"),
            datetime.fromisoformat(since) if since else None,
            bool(body.get("blocks_account")),
        )


class Client:
    def __init__(self, config: AccountConfig) -> None:
        pass

    def write_calls(self, push: SendPush) -> Calls:
        return Calls(push)


def connect(monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """From now on every call goes to this gateway, without a wire."""
    gateway = Gateway()
    line = Line(gateway)
    monkeypatch.setattr(
        routes, "find_dialect", lambda key: make_dialect(registry.get("sandbox"), gateway.streams)
    )
    monkeypatch.setattr(fanout, "get_fanout", lambda *a, **options: line)
    monkeypatch.setattr(fanout, "close_fanouts", line.close)
    return gateway


def make_dialect(base: Dialect, streams: int = STREAMS, batch_size: int = 1000) -> Dialect:
    """A vendor of one device per call, whose tokens are the base's."""
    limits = Limits(batch_size=batch_size, texts_per_call=batch_size, streams=streams, in_flight=4)
    return replace(
        base,
        limits=limits,
        fans_out=True,
        blind_resend=True,
        idempotency=Idempotency.NONE,
        connect=Client,
        wants_references=False,
        has_groups=False,
        has_labels=False,
        can_report=False,
        has_receipts=False,
    )


def make_clock(now: datetime, hours: float = 0) -> Callable[[], datetime]:
    """A clock that goes on by a microsecond whenever it is read: so little that no wait that was
    drawn by lot, from nothing to many seconds, ends while a test looks."""
    ticks = count()
    return lambda: now + timedelta(hours=hours, microseconds=next(ticks))
