"""A browser's subscription as JSON (w3.org/TR/push-api, PushSubscription.toJSON; RFC 8291 §2)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv6Address
from typing import Any

from providers.addresses import is_plain_path

from .wire_encryption import AUTH_BYTES, POINT_BYTES
from .wire_values import read_base64, write_base64

MAX_ENDPOINT = 2048
# What an address may hold (RFC 3986 §2): no login, and nothing that could end a line.
_ADDRESS = re.compile(
    r"https://([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?"
    r"((?:/[A-Za-z0-9._~:/\[\]!$&'()*+,;=%@-]*)?)(?:\?[A-Za-z0-9._~:/?\[\]!$&'()*+,;=%@-]*)?"
)


@dataclass(frozen=True, slots=True)
class Subscription:
    """One browser. `origin` is the push service's, as RFC 8292 §2 wants it in `aud`, `path` what
    follows it, without a query; `point` and `auth` are its keys, 65 and 16 bytes."""

    endpoint: str
    origin: str
    path: str
    point: bytes
    auth: bytes = field(repr=False)


def read_subscription(text: str) -> Subscription:
    """The subscription of a token; ValueError says in a few words what is wrong with it."""
    try:
        body = json.loads(text)
        endpoint, keys = body["endpoint"], body["keys"]
        point, auth = read_base64(keys["p256dh"]), read_base64(keys["auth"])
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise ValueError("it is no endpoint with the keys p256dh and auth") from None
    if len(point) != POINT_BYTES or point[0] != 4 or len(auth) != AUTH_BYTES:
        raise ValueError("its keys are no point of 65 and no secret of 16 bytes")
    return Subscription(endpoint, *_read_endpoint(endpoint), point, auth)


def _read_endpoint(endpoint: Any) -> tuple[str, str]:
    """Origin (RFC 6454 §6.1) and path of an endpoint; ValueError for what is no https address."""
    is_short = isinstance(endpoint, str) and len(endpoint) <= MAX_ENDPOINT
    found = _ADDRESS.fullmatch(endpoint) if is_short else None
    if found is None:
        raise ValueError("its endpoint is no https address")
    host, port, path = found.groups()
    if host.startswith("["):
        _check_address(host[1:-1])
    number = int(port or 443)
    if not 0 < number < 65536:
        raise ValueError("its endpoint has no such port")
    if not is_plain_path(path):
        raise ValueError("its endpoint leads to another path than it names")
    return f"https://{host.lower()}" + ("" if number == 443 else f":{number}"), path


def _check_address(text: str) -> None:
    """Digits in brackets that are no IPv6 address nobody can take apart (RFC 3986 §3.2.2)."""
    try:
        IPv6Address(text)
    except AddressValueError:
        raise ValueError("its endpoint is no https address") from None


def write_subscription(subscription: Subscription) -> Mapping[str, Any]:
    """As a browser's `toJSON` gives it."""
    keys = {"p256dh": write_base64(subscription.point), "auth": write_base64(subscription.auth)}
    return {"endpoint": subscription.endpoint, "keys": keys}
