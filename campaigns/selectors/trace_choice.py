"""Of which recipients of which parts a trace tells one by one, and what it says of the others."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from campaigns.models import Delivery, Device, Part
from campaigns.selectors.trace_places import Pair, Standing
from campaigns.selectors.trace_words import tell_outcome

MOST_TOLD = 20
MEANT, ALONE, REPEATED = range(3)
# A place in the order of telling: how telling, in which turn, the part's number, the recipient.
Key = tuple[int, int, int, int]
MOST_NAMED = 20  # parts and devices of those who are not told of


@dataclass(frozen=True, slots=True)
class Spot:
    """One recipient of a part who may be told of; a device, or the person where that is None."""

    part: Part
    recipient: int
    device: Device | None

    @property
    def pair(self) -> Pair:
        """Their numbers."""
        return Pair(self.part.pk, self.recipient)

    @property
    def who(self) -> tuple[int, bool, int]:
        """The step and the recipient in it, who is as a rule in one part of it."""
        return self.part.step, self.device is None, self.recipient


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """How many more are not told of one by one, of whom the same is true. `parts` are numbers,
    `devices` ids, of each the first 20 and whether there are more."""

    outcome: str
    words: str
    count: int
    parts: tuple[int, ...]
    devices: tuple[int, ...]
    has_more_parts: bool
    has_more_devices: bool


@dataclass(frozen=True, slots=True)
class Window:
    """So many who stand `behind` a place in the order of telling."""

    limit: int
    behind: Key | tuple[()] = ()


def order_spots(spots: Sequence[Spot], standing: Standing) -> list[tuple[Key, Spot]]:
    """All of them with their places, the most telling first: those for whom the part is, of each
    part some, then one of each recipient who is in no part, then what is left of their parts; where
    all of them are few, nothing is."""
    turns: Counter[int] = Counter()
    told = {spot.who for spot in spots if standing.has(spot.pair)}
    ordered = []
    for spot in spots:
        rank, turn = _rank(spot, standing, told, turns)
        rank = min(rank, ALONE) if len(spots) <= MOST_TOLD else rank
        ordered.append(((rank, turn, spot.part.number, spot.recipient), spot))
    return sorted(ordered, key=lambda item: item[0])


def _rank(
    spot: Spot, standing: Standing, told: set[tuple[int, bool, int]], turns: Counter[int]
) -> tuple[int, int]:
    """How telling, and in which turn: the first of each part, then the second of each."""
    if standing.has(spot.pair):
        turns[spot.part.pk] += 1
        return MEANT, turns[spot.part.pk]
    is_first = spot.who not in told
    told.add(spot.who)
    is_primary = spot.device is not None and spot.device.is_primary
    return (ALONE if is_first else REPEATED), int(not is_primary)


def choose_spots(ordered: Sequence[tuple[Key, Spot]], window: Window | None) -> list[Spot]:
    """The first of them; where nobody has asked for more, of nobody what is the same again."""
    limit = window.limit if window else MOST_TOLD
    return [spot for key, spot in ordered if window or key[0] < REPEATED][:limit]


def list_rest(spots: Iterable[Spot], standing: Standing) -> tuple[Rest, ...]:
    """What is true of those who are not told of, the most of whom it is first."""
    alike: dict[tuple[str, str], list[Spot]] = defaultdict(list)
    for spot in spots:
        alike[tell_sum(spot.part, spot.pair, standing)].append(spot)
    rest = [_sum_up(*sentence, some) for sentence, some in alike.items()]
    return tuple(sorted(rest, key=lambda one: -one.count))


def _sum_up(outcome: str, words: str, spots: Sequence[Spot]) -> Rest:
    parts = dict.fromkeys(spot.part.number for spot in spots)
    devices = dict.fromkeys(spot.device.pk for spot in spots if spot.device)
    return Rest(
        outcome=outcome,
        words=words,
        count=len(spots),
        parts=tuple(parts)[:MOST_NAMED],
        devices=tuple(devices)[:MOST_NAMED],
        has_more_parts=len(parts) > MOST_NAMED,
        has_more_devices=len(devices) > MOST_NAMED,
    )


def tell_sum(part: Part, pair: Pair, standing: Standing) -> tuple[str, str]:
    """The outcome, as the books call it, and in words what it comes to."""
    delivery: Delivery | None = standing.settled.get(pair)
    if delivery is not None:
        return delivery.outcome, tell_outcome(delivery.outcome, delivery.reason)
    if standing.has(pair):
        return "pending", _("On its way: not settled yet.")
    if part.transfer.frozen_at is None and not part.step:
        return "", _("Not decided yet.")
    if pair.part in standing.unclear:
        return "", _("Not known: too many recipients still wait to look for one.")
    return "", _("It was not for them.")
