"""Sends by a failover scenario, their reports and logs (seed section "Send Push over OMNI
API", wire facts, section 7). `sms` and `email` become texts of ours; the blocks of channels that
we have not are carried as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from providers.commands import Accepted, AcceptedMany, Callback, PushPart, SendPush
from providers.inbound import Call, Reply
from providers.message import PushMessage
from providers.recipients import PersonKind, Targets
from providers.reports import FetchOutcomes, OutcomeRows
from providers.scenarios import (
    SendByScenario,
    TextMessage,
)

from .wire_dates import find_query_date, write_date
from .wire_destinations import REGISTRATION, Destination
from .wire_messages import KEY, read_failover, write_failover
from .wire_options import MAX_VALIDITY, UNITS, check_storable, read_validity
from .wire_reports import (
    FAILOVER_LOG,
    FAILOVER_REPORT,
    read_limit,
    read_reports_query,
    read_state,
    write_rows,
)
from .wire_sends import (
    MAX_BULK,
    MAX_DATA,
    Answered,
    Plan,
    Planned,
    list_answers,
    make_bulk_id,
    read_due,
)
from .wire_statuses import Rejected, write_status
from .wire_values import (
    Block,
    drop_unset,
    read_body,
    read_query_list,
    read_query_text,
    refuse,
)

SEND_PATH, REPORTS_PATH, LOGS_PATH = "omni/1/advanced", "omni/1/reports", "omni/1/logs"
OTHERS = ("voice", "viber", "line", "whatsApp", "kakaoAlim", "kakaoChingu", "vKontakte")
# Options of the push block that are about whom it reaches: kept, since only the vendor has them.
ADDRESSING = ("includeNotificationsDisabledDevices", "personSubscriptions", "deviceSubscriptions")
MAX_DESTINATIONS = 1000
MAX_SMS, MAX_MAIL = 1600, 100_000
_ADDRESSES = (
    ("pushRegistrationId", REGISTRATION, "push"),
    ("phoneNumber", str(PersonKind.PHONE), "sms"),
    ("emailAddress", str(PersonKind.EMAIL), "email"),
)
_KEYS = {channel: key for key, _, channel in _ADDRESSES}


def read_send(call: Call) -> SendByScenario:
    body = read_body(call.body)
    destinations = body.take_blocks("destinations")
    if len(destinations) > MAX_DESTINATIONS:
        raise refuse("destinations", f"holds more than {MAX_DESTINATIONS}")
    addresses = tuple(_read_addresses(item) for item in destinations)
    push = body.find_block("push")
    message, expires_in = _read_message(body, push)
    part = PushPart(
        message,
        _group_targets(addresses, destinations),
        only_primary=bool(push and push.find_flag("targetOnlyPrimaryDevices")),
    )
    return SendByScenario(
        push=SendPush(
            parts=(part,),
            client_key=body.find_text("bulkId", MAX_BULK) or make_bulk_id(),
            expires_in=expires_in,
            due_at=read_due(body),
            callback=_read_callback(body),
            is_tracked=True,
        ),
        scenario=body.find_text("scenarioKey", 255) or "",
        texts=_read_texts(body),
        addresses=addresses,
    )


def _read_message(body: Block, push: Block | None) -> tuple[PushMessage, int | None]:
    others = {name: body.find(name) for name in OTHERS if body.find(name) is not None}
    if push is None:
        check_storable(others, "")
        return PushMessage(extras={KEY: others} if others else {}), None
    try:
        message = read_failover(push)
        expires_in = read_validity(push, "MINUTES")
    except Rejected as rejected:
        # There is no message of which a status could tell: the call itself is wrong.
        raise refuse(push.path, str(rejected)) from rejected
    others |= {name: push.find(name) for name in ADDRESSING if push.find(name) is not None}
    check_storable(others, push.path)
    if others:
        message = replace(message, extras={KEY: {**message.extras.get(KEY, {}), **others}})
    return message, expires_in


def _read_addresses(item: Block) -> Mapping[str, str]:
    """By channel, whatever addresses a destination has. One at least is ours."""
    to = item.take_block("to")
    found = {channel: value for key, _, channel in _ADDRESSES if (value := to.find_text(key, 255))}
    if not found:
        raise refuse(to.path, "needs phoneNumber, emailAddress or pushRegistrationId")
    if "sms" in found:
        found["sms"] = found["sms"].removeprefix("+")
    return found


def _group_targets(
    addresses: Sequence[Mapping[str, str]], destinations: Sequence[Block]
) -> tuple[Targets, ...]:
    """Each destination by the first address that it has: registration, number, e-mail."""
    named = [
        (*_choose_address(item), block.find_text("messageId", 200) or "")
        for item, block in zip(addresses, destinations, strict=True)
    ]
    return tuple(_join(kind, list(items)) for kind, items in groupby(named, lambda row: row[0]))


def _choose_address(addresses: Mapping[str, str]) -> tuple[str, str]:
    return next(
        (kind, addresses[channel]) for _, kind, channel in _ADDRESSES if channel in addresses
    )


def _join(kind: str, items: Sequence[tuple[str, str, str]]) -> Targets:
    ids = tuple(number for _, _, number in items)
    return Targets(kind, tuple(value for _, value, _ in items), ids=ids if any(ids) else ())


def _read_texts(body: Block) -> dict[str, TextMessage]:
    texts = {}
    sms, mail = body.find_block("sms"), body.find_block("email")
    if sms is not None:
        texts["sms"] = read_text(sms, sms.take_text("text", MAX_SMS))
    if mail is not None:
        text = read_text(mail, mail.take_text("text", MAX_MAIL))
        texts["email"] = replace(text, subject=mail.find_text("subject", 255) or "")
    return texts


LIFE = ("validityPeriod", "validityPeriodTimeUnit")
# Options of the text itself, which the newest call keeps beside it and the older ones do not.
CONTENT, OF_CONTENT = "content", ("transliteration", "language")
_READ_OF_TEXT = frozenset({"text", "subject", *LIFE})


def read_text(block: Block, text: str) -> TextMessage:
    options = {
        name: value
        for name, value in block.values.items()
        if value is not None and name not in _READ_OF_TEXT
    }
    content = {name: options.pop(name) for name in OF_CONTENT if name in options}
    if content:
        options[CONTENT] = content
    check_storable(options, block.path)
    try:
        expires_in = read_validity(block, "MINUTES")
    except Rejected as rejected:
        raise refuse(block.at("validityPeriod"), str(rejected)) from rejected
    return TextMessage(text=text, expires_in=expires_in, options=options)


def flatten(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a text as the older calls have them, all beside it."""
    rest = {name: value for name, value in options.items() if name != CONTENT}
    content = options.get(CONTENT)
    return rest | dict(content) if isinstance(content, Mapping) else rest


