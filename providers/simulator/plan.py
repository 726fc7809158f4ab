"""Which calls suffer which faults. The same seed and the same calls give the same fates, in
whatever order the calls arrive, except where a rule counts them.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from providers.simulator.faults import COMBINED, CallKind, FaultType, OptionValue, Stage
from providers.simulator.rules import FaultRule, read_rule, write_rule

REMEMBERED = 65_536  # calls whose repeats are told apart


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is known of a call. Before it is read that is its number and, perhaps, its dialect.

    `digest` is equal for equal calls; `recipients` are the ids that it names.
    """

    number: int
    dialect: str = ""
    is_handshake: bool = False
    kind: CallKind = CallKind.ANY
    digest: str = ""
    recipients: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class GivenFault:
    """A fault that one call suffers, and whom of its recipients it concerns."""

    rule: FaultRule
    place: int  # of the rule in the plan
    seed: int
    seen: Seen
    until: datetime | None = None
    count: int = 0  # calls that the rule had concerned by then

    @property
    def fault(self) -> FaultType:
        return self.rule.fault

    @property
    def name(self) -> str:
        return self.rule.fault.name

    def find(self, option: str) -> OptionValue:
        """An option's value; the fault has one of that name."""
        return self.rule.options.get(option, self.fault.options[option])

    def find_number(self, option: str) -> float:
        return float(self.find(option))

    def is_accepted(self) -> bool:
        accepted = self.fault.is_accepted
        return bool(self.find("accepted")) if accepted is None else accepted

    def draw(self, *salt: object) -> float:
        """A number from 0 to 1 that depends on the seed, the rule and `salt` alone."""
        return draw(self.seed, self.place, *salt)

    def concerns(self, recipient: str) -> bool:
        """Whether a recipient of the call is among those of the rule."""
        return _names(self.rule, self.seed, self.place, recipient)


@dataclass(slots=True)
class _Tally:
    count: int = 0
    given: int = 0
    until: datetime | None = None


@dataclass(slots=True)
class FaultPlan:
    """Rules in their order, and how often each of them was asked and has been followed."""

    rules: tuple[FaultRule, ...] = ()
    seed: int = 0
    tallies: list[_Tally] = field(init=False)
    repeats: OrderedDict[str, int] = field(default_factory=OrderedDict, init=False)
    lock: Any = field(default_factory=Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        self.tallies = [_Tally() for _ in self.rules]

    def choose(self, seen: Seen, now: datetime, *, is_read: bool = True) -> tuple[GivenFault, ...]:
        """The faults of a call, in the plan's order; of each stage one, or all that combine."""
        given: list[GivenFault] = []
        taken: set[Stage] = set()
        with self.lock:
            repeat = self._count_repeat(seen)
            for place, rule in enumerate(self.rules):
                stage = rule.fault.stage
                if rule.fault.knows_call is not is_read or not _concerns(rule, seen):
                    continue
                tally = self.tallies[place]
                tally.count += 1
                if stage in taken or not self._is_due(place, seen, repeat, now):
                    continue
                given.append(self._give(place, seen, now))
                taken |= {stage} - COMBINED
        return tuple(given)

    def _count_repeat(self, seen: Seen) -> int:
        if not seen.digest:
            return seen.number
        count = self.repeats.pop(seen.digest, 0)
        self.repeats[seen.digest] = count + 1
        if len(self.repeats) > REMEMBERED:
            self.repeats.popitem(last=False)
        return count

    def _is_due(self, place: int, seen: Seen, repeat: int, now: datetime) -> bool:
        rule, tally = self.rules[place], self.tallies[place]
        if tally.until is not None and now < tally.until:
            return True
        if rule.times and tally.given >= rule.times:
            return False
        if rule.nth is not None and not rule.nth[0] <= tally.count <= rule.nth[1]:
            return False
        if rule.every and tally.count % rule.every:
            return False
        if rule.p is not None and draw(self.seed, place, "p", seen.digest, repeat) >= rule.p:
            return False
        if rule.names_recipients:
            return any(_names(rule, self.seed, place, item) for item in seen.recipients)
        return True

    def _give(self, place: int, seen: Seen, now: datetime) -> GivenFault:
        rule, tally = self.rules[place], self.tallies[place]
        tally.given += 1
        if tally.until is None or tally.until <= now:
            tally.until = _find_end(rule, now)
        return GivenFault(rule, place, self.seed, seen, tally.until, tally.count)

    def resume(self, place: int, count: int, until: datetime | None, *, given: int = 1) -> None:
        """Go on after a fault that an earlier process gave."""
        if place < len(self.tallies):
            tally = self.tallies[place]
            tally.count, tally.until = max(tally.count, count), until
            tally.given += given

    def write(self) -> dict[str, Any]:
        """The plan as it can be read again."""
        return {"seed": self.seed, "faults": [write_rule(rule) for rule in self.rules]}


def read_plan(wish: Any) -> FaultPlan:
    """`{"seed": 7, "faults": ["error_503:p=0.1", {"fault": "html", "nth": 3}]}` as a plan.

    Raises ValueError with a sentence.
    """
    if not isinstance(wish, Mapping) or set(wish) - {"seed", "faults"}:
        raise ValueError("A plan is an object with `faults` and perhaps `seed`.")
    rules, seed = wish.get("faults", []), wish.get("seed", 0)
    if not isinstance(rules, Iterable) or isinstance(rules, str | Mapping):
        raise ValueError("`faults` is a list.")
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise ValueError("`seed` is a whole number.")
    return FaultPlan(tuple(read_rule(rule) for rule in rules), seed)


def draw(*salt: object) -> float:
    """A number from 0 to 1, the same for the same `salt`."""
    text = "\0".join(map(str, salt))
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def _concerns(rule: FaultRule, seen: Seen) -> bool:
    if rule.fault.stage is Stage.CONNECTION and rule.fault.is_of_tls is not seen.is_handshake:
        return False
    return rule.dialect in ("", seen.dialect) and rule.on in (CallKind.ANY, seen.kind)


def _names(rule: FaultRule, seed: int, place: int, recipient: str) -> bool:
    if rule.id and recipient != rule.id:
        return False
    return rule.recipient is None or draw(seed, place, "recipient", recipient) < rule.recipient


def _find_end(rule: FaultRule, now: datetime) -> datetime | None:
    """Until when every call suffers what one was chosen for."""
    if rule.fault.name == "quota_exhausted":
        return now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return now + timedelta(seconds=rule.lasting) if rule.lasting else None
