"""How a gateway that takes one device per call answers, written by its package beside how it is
called: the simulator serves it. Plain Python.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from providers.outcomes import Refusal


@dataclass(frozen=True, slots=True)
class GatewayCall:
    """A request as a gateway gets it. `path` begins with a slash, names of headers are in lower
    case. `certificate` is the name that the caller showed in the handshake, if it showed one;
    `memory` is what the gateway has noted of the connection.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    now: datetime
    query: str = ""
    certificate: str = ""
    memory: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GatewaySend:
    """What a call asks for: a push to `recipient`, which is its token or its endpoint.

    `key` is what a repeat of the call has in common with it, where calls carry such a thing.
    """

    recipient: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class GatewayReply:
    """What a gateway answers."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A gateway's side of its wire.

    `read` gives what a call asks for, or at once the reply to a call that sends nothing (an access
    token, a trial); it raises `Refusal` for one that the gateway would not take. `write_refusal`
    is asked for every RefusalKind but METHOD and CONFLICT, and `write_dead` for a recipient that
    is no more, since when.
    """

    read: Callable[[GatewayCall], GatewaySend | GatewayReply]
    write_accepted: Callable[[GatewayCall, GatewaySend], GatewayReply]
    write_dead: Callable[[GatewayCall, GatewaySend, datetime], GatewayReply]
    write_refusal: Callable[[GatewayCall, Refusal], GatewayReply]