def _read_callback(body: Block) -> Callback | None:
    url = body.find_text("notifyUrl") or ""
    data = body.find_text("callbackData", MAX_DATA, 0) or ""
    if body.find_flag("notify") is False:
        url = ""
    if not url and not data:
        return None
    return Callback(
        url=url,
        data=data,
        content_type=body.find_text("notifyContentType", 255) or "application/json",
        wants_intermediate=bool(body.find_flag("intermediateReport")),
    )


def write_send(command: SendByScenario) -> dict[str, Any]:
    """The body of a send; the inverse of `read_send`."""
    push = command.push
    [part] = push.parts
    callback = push.callback or Callback(url="")
    body = drop_unset(
        {
            "scenarioKey": command.scenario or None,
            "bulkId": push.client_key or None,
            "destinations": _write_destinations(command, part),
            "push": _write_push(push, part),
            **_write_texts(command.texts),
            "sendAt": None if push.due_at is None else write_date(push.due_at),
            "notifyUrl": callback.url or None,
            "notifyContentType": callback.content_type if callback.url else None,
            "callbackData": callback.data or None,
            "intermediateReport": callback.wants_intermediate or None,
        }
    )
    extras = part.message.extras.get(KEY, {})
    return body | {name: extras[name] for name in OTHERS if name in extras}


