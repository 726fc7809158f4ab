"""The other side of the wire: what a push service finds wrong with a request, and how it answers
(RFC 8030 §5, §7; RFC 8188 §2.1; RFC 8292 §4.2).

It takes any endpoint below it, any key and any name of its own, and checks what a service can
without the browser's keys: the signature and age of the word, and the form of what is sealed.
"""

from __future__ import annotations

import json
import re
from datetime import datetime

from providers.gateways import Gateway, GatewayCall, GatewayReply, GatewaySend
from providers.outcomes import HTTP_STATUS, Refusal, RefusalKind

from .wire_auth import verify
from .wire_encryption import CODING, HEADER_BYTES, MAX_BYTES, POINT_BYTES, SALT_BYTES, TAG_BYTES
from .wire_sends import URGENCIES
from .wire_values import read_base64

_TTL = re.compile("[0-9]{1,10}")
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")


def read_call(call: GatewayCall) -> GatewaySend:
    """The browser that a call is for, and its topic. Raises Refusal."""
    if call.method != "POST":
        raise Refusal(RefusalKind.METHOD, "A push is a POST.")
    _check_word(call)
    if _TTL.fullmatch(call.headers.get("ttl", "")) is None:  # RFC 8030 §5.2
        raise Refusal(RefusalKind.MISSING, "Missing TTL header")
    topic = call.headers.get("topic", "")
    if topic and _TOPIC.fullmatch(topic) is None:  # §5.4
        raise Refusal(RefusalKind.INVALID, "Invalid Topic header")
    if call.headers.get("urgency", "normal") not in URGENCIES:  # §5.3
        raise Refusal(RefusalKind.INVALID, "Invalid Urgency header")
    _check_body(call)
    return GatewaySend(call.path, topic)


def _check_word(call: GatewayCall) -> None:
    line = call.headers.get("authorization", "")
    if not line:
        raise Refusal(RefusalKind.UNAUTHENTICATED, "authorization header must be specified.")
    try:
        audience = json.loads(read_base64(line.split(".")[1]))["aud"]
        verify(line, audience, call.now.timestamp())
    except (ValueError, LookupError, TypeError) as error:
        raise Refusal(RefusalKind.FORBIDDEN, f"invalid JWT provided: {error}") from None


def _check_body(call: GatewayCall) -> None:
    if len(call.body) > MAX_BYTES:
        raise Refusal(RefusalKind.TOO_LARGE, "Data payload too large")
    is_coded = call.headers.get("content-encoding") == CODING
    is_whole = len(call.body) > HEADER_BYTES + TAG_BYTES
    if not is_coded or not is_whole or call.body[SALT_BYTES + 4] != POINT_BYTES:
        raise Refusal(RefusalKind.INVALID, f"Invalid {CODING} content")


def write_accepted(call: GatewayCall, send: GatewaySend) -> GatewayReply:
    """201 and where the message is (RFC 8030 §5)."""
    return GatewayReply(201, b"", {"location": f"{call.path}/message", "ttl": call.headers["ttl"]})


def write_dead(call: GatewayCall, send: GatewaySend, since: datetime) -> GatewayReply:
    """410: the subscription has ended (RFC 8030 §7.3); nobody says since when."""
    return GatewayReply(410, b"push subscription has unsubscribed or expired.\n")


def write_refusal(call: GatewayCall, refusal: Refusal) -> GatewayReply:
    """The status and a sentence."""
    headers = {}
    if refusal.retry_after is not None:
        headers["retry-after"] = str(max(1, round(refusal.retry_after)))
    return GatewayReply(HTTP_STATUS[refusal.kind], f"{refusal.message}\n".encode(), headers)


GATEWAY = Gateway(
    read=read_call,
    write_accepted=write_accepted,
    write_dead=write_dead,
    write_refusal=write_refusal,
)
