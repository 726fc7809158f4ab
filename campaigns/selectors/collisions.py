"""Where two starts of a calendar come together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from campaigns.selectors.calendar import Entry
from campaigns.selectors.script_sends import CLOSE

MOST_PAIRS = 20  # that are named
NOT_SENT = frozenset({"missed", "skipped", "cancelled"})


@dataclass(frozen=True, slots=True)
class Collision:
    """Two starts of one app within an hour. `is_certain`: whoever gets the smaller one gets both
    within the hour; else at most they who are in both audiences."""

    first: Entry
    second: Entry
    is_certain: bool


@dataclass(frozen=True, slots=True)
class Collisions:
    """The first pairs and how many there are; `beside` has by the `id()` of an entry the names of
    what comes together with it, each by its identity."""

    pairs: tuple[Collision, ...]
    count: int
    beside: Mapping[int, Mapping[tuple[Any, ...], str]]


def find_collisions(entries: Sequence[Entry]) -> Collisions:
    """Pairs of starts of one app, of different campaigns, at most an hour apart; of a campaign and
    a script too, but not of two scripts: nobody plans those here."""
    pairs: list[Collision] = []
    beside: dict[int, dict[tuple[Any, ...], str]] = {}
    count = 0
    for first, second in _list_pairs(entries):
        count += 1
        beside.setdefault(id(first), {})[second.identity] = second.campaign.name
        beside.setdefault(id(second), {})[first.identity] = first.campaign.name
        if count <= MOST_PAIRS:
            pairs.append(Collision(first, second, _is_certain(first, second)))
    return Collisions(tuple(pairs), count, beside)


def _list_pairs(entries: Sequence[Entry]) -> Iterator[tuple[Entry, Entry]]:
    live = [entry for entry in entries if entry.status not in NOT_SENT]
    for place, entry in enumerate(live, start=1):
        last = entry.ends + CLOSE
        for other in live[place:]:
            if other.at > last:
                break  # they are in the order of their times
            # All that scripts send has no campaign's id.
            if entry.campaign.pk != other.campaign.pk and not entry.apps.isdisjoint(other.apps):
                yield entry, other


def _is_certain(first: Entry, second: Entry) -> bool:
    """On a clock of each recipient's own nobody knows who is near the other start."""
    audiences: list[Any] = [first.campaign.audience, second.campaign.audience]
    is_band = first.until is not None or second.until is not None
    is_same = audiences[0] == audiences[1] or {"all": True} in audiences
    return is_same and not is_band