def _write_destinations(command: SendByScenario, part: PushPart) -> list[dict[str, Any]]:
    ids = [number for targets in part.targets for number in _list_ids(targets)]
    addresses = command.addresses or tuple(
        {_find_channel(targets.kind): value} for targets in part.targets for value in targets.values
    )
    return [
        drop_unset(
            {
                "messageId": number or None,
                "to": {_KEYS[channel]: value for channel, value in item.items()},
            }
        )
        for number, item in zip(ids, addresses, strict=True)
    ]


def _list_ids(targets: Targets) -> Sequence[str]:
    return targets.references or targets.ids or ("",) * len(targets.values)


def _find_channel(kind: str) -> str:
    return next(channel for _, known, channel in _ADDRESSES if known == kind)


def _write_push(push: SendPush, part: PushPart) -> dict[str, Any] | None:
    if not part.message.body:
        return None
    body = write_failover(part.message)
    extras = part.message.extras.get(KEY, {})
    body |= {name: extras[name] for name in ADDRESSING if name in extras}
    if part.only_primary:
        body["targetOnlyPrimaryDevices"] = True
    return body | write_validity(push.expires_in)


def write_validity(seconds: int | None) -> dict[str, Any]:
    """In minutes, which is what a number alone means here, else in seconds."""
    if seconds is None:
        return {}
    seconds = min(max(seconds, 30), MAX_VALIDITY)
    if seconds % UNITS["MINUTES"] == 0:
        return {"validityPeriod": seconds // 60}
    return {"validityPeriod": seconds, "validityPeriodTimeUnit": "SECONDS"}


def _write_texts(texts: Mapping[str, TextMessage]) -> dict[str, Any]:
    return {
        channel: {**flatten(text.options), "text": text.text, **write_validity(text.expires_in)}
        | ({"subject": text.subject} if text.subject else {})
        for channel, text in texts.items()
    }


def write_sent(answer: Accepted, call: Call) -> Reply:
    """`bulkId` only where there is more than one destination, or the caller gave it."""
    command = read_send(call)
    found = read_body(call.body).take_blocks("destinations")
    body: dict[str, Any] = {
        "messages": [
            {
                "to": block.find("to"),
                "status": write_status(item.status),
                "messageId": item.target.id,
            }
            for item, block in zip(_list_answered(command, answer), found, strict=True)
        ]
    }
    if len(found) > 1 or read_body(call.body).find("bulkId"):
        body["bulkId"] = answer.client_key or answer.transfer
    return Reply(200, body)


def _write_answered(item: Answered, destination: Block) -> dict[str, Any]:
    return {
        "to": destination.find("to"),
        "status": write_status(item.status),
        "messageId": item.target.id,
    }


def _list_answered(command: SendByScenario, answer: Accepted) -> list[Answered]:
    destinations = tuple(
        Destination(targets.kind, value, number)
        for part in command.push.parts
        for targets in part.targets
        for value, number in zip(targets.values, _list_ids(targets), strict=True)
    )
    plan = Plan((Planned(destinations, command.push),))
    return list(list_answers(plan, AcceptedMany(entries=(answer,))))


def read_omni_reports_query(call: Call) -> FetchOutcomes:
    """The channel is the one by which a message was delivered in the end."""
    channel = read_query_text(call.query, "channel", 50).lower()
    return read_reports_query(call, channel=channel)


def write_reports(rows: OutcomeRows, call: Call) -> Reply:
    return Reply(200, write_rows(rows, FAILOVER_REPORT))


def read_omni_logs_query(call: Call) -> FetchOutcomes:
    query = call.query
    return FetchOutcomes(
        app=read_query_text(query, "from", 255),
        value=read_query_text(query, "to", 255).removeprefix("+"),
        references=read_query_list(query, "bulkId"),
        ids=read_query_list(query, "messageId"),
        state=read_state(query),
        since=find_query_date(query, "sentSince"),
        until=find_query_date(query, "sentUntil"),
        channel=read_query_text(query, "channel", 50).lower(),
        limit=read_limit(call),
    )


def write_logs(rows: OutcomeRows, call: Call) -> Reply:
    return Reply(200, write_rows(rows, FAILOVER_LOG))
