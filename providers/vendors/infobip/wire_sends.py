"""Sends of `/push/3/messages` and what they are answered (seed section "Send Mobile push over
API", wire facts, section 3).

All messages of a call are one bulk. What is wrong with an application, a query, a payload or a
button is no error of the call: such a message is answered under 200 with a status that rejects it.
So a call is first laid out as a `Plan`, from which both the command and the answer are made.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from providers.commands import (
    Accepted,
    AcceptedMany,
    AcceptedTarget,
    Callback,
    PushPart,
    SendPush,
    SendPushes,
)
from providers.inbound import Call, Reply
from providers.message import PushMessage
from providers.outcomes import Outcome, Receipt, Refusal, RefusalKind, Result

from .wire_dates import find_date, write_date
from .wire_destinations import (
    Destination,
    build_parts,
    read_destinations,
    write_destinations,
)
from .wire_errors import write_api_error
from .wire_messages import KEY, read_content, write_content
from .wire_options import collect, read_validity, write_validity
from .wire_statuses import (
    BAD_QUERY,
    BAD_TOPIC,
    DUPLICATE,
    ENROUTE,
    NO_APPLICATION,
    NO_DESTINATION,
    NOT_SENT,
    Rejected,
    find_codes,
    read_said,
    write_status,
)
from .wire_values import Block, drop_unset, read_body, refuse

SEND_PATH = "push/3/messages"
MAX_BULK, MAX_SENDER, MAX_TAG, MAX_DATA = 100, 255, 255, 4000
MAX_MESSAGES = 1000
MAX_AHEAD = timedelta(days=180)
SPEED = "sendingSpeedLimit"
SPEEDS = {"MINUTE": 60, "HOUR": 3600, "DAY": 86_400}
_OF_CALLER = frozenset(
    {
        RefusalKind.FORBIDDEN,
        RefusalKind.CONFLICT,
        RefusalKind.THROTTLED,
        RefusalKind.INTERNAL,
        RefusalKind.UNAVAILABLE,
    }
)
RECIPIENT_KEYS = frozenset({"destinations", "destination", "to"})


def make_bulk_id() -> str:
    return str(uuid.uuid4())


def make_old_id() -> str:
    """As the older call answers them: twenty letters and digits."""
    alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
    return "".join(secrets.choice(alphabet) for _ in range(20))


@dataclass(frozen=True, slots=True)
class Planned:
    """One message of a call: who it is for, and what is to be sent, if it is not rejected."""

    destinations: tuple[Destination, ...]
    push: SendPush | None
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    messages: tuple[Planned, ...]
    bulk: str = ""

    @property
    def pushes(self) -> tuple[SendPush, ...]:
        return tuple(item.push for item in self.messages if item.push is not None)


@dataclass(frozen=True, slots=True)
class Schedule:
    """What holds for all messages of a call."""

    bulk: str = ""
    due_at: datetime | None = None
    rate: int | None = None
    speed: dict[str, Any] = field(default_factory=dict)


def read_send(call: Call) -> SendPushes:
    plan = read_plan(call)
    return SendPushes(plan.pushes, plan.bulk or make_bulk_id())


def read_plan(call: Call) -> Plan:
    body = read_body(call.body)
    schedule = _read_schedule(body)
    messages = body.take_blocks("messages")
    if len(messages) > MAX_MESSAGES:
        raise refuse("messages", f"holds more than {MAX_MESSAGES} messages")
    return Plan(tuple(_read_message(item, schedule) for item in messages), schedule.bulk)


def _read_schedule(body: Block) -> Schedule:
    options = body.find_block("options") or Block({}, "options")
    block = options.find_block("schedule") or Block({}, options.at("schedule"))
    speed = block.find_block(SPEED)
    return Schedule(
        bulk=block.find_text("bulkId", MAX_BULK) or "",
        due_at=read_due(block),
        rate=None if speed is None else _read_rate(speed),
        speed=dict(speed.values) if speed else {},
    )


def read_due(block: Block) -> datetime | None:
    """When it is to be sent; what is not within 180 days is refused."""
    due_at = find_date(block, "sendAt")
    if due_at is not None and due_at > datetime.now(UTC) + MAX_AHEAD:
        raise refuse(block.at("sendAt"), "must be at most 180 days ahead")
    return due_at


def _read_rate(speed: Block) -> int:
    """Recipients per second, at least one."""
    unit = speed.find_choice("timeUnit", tuple(SPEEDS)) or "MINUTE"
    return max(1, speed.take_number("amount", 1, 10**9) // SPEEDS[unit])


def _read_message(message: Block, schedule: Schedule) -> Planned:
    sender = message.take_text("sender", MAX_SENDER)
    destinations = tuple(read_destinations(message))
    try:
        content = read_content(message)
        expires_in = read_validity(collect(message))
    except Rejected as rejected:
        return Planned(destinations, None, rejected.id)
    options = collect(message)
    if schedule.speed:
        extras = {**content.extras.get(KEY, {}), SPEED: schedule.speed}
        content = replace(content, extras={KEY: extras})
    push = SendPush(
        parts=build_parts(content, [item for item in destinations if not item.rejected]),
        app=sender,
        tag=options.find_text("campaignReferenceId", MAX_TAG) or "",
        expires_in=expires_in,
        due_at=read_due(options) or schedule.due_at,
        rate=schedule.rate,
        callback=read_webhooks(message),
        is_tracked=True,
    )
    return Planned(destinations, push if push.parts else None)


def read_webhooks(message: Block) -> Callback | None:
    """Where the script wants to be told; without an address only what it wants to hear again."""
    hooks = message.find_block("webhooks")
    if hooks is None:
        return None
    data = hooks.find_text("callbackData", MAX_DATA, 0) or ""
    delivery = hooks.find_block("delivery") or Block({}, hooks.at("delivery"))
    url = delivery.find_text("url") or ""
    if delivery.find_flag("notify") is False:
        url = ""
    if not url and not data:
        return None
    return Callback(
        url=url,
        data=data,
        content_type=hooks.find_text("contentType", 255) or "application/json",
        wants_intermediate=bool(delivery.find_flag("intermediateReport")),
    )


def write_webhooks(callback: Callback) -> dict[str, Any]:
    delivery: dict[str, Any] = {"url": callback.url}
    if callback.wants_intermediate:
        delivery["intermediateReport"] = True
    return drop_unset(
        {
            "delivery": delivery if callback.url else None,
            "contentType": callback.content_type if callback.url else None,
            "callbackData": callback.data or None,
        }
    )


def write_send(command: SendPush | SendPushes) -> dict[str, Any]:
    """The body of a call. Raises `CannotSay`, KeyError for a kind that the vendor has not."""
    pushes = command.pushes if isinstance(command, SendPushes) else (command,)
    body: dict[str, Any] = {"messages": [item for push in pushes for item in _write_push(push)]}
    speeds = [_find_speed(part.message) for push in pushes for part in push.parts]
    schedule = drop_unset(
        {"bulkId": command.client_key or None, SPEED: next(filter(None, speeds), None)}
    )
    return body | ({"options": {"schedule": schedule}} if schedule else {})


def _find_speed(message: PushMessage) -> Any:
    return message.extras.get(KEY, {}).get(SPEED)


def _write_push(push: SendPush) -> list[dict[str, Any]]:
    """One message for neighbouring parts that say the same."""
    messages: list[tuple[PushMessage, list[PushPart]]] = []
    for part in push.parts:
        if messages and messages[-1][0] == part.message:
            messages[-1][1].append(part)
        else:
            messages.append((part.message, [part]))
    return [_write_message(push, message, parts) for message, parts in messages]


def _write_message(
    push: SendPush, message: PushMessage, parts: Sequence[PushPart]
) -> dict[str, Any]:
    written = write_content(message)
    options = written.pop("options", {})
    options.pop(SPEED, None)
    options |= drop_unset(
        {
            "validityPeriod": None if push.expires_in is None else write_validity(push.expires_in),
            "sendAt": None if push.due_at is None else write_date(push.due_at),
            "campaignReferenceId": push.tag[:MAX_TAG] or None,
        }
    )
    body: dict[str, Any] = {
        "sender": push.app,
        "destinations": [item for part in parts for item in write_destinations(part)],
        **written,
    }
    if options:
        body["options"] = options
    if push.callback is not None:
        body["webhooks"] = write_webhooks(push.callback)
    return body


@dataclass(frozen=True, slots=True)
class Answered:
    """One destination and what it is answered."""

    destination: Destination
    status: int
    target: AcceptedTarget


def write_sent(answer: AcceptedMany, call: Call) -> Reply:
    """The answer to a call; where nothing of it was taken for a caller's fault, that refusal."""
    refusal = find_refusal(answer)
    if refusal is not None:
        return write_api_error(refusal)
    plan = read_plan(call)
    bulk = answer.client_key or answer.reference
    messages = [_write_answered(item) for item in list_answers(plan, answer)]
    return Reply(200, {"bulkId": bulk, "messages": messages})


