"""What a gateway may answer for one device, and what has to become of that device then.

`tests/providers/<key>/codes.py` lists every code that the gateway's pages have, each with its fate
as these pages describe it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol

from providers.contract import Dialect
from providers.gateways import GatewayReply


@dataclass(frozen=True)
class Fate:
    """What the books say of the one device that was called.

    `end` is its outcome with the reason, "" while it is owed. `seconds` is when it is tried again,
    at least; None where nobody has said it, which is soon and drawn by chance. `is_blocked`: until
    then nobody is called through the account. `rests`: its push service, for so long.
    """

    end: str = ""
    seconds: float | None = None
    is_dead: bool = False  # its token is switched off
    is_blocked: bool = False
    is_paused: bool = False  # the campaign, and the account is shown as refused
    in_doubt: bool = False  # nobody knows whether it was sent to
    rests: float = 0.0


SENT = Fate("sent")
DEAD = Fate("failed token", is_dead=True)
OF_MESSAGE = Fate("failed payload")
OF_ADDRESS = Fate("failed not_addressable")
PAUSED = Fate(is_paused=True)
IN_DOUBT = Fate(in_doubt=True)


def doubted(seconds: float) -> Fate:
    """Nobody knows, and not before that time it is tried again."""
    return Fate(seconds=seconds, in_doubt=True)


def later(seconds: float | None = None) -> Fate:
    """The one device is tried again."""
    return Fate(seconds=seconds)


def blocked(seconds: float) -> Fate:
    """It is, and until then nobody is called."""
    return Fate(seconds=seconds, is_blocked=True)


@dataclass(frozen=True)
class Case:
    """An answer by its code, what becomes of the device, and what people must be able to read."""

    name: str
    status: int
    fate: Fate
    body: Any = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()

    def write(self) -> GatewayReply:
        body = self.body if isinstance(self.body, str) else json.dumps(self.body)
        return GatewayReply(self.status, body.encode(), self.headers)


# Ways in which a gateway asks to be left alone, and for how many seconds. What is no time, or none
# that is left, is the same as nothing: None.
WISHES: Mapping[str, float | None] = {
    "": None,
    "0": None,
    "1": 1,
    "30": 30,
    "3600": 3600,
    "86400": 3600,
    "9999999999": 3600,
    "9" * 30: None,  # more than libcurl reads as a number
    "-5": None,
    "in a moment": None,
    "nan": None,
    "date: 30": 30,
    "date: 86400": 3600,
    "date: -30": None,
}


class Codes(Protocol):
    """What `tests/providers/<key>/codes.py` has.

    `ASKERS` are answers that ask for time, by whose it is: each makes, of the seconds (None where
    there are none), the case.
    """

    CASES: list[Case]
    ASKERS: Mapping[str, Callable[[float | None], Case]]

    def forget(self) -> None:
        """What the client keeps in this process."""

    def find_rest(self) -> float:
        """For how many seconds a service of the gateway is left alone."""


def read_codes(dialect: Dialect) -> Codes:
    """All that a gateway's pages have."""
    codes: Any = import_module(f"tests.providers.{dialect.key}.codes")
    return codes
