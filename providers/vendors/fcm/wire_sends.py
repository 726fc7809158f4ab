"""A send: `POST v1/projects/{project}/messages:send`, one target per call.

Sources: firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send (`message`,
`validate_only`; the answer is a Message with its `name`). The batch endpoint of earlier years is
gone (firebase.google.com/docs/cloud-messaging/migrate-v1 and the FAQ: "/batch", shut down in 2024).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime
from json.encoder import encode_basestring_ascii
from typing import Any

import msgspec

from providers.commands import Accepted, PushPart, SendPush
from providers.contract import Payload
from providers.inbound import Call, Reply
from providers.json_values import write_json
from providers.message import PushMessage
from providers.message_fields import Platform
from providers.outcomes import Outcome, Reason, Refusal, RefusalKind, Result
from providers.recipients import TOKEN_KIND, Targets

from . import wire_errors, wire_filters, wire_messages
from .wire_messages import KEY, TARGETS, list_blocks
from .wire_values import Block, read_body, refuse_value

VERB = "/messages:send"
SEND_PATH = "v1/projects/{project}/messages:send"
BATCH_PATH = "batch"
RECIPIENT_KEYS = frozenset({"token", "topic", "condition"})
FAKE = "fake_message_id"  # what the vendor answers where nothing was sent
MAX_TOKEN = 4096
PLACES = {
    Platform.ANDROID: ("android", "notification", "tag"),
    Platform.IOS: ("apns", "headers", "apns-collapse-id"),
    Platform.WEB: ("webpush", "notification", "tag"),
}


class Template:
    """A call's body, rendered once: the token and what a repeat is known by are spliced in.

    A repeat of the same send to the same device must not ring twice: it carries the same name of a
    notification (`tag` on Android and in browsers, `apns-collapse-id`), so the second replaces the
    first. Each send has another name, so nothing else is replaced by it. A name that the message
    brings itself stays, and a message that shows nothing gets none.
    """

    __slots__ = ("has_tag", "pieces")

    def __init__(self, message: PushMessage, expires_in: int | None, now: datetime) -> None:
        body = wire_messages.write_message(message, expires_in, now)
        token, tag = (secrets.token_hex(16) for _ in range(2))
        self.has_tag = _place_tags(body, message, tag)
        content = _encode({"message": {"token": token, **body}})
        # The token's quotes go with it: it comes as a JSON text of its own.
        head, tail = content.split(f'"{token}"'.encode())
        self.pieces = (head, *tail.split(tag.encode()))

    def write(self, token: str, reference: str) -> bytes:
        head, *rest = self.pieces
        quoted = encode_basestring_ascii(token).encode()
        if not self.has_tag:
            return b"".join((head, quoted, rest[0]))
        return b"".join((head, quoted, write_tag(reference).join(rest)))


def _encode(body: Mapping[str, Any]) -> bytes:
    return write_json(body).encode("utf-8", "replace")


def measure(message: PushMessage, platform: Platform) -> Payload:
    """The message without its target, which is no part of what a device gets."""
    body = wire_messages.write_message(message)
    _place_tags(body, message, write_tag("").decode())
    return Payload(len(_encode(body)), wire_messages.MAX_BYTES)


def write_tag(reference: str) -> bytes:
    """32 hex digits: the shortest of the places that it stands in takes 32 characters."""
    return hashlib.blake2b(reference.encode(), digest_size=16).hexdigest().encode()


def find_tag(body: Any) -> str:
    """By what a repeat of a call is known, "" where it carries no such thing."""
    for path in PLACES.values():
        value = body["message"]
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, str):
            return value
    return ""


def _place_tags(body: dict[str, Any], message: PushMessage, tag: str) -> bool:
    """Put `tag` wherever a platform's notification has no name; whether there was such a place."""
    is_placed = False
    for platform, block in list_blocks(message).items():
        config, part, name = PLACES[platform]
        if getattr(block, "silent", False) or not (block.title or block.body or message.body):
            continue
        inner = body.setdefault(config, {}).setdefault(part, {})
        if name not in inner:
            inner[name] = tag
            is_placed = True
    return is_placed


def write_probe(token: str) -> dict[str, Any]:
    """A call that nobody gets: it tells whether the key works."""
    return {"message": {"token": token}, "validate_only": True}