def find_refusal(answer: AcceptedMany) -> Refusal | None:
    """What concerns the caller and no single message; None where a message was taken."""
    refusals = [entry for entry in answer.entries if isinstance(entry, Refusal)]
    if len(refusals) < len(answer.entries):
        return None
    return next((item for item in refusals if item.kind in _OF_CALLER), None)


def list_answers(plan: Plan, answer: AcceptedMany) -> Iterator[Answered]:
    """What became of each destination, in the order of the call."""
    entries = iter(answer.entries)
    for planned in plan.messages:
        entry = next(entries, None) if planned.push is not None else None
        yield from _list_answered(planned, entry)


def _list_answered(planned: Planned, entry: Accepted | Refusal | None) -> Iterator[Answered]:
    place = 0
    for destination in planned.destinations:
        number = destination.id or str(uuid.uuid4())
        rejected = destination.rejected or planned.rejected
        if not rejected and isinstance(entry, Accepted):
            target = _find_target(entry, place, number)
            yield Answered(destination, _find_status(entry, place, target), target)
            place += 1
            continue
        refused = _find_refused(entry) if isinstance(entry, Refusal) else NOT_SENT
        yield Answered(destination, rejected or refused, AcceptedTarget(id=number))


def _find_refused(refusal: Refusal) -> int:
    if refusal.kind is RefusalKind.NOT_FOUND:
        return NO_APPLICATION
    if "topic" in refusal.field:
        return BAD_TOPIC
    return BAD_QUERY if "audience" in refusal.field else NOT_SENT


