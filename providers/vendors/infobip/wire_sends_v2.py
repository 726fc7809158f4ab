"""The older sends, `/push/2/message/single` and `multi`, which scripts still use (wire facts,
section 4). Each message is a bulk of its own, and nothing of it has an id that a caller chose.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from providers.audience import And, Condition, Op
from providers.commands import Accepted, AcceptedMany, Callback, SendPush, SendPushes
from providers.inbound import Call, Reply
from providers.outcomes import Outcome, Receipt, Refusal, Result
from providers.recipients import Targets

from .wire_dates import write_date
from .wire_destinations import build_parts, read_to, write_address
from .wire_errors import write_request_error
from .wire_filters import CLOUD_NAMES, CLOUDS, PLATFORM, CannotSay, write_filter
from .wire_messages import read_old, write_old
from .wire_options import MAX_VALIDITY_V2, collect, read_validity
from .wire_reports import mark_reference
from .wire_sends import (
    Answered,
    Plan,
    Planned,
    find_refusal,
    list_answers,
    make_old_id,
    read_due,
)
from .wire_statuses import ACCEPTED, BAD_QUERY, ENROUTE, Rejected, read_said, write_status
from .wire_values import Block, drop_unset, read_body, refuse

SINGLE_PATH = "push/2/message/single"
MULTI_PATH = "push/2/message/multi"
MAX_FROM, MAX_DATA_V2 = 80, 200
MAX_MULTI = 1000
_TAG = "campaignReferenceId"


def read_single(call: Call) -> SendPushes:
    pushes = _name_bulks(read_single_plan(call))
    return SendPushes(pushes, pushes[0].client_key if pushes else "")


def read_multi(call: Call) -> SendPushes:
    return SendPushes(_name_bulks(read_multi_plan(call)))


def _name_bulks(plan: Plan) -> tuple[SendPush, ...]:
    return tuple(replace(push, client_key=make_old_id()) for push in plan.pushes)


def read_single_plan(call: Call) -> Plan:
    return Plan((_read_message(read_body(call.body)),))


def read_multi_plan(call: Call) -> Plan:
    items = read_body(call.body).take_blocks("messages")
    if len(items) > MAX_MULTI:
        raise refuse("messages", f"holds more than {MAX_MULTI} messages")
    return Plan(tuple(_read_message(item) for item in items))


def _read_message(message: Block) -> Planned:
    sender = message.take_text("from", MAX_FROM)
    try:
        destinations = tuple(read_to(message))
        content = read_old(message)
        options = collect(message)
        expires_in = read_validity(options, "HOURS", MAX_VALIDITY_V2)
    except Rejected as rejected:
        return Planned((), None, rejected.id)
    push = SendPush(
        parts=build_parts(content, destinations),
        app=sender,
        tag=options.find_text(_TAG, 255) or "",
        expires_in=expires_in,
        due_at=read_due(options),
        callback=_read_callback(message),
        is_tracked=True,
    )
    return Planned(destinations, push)


def _read_callback(message: Block) -> Callback | None:
    url = message.find_text("notifyUrl") or ""
    data = message.find_text("callbackData", MAX_DATA_V2, 0) or ""
    kind = message.find_text("notifyContentType", 255) or "application/json"
    return Callback(url=url, data=data, content_type=kind) if url or data else None


def write_single(push: SendPush) -> dict[str, Any]:
    """One message to one address, several of one kind, or an audience that is one query."""
    part = push.parts[0]
    body: dict[str, Any] = {"from": push.app, "to": _write_to(push), **write_old(part.message)}
    if part.only_primary:
        body["targetOnlyPrimaryDevices"] = True
    if push.expires_in is not None:
        body |= _write_validity(push.expires_in)
    callback = push.callback or Callback(url="")
    return body | drop_unset(
        {
            "sendAt": None if push.due_at is None else write_date(push.due_at),
            _TAG: push.tag or None,
            "notifyUrl": callback.url or None,
            "notifyContentType": callback.content_type if callback.url else None,
            "callbackData": callback.data[:MAX_DATA_V2] or None,
        }
    )


def write_multi(command: SendPushes) -> dict[str, Any]:
    return {"messages": [write_single(push) for push in command.pushes]}


def _write_validity(seconds: int) -> dict[str, Any]:
    for unit, size in (("HOURS", 3600), ("MINUTES", 60)):
        if seconds % size == 0:
            return {"validityPeriod": seconds // size, "validityPeriodTimeUnit": unit}
    return {"validityPeriod": seconds, "validityPeriodTimeUnit": "SECONDS"}


def _write_to(push: SendPush) -> dict[str, Any]:
    part = push.parts[0]
    if part.audience is not None:
        return _write_attributes(push)
    [targets] = part.targets
    return _write_addresses(targets)


def _write_addresses(targets: Targets) -> dict[str, Any]:
    [(name, _)] = write_address(targets.kind, "").items()
    values = list(targets.values)
    return {name: values if len(values) > 1 else values[0]}


def _write_attributes(push: SendPush) -> dict[str, Any]:
    """All attributes hold; several values of one are alternatives."""
    audience = push.parts[0].audience
    if audience and audience.labels:
        raise CannotSay("The vendor keeps no labels.")
    expression = audience.expression if audience else None
    if expression is None:
        return {CLOUDS: list(CLOUD_NAMES.values())}  # as scripts say "everyone"
    terms = expression.terms if isinstance(expression, And) else (expression,)
    found: dict[str, Any] = {}
    for term in terms:
        if isinstance(term, Condition) and term.op is Op.IN and term.field == PLATFORM:
            found[CLOUDS] = [CLOUD_NAMES[value] for value in term.value]
        elif isinstance(term, Condition) and term.op is Op.IN:
            items = write_filter(term)["$or"]
            found |= {name: [item[name] for item in items] for name in items[0]}
        elif term is not None:
            [item] = write_filter(term)["$and"]
            found |= item
    return found


def write_sent_single(answer: AcceptedMany, call: Call) -> Reply:
    return _write_sent(read_single_plan(call), answer, [read_body(call.body)])


def write_sent_multi(answer: AcceptedMany, call: Call) -> Reply:
    messages = read_body(call.body).take_blocks("messages")
    return _write_sent(read_multi_plan(call), answer, messages)


def _write_sent(plan: Plan, answer: AcceptedMany, messages: list[Block]) -> Reply:
    refusal = find_refusal(answer)
    if refusal is not None:
        return write_request_error(refusal)
    entries = iter(answer.entries)
    bulks = []
    for planned, message in zip(plan.messages, messages, strict=True):
        entry = next(entries, None) if planned.push is not None else None
        bulks.append(_write_bulk(planned, entry, message))
    return Reply(200, {"bulks": bulks})


def _write_bulk(
    planned: Planned, entry: Accepted | Refusal | None, message: Block
) -> dict[str, Any]:
    found = list(_list_answered(planned, entry))
    status = next((item.status for item in found if item.status == ENROUTE), None)
    if status is None:
        status = planned.rejected or (found[0].status if found else BAD_QUERY)
    bulk = entry.client_key if isinstance(entry, Accepted) else ""
    return {
        "to": message.find("to"),
        "status": write_status(ACCEPTED if status == ENROUTE else status),
        "messageCount": sum(item.target.count for item in found),
        "bulkId": bulk or make_old_id(),
    }


def _list_answered(planned: Planned, entry: Accepted | Refusal | None) -> Iterator[Answered]:
    entries = () if entry is None else (entry,)
    yield from list_answers(Plan((planned,)), AcceptedMany(entries=entries))


def split_targets(push: SendPush) -> SendPushes:
    """A push with one message for each target, which comes back with the target's reference: of
    several in one message nothing could be told apart."""
    if any(part.audience is not None for part in push.parts):
        return SendPushes((push,))
    callback = push.callback or Callback(url="")
    return SendPushes(
        tuple(
            replace(
                push,
                parts=(replace(part, targets=(Targets(targets.kind, (value,)),)),),
                callback=replace(callback, data=mark_reference(reference)),
            )
            for part in push.parts
            for targets in part.targets
            for value, reference in zip(targets.values, _list_references(targets), strict=True)
        )
    )


def _list_references(targets: Targets) -> Sequence[str]:
    return targets.references or ("",) * len(targets.values)


def read_answer(body: Any, count: int) -> Receipt:
    """What the vendor made of so many messages, in their order; each is a bulk of its own.

    The first one's id stands for the call. A KeyError or the like for what cannot be true.
    """
    bulks = body["bulks"]
    if len(bulks) != count or not bulks:
        raise ValueError("not every message is answered")
    results = []
    for place, item in enumerate(bulks):
        said = read_said(item["status"])
        if said.outcome is Outcome.FAILED:
            results.append(Result(place, said.outcome, said.reason, said.words))
    raw = {"bulks": len(bulks)}
    return Receipt(str(bulks[0]["bulkId"]), Outcome.ACCEPTED, tuple(results), raw=raw)
