"""Notes what is to be taken back of a transfer: calls by their vendors, inboxes by us."""

from __future__ import annotations

from datetime import datetime

from campaigns.models import Attempt, Transfer
from campaigns.selectors.recalls import (
    find_first,
    has_waiting_inbox,
    list_able,
    select_recallable,
)


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


def empty_inboxes(transfer: Transfer, now: datetime) -> bool:
    """Let what waits of it in inboxes be taken back; False when nothing does.

    No device is given it from now on. Runs in the caller's transaction.
    """
    if not has_waiting_inbox(transfer, now):
        return False
    transfer.inbox_recall_at = now
    Transfer.objects.filter(pk=transfer.pk).update(inbox_recall_at=now)
    return True


def follow_cancelled(transfer_id: int, now: datetime) -> None:
    """Ask back what turns out to have gone of a transfer that was cancelled.

    Runs in the caller's transaction.
    """
    cancelled = Transfer.objects.filter(pk=transfer_id, status=Transfer.Status.CANCELLED)
    transfer = cancelled.first()
    if transfer is not None:
        ask_back(transfer, now)
        empty_inboxes(transfer, now)
