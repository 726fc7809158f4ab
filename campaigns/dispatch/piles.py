"""Recipients of a freeze that share a platform, a text and a due time, and the batches of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from campaigns.dispatch.routes import Reach
from campaigns.models import Batch, Part, Transfer
from campaigns.models.bulk import IdList
from campaigns.models.packing import pack_cohorts, pack_ids, unpack_cohorts, unpack_ids
from campaigns.selectors.limits import list_promises

MAX_BATCH = 50_000
CHEAP_CUT = 1_000

# Recipients with their cohorts. Plain numbers: a million pairs would keep the collector busy.
Pile = dict[int, int]
PileKey = tuple[str, str, datetime]  # platform, language, due time


def write_piles(
    part: Part, piles: Mapping[PileKey, Pile], sizes: Mapping[str, int], short: Mapping[str, int]
) -> dict[str, int]:
    """Insert the batches of a chunk; `sizes` says how many recipients one has, by platform.

    `short` has the last, short batch of each key by its id: it makes room for a fuller one. Gives
    the same for the next chunk. All in one go: where many hours share a chunk, each has few.
    """
    names = {key: _name_pile(key) for key in sorted(piles)}
    taken = _take_batches({name: short[name] for name in names.values() if name in short})
    cuts = {
        name: _cut_pile(part, key, piles[key] | taken.get(name, {}), sizes[key[0]])
        for key, name in names.items()
    }
    Batch.objects.bulk_create(batch for batches in cuts.values() for batch in batches)
    last = {name: batches[-1] for name, batches in cuts.items()}
    left = {name: pk for name, pk in short.items() if name not in taken}
    return left | {
        name: batch.pk for name, batch in last.items() if batch.count < sizes[batch.platform]
    }


def _name_pile(key: PileKey) -> str:
    platform, language, due_at = key
    return f"{platform}|{language}|{due_at.isoformat()}"


def _take_batches(short: Mapping[str, int]) -> dict[str, Pile]:
    """The members of batches that are not full, which then are no more."""
    names = {pk: name for name, pk in short.items()}
    if not names:
        return {}
    rows = Batch.objects.filter(pk__in=IdList(names))
    taken = {
        names[batch.pk]: dict(
            zip(unpack_ids(batch.recipients), unpack_cohorts(batch.cohorts), strict=True)
        )
        for batch in rows
    }
    rows.delete()
    return taken


def _cut_pile(part: Part, key: PileKey, members: Pile, size: int) -> list[Batch]:
    ids = sorted(members)
    cuts = [ids[start : start + size] for start in range(0, len(ids), size)]
    return [_make_batch(part, key, cut, [members[pk] for pk in cut]) for cut in cuts]


def _make_batch(part: Part, key: PileKey, ids: Collection[int], cohorts: Collection[int]) -> Batch:
    platform, language, due_at = key
    transfer: Transfer = part.transfer
    is_local = bool(transfer.wall_clock)
    lifetime = transfer.campaign.expires_in if is_local and transfer.campaign else None
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
