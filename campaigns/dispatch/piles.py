"""Recipients of a freeze that share a platform, a text and a due time, and the batches of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from campaigns.dispatch.routes import Reach
from campaigns.models import Batch, Part, Transfer
from campaigns.models.bulk import IdList
from campaigns.models.packing import pack_cohorts, pack_ids, unpack_cohorts, unpack_ids
from campaigns.selectors.limits import list_promises

MAX_BATCH = 50_000
CHEAP_CUT = 1_000
RENDERED_ONCE = 2_000

# Recipients with their cohorts. Plain numbers: a million pairs would keep the collector busy.
Pile = dict[int, int]
PileKey = tuple[str, str, datetime]  # platform, language, due time


Piece = Sequence[int]  # id and count of a batch that is not full
Short = dict[str, list[Piece]]  # by name of a pile, the largest first


@dataclass(slots=True)
class NewBatches:
    """What a chunk adds to the queue: new batches by name, and those whose members they take."""

    batches: dict[str, list[Batch]]
    taken: list[int]
    left: Short
    sizes: Mapping[str, int]

    def write(self) -> Short:
        """Write them in one go; gives what is not full, for the next chunk."""
        Batch.objects.filter(pk__in=IdList(self.taken)).delete()
        Batch.objects.bulk_create(batch for cuts in self.batches.values() for batch in cuts)
        short = dict(self.left)
        for name, cuts in self.batches.items():
            last = cuts[-1]
            if last.count < self.sizes.get(last.platform, MAX_BATCH):
                short[name] = [*short.get(name, []), [last.pk, last.count]]
        return {name: pieces for name, pieces in short.items() if pieces}


def pack_batches(
    part: Part,
    piles: Mapping[PileKey, Pile],
    sizes: Mapping[str, int],
    short: Short,
    *,
    is_last: bool,
) -> NewBatches:
    """Pack a chunk's piles; `sizes` says how many recipients a batch has, by platform. Reads only.

    Batches that are not full make room for fuller ones: after the last chunk all of them, before
    that only those not much larger than what comes to them, or each chunk would pack anew what
    all chunks before it have packed.
    """
    keys = {_name_pile(key): key for key in sorted(piles)}
    taken: dict[int, str] = {}
    left: Short = {}
    for name in {**keys, **short}:
        fresh = len(piles[keys[name]]) if name in keys else 0
        chosen, left[name] = _choose_pieces(fresh, short.get(name, []), is_last=is_last)
        taken |= dict.fromkeys(chosen, name)
    whole = {name: dict(piles[key]) for name, key in keys.items()}
    for batch in Batch.objects.filter(pk__in=IdList(taken)):
        name = taken[batch.pk]
        keys[name] = (batch.platform, batch.language, batch.due_at)
        ids, cohorts = unpack_ids(batch.recipients), unpack_cohorts(batch.cohorts)
        whole.setdefault(name, {}).update(zip(ids, cohorts, strict=True))
    batches = {name: _cut_pile(part, keys[name], pile, sizes) for name, pile in whole.items()}
    return NewBatches(batches, list(taken), left, sizes)


def _choose_pieces(
    fresh: int, pieces: Sequence[Piece], *, is_last: bool
) -> tuple[list[int], list[Piece]]:
    """Ids of the batches to which so many new recipients are added, and those that stay."""
    left, chosen, total = list(pieces), [], fresh
    if fresh == 0 and (not is_last or len(left) < 2):
        return [], left
    while left and (is_last or left[-1][1] <= 2 * total):
        pk, count = left.pop()
        chosen.append(pk)
        total += count
    return chosen, left


def _name_pile(key: PileKey) -> str:
    platform, language, due_at = key
    return f"{platform}|{language}|{due_at.isoformat()}"


def _cut_pile(part: Part, key: PileKey, members: Pile, sizes: Mapping[str, int]) -> list[Batch]:
    ids, size = sorted(members), sizes.get(key[0], MAX_BATCH)
    cuts = [ids[start : start + size] for start in range(0, len(ids), size)]
    return [make_batch(part, key, cut, [members[pk] for pk in cut]) for cut in cuts]


def make_batch(part: Part, key: PileKey, ids: Collection[int], cohorts: Collection[int]) -> Batch:
    """A batch of these recipients, in order of their ids."""
    platform, language, due_at = key
    transfer: Transfer = part.transfer
    is_local = bool(transfer.wall_clock)
    lifetime = _find_lifetime(transfer) if is_local else None
    return Batch(
        part=part,
        transfer=transfer,
        app_id=transfer.app_id,
        platform=platform,
        language=language,
        recipients=pack_ids(ids),
        cohorts=pack_cohorts(cohorts),
        count=len(ids),
        due_at=due_at,
        local_at=due_at if is_local else None,
        expires_at=None if lifetime is None else due_at + timedelta(seconds=lifetime),
    )


def _find_lifetime(transfer: Transfer) -> int | None:
    """Seconds from the recipients' own hour, None for ever."""
    lifetime: int | None = (transfer.campaign or transfer).expires_in
    return lifetime


def find_pile_size(part: Part, reach: Reach) -> int:
    """Recipients per batch of a freeze. One whose texts are still to be rendered is cut by them
    afterwards: the more are rendered together, the fewer calls say the same."""
    size = find_batch_size(part.transfer, reach)
    return max(size, RENDERED_ONCE) if part.message.content.get("template") else size


def find_batch_size(transfer: Transfer, reach: Reach) -> int:
    """Recipients per batch: what a call may carry, and not much more than its rates let go at once.

    A claim cuts off what may go. So that cutting stays cheap, a batch holds at most a second's
    worth, or a minute's where that is little.
    """
    size = min(reach.way.limits.batch_size, MAX_BATCH)
    for promise in list_promises(reach.way, transfer):
        if not promise.counts_calls:
            size = min(size, max(int(promise.rate), min(int(60 * promise.rate), CHEAP_CUT)))
    return max(1, size)
