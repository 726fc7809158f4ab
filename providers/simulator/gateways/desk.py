"""What a gateway does with a call: accept it, refuse it, or what a fault has it do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from providers.gateways import Gateway, GatewayCall, GatewayReply, GatewaySend
from providers.inbound import Reply
from providers.outcomes import Reason, Refusal, RefusalKind, Result
from providers.pacing import Bucket
from providers.simulator import acceptance, answers
from providers.simulator.faults import CallKind, Stage
from providers.simulator.gateways.requests import Request
from providers.simulator.plan import GivenFault, Seen
from providers.simulator.simulator import Simulator

DEAD_FOR = timedelta(hours=1)
NOWHERE = GatewayReply(404, b'{"error":"No gateway answers here."}')


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is answered, after how many seconds, and what happens to it on its way.

    Without a reply nothing is answered. `stream` befalls the stream of the call, `wire` its
    answer, `door` the next callers.
    """

    reply: GatewayReply | None
    delay: float = 0.0
    wire: GivenFault | None = None
    stream: GivenFault | None = None
    door: GivenFault | None = None


@dataclass(slots=True)
class Visitor:
    """A connection: the name that it showed, and what each gateway remembers of it."""

    certificate: str = ""
    memories: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Visit:
    key: str
    gateway: Gateway
    call: GatewayCall
    send: GatewaySend

    def shape(self, refusal: Refusal) -> Reply:
        """A refusal as the vendors' faults want it."""
        return _widen(self.gateway.write_refusal(self.call, refusal))


