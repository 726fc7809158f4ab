"""Callbacks of scripts that could not be made."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import F

from campaigns.models import OutboxRow, Transfer


@dataclass(frozen=True, slots=True)
class CallbackTrouble:
    """What the last call for a transfer came to, in `words`; nobody tries again if `is_over`.

    `tries` is how often it was called in vain.
    """

    words: str
    tries: int
    is_over: bool


def find_trouble(transfer: Transfer) -> CallbackTrouble | None:
    """Why the script of a transfer could not be told; None if it asked for nothing, or all is well.

    The transfer comes with its submission.
    """
    if transfer.submission is None or not transfer.submission.callback:
        return None
    failed = OutboxRow.objects.filter(part__transfer=transfer, tries__gt=0)
    row = failed.order_by(F("given_up_at").desc(nulls_last=True), "-tries").first()
    if row is None:
        return None
    return CallbackTrouble(row.words, row.tries, row.given_up_at is not None)
