"""What a transfer still has to do: its batches that are not folded, along their index."""

from __future__ import annotations

from django.db.models import OuterRef, QuerySet

from campaigns.models import Batch, Transfer


def list_queue(transfer: Transfer | OuterRef) -> QuerySet[Batch]:
    """Batches of a transfer that are not folded; in one state those that are due longest first.

    Condition and order are those of the index `batch_queue`. Without them a database looks
    through all that was ever sent, and each claim takes longer than the one before it.
    """
    queue = Batch.objects.filter(transfer=transfer, is_folded=False)
    return queue.order_by("state", "due_at", "pk")


def has_any(batches: QuerySet[Batch]) -> bool:
    """Whether there is one; `exists()` would drop the order, and with it the index."""
    return batches.values("pk").first() is not None
