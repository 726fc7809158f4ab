"""Notes of whom scripts want to be told, in the transaction in which something changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from campaigns.models import Batch, OutboxRow, Part, Transfer
from campaigns.models.bulk import IdList
from campaigns.models.packing import pack_ids


def note_recipients(recipients: Mapping[int, Sequence[int]], now: datetime) -> None:
    """Recipients by part; those whose script has asked for no callback are left out."""
    if not recipients:
        return
    OutboxRow.objects.bulk_create(
        OutboxRow(
            submission_id=submission,
            part_id=part,
            recipients=pack_ids(sorted(set(recipients[part]))),
            count=len(recipients[part]),
            created_at=now,
            due_at=now,
        )
        for part, submission in _find_asking(Part.objects.filter(pk__in=IdList(recipients)))
    )


def note_batches(transfer: Transfer, batches: Iterable[Batch], now: datetime) -> None:
    """Everybody in closed batches of a transfer."""
    if transfer.submission_id is None:
        return
    asking = dict(_find_asking(transfer.parts.all()))
    OutboxRow.objects.bulk_create(
        OutboxRow(
            submission_id=asking[batch.part_id],
            part_id=batch.part_id,
            recipients=batch.recipients,
            count=batch.count,
            created_at=now,
            due_at=now,
        )
        for batch in batches
        if batch.part_id in asking
    )


def note_end(transfer: Transfer, now: datetime) -> None:
    """All targets of a transfer that has ended: nobody is pending any more."""
    if transfer.submission_id is None:
        return
    OutboxRow.objects.bulk_create(
        OutboxRow(
            submission_id=submission,
            part_id=part,
            recipients=pack_ids(()),
            count=0,
            created_at=now,
            due_at=now,
        )
        for part, submission in _find_asking(transfer.parts.all())
    )


def _find_asking(parts: QuerySet[Part]) -> list[tuple[int, int]]:
    """Parts, with their submission, of which a script wants to be told."""
    asking = parts.filter(transfer__submission__callback__isnull=False).order_by("pk")
    column = "transfer__submission"
    rows = asking.values_list("pk", column, f"{column}__callback")
    return [(part, submission) for part, submission, callback in rows if _is_asking(callback)]


def _is_asking(callback: Mapping[str, Any]) -> bool:
    """Whether there is an address: the script's own, or what is set for its door."""
    return bool(callback.get("url") or callback.get("by_door"))
