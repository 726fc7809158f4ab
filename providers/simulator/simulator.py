"""Many vendors in one process. Every dialect has its own base path, `/<dialect key>/`.

`Simulator.answer` turns a request into a reply without a socket; `server.open_server` puts it
behind one. A call passes through stages, each a function: it is admitted, it is given its faults,
it is refused or executed, its answer is written and perhaps spoilt.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from providers.audience_calls import (
    ChangeMembers,
    CreateLabel,
    DeleteLabel,
    FetchLabel,
    FetchMember,
    ListLabels,
    ListMembers,
)
from providers.commands import (
    ArchiveGroup,
    Command,
    CreateGroup,
    FetchGroup,
    FetchStatus,
    IssueToken,
    ListGroups,
    RecallPush,
    RestoreGroup,
    SendPush,
    SendPushes,
    UpdateGroup,
)
from providers.contract import Dialect
from providers.inbound import Call, Reply, Route
from providers.outcomes import Refusal, RefusalKind
from providers.pacing import Bucket
from providers.receipts import FetchReceipts
from providers.reports import FetchDays, FetchOutcomes, FetchReport, FetchTotals
from providers.routing import Shape, choose_shape, find_route
from providers.scenarios import SendByScenario, SendText, SendTexts
from providers.schedules import SaveSchedule
from providers.simulator import acceptance, answers
from providers.simulator.answers import SpoiltReply, write_refusal
from providers.simulator.behaviour import Behaviour
from providers.simulator.control import PREFIX, Control
from providers.simulator.fault_book import FaultBook
from providers.simulator.faults import CallKind, Stage
from providers.simulator.gateway_ledger import GatewayLedger
from providers.simulator.hooks import HookCaller
from providers.simulator.journal import Journal
from providers.simulator.memory import Clock, Visitor
from providers.simulator.plan import FaultPlan, GivenFault, Seen
from providers.simulator.vendor import SimulatedVendor

BEHAVIOUR_HEADER = "x-simulate"
_KINDS: Mapping[CallKind, tuple[type[Command], ...]] = {
    CallKind.SEND: (
        *(SendPush, SendPushes, SendText, SendTexts),
        *(SendByScenario, SaveSchedule),
    ),
    CallKind.STATUS: (FetchStatus, FetchTotals),
    CallKind.RECEIPTS: (FetchReceipts, FetchOutcomes),
    CallKind.REPORT: (FetchReport, FetchDays),
    CallKind.GROUPS: (
        *(CreateGroup, ListGroups, FetchGroup, UpdateGroup, ArchiveGroup, RestoreGroup),
    ),
    CallKind.LABELS: (
        *(CreateLabel, FetchLabel, ListLabels, DeleteLabel),
        *(ChangeMembers, FetchMember, ListMembers),
    ),
    CallKind.TOKENS: (IssueToken,),
    CallKind.RECALLS: (RecallPush,),
}
KINDS = {command: kind for kind, commands in _KINDS.items() for command in commands}


@dataclass(frozen=True, slots=True)
class Visit:
    """One request that found its route; `account` stands for the key that it showed."""

    dialect: Dialect
    route: Route
    call: Call
    account: str
    behaviour: Behaviour
    number: int

    @property
    def shape(self) -> Shape | None:
        """How a refusal is written here."""
        return self.route.write_refusal or self.dialect.write_refusal


class Simulator:
    """Each vendor is as good as `behaviour` says, and as bad as the fault plan says."""

    def __init__(
        self,
        dialects: Iterable[Dialect],
        journal: Path,
        behaviour: Behaviour | None = None,
        clock: Clock = lambda: datetime.now(UTC),
        journal_limit: int = 0,
    ) -> None:
        known = tuple(dialects)
        self.dialects = {dialect.key: dialect for dialect in known if dialect.routes}
        self.gateways = {item.key: item.gateway for item in known if item.gateway is not None}
        self.journal = Journal(journal, journal_limit)
        self.ledger = GatewayLedger(journal.with_suffix(".gateways.jsonl"), journal_limit)
        self.behaviour = behaviour or Behaviour()
        self.clock = clock
        self.vendor = SimulatedVendor(self.journal, clock)
        self.book = FaultBook(self.journal)
        self.hooks = HookCaller(self.vendor, self.dialects)
        self.control = Control(self.summarize, self.book, self.follow, self.hooks)
        self.buckets: dict[tuple[str, str], Bucket] = {}
        self.calls = 0
        self.connections = 0
        self.closing = threading.Event()  # set: nobody is kept waiting any more
        for line in self.journal.read():
            self.vendor.memory.apply(line)
            self.book.apply(line)

    def close(self) -> None:
        self.closing.set()
        self.journal.close()
        self.ledger.close()

    def stop(self) -> None:
        """An ordered end: whoever starts it again starts it without faults."""
        self.book.stop()
        self.close()

    def follow(self, plan: FaultPlan) -> None:
        """From now on calls suffer the faults of `plan`. Raises ValueError with a sentence."""
        for rule in plan.rules:
            if rule.dialect not in ("", *self.dialects, *self.gateways):
                known = ", ".join(sorted({*self.dialects, *self.gateways}))
                raise ValueError(f"There is no vendor {rule.dialect!r}. Known are: {known}.")
        self.book.change(plan)

    def summarize(self, dialect: str = "", tag: str = "") -> dict[str, Any]:
        """What all of them have accepted; of gateways, where nobody asks for a tag."""
        summary = self.vendor.summarize(dialect, tag)
        more = {} if tag else self.ledger.summarize(dialect)
        most = max(summary["most_per_recipient"], more.get("most_per_recipient", 0))
        added = {name: summary[name] + count for name, count in more.items()}
        return {**summary, **added, "most_per_recipient": most}

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """The reply to one request; `headers` in lower case."""
        url = urlsplit(target)
        if url.path.startswith(PREFIX):
            return self.control.answer(method, target, headers, body)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        key, _, path = url.path.lstrip("/").partition("/")
        dialect = self.dialects.get(key)
        if dialect is None:
            return Reply(404, {"error": f"No vendor answers at /{key}/."})
        try:
            route, pieces = find_route(dialect.routes, method, path)
            if len(body) > route.max_bytes:
                raise Refusal(RefusalKind.TOO_LARGE, f"At most {route.max_bytes} bytes.")
            call = Call(_parse_body(body), pieces, query, headers, now=self.clock())
            return self.serve(self.admit(dialect, route, call))
        except Refusal as refusal:
            return write_refusal(choose_shape(dialect, path), refusal)

    def judge_connection(self, dialect: str = "", *, is_handshake: bool = False) -> str:
        """The fault that a connection suffers before a call is read; "" for none."""
        with self.vendor.lock:
            self.connections += 1
            seen = Seen(number=self.connections, dialect=dialect, is_handshake=is_handshake)
        given = self.book.plan.choose(seen, self.clock(), is_read=False)
        for item in given:
            self.book.note(item, "", is_accepted=False)
        return given[0].name if given else ""

    def admit(self, dialect: Dialect, route: Route, call: Call) -> Visit:
        """Who calls, and whether the vendor lets the call in now; raises `Refusal`."""
        behaviour = self.behaviour.change(_read_wishes(call))
        time.sleep(behaviour.latency_ms / 1000)
        if behaviour.is_refused:
            raise Refusal(RefusalKind.UNAUTHENTICATED, "Invalid push credentials")
        account = self._find_account(dialect, route, call)
        visit = Visit(dialect, route, call, account, behaviour, self._count())
        self._pace(visit)
        self._stumble(visit)
        return visit

    def _find_account(self, dialect: Dialect, route: Route, call: Call) -> str:
        if route.is_open or dialect.authenticate is None:
            return ""
        return self.vendor.find_account(dialect, dialect.authenticate(call))

    def serve(self, visit: Visit) -> Reply:
        """Read the command, do it, write the result; raises `Refusal`."""
        command = visit.route.read(visit.call)
        for push in _list_pushes(command):
            _check_send(visit, push)
        given = self._give(visit, command)
        self._wait(given)
        try:
            reply = self._answer_with(visit, command, given)
        except Refusal:
            self._note(given, command, is_accepted=False)
            raise
        return reply

    def _give(self, visit: Visit, command: Command) -> Sequence[GivenFault]:
        """The faults that the call suffers."""
        plan = self.book.plan
        if not plan.rules:
            return ()
        visitor = Visitor(visit.dialect, visit.account, visit.behaviour)
        seen = Seen(
            number=visit.number,
            dialect=visit.dialect.key,
            kind=KINDS.get(type(command), CallKind.OTHER),
            digest=hashlib.blake2b(repr(command).encode("utf-8", "replace")).hexdigest(),
            recipients=self.vendor.list_named(visitor, command),
        )
        return plan.choose(seen, self.clock())

    def _answer_with(self, visit: Visit, command: Command, given: Sequence[GivenFault]) -> Reply:
        by_stage = {item.fault.stage: item for item in given}
        refusal, answer = by_stage.get(Stage.REFUSAL), by_stage.get(Stage.ANSWER)
        now = self.clock()
        if refusal is not None:
            self._note(given, command, is_accepted=False)
            return answers.refuse(visit.shape, refusal, now)
        if answer is not None and not answer.is_accepted():
            self._note(given, command, is_accepted=False)
            reply = answers.write_untaken(visit.shape)
        else:
            reply = self._execute(visit, command, given)
            self._note(given, command, is_accepted=True)
        if answer is not None:
            reply = answers.spoil(visit.shape, reply, answer, now)
        return _send_badly(reply, by_stage.get(Stage.WIRE), by_stage.get(Stage.DOOR))

    def _execute(self, visit: Visit, command: Command, given: Sequence[GivenFault]) -> Reply:
        visitor = Visitor(visit.dialect, visit.account, visit.behaviour, given)
        result = acceptance.spoil_results(self.vendor.execute(visitor, command), given)
        if self.journal.is_full:
            self._forget()
        early = acceptance.find(given, "receipts_early")
        if early is not None:
            self.closing.wait(early.find_number("seconds"))
        reply = visit.route.write(result, visit.call)
        return acceptance.mark_mixed(reply, given)

    def _forget(self) -> None:
        """Write the journal anew with the younger half of what it may hold."""
        with self.vendor.lock, self.journal.lock:
            if self.journal.is_full:
                self.vendor.memory.forget(self.journal.limit // 2)
                self.journal.rewrite((*self.vendor.memory.list_lines(), *self.book.list_lines()))

    def _wait(self, given: Sequence[GivenFault]) -> None:
        for item in given:
            if item.name == "latency":
                low, high = item.find_number("low"), item.find_number("high")
                self.closing.wait((low + item.draw(item.count) * (high - low)) / 1000)

    def _note(self, given: Sequence[GivenFault], command: Command, *, is_accepted: bool) -> None:
        is_send = KINDS.get(type(command)) is CallKind.SEND
        key = getattr(getattr(command, "push", command), "client_key", "") if is_send else ""
        for item in given:
            self.book.note(item, key, is_accepted=is_accepted if is_send else None)

    def _pace(self, visit: Visit) -> None:
        rate = visit.behaviour.requests_per_second
        if not rate:
            return
        with self.vendor.lock:
            now, key = self.clock(), (visit.dialect.key, visit.account)
            bucket = self.buckets.get(key)
            if bucket is None or bucket.rate != rate:
                bucket = Bucket.full(rate, now=now)
            wait = bucket.find_wait(1, now)
            if wait:
                raise Refusal(
                    RefusalKind.THROTTLED,
                    f"At most {rate} calls per second.",
                    retry_after=max(1.0, round(wait)),
                )
            self.buckets[key] = bucket.take(1, now)

    def _count(self) -> int:
        with self.vendor.lock:
            self.calls += 1
            return self.calls

    def _stumble(self, visit: Visit) -> None:
        """A failing vendor fails any call, and another try of the same call may pass."""
        drawn = visit.behaviour.draw("vendor", visit.number)[0]
        if drawn * 100 < visit.behaviour.vendor_percent:
            raise Refusal(RefusalKind.UNAVAILABLE, "Temporarily unavailable", retry_after=1.0)


def _list_pushes(command: Command) -> tuple[SendPush, ...]:
    match command:
        case SendPush():
            return (command,)
        case SendPushes():
            return command.pushes
        case SendText() | SendByScenario():
            return (command.push,)
        case SendTexts():
            return tuple(text.push for text in command.texts)
    return ()


def _check_send(visit: Visit, push: SendPush) -> None:
    """Caps, and calls that are refused as malformed however often they are tried."""
    count = sum(len(targets.values) for part in push.parts for targets in part.targets)
    if count > visit.route.max_recipients:
        raise Refusal(
            RefusalKind.TOO_LARGE, f"At most {visit.route.max_recipients} recipients per call."
        )
    first = next(iter(acceptance.list_targets(push)), "")
    if visit.behaviour.draw("payload", first)[0] * 100 < visit.behaviour.payload_percent:
        raise Refusal(RefusalKind.INVALID, "The message is malformed")


def _parse_body(body: bytes) -> Any:
    if not body:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(RefusalKind.MALFORMED, "The body is no JSON.") from None


def _read_wishes(call: Call) -> Mapping[str, Any]:
    try:
        wishes = json.loads(call.headers.get(BEHAVIOUR_HEADER, "{}"))
    except ValueError:
        return {}
    return wishes if isinstance(wishes, dict) else {}


def _send_badly(reply: Reply, wire: GivenFault | None, door: GivenFault | None) -> Reply:
    if wire is None and door is None:
        return reply
    return SpoiltReply(reply.status, reply.body, reply.content_type, reply.headers, wire, door)
