"""A push, and what is answered to it (seed sections "Request Example" and "Response Example";
vendor page "Create Push API"). What it says is `wire_messages`', whom it means `wire_targets`'.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from providers.commands import Accepted, PushPart, Recalled, RecallPush, SendPush
from providers.inbound import Call
from providers.json_values import strip_nulls, write_json
from providers.message import PushMessage

from .wire_errors import Code, Refused
from .wire_messages import KEY, MAX_TTL, read_content, read_platforms, write_content
from .wire_targets import read_targets, write_targets
from .wire_values import Block, read_body, refuse_type, refuse_value

PUSH_PATH = "v4/push"
VALIDATE_PATH = "v4/push/validate"
WITHDRAW_PATH = "v4/push/withdraw/{msg_id}"
WITHDRAW_SECONDS = 86_400  # within one day, once (vendor page "Message Recall")

MAX_CALL_TEXT = 255  # of `from` and `request_id`; no page gives one
MAX_ARGUMENTS = 128  # characters of custom_args, as an object or as a text
MAX_PLAN = 255
CALL_KEYS = ("from", "request_id", "custom_args")
CALL = "call"  # where they are among the message's extras
TAG_KEY = "tag"
CID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
RECIPIENT_KEYS = ("registration_id", "alias")  # counted, never kept, in a record of a call


def write_push(push: SendPush) -> dict[str, Any]:
    """The body of one push; ValueError for an audience without words."""
    (part,) = push.parts
    extras = part.message.extras.get(KEY, {})
    body: dict[str, Any] = dict(extras.get(CALL, {}))
    body["to"] = write_targets(part.targets, part.audience)
    body["body"] = write_content(part.message)
    options = body["body"].get("options", {}) | _write_options(push)
    if push.tag and options.get("plan_id") != push.tag:
        _write_tag(body, push.tag)
    if options:
        body["body"]["options"] = options
    return body


def read_push(call: Call) -> SendPush:
    return read_push_body(read_body(call.body))


def read_validate(call: Call) -> SendPush:
    """Everything is checked, nothing is sent."""
    return replace(read_push(call), is_dry_run=True)


def read_push_body(block: Block) -> SendPush:
    """One push, also inside a schedule or an item of a batch."""
    body = move_options(block)
    arguments = _read_call(block)
    options = body.find_block("options") or Block({})
    client_key = _read_cid(options)
    message = _add_call(read_content(_drop_cid(body)), arguments)
    targets, audience = read_targets(block, read_platforms(body))
    plan = options.find_text("plan_id", MAX_PLAN) or ""
    return SendPush(
        parts=(PushPart(message, targets, audience),),
        tag=plan or _read_tag(arguments),
        client_key=client_key,
        expires_in=options.find_number("time_to_live", 0, MAX_TTL) or None,
    )


def refuse_both(push: SendPush) -> None:
    """A notification beside a message: taken from who pushes to a group, as in the vendor's own
    sample, and from anybody where a door is not strict."""
    if push.app_group:
        return
    for part in push.parts:
        if {"notification", "message"} <= write_content(part.message).keys():
            words = "A notification and a message stand together."
            raise Refused(Code.NOTIFICATION_AND_MESSAGE, words, field="body")


def move_options(block: Block) -> Block:
    """The object `body` with its options inside; one sample has them beside it."""
    body = block.take_block("body")
    beside = block.find_block("options")
    if beside is None or body.values.get("options") is not None:
        return body
    return Block({**body.values, "options": beside.values}, body.path)


def _drop_cid(body: Block) -> Block:
    """The body without what the command carries by itself."""
    options = body.values.get("options")
    if not isinstance(options, dict):
        return body
    left = {name: value for name, value in options.items() if name != "cid"}
    return Block({**body.values, "options": left or None}, body.path)


def write_cid(key: str) -> str:
    """A key of ours in the vendor's letters; one that does not fit becomes a stable one."""
    if CID.fullmatch(key):
        return key
    return hashlib.sha256(key.encode()).hexdigest()