def _find_target(entry: Accepted, place: int, number: str) -> AcceptedTarget:
    if place < len(entry.targets):
        return entry.targets[place]
    return AcceptedTarget(id=number, count=1)


def _find_status(entry: Accepted, place: int, target: AcceptedTarget) -> int:
    result = next((item for item in entry.results if item.index == place), None)
    if result is not None:
        return find_codes(result.outcome, result.reason, is_due=True)[0]
    if target.is_duplicate:
        return DUPLICATE
    return ENROUTE if target.count else NO_DESTINATION


def _write_answered(item: Answered) -> dict[str, Any]:
    body = {"messageId": item.target.id, "status": write_status(item.status)}
    if not item.destination.is_query:
        return body | {"destination": item.destination.value}
    # The vendor has no count here: ours, so that a script sees how many devices a query means.
    return body | {"details": {"messageCount": item.target.count}}


def read_sent(body: Any, ids: Sequence[str], bulk: str = "") -> Receipt:
    """What the vendor made of our call: of each destination, told apart by the ids we gave.

    `bulk` is our own id of the call. A ValueError or the like for an answer that cannot be true.
    """
    messages = body["messages"]
    places = {number: place for place, number in enumerate(ids) if number}
    if len(messages) != len(ids):
        raise ValueError("not every destination is answered")
    results = []
    for place, item in enumerate(messages):
        at = places[str(item["messageId"])] if places else place
        said = read_said(item["status"])
        if said.outcome is Outcome.FAILED:
            results.append(Result(at, said.outcome, said.reason, said.words))
    if places and len({str(item["messageId"]) for item in messages}) != len(ids):
        raise ValueError("a destination is answered twice")
    reference = str(body["bulkId"]) if "bulkId" in body or not bulk else bulk
    raw = {"bulkId": reference, "messages": len(messages)}
    return Receipt(reference, Outcome.ACCEPTED, tuple(results), raw=raw)
