"""Cuts a batch: what a rate lets go now becomes a batch of its own, the rest stays and waits."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

from django.db.models import Q

from campaigns.dispatch.texts import find_texts
from campaigns.models import Attempt, Batch
from campaigns.models.packing import pack_cohorts, pack_ids, unpack_cohorts, unpack_ids


def is_new(batch: Batch) -> bool:
    """Whether nobody has claimed it yet: only a claim makes calls, so there is none to look for."""
    return batch.fence == 0


def has_been_called(batch: Batch) -> bool:
    """Whether a call was ever made for it: its key names these recipients, so none may leave."""
    if batch.settled or is_new(batch):
        return batch.settled > 0
    # A fan-out that has ended has settled whom it reached; of these there is nobody.
    ended = Q(doubts__isnull=False, answered_at__isnull=False)
    return Attempt.objects.filter(~ended, batch=batch).exists()


def cut_batch(batch: Batch, size: int) -> Batch:
    """The first `size` recipients of a locked batch as a new one; the rest stay in this one.

    Only for a batch that was never called for.
    """
    ids, cohorts = unpack_ids(batch.recipients), unpack_cohorts(batch.cohorts)
    texts = find_texts(batch)
    piece = copy(batch)
    piece.pk, piece._state.adding = None, True
    _hold(piece, ids[:size], cohorts[:size])
    _hold(batch, ids[size:], cohorts[size:])
    if texts is not None:
        piece.texts, batch.texts = texts.pack(ids[:size]), texts.pack(ids[size:])
    batch.save(update_fields=["recipients", "cohorts", "count", "texts"])
    piece.save()
    return piece


def _hold(batch: Batch, ids: list[int], cohorts: Sequence[int]) -> None:
    batch.recipients, batch.cohorts = pack_ids(ids), pack_cohorts(cohorts)
    batch.count = len(ids)
