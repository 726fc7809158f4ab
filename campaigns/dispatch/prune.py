"""Forgets what has been kept long enough, in chunks that hold the database only briefly."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet

from campaigns.models import (
    AddressRest,
    Allowance,
    Campaign,
    Exchange,
    IdempotencyRecord,
    ImportKey,
    Job,
    JobPiece,
    OutboxRow,
    Planned,
    ReceiptRow,
    ScriptRecord,
    ScriptSchedule,
    SendMinute,
    TargetChunk,
    TrackedTarget,
    Transfer,
)

CHUNK_ROWS = 5_000


def prune(now: datetime) -> Mapping[str, int]:
    """Remove what is older than its setting in days; gives rows removed by table.

    Deliveries stay: they are the books.
    """
    return {name: _remove(rows) for name, rows in _list_outdated(now).items()}


def _list_outdated(now: datetime) -> dict[str, QuerySet[Any]]:
    def since(days: int) -> datetime:
        return now - timedelta(days=days)

    frozen = Transfer.objects.filter(frozen_at__isnull=False, status__in=Transfer.FINISHED)
    over = _find_over(since(settings.KEEP_SCHEDULES_DAYS))
    return {
        "exchanges": Exchange.objects.filter(at__lt=since(settings.KEEP_EXCHANGES_DAYS)),
        # One that is not counted yet by what its recipient was stays until it is.
        "receipts": ReceiptRow.objects.filter(
            at__lt=since(settings.KEEP_RECEIPTS_DAYS), cohort_id__isnull=False
        ),
        "tracked": TrackedTarget.objects.filter(
            submission__created_at__lt=since(settings.KEEP_RECEIPTS_DAYS)
        ),
        "callbacks": OutboxRow.objects.filter(given_up_at__lt=since(settings.KEEP_EXCHANGES_DAYS)),
        "speed": SendMinute.objects.filter(minute__lt=since(settings.KEEP_SPEED_DAYS)),
        # What was sent at its own rate is over; a paused one would begin its ramp-up anew.
        "allowances": Allowance.objects.filter(
            scope="transfer",
            owner_id__in=Transfer.objects.filter(
                finished_at__lt=since(settings.KEEP_SPEED_DAYS)
            ).values("pk"),
        ),
        "rests": AddressRest.objects.filter(until__lt=now),
        "idempotency": IdempotencyRecord.objects.filter(
            created_at__lt=since(settings.KEEP_IDEMPOTENCY_DAYS)
        ),
        "files": JobPiece.objects.filter(_is_old_file(since(settings.KEEP_FILES_DAYS))),
        # What a dry run noted of its rows, where it broke off before it took it away.
        "import_keys": ImportKey.objects.filter(job__finished_at__isnull=False),
        "jobs": Job.objects.filter(finished_at__lt=since(settings.KEEP_JOBS_DAYS)),
        # What a script named is resolved by then: the ids live on as recipients or rejected ids.
        "targets": TargetChunk.objects.filter(part__transfer__in=frozen),
        # What is bound to a schedule goes with it, and so before it.
        "records": ScriptRecord.objects.filter(schedule__in=over.values("pk")),
        "schedules": over,
    }


def _is_old_file(before: datetime) -> Q:
    """Of jobs that are over, or for which a file was brought and nothing begun."""
    is_left = Q(job__status=Job.Status.DRAFT, job__created_at__lt=before)
    return is_left | Q(job__finished_at__lt=before)


def _find_over(before: datetime) -> QuerySet[Any]:
    """Scripts' schedules of which nothing is to come, nor has been since then."""
    series = Planned.objects.filter(campaign__status__in=[*Campaign.RUNNING, *Campaign.WAITING])
    sent = Planned.objects.filter(transfer__due_at__gte=before)
    rows = ScriptSchedule.objects.filter(updated_at__lt=before, is_enabled=True)
    return rows.exclude(Q(planned__in=series) | Q(planned__in=sent))


def _remove(rows: QuerySet[Any]) -> int:
    removed = 0
    while chunk := list(rows.values_list("pk", flat=True)[:CHUNK_ROWS]):
        # Asked again, as some may have been renewed since.
        _all, by_table = rows.filter(pk__in=chunk).delete()
        removed += by_table.get(rows.model._meta.label, 0)
    return removed
