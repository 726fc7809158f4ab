"""SMS, the usual step after a push that nobody confirmed: `/sms/3/messages` and the older
`/sms/2/text/advanced` (wire facts, section 8).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from providers.commands import Accepted, AcceptedMany, Callback, PushPart, SendPush
from providers.inbound import Call, Reply
from providers.message import PushMessage
from providers.outcomes import Refusal
from providers.recipients import PersonKind, Targets
from providers.reports import FetchOutcomes
from providers.scenarios import Channel, SendText, SendTexts, TextMessage

from . import wire_reports
from .wire_dates import write_date
from .wire_destinations import Destination
from .wire_errors import write_api_error, write_request_error
from .wire_omni import CONTENT, LIFE, MAX_SMS, flatten, read_text, write_validity
from .wire_options import check_storable, read_validity
from .wire_options import write_validity as write_period
from .wire_sends import (
    MAX_BULK,
    MAX_DATA,
    MAX_MESSAGES,
    Answered,
    Plan,
    Planned,
    find_refusal,
    list_answers,
    make_bulk_id,
    read_due,
    read_webhooks,
    write_webhooks,
)
from .wire_statuses import Rejected, write_status
from .wire_values import Block, drop_unset, read_body, refuse

SEND_PATH, OLD_SEND_PATH = "sms/3/messages", "sms/2/text/advanced"
LOGS_PATH, OLD_LOGS_PATH = "sms/3/logs", "sms/1/logs"
REPORTS_PATH, OLD_REPORTS_PATH = "sms/3/reports", "sms/1/reports"
MAX_NUMBER, MAX_ID = 64, 200
_READ_OPTIONS = frozenset({"validityPeriod", "campaignReferenceId"})
# What stands beside the text in the older call and is carried as it is.
_OPAQUE = ("flash", "transliteration", "language", "regional", "deliveryTimeWindow")


def read_send(call: Call) -> SendTexts:
    body = read_body(call.body)
    options = body.find_block("options") or Block({}, "options")
    schedule = options.find_block("schedule") or Block({}, options.at("schedule"))
    bulk = schedule.find_text("bulkId", MAX_BULK) or make_bulk_id()
    due_at = read_due(schedule)
    texts = tuple(_read_message(item) for item in _take_messages(body))
    return SendTexts(
        tuple(replace(item, push=replace(item.push, due_at=due_at)) for item in texts), bulk
    )


def _take_messages(body: Block) -> list[Block]:
    messages = body.take_blocks("messages")
    if len(messages) > MAX_MESSAGES:
        raise refuse("messages", f"holds more than {MAX_MESSAGES} messages")
    return messages


def _read_message(message: Block) -> SendText:
    content, options = message.take_block("content"), message.find_block("options")
    text = content.take_text("text", MAX_SMS)
    kept = _list_kept(options, _READ_OPTIONS) | drop_unset(
        {CONTENT: _list_kept(content, frozenset({"text"})) or None}
    )
    check_storable(kept, message.path)
    options = options or Block({}, message.at("options"))
    return SendText(
        push=_build_push(
            message, text, read_webhooks(message), options.find_text("campaignReferenceId", 255)
        ),
        channel=Channel.SMS,
        message=TextMessage(text=text, expires_in=_read_life(options), options=kept),
        sender=message.find_text("sender", 255) or "",
    )


def _list_kept(block: Block | None, known: frozenset[str]) -> dict[str, Any]:
    """What is carried as it is."""
    if block is None:
        return {}
    return {
        name: value
        for name, value in block.values.items()
        if value is not None and name not in known
    }


def _read_life(options: Block) -> int | None:
    try:
        return read_validity(options)
    except Rejected as rejected:
        raise refuse(options.at("validityPeriod"), str(rejected)) from rejected


def _build_push(
    message: Block, text: str, callback: Callback | None, tag: str | None = None
) -> SendPush:
    destinations = message.take_blocks("destinations")
    values = tuple(item.take_text("to", MAX_NUMBER).removeprefix("+") for item in destinations)
    if not all(values):
        raise refuse(message.at("destinations"), "holds a number without digits")
    ids = tuple(item.find_text("messageId", MAX_ID) or "" for item in destinations)
    targets = Targets(PersonKind.PHONE, values, ids=ids if any(ids) else ())
    part = PushPart(PushMessage(body=text), (targets,))
    return SendPush(parts=(part,), tag=tag or "", callback=callback, is_tracked=True)


def write_send(command: SendText | SendTexts) -> dict[str, Any]:
    """The body of a call; the inverse of `read_send`."""
    texts = command.texts if isinstance(command, SendTexts) else (command,)
    bulk = command.client_key if isinstance(command, SendTexts) else command.push.client_key
    due_at = next((item.push.due_at for item in texts if item.push.due_at), None)
    schedule = drop_unset(
        {"bulkId": bulk or None, "sendAt": None if due_at is None else write_date(due_at)}
    )
    body: dict[str, Any] = {"messages": [_write_message(item) for item in texts]}
    return body | ({"options": {"schedule": schedule}} if schedule else {})


def _write_message(command: SendText) -> dict[str, Any]:
    options: dict[str, Any] = dict(command.message.options)
    given = options.pop(CONTENT, None)
    content = given if isinstance(given, dict) else {}
    if command.message.expires_in is not None:
        options["validityPeriod"] = write_period(command.message.expires_in)
    if command.push.tag:
        options["campaignReferenceId"] = command.push.tag
    callback = command.push.callback
    return drop_unset(
        {
            "sender": command.sender or None,
            "destinations": list(_write_destinations(command.push)),
            "content": {**content, "text": command.message.text},
            "options": options or None,
            "webhooks": None if callback is None else write_webhooks(callback),
        }
    )


def _write_destinations(push: SendPush) -> Iterator[dict[str, Any]]:
    for targets in push.parts[0].targets:
        ids = targets.references or targets.ids or ("",) * len(targets.values)
        for value, number in zip(targets.values, ids, strict=True):
            yield drop_unset({"to": value, "messageId": number or None})


def read_old_send(call: Call) -> SendTexts:
    body = read_body(call.body)
    bulk = body.find_text("bulkId", MAX_BULK) or make_bulk_id()
    return SendTexts(tuple(_read_old_message(item) for item in _take_messages(body)), bulk)


def _read_old_message(message: Block) -> SendText:
    text = message.take_text("text", MAX_SMS)
    url = message.find_text("notifyUrl") or ""
    data = message.find_text("callbackData", MAX_DATA, 0) or ""
    kind = message.find_text("notifyContentType", 255) or "application/json"
    callback = Callback(url=url, data=data, content_type=kind) if url or data else None
    # Everything else beside the text is who gets it and when.
    kept = {name: message.find(name) for name in (*_OPAQUE, *LIFE)}
    block = Block(kept, message.path)
    push = _build_push(message, text, callback)
    return SendText(
        push=replace(push, due_at=read_due(message)),
        channel=Channel.SMS,
        message=read_text(block, text),
        sender=message.find_text("from", 255) or "",
    )


def write_old_send(command: SendTexts) -> dict[str, Any]:
    return {
        "bulkId": command.client_key,
        "messages": [_write_old_message(item) for item in command.texts],
    }


def _write_old_message(command: SendText) -> dict[str, Any]:
    callback = command.push.callback or Callback(url="")
    due_at = command.push.due_at
    return drop_unset(
        {
            "from": command.sender or None,
            "destinations": list(_write_destinations(command.push)),
            **flatten(command.message.options),
            "text": command.message.text,
            **write_validity(command.message.expires_in),
            "sendAt": None if due_at is None else write_date(due_at),
            "notifyUrl": callback.url or None,
            "notifyContentType": callback.content_type if callback.url else None,
            "callbackData": callback.data or None,
        }
    )


def write_sent(answer: AcceptedMany, call: Call) -> Reply:
    return _write_sent(answer, read_send(call).texts, is_old=False)


def write_old_sent(answer: AcceptedMany, call: Call) -> Reply:
    return _write_sent(answer, read_old_send(call).texts, is_old=True)


def _write_sent(answer: AcceptedMany, texts: Sequence[SendText], *, is_old: bool) -> Reply:
    refusal = find_refusal(answer)
    if refusal is not None:
        return write_request_error(refusal) if is_old else write_api_error(refusal)
    messages = [
        _write_answered(item, is_old=is_old)
        for text, entry in zip(texts, answer.entries, strict=True)
        for item in _list_answered(text, entry)
    ]
    return Reply(200, {"bulkId": answer.client_key or answer.reference, "messages": messages})


def _list_answered(text: SendText, entry: Accepted | Refusal) -> Iterator[Answered]:
    [targets] = text.push.parts[0].targets
    ids = targets.ids or ("",) * len(targets.values)
    destinations = tuple(
        Destination(targets.kind, value, number)
        for value, number in zip(targets.values, ids, strict=True)
    )
    plan = Plan((Planned(destinations, text.push),))
    return list_answers(plan, AcceptedMany(entries=(entry,)))


def _write_answered(item: Answered, *, is_old: bool) -> dict[str, Any]:
    key = "to" if is_old else "destination"
    return {
        "messageId": item.target.id,
        "status": write_status(item.status),
        key: item.destination.value,
    }


def read_reports_query(call: Call) -> FetchOutcomes:
    """What has not yet been given to this key."""
    return wire_reports.read_reports_query(call, channel=Channel.SMS.value)


def read_logs_query(call: Call) -> FetchOutcomes:
    return replace(wire_reports.read_logs_query(call), channel=Channel.SMS.value)