class Desk:
    """Judges calls one after the other; for one thread."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.calls = 0
        self.buckets: dict[str, Bucket] = {}

    def judge(self, request: Request, now: datetime, visitor: Visitor) -> Verdict:
        """What becomes of a request; what it was accepted for is noted, and not flushed yet."""
        key, _, rest = request.target.removeprefix("/").partition("/")
        gateway = self.simulator.gateways.get(key)
        if gateway is None:
            return Verdict(NOWHERE)
        path, _, query = rest.partition("?")
        call = GatewayCall(
            request.method,
            f"/{path}",
            request.headers,
            request.body,
            now,
            query,
            visitor.certificate,
            visitor.memories.setdefault(key, {}),
        )
        delay = self.simulator.behaviour.latency_ms / 1000
        try:
            self._admit(key, now)
            send = gateway.read(call)
            if isinstance(send, GatewayReply):
                return Verdict(send, delay)
            visit = _Visit(key, gateway, call, send)
            if self.simulator.book.plan.rules:
                return self._suffer(visit, delay)
            return Verdict(self._serve(visit, None), delay)
        except Refusal as refusal:
            return Verdict(_refuse(gateway, call, refusal), delay)

    def _admit(self, key: str, now: datetime) -> None:
        """Whether the gateway lets a call in now; raises Refusal."""
        behaviour = self.simulator.behaviour
        self.calls += 1
        if behaviour.is_refused:
            raise Refusal(RefusalKind.UNAUTHENTICATED, "Invalid push credentials")
        if behaviour.requests_per_second:
            self._pace(key, behaviour.requests_per_second, now)
        if behaviour.vendor_percent and (
            behaviour.draw("vendor", self.calls)[0] * 100 < behaviour.vendor_percent
        ):
            raise Refusal(RefusalKind.UNAVAILABLE, "Temporarily unavailable", retry_after=1.0)

    def _pace(self, key: str, rate: int, now: datetime) -> None:
        bucket = self.buckets.get(key)
        if bucket is None or bucket.rate != rate:
            bucket = Bucket.full(rate, now=now)
        wait = bucket.find_wait(1, now)
        if wait:
            words = f"At most {rate} calls per second."
            raise Refusal(RefusalKind.THROTTLED, words, retry_after=max(1.0, round(wait)))
        self.buckets[key] = bucket.take(1, now)

    def _serve(self, visit: _Visit, said: Result | None) -> GatewayReply:
        """Take a send, unless its recipient is `said`, or drawn, to be none; raises Refusal."""
        behaviour, send = self.simulator.behaviour, visit.send
        if said is not None and said.reason is not Reason.TOKEN:
            is_late = said.retry_after is not None
            kind = RefusalKind.UNAVAILABLE if is_late else RefusalKind.INVALID
            raise Refusal(kind, said.message, retry_after=said.retry_after)
        if behaviour.payload_percent and (
            behaviour.draw("payload", send.recipient)[0] * 100 < behaviour.payload_percent
        ):
            raise Refusal(RefusalKind.INVALID, "The message is malformed")
        is_decayed = bool(behaviour.decay_percent) and (
            behaviour.draw("decay", send.recipient)[0] * 100 < behaviour.decay_percent
        )
        if said is not None or is_decayed:
            return visit.gateway.write_dead(visit.call, send, visit.call.now - DEAD_FOR)
        self.simulator.ledger.note(visit.key, send, visit.call.now)
        return visit.gateway.write_accepted(visit.call, send)

    def _suffer(self, visit: _Visit, delay: float) -> Verdict:
        """As `_serve`, with the faults that the plan gives the call."""
        given = self._choose(visit)
        by_stage = {item.fault.stage: item for item in given}
        for item in given:
            if item.name == "latency":
                low, high = item.find_number("low"), item.find_number("high")
                delay += (low + item.draw(item.count) * (high - low)) / 1000
        stopping = (by_stage.get(Stage.REFUSAL), by_stage.get(Stage.STREAM))
        is_accepted = all(item is None or item.is_accepted() for item in stopping)
        answer = by_stage.get(Stage.ANSWER)
        is_accepted = is_accepted and (answer is None or answer.is_accepted())
        for item in given:
            self.simulator.book.note(item, visit.send.key, is_accepted=is_accepted)
        reply = self._reply(visit, given, by_stage, is_accepted=is_accepted)
        return Verdict(
            _narrow(reply) if reply.status else None,
            delay,
            getattr(reply, "wire", None) or by_stage.get(Stage.WIRE),
            by_stage.get(Stage.STREAM),
            by_stage.get(Stage.DOOR),
        )

    def _choose(self, visit: _Visit) -> Sequence[GivenFault]:
        send, call = visit.send, visit.call
        text = f"{visit.key}\0{send.recipient}\0{send.key}\0{call.path}".encode() + call.body
        seen = Seen(
            number=self.calls,
            dialect=visit.key,
            kind=CallKind.SEND,
            digest=hashlib.blake2b(text, digest_size=16).hexdigest(),
            recipients=(send.recipient,),
        )
        return self.simulator.book.plan.choose(seen, call.now)

    def _reply(
        self,
        visit: _Visit,
        given: Sequence[GivenFault],
        by_stage: dict[Stage, GivenFault],
        *,
        is_accepted: bool,
    ) -> Reply:
        now, refusal, answer = (
            visit.call.now,
            by_stage.get(Stage.REFUSAL),
            by_stage.get(Stage.ANSWER),
        )
        if refusal is not None and refusal.name == "error_410":
            return _widen(visit.gateway.write_dead(visit.call, visit.send, now - DEAD_FOR))
        if refusal is not None:
            return answers.refuse(visit.shape, refusal, now)
        if is_accepted:
            said = acceptance.find_results([visit.send.recipient], given).get(0)
            try:
                reply = _widen(self._serve(visit, said))
            except Refusal as refused:
                reply = _widen(_refuse(visit.gateway, visit.call, refused))
        else:
            reply = answers.write_untaken(visit.shape)
        return answers.spoil(visit.shape, reply, answer, now) if answer else reply


def _refuse(gateway: Gateway, call: GatewayCall, refusal: Refusal) -> GatewayReply:
    reply = gateway.write_refusal(call, refusal)
    if refusal.retry_after is None or "retry-after" in {name.lower() for name in reply.headers}:
        return reply
    return replace(reply, headers={**reply.headers, "retry-after": f"{refusal.retry_after:g}"})


def _widen(reply: GatewayReply) -> Reply:
    """A gateway's answer as the vendors' faults spoil it."""
    try:
        body: Any = json.loads(reply.body)
    except ValueError:
        body = reply.body.decode("latin-1")
    kind = reply.headers.get("content-type", "application/json")
    return Reply(reply.status, body, kind, dict(reply.headers))


def _narrow(reply: Reply) -> GatewayReply:
    body = reply.body
    if not isinstance(body, str):
        body = json.dumps(body, separators=(",", ":"))
    headers = {name.lower(): value for name, value in reply.headers.items()}
    if body:
        headers["content-type"] = reply.content_type
    return GatewayReply(reply.status, body.encode("utf-8", "replace"), headers)