def read_send(call: Call) -> SendPush:
    """Raises `Refusal`."""
    body = read_body(call.body)
    is_dry_run = body.find_flag("validate_only") or False
    message = body.take_block("message")
    said = [name for name in sorted(TARGETS - {"name"}) if message.find(name) not in (None, "")]
    if len(said) != 1:
        words = "Exactly one of token, topic or condition is required"
        raise refuse_value("message", words)
    content = wire_messages.read_message(message, call.now)
    wait = call.options.get("wait_seconds") or 0
    part = _read_target(message, said[0], content)
    label = content.extras.get(KEY, {}).get("analytics_label") or ""
    return SendPush(
        parts=(part,),
        app=call.path.get("project", ""),
        tag=label,
        is_dry_run=is_dry_run,
        expires_in=_find_life(content),
        wait=0.0 if is_dry_run or part.audience is not None else float(wait),
    )


def _read_target(message: Block, name: str, content: PushMessage) -> PushPart:
    text = message.take_text(name, MAX_TOKEN)
    if name == "token":
        return PushPart(content, (Targets(TOKEN_KIND, (text,)),))
    if name == "fid":
        raise refuse_value("message.fid", "is not known here; name a registration token")
    read = wire_filters.read_topic if name == "topic" else wire_filters.read_condition
    return PushPart(content, audience=read(text))


def _find_life(message: PushMessage) -> int | None:
    """How long we may try: as long as the longest of its platforms, if each has an end.

    A life of nothing means "now or never", and "now" is as soon as we can.
    """
    lives = [
        getattr(block, "time_to_live", None) or getattr(block, "expiration", None)
        for block in list_blocks(message).values()
    ]
    return max(life for life in lives if life) if lives and all(lives) else None


def write_sent(accepted: Accepted, call: Call) -> Reply:
    """The name of the message; an error where the caller waited and was told of one."""
    for result in accepted.results:
        if result.outcome is Outcome.FAILED:
            return _write_failed(result)
        if result.outcome in (Outcome.UNKNOWN, Outcome.EXPIRED):
            words = "The time that the caller waits is over."
            return wire_errors.write_error(504, "DEADLINE_EXCEEDED", words, [])
    body = call.body if isinstance(call.body, dict) else {}
    is_dry_run = body.get("validate_only") or body.get("validateOnly")
    number = FAKE if is_dry_run else accepted.transfer
    return Reply(200, {"name": f"projects/{call.path.get('project', '')}/messages/{number}"})


def _write_failed(result: Result) -> Reply:
    words = result.message or "The message was not sent."
    match result.reason:
        case Reason.TOKEN | Reason.NO_TOKEN | Reason.GONE:
            return write_unregistered()
        case Reason.UNKNOWN_ID:
            return write_mismatch()
        case Reason.THROTTLED:
            return wire_errors.write_code(429, "RESOURCE_EXHAUSTED", wire_errors.QUOTA, words)
        case Reason.CREDENTIAL:
            code = wire_errors.THIRD_PARTY
            return wire_errors.write_code(401, "UNAUTHENTICATED", code, words)
    if result.retry_after is None:
        return wire_errors.write_code(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", words)
    reply = wire_errors.write_code(503, "UNAVAILABLE", "UNAVAILABLE", words)
    wait = str(max(1, round(result.retry_after)))
    return Reply(reply.status, reply.body, headers={"Retry-After": wait})


def write_unregistered() -> Reply:
    words = "Requested entity was not found."
    return wire_errors.write_code(404, "NOT_FOUND", wire_errors.UNREGISTERED, words)


def write_mismatch() -> Reply:
    words = "SenderId mismatch: this app knows no such registration token."
    return wire_errors.write_code(403, "PERMISSION_DENIED", wire_errors.MISMATCH, words)


def write_refusal(refusal: Refusal) -> Reply:
    """Of a send: a token that nobody has, or of which we know that it is dead, has a code."""
    if refusal.field == "targets" and refusal.kind is RefusalKind.NOT_FOUND:
        return write_unregistered() if refusal.code == "unregistered" else write_mismatch()
    return wire_errors.write_refusal(refusal)


class Sent(msgspec.Struct):
    """The part of an answer that is read."""

    name: str


_decode_sent = msgspec.json.Decoder(Sent).decode


def read_sent(body: Any) -> str:
    """The message's name; raises KeyError, TypeError or ValueError for another answer."""
    name = body["name"]
    if not isinstance(name, str) or not name:
        raise ValueError("no name")
    return name


def is_sent(content: bytes) -> bool:
    """Whether an answer is the one to a message that was taken: `read_sent`, ten times as fast."""
    try:
        return bool(_decode_sent(content).name)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def refuse_batch(call: Call) -> SendPush:
    """The address of the batch calls, which the vendor has shut down."""
    words = "The batch endpoint is gone: send each message to v1/projects/<project>/messages:send."
    raise Refusal(RefusalKind.NOT_FOUND, words)
