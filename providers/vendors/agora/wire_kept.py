"""Messages that are kept first and sent to everyone later (the vendor's page until June 2024)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from providers.commands import PushPart, SendPush
from providers.inbound import Call
from providers.outcomes import Refusal, RefusalKind
from providers.recipients import Audience
from providers.schedules import FetchRecord, RecordRow, SaveRecord, SendRecord

from .wire import read_app
from .wire_errors import refuse_message, refuse_parameter
from .wire_messages import read_message
from .wire_sends import TASK, find_life, read_channel
from .wire_values import Block, is_number, read_body, write_moment

MESSAGES_PATH = "push/message"
MESSAGE_PATH = "push/message/{message}"
BROADCAST_PATH = "push/task/broadcast"
KIND = "push_message"


def read_keep(call: Call) -> SaveRecord:
    """A bare `pushMessage`, kept as it was written once it is known to be a good one."""
    body = read_body(call).values
    read_message(Block(body, "pushMessage", refuse_message))
    return SaveRecord(kind=KIND, body=body, app=read_app(call))


def read_fetch_kept(call: Call) -> FetchRecord:
    text = call.path["message"]
    if not is_number(text):
        raise Refusal(RefusalKind.NOT_FOUND, "There is no such message.")
    return FetchRecord(KIND, str(int(text)), read_app(call))


def write_broadcast(message: str, strategy: int | None = None) -> dict[str, Any]:
    body = {"pushMsgId": int(message)}
    return body if strategy is None else {**body, "strategy": strategy}


def read_broadcast(call: Call) -> SendRecord:
    """Everyone of the app gets a kept message."""
    body = read_body(call).values
    number = str(body.get("pushMsgId"))
    if not is_number(number):
        raise refuse_parameter("pushMsgId", "must be the number of a kept message")
    channel, app = read_channel(body.get("strategy")), read_app(call)

    def read_push(kept: Mapping[str, Any]) -> SendPush:
        message = read_message(Block(kept, "pushMessage", refuse_message))
        part = PushPart(replace(message, channel=channel), audience=Audience())
        return SendPush(parts=(part,), app=app, kind=TASK, expires_in=find_life(call, channel))

    return SendRecord(KIND, str(int(number)), read_push, app)


def write_kept_id(row: RecordRow) -> int:
    return int(row.id)


def write_kept(row: RecordRow, app: str) -> dict[str, Any]:
    return {**row.body, "appkey": app, "timestamp": write_moment(row.created_at)}
