"""What a vendor does with the contract's commands, whatever dialect they came in: well, but for
the faults that a call is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from threading import RLock
from typing import Any

from providers.commands import Command, FetchStatus, SendPush, SendPushes
from providers.contract import Dialect
from providers.inbound import ApiCredentials
from providers.outcomes import Refusal, RefusalKind
from providers.simulator import (
    acceptance,
    apps,
    devices,
    failover,
    groups,
    labels,
    marks,
    persons,
    planned,
    queries,
    sends,
    tokens,
    told,
)
from providers.simulator.journal import Journal
from providers.simulator.memory import Acts, Clock, Memory, Visitor
from providers.simulator.transfers import SentTransfer

ACTS: Acts = {
    **apps.ACTS,
    **devices.ACTS,
    **failover.ACTS,
    **groups.ACTS,
    **labels.ACTS,
    **marks.ACTS,
    **persons.ACTS,
    **planned.ACTS,
    **queries.ACTS,
    **sends.ACTS,
    **told.ACTS,
    **tokens.ACTS,
}


class SimulatedVendor:
    """Executes commands of every dialect, one at a time."""

    def __init__(self, journal: Journal, clock: Clock = lambda: datetime.now(UTC)) -> None:
        self.memory = Memory(journal, clock)
        self.lock = RLock()

    def execute(self, visitor: Visitor, command: Command) -> Any:
        """Do what a caller asks and give the contract's answer; raises `Refusal`."""
        act = ACTS.get(type(command))
        if act is None:
            message = "The simulated vendor does not know this call."
            raise Refusal(RefusalKind.NOT_FOUND, message)
        with self.lock:
            return act(self.memory, visitor, command)

    def find_account(self, dialect: Dialect, shown: ApiCredentials) -> str:
        """Whom these credentials mean; raises `Refusal`."""
        with self.lock:
            return tokens.find_account(self.memory, dialect, shown)

    def list_named(self, visitor: Visitor, command: Command) -> list[str]:
        """Ids of the recipients that a call is about, as far as it is about any."""
        push = getattr(command, "push", command)
        if isinstance(push, SendPush):
            return acceptance.list_targets(push)
        if isinstance(command, SendPushes):
            return [name for push in command.pushes for name in acceptance.list_targets(push)]
        if isinstance(command, FetchStatus):
            with self.lock:
                found = sends.look_up(self.memory, visitor, command)
            return [name for _, name in found.list_recipients()] if found else []
        return []

    @property
    def transfers(self) -> Mapping[int, SentTransfer]:
        """Accepted calls by their numbers, oldest first."""
        return self.memory.transfers

    def summarize(self, dialect: str = "", tag: str = "") -> dict[str, Any]:
        """What was accepted, for tests that count from outside."""
        with self.lock:
            return self.memory.summarize(dialect, tag)
