"""Where recipients of a transfer's parts stand: settled, in a batch, handed on, or nowhere."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.db.models import Q

from campaigns.models import Attempt, Batch, Delivery, Part, StepMember, Transfer
from campaigns.models.bulk import IdList
from campaigns.models.packing import unpack_ids

MOST_WAITING = 2_000_000  # recipients who are looked at for some of them


class Pair(NamedTuple):
    """One recipient of one part, by their numbers."""

    part: int
    recipient: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one recipient of a part stands. `batch` is None where the freeze has left them out,
    or is not found among the first millions of those who wait, which `is_unclear` says; `index` is
    their place in it. `is_handed` says that an earlier step has handed them on.
    """

    part: Part
    recipient: int
    delivery: Delivery | None
    batch: Batch | None
    index: int = 0
    is_handed: bool = False
    is_unclear: bool = False

    @property
    def is_in(self) -> bool:
        """Whether the part is for them."""
        return self.is_handed or self.delivery is not None or self.batch is not None


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of some recipients at once. `waiting` has the batch and the place in it,
    `unclear` the parts whose batches nobody has looked into to their end."""

    settled: Mapping[Pair, Delivery]
    waiting: Mapping[Pair, tuple[int, int]]
    handed: frozenset[Pair]
    unclear: frozenset[int]

    def has(self, pair: Pair) -> bool:
        """Whether the part is for them."""
        return pair in self.settled or pair in self.waiting or pair in self.handed


def find_standing(
    transfer: Transfer, wanted: Mapping[int, tuple[int, ...]], ways: Collection[str]
) -> Standing:
    """Where the `wanted` recipients of each part stand, who are on these platforms or channels."""
    settled: dict[Pair, Delivery] = {}
    handed: set[Pair] = set()
    for recipients in {*wanted.values()}:
        parts = IdList(part for part, meant in wanted.items() if meant == recipients)
        rows = Delivery.objects.filter(part__in=parts, recipient__in=IdList(recipients))
        settled |= {Pair(row.part_id, row.recipient): row for row in rows}
        members = StepMember.objects.filter(part__in=parts, person_id__in=IdList(recipients))
        handed |= {Pair(*pair) for pair in members.values_list("part_id", "person_id")}
    waiting, unclear = _find_waiting(transfer, wanted, ways)
    return Standing(settled, waiting, frozenset(handed), unclear)


def _find_waiting(
    transfer: Transfer, wanted: Mapping[int, tuple[int, ...]], ways: Collection[str]
) -> tuple[dict[Pair, tuple[int, int]], frozenset[int]]:
    """Whose batches are open, among the first millions of recipients."""
    open_ones = Batch.objects.filter(transfer=transfer, is_folded=False, part__in=IdList(wanted))
    open_ones = open_ones.exclude(state=Batch.State.DONE)
    open_ones = open_ones.filter(Q(platform__in=ways) | ~Q(form=Batch.Form.DEVICE))
    packed = open_ones.order_by("pk").values_list("pk", "part_id", "count", "recipients")
    found: dict[Pair, tuple[int, int]] = {}
    looked = 0
    for pk, part, count, recipients in packed.iterator(chunk_size=50):
        looked += count
        if looked > MOST_WAITING:
            left = open_ones.filter(pk__gte=pk).order_by().values_list("part_id", flat=True)
            return found, frozenset(left.distinct())
        members = unpack_ids(recipients)
        places = {one: _search(members, one) for one in wanted[part]}
        found |= {Pair(part, one): (pk, at) for one, at in places.items() if at >= 0}
    return found, frozenset()


def find_place(standing: Standing, part: Part, recipient: int) -> Place:
    """The delivery and the batch of one of them."""
    pair = Pair(part.pk, recipient)
    delivery = standing.settled.get(pair)
    batch, index = _find_settled(delivery) if delivery else _find_open(standing, pair)
    return Place(
        part=part,
        recipient=recipient,
        delivery=delivery,
        batch=batch,
        index=index,
        is_handed=pair in standing.handed,
        is_unclear=batch is None and delivery is None and part.pk in standing.unclear,
    )


def _find_settled(delivery: Delivery) -> tuple[Batch | None, int]:
    call = Attempt.objects.select_related("batch__account").filter(pk=delivery.attempt_id).first()
    if call is None:
        return None, 0
    index = _search(unpack_ids(call.batch.recipients), delivery.recipient)
    # Who follows the call of another batch is in none of the calls of this one.
    return call.batch, max(index, 0)


def _find_open(standing: Standing, pair: Pair) -> tuple[Batch | None, int]:
    pk, index = standing.waiting.get(pair, (0, 0))
    return Batch.objects.select_related("account").filter(pk=pk).first(), index


def _search(recipients: Sequence[int], recipient: int) -> int:
    """Their place among sorted ids, or -1."""
    index = bisect_left(recipients, recipient)
    is_there = index < len(recipients) and recipients[index] == recipient
    return index if is_there else -1
