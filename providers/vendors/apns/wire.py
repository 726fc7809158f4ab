"""Addresses and headers of one notification (Apple's page "Sending notification requests to
APNs": https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

PRODUCTION, SANDBOX = "production", "sandbox"
HOSTS = {
    PRODUCTION: "https://api.push.apple.com",
    SANDBOX: "https://api.sandbox.push.apple.com",
}
PORTS = ("443", "2197")  # the second is for networks that let no other traffic out
DEVICE_PATH = "/3/device/"

MAX_BYTES = 4096
MAX_VOIP_BYTES = 5120
MAX_COLLAPSE_BYTES = 64
# Tokens have no fixed length ("APNs device tokens are of variable length. Do not hard-code their
# size", page "Registering your app with APNs"); they go into the path as hexadecimal digits.
TOKEN = re.compile(r"(?:[0-9a-fA-F]{2}){8,200}")
UNKNOWN_TOKEN = "0" * 64  # has the form of a token and is nobody's
TOPIC = r"[A-Za-z0-9.-]{1,200}"

# Ids of notifications are UUIDs of version 5 in this namespace, of our receipt token: the same
# recipient of the same message has the same id, however often and from wherever it is sent.
NAMESPACE = UUID("6f2f3f3e-8d0b-5b0e-9a9e-6b7a0c2d4e11")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One `apns-push-type`: what its topic ends with, and what its payload says by itself.

    `shows` tells whether it carries a text; `priority` is sent where the message names none, ""
    leaves Apple's own (10); `aps` is what the `aps` dictionary holds whatever the message says.
    """

    suffix: str = ""
    shows: bool = False
    priority: str = ""
    priorities: frozenset[str] = frozenset({"1", "5", "10"})
    max_bytes: int = MAX_BYTES
    aps: Mapping[str, int | bool] | None = None


ALERT, BACKGROUND, LIVE = "alert", "background", "liveactivity"
# `mdm` is missing: its payload is a secret of each managed device's, which no message of ours
# holds, and its certificates belong to vendors of device management.
KINDS: Mapping[str, Kind] = {
    ALERT: Kind(shows=True, priority="10"),
    # "Always use priority 5. Using priority 10 is an error."
    BACKGROUND: Kind(priority="5", priorities=frozenset({"1", "5"}), aps={"content-available": 1}),
    LIVE: Kind(suffix=".push-type.liveactivity", shows=True, priority="10"),
    "voip": Kind(suffix=".voip", shows=True, max_bytes=MAX_VOIP_BYTES),
    "pushtotalk": Kind(suffix=".voip-ptt", priority="10", priorities=frozenset({"10"})),
    "complication": Kind(suffix=".complication", shows=True),
    "fileprovider": Kind(suffix=".pushkit.fileprovider"),
    "location": Kind(suffix=".location-query"),
    # Pages "Updating widgets with WidgetKit push notifications" and "Updating controls locally
    # and remotely".
    "widgets": Kind(suffix=".push-type.widgets", aps={"content-changed": True}),
    "controls": Kind(suffix=".push-type.controls", aps={"content-changed": True}),
}


def find_origin(environment: str, port: str) -> str:
    """Where an account's calls go, without a slash at the end."""
    host = HOSTS.get(environment, HOSTS[PRODUCTION])
    return host if port in ("", PORTS[0]) else f"{host}:{port}"


def write_headers(
    kind: str, topic: str, *, priority: str = "", expiration: int | None = None
) -> tuple[str, ...]:
    """The lines that all recipients of a message share.

    `expiration` is the instant (seconds since 1970) until which it is kept for a device that is
    off, 0 for one try; without it Apple keeps it as it does.
    """
    lines = ["content-type: application/json", f"apns-push-type: {kind}"]
    if topic:
        lines.append(f"apns-topic: {topic}{KINDS[kind].suffix}")
    if priority or KINDS[kind].priority:
        lines.append(f"apns-priority: {priority or KINDS[kind].priority}")
    if expiration is not None:
        lines.append(f"apns-expiration: {expiration}")
    return tuple(lines)


def write_bearer(token: str) -> str:
    return f"authorization: bearer {token}"


def make_id(reference: str) -> str:
    """The `apns-id` of a recipient: a UUID of version 5, as uuid.uuid5 makes it."""
    digest = hashlib.sha1(NAMESPACE.bytes + reference.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"
