"""Every state that claim, lease and settlement can come to: nobody is lost, nobody gets a push
twice without its being counted, nothing ends in a state that cannot finish."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.campaigns.dispatch import model
from tests.campaigns.dispatch.model import (
    Members,
    Rules,
    State,
    begin,
    is_final,
    list_owed,
    list_steps,
    simplify,
)

Fault = Callable[[Rules, State], bool]


def loses(rules: Rules, state: State) -> bool:
    """Somebody has neither an outcome nor exactly one batch that owes it, or both."""
    owed = [member for batch in state.batches for member in list_owed(state, batch)]
    settled = [member for member, outcome in enumerate(state.outcomes) if outcome]
    return sorted(owed + settled) != list(range(len(state.outcomes)))


def doubles(rules: Rules, state: State) -> bool:
    """Somebody got it twice and it is not counted, or at all where once was promised."""
    again = sum(max(0, times - 1) for times in state.taken)
    return again > (0 if rules.at_most_once else state.resent)


def lies(rules: Rules, state: State) -> bool:
    """Who is told to have got nothing was taken by the vendor; or who was sent to was not."""
    return any(
        (outcome in ("failed", "skipped", "cancelled") and times)
        or (outcome == "sent" and not times)
        for outcome, times in zip(state.outcomes, state.taken, strict=True)
    )


def forgets(rules: Rules, state: State) -> bool:
    """A batch is done and a call of it still open."""
    return any(batch.state == "done" and batch.call for batch in state.batches)


FAULTS: tuple[Fault, ...] = (loses, doubles, lies, forgets)


@dataclass(slots=True)
class Search:
    """All states that can be reached, how each was, and what is wrong with which."""

    reached: dict[State, tuple[State, str] | None] = field(default_factory=dict)
    before: dict[State, list[State]] = field(default_factory=dict)
    faults: dict[str, State] = field(default_factory=dict)

    def explain(self, state: State) -> list[str]:
        """The shortest way there."""
        path = []
        while (step := self.reached[state]) is not None:
            state, label = step
            path.append(label)
        return path[::-1]

    def list_stuck(self) -> list[State]:
        """States from which no end can be reached."""
        ends = deque(state for state in self.reached if is_final(state))
        can_end = set(ends)
        while ends:
            for state in self.before.get(ends.popleft(), ()):
                if state not in can_end:
                    can_end.add(state)
                    ends.append(state)
        return [state for state in self.reached if state not in can_end]


def search(rules: Rules, start: State) -> Search:
    start = simplify(start)
    found, waiting = Search({start: None}), deque([start])
    while waiting:
        state = waiting.popleft()
        for fault in FAULTS:
            if fault(rules, state):
                found.faults.setdefault(fault.__name__, state)
        for label, next_state in list_steps(rules, state):
            after = simplify(next_state)
            found.before.setdefault(after, []).append(state)
            if after not in found.reached:
                found.reached[after] = (state, label)
                waiting.append(after)
    return found


# Three of them in one send are 70,000 states for each rule.
MISHAPS = 3 if os.environ.get("PUSHADMIN_CHAOS") == "full" else 2
ONE, TWO = ((0, 1),), ((0, 1), (2,))
# With a culprit workers die without end, so fewer other mishaps fill the time.
STARTS = [("one batch", ONE, -1, MISHAPS), ("two batches", TWO, -1, 1), ("a culprit", ONE, 0, 1)]
SAFE = [
    *(Rules(vendor) for vendor in ("key", "blind", "mute")),
    *(Rules(vendor, is_prompt=True) for vendor in ("asked", "unique")),
    *(Rules(vendor, at_most_once=True) for vendor in ("key", "asked", "blind")),
]


@pytest.mark.parametrize(("name", "batches", "culprit", "mishaps"), STARTS)
@pytest.mark.parametrize("rules", SAFE, ids=str)
def test_every_state_is_sound_and_can_still_end(
    rules: Rules, name: str, batches: tuple[Members, ...], culprit: int, mishaps: int, capsys: Any
) -> None:
    rules = rules._replace(culprit=culprit)

    found = search(rules, begin(batches, workers=2, mishaps=mishaps))

    with capsys.disabled():
        steps = sum(map(len, found.before.values()))
        print(f"\n{name}, {rules.vendor}: {len(found.reached)} states, {steps} steps")
    assert {name: found.explain(state) for name, state in found.faults.items()} == {}
    assert found.list_stuck() == []


@pytest.mark.parametrize("vendor", ["asked", "unique"])
def test_a_vendor_that_does_not_know_a_call_yet_may_take_it_later(vendor: str) -> None:
    """The hole of a lookup: a worker stalls longer than its lease between note and first byte."""
    found = search(Rules(vendor), begin(ONE, workers=2, mishaps=2))

    path = found.explain(found.faults["lies"])
    assert path.index("a worker begins") < path.index("the lease of 0 runs out under its worker")


def test_the_search_notices_a_repeat_that_nobody_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "resolve_call", lambda *_about, may_call: "")

    found = search(Rules("mute"), begin(ONE, workers=1, mishaps=1))

    assert found.explain(found.faults["doubles"])[-1] == "a worker is heard"


def test_the_search_notices_an_end_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "_run_out", lambda rules, state: iter(()))

    found = search(Rules("key"), begin(ONE, workers=2, mishaps=1))

    assert found.list_stuck()
