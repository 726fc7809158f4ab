"""Notes which calls of a transfer their vendors are to be asked to take back."""

from __future__ import annotations

from datetime import datetime

from campaigns.models import Attempt, Transfer
from campaigns.selectors.recalls import find_first, list_able, select_recallable


def ask_back(transfer: Transfer, now: datetime) -> int:
    """Let vendors be asked for every call that they have taken of it, once; gives how many.

    What is too old is noted as that and never asked for. Runs in the caller's transaction.
    """
    count = 0
    for account, dialect in list_able(transfer):
        calls = select_recallable(transfer, account)
        first = find_first(dialect, now)
        count += calls.filter(started_at__gt=first).update(recall_at=now)
        calls.filter(started_at__lte=first).update(recalled=Attempt.Recall.LATE.value)
    return count


def follow_cancelled(transfer_id: int, now: datetime) -> None:
    """Ask back what turns out to have been accepted of a transfer that was cancelled.

    Runs in the caller's transaction.
    """
    cancelled = Transfer.objects.filter(pk=transfer_id, status=Transfer.Status.CANCELLED)
    transfer = cancelled.first()
    if transfer is not None:
        ask_back(transfer, now)
