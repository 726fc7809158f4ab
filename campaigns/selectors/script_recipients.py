"""Whom a script's send and an audience both mean, by what the send has frozen."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import or_

from django.db.models import Q, QuerySet

from campaigns.models import Delivery, Device, Part, TargetChunk, Transfer
from campaigns.models.bulk import IdList
from campaigns.models.packing import unpack_texts
from campaigns.selectors.audience import select_all
from campaigns.selectors.expressions import NEVER

MOST_CHUNKS = 4  # of ids, 25,000 in each: what is counted then is the least it can be


def narrow_to_recipients(devices: QuerySet[Device], transfer: Transfer) -> QuerySet[Device]:
    """Those of the devices that a transfer of a script goes to, or whose person it goes to."""
    parts = list(transfer.parts.filter(step=0))
    return devices.filter(reduce(or_, [_find_condition(transfer, part) for part in parts], NEVER))


def _find_condition(transfer: Transfer, part: Part) -> Q:
    settled = Delivery.objects.filter(part_id=part.pk).values("recipient")
    if part.kind == Part.Kind.PERSON:
        return Q(person_id__in=settled)
    if part.audiences is not None:
        meant = select_all(transfer.app, part.audiences, only_primary=part.only_primary)
        return Q(pk__in=meant.order_by().values("pk"))
    named = _read_named(list(part.target_chunks.order_by("number")[:MOST_CHUNKS]))
    return Q(pk__in=IdList(named)) if named else Q(pk__in=settled)


def _read_named(chunks: Sequence[TargetChunk]) -> list[int]:
    return [int(text) for chunk in chunks for text in unpack_texts(chunk.ids)]