def _read_cid(options: Block) -> str:
    cid = options.find_text("cid") or ""
    if cid and not CID.fullmatch(cid):
        raise refuse_value(options.at("cid"), "is up to 64 letters, digits, _ and -")
    return cid


def _write_options(push: SendPush) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if push.client_key:
        options["cid"] = write_cid(push.client_key)
    if push.expires_in is not None:
        life = next(iter(_list_lives(push.parts[0].message)), push.expires_in)
        options["time_to_live"] = min(life, push.expires_in, MAX_TTL)
    return options


def _list_lives(message: PushMessage) -> list[int]:
    lives = (
        message.android.time_to_live if message.android else None,
        message.ios.expiration if message.ios else None,
    )
    return [life for life in lives if life is not None]


def _write_tag(body: dict[str, Any], tag: str) -> None:
    """Our tag among the arguments, which come back with every callback: a plan must exist there."""
    arguments = body.get("custom_args", {})
    wanted = {**arguments, TAG_KEY: tag} if isinstance(arguments, dict) else {}
    if wanted and len(write_json(wanted)) <= MAX_ARGUMENTS:
        body["custom_args"] = wanted


def _read_tag(arguments: Mapping[str, Any]) -> str:
    given = arguments.get("custom_args")
    tag = given.get(TAG_KEY) if isinstance(given, dict) else None
    return tag if isinstance(tag, str) and len(tag) <= MAX_PLAN else ""


def _read_call(block: Block) -> dict[str, Any]:
    """`from`, `request_id` and `custom_args`; the last is an object or a text, kept as given."""
    for name in ("from", "request_id"):
        block.find_text(name, MAX_CALL_TEXT)
    arguments = block.values.get("custom_args")
    if arguments is not None and not isinstance(arguments, str | dict):
        raise refuse_type(block.at("custom_args"), "must be an object or a text")
    text = arguments if isinstance(arguments, str) else write_json(arguments or {})
    if len(text) > MAX_ARGUMENTS:
        raise refuse_type(block.at("custom_args"), f"has more than {MAX_ARGUMENTS} characters")
    given = {name: block.values.get(name) for name in CALL_KEYS}
    return {name: strip_nulls(value) for name, value in given.items() if value is not None}


def _add_call(message: PushMessage, arguments: dict[str, Any]) -> PushMessage:
    if not arguments:
        return message
    extras = {**message.extras.get(KEY, {}), CALL: arguments}
    return replace(message, extras={KEY: extras})


def write_accepted(accepted: Accepted, request_id: Any = None) -> dict[str, Any]:
    """`request_id` only where the caller sent one."""
    answer: dict[str, Any] = {} if request_id is None else {"request_id": request_id}
    return answer | {"msg_id": accepted.transfer}


def read_accepted(body: Mapping[str, Any]) -> Accepted:
    return Accepted(read_msg_id(body["msg_id"]))


def read_msg_id(value: Any) -> str:
    """A number, as a text in one answer and as a number in another. ValueError for what is none."""
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isalnum() and len(text) <= 64):
        raise ValueError("no message id")
    return text


def find_request_id(call: Call) -> Any:
    return call.body.get("request_id") if isinstance(call.body, dict) else None


def read_withdraw(call: Call) -> RecallPush:
    return RecallPush(take_msg_id(call.path["msg_id"]))


def take_msg_id(text: str) -> str:
    """A message's id in an address or a parameter; what is none names nothing."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise Refused(Code.BAD_VALUE, "There is no such msg_id.", field="msg_id")
    return text


def write_withdraw_path(reference: str) -> str:
    return WITHDRAW_PATH.format(msg_id=reference)


def write_withdrawn(reference: str) -> dict[str, str]:
    return {"msg_id": reference}


def read_withdrawn(body: Mapping[str, Any]) -> Recalled:
    """The vendor has taken the request; it says of nobody whether it came in time."""
    read_msg_id(body["msg_id"])
    return Recalled()
