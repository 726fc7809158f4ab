"""What a vendor understands of a call: its own routes read the very bytes that were sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from providers.commands import Command, SendPush, SendPushes
from providers.contract import Dialect
from providers.inbound import Call
from providers.routing import find_route
from providers.schedules import SaveSchedule


def read_pushes(
    dialect: Dialect, method: str, url: str, body: bytes, headers: Mapping[str, str] | None = None
) -> tuple[SendPush, ...]:
    """The pushes of a call; none where it is no send. `headers` in lower case."""
    address = urlsplit(url)
    path = address.path.partition(f"/{dialect.key}/")[2]
    route, pieces = find_route(dialect.routes, method, path)
    content = json.loads(body) if body else None
    query = dict(parse_qsl(address.query, keep_blank_values=True))
    return list_pushes(route.read(Call(content, pieces, query, headers or {})))


def list_pushes(command: Command) -> tuple[SendPush, ...]:
    """The pushes that a command means."""
    match command:
        case SendPush():
            return (command,)
        case SendPushes(pushes):
            return pushes
        case SaveSchedule(push=SendPush() as push):
            return (push,)
    return ()
