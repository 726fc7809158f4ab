"""Counts from outside: what the simulator's journal says it accepted, held against our books."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from tests.chaos.machine import Machine

OUTCOMES = """
    SELECT device.token, delivery.outcome
    FROM campaigns_delivery AS delivery
    JOIN campaigns_part AS part ON part.id = delivery.part_id
    JOIN campaigns_device AS device ON device.id = delivery.recipient
    WHERE part.transfer_id = ?
"""
AUDIENCE = "SELECT audience FROM campaigns_transfer WHERE id = ?"
RESENT = "SELECT sum(resent) FROM campaigns_part WHERE transfer_id = ?"


@dataclass(frozen=True, slots=True)
class Count:
    """One transfer, seen from both sides.

    `lost`: recipients without an outcome, and those called `sent` that the vendor never took.
    `hidden`: those that the vendor took and the books call neither `sent` nor `unknown`.
    """

    audience: int
    sent: int
    unknown: int
    lost: int
    hidden: int
    doubled: int  # sends beyond the first of a recipient
    most: int  # sends to one recipient
    resent: int  # as the books say
    replays: int  # calls that the vendor knew again by their key

    def __str__(self) -> str:
        return (
            f"{self.audience} recipients, {self.lost} lost, {self.doubled} duplicates "
            f"(at most {self.most} sends each), {self.resent} counted as resent, "
            f"{self.unknown} unknown, {self.replays} calls known again by key"
        )


def count_transfer(machine: Machine, transfer: int) -> Count:
    """Needs a vendor that takes tokens without references, and devices that only it sends to."""
    outcomes = dict(machine.ask(OUTCOMES, transfer))
    sends = read_sends(machine, next(iter(outcomes), "").rpartition("-")[0])
    times = Counter(recipient for _line, recipients in sends for recipient in recipients)
    replays = count_replays(machine, {line["id"] for line, _recipients in sends})
    return compare(machine, transfer, times, replays)


def compare(machine: Machine, transfer: int, times: Counter[str], replays: int = 0) -> Count:
    """A transfer's books against how often the vendor has taken each token."""
    outcomes = dict(machine.ask(OUTCOMES, transfer))
    (audience,), (resent,) = (machine.ask(query, transfer)[0] for query in (AUDIENCE, RESENT))
    claimed = {token for token, outcome in outcomes.items() if outcome == "sent"}
    unknown = {token for token, outcome in outcomes.items() if outcome == "unknown"}
    return Count(
        audience=audience,
        sent=len(claimed),
        unknown=len(unknown),
        lost=audience - len(outcomes) + len(claimed - times.keys()),
        hidden=len(times.keys() - claimed - unknown),
        doubled=times.total() - len(times),
        most=max(times.values(), default=0),
        resent=int(resent or 0),
        replays=replays,
    )


def read_sends(machine: Machine, slug: str) -> list[tuple[dict[str, Any], list[str]]]:
    """The calls that the vendor took for devices of one app: journal line and tokens."""
    sends = []
    for line in machine.read_journal():
        if line["event"] == "send" and not line["faults"]:
            tokens = [token for _platform, tokens, *_more in line["stretches"] for token in tokens]
            if tokens[0].startswith(f"{slug}-"):
                sends.append((line, tokens))
    return sends


def count_replays(machine: Machine, calls: set[int]) -> int:
    """How many of these calls came again and were known by their key."""
    replays = [line for line in machine.read_journal() if line["event"] == "replay"]
    return sum(line["id"] in calls for line in replays)
