"""The other side of the wire: what Apple finds wrong with a call, and how it answers (pages
"Sending notification requests to APNs" and "Handling notification responses from APNs").

Nobody's signature is checked here, as nobody's key is known; a token of the wrong form or age is
refused, and so is whoever signs with the key ID of `REFUSED`, or with a second key on a connection.
Any certificate is taken.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from providers.gateways import Gateway, GatewayCall, GatewayReply, GatewaySend
from providers.outcomes import Refusal, RefusalKind

from .wire import ALERT, DEVICE_PATH, KINDS, MAX_COLLAPSE_BYTES, TOKEN, UNKNOWN_TOKEN
from .wire_errors import MEANINGS, write_answer

REFUSED = "REFUSED000"
HOUR = 3600
CANONICAL = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
BEARER = re.compile(r"bearer +([\w-]+)\.([\w-]+)\.[\w-]{86}", re.IGNORECASE)

REASONS = {
    RefusalKind.MALFORMED: "PayloadEmpty",
    RefusalKind.MISSING: "PayloadEmpty",
    RefusalKind.INVALID: "PayloadEmpty",
    RefusalKind.UNAUTHENTICATED: "InvalidProviderToken",
    RefusalKind.FORBIDDEN: "Forbidden",
    RefusalKind.NOT_FOUND: "BadPath",
    RefusalKind.TOO_LARGE: "PayloadTooLarge",
    RefusalKind.THROTTLED: "TooManyRequests",
    RefusalKind.BUSY: "TooManyRequests",
    RefusalKind.UNAVAILABLE: "ServiceUnavailable",
}


def read_call(call: GatewayCall) -> GatewaySend:
    """The device that a call is for. Raises Refusal with Apple's reason as its code."""
    if call.method != "POST":
        raise _refuse("MethodNotAllowed")
    _check_caller(call)
    if not call.path.startswith(DEVICE_PATH):
        raise _refuse("BadPath")
    for fault, is_found in FAULTS.items():
        if is_found(call):
            raise _refuse(fault)
    return GatewaySend(call.path.removeprefix(DEVICE_PATH), call.headers.get("apns-id", ""))


def _refuse(reason: str) -> Refusal:
    return Refusal(RefusalKind.INVALID, MEANINGS[reason].words, code=reason)


def _check_caller(call: GatewayCall) -> None:
    line = call.headers.get("authorization")
    if line is None:
        if not call.certificate:
            raise _refuse("MissingProviderToken")
        return
    found = BEARER.fullmatch(line)
    head, claims = map(_decode, found.groups()) if found else ({}, {})
    issued = claims.get("iat")
    if head.get("alg") != "ES256" or head.get("kid") in (None, REFUSED) or not claims.get("iss"):
        raise _refuse("InvalidProviderToken")
    if not isinstance(issued, int) or issued > call.now.timestamp():
        raise _refuse("InvalidProviderToken")
    if call.now.timestamp() - issued > HOUR:
        raise _refuse("ExpiredProviderToken")
    caller = f"{head['kid']} {claims['iss']}"
    if call.memory.setdefault("caller", caller) != caller:
        raise _refuse("UnrelatedKeyIdInToken")


def _decode(text: str) -> dict[str, Any]:
    try:
        found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _lacks_token(call: GatewayCall) -> bool:
    return call.path == DEVICE_PATH


def _has_bad_token(call: GatewayCall) -> bool:
    token = call.path.removeprefix(DEVICE_PATH)
    return TOKEN.fullmatch(token) is None or token == UNKNOWN_TOKEN


def _lacks_topic(call: GatewayCall) -> bool:
    return "authorization" in call.headers and not call.headers.get("apns-topic")


def _find_kind(call: GatewayCall) -> str:
    return call.headers.get("apns-push-type", ALERT)


def _has_bad_type(call: GatewayCall) -> bool:
    return _find_kind(call) not in KINDS


def _has_bad_topic(call: GatewayCall) -> bool:
    topic = call.headers.get("apns-topic", "")
    return bool(topic) and not topic.endswith(KINDS[_find_kind(call)].suffix)


def _has_bad_priority(call: GatewayCall) -> bool:
    priority = call.headers.get("apns-priority")
    return priority is not None and priority not in KINDS[_find_kind(call)].priorities


def _has_bad_expiration(call: GatewayCall) -> bool:
    return re.fullmatch("[0-9]{1,10}", call.headers.get("apns-expiration", "0")) is None


def _has_bad_id(call: GatewayCall) -> bool:
    number = call.headers.get("apns-id")
    return number is not None and CANONICAL.fullmatch(number) is None


def _has_bad_collapse_id(call: GatewayCall) -> bool:
    return len(call.headers.get("apns-collapse-id", "").encode()) > MAX_COLLAPSE_BYTES


def _is_too_large(call: GatewayCall) -> bool:
    return len(call.body) > KINDS[_find_kind(call)].max_bytes


def _is_empty(call: GatewayCall) -> bool:
    try:
        body = json.loads(call.body)
    except (ValueError, RecursionError):
        return True
    return not isinstance(body, dict) or not body


# In this order; a later one may rely on those before.
FAULTS: dict[str, Callable[[GatewayCall], bool]] = {
    "MissingDeviceToken": _lacks_token,
    "InvalidPushType": _has_bad_type,
    "MissingTopic": _lacks_topic,
    "BadDeviceToken": _has_bad_token,
    "BadTopic": _has_bad_topic,
    "BadPriority": _has_bad_priority,
    "BadExpirationDate": _has_bad_expiration,
    "BadMessageId": _has_bad_id,
    "BadCollapseId": _has_bad_collapse_id,
    "PayloadTooLarge": _is_too_large,
    "PayloadEmpty": _is_empty,
}


def write_accepted(call: GatewayCall, send: GatewaySend) -> GatewayReply:
    """200 without a body."""
    return GatewayReply(200, b"", _write_headers(call))


def write_dead(call: GatewayCall, send: GatewaySend, since: datetime) -> GatewayReply:
    """410 with the moment in milliseconds."""
    return GatewayReply(*write_answer("Unregistered", since), _write_headers(call))


def write_refusal(call: GatewayCall, refusal: Refusal) -> GatewayReply:
    """Apple's reason for it, and `Retry-After` where waiting helps."""
    known = refusal.code if refusal.code in MEANINGS else ""
    reason = known or REASONS.get(refusal.kind, "InternalServerError")
    headers = _write_headers(call)
    if refusal.retry_after is not None:
        headers["retry-after"] = str(max(1, round(refusal.retry_after)))
    return GatewayReply(*write_answer(reason), headers)


def _write_headers(call: GatewayCall) -> dict[str, str]:
    """The id that the call has, or one that is made for it."""
    made = str(uuid5(NAMESPACE_URL, f"{call.path} {call.now.isoformat()}"))
    return {"apns-id": call.headers.get("apns-id") or made}


GATEWAY = Gateway(
    read=read_call,
    write_accepted=write_accepted,
    write_dead=write_dead,
    write_refusal=write_refusal,
)
