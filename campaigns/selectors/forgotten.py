"""Of which transfers it may be forgotten, recipient by recipient, what came back. Then nobody can
say any more of whom nothing did.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from campaigns.errors import Invalid
from campaigns.models import Transfer
from campaigns.selectors.audience_bodies import list_parts, read_audience

FORGOTTEN = "receipts_forgotten"


def may_be_forgotten(transfer: Transfer, now: datetime) -> bool:
    """Whether something of it may have come back longer ago than that is kept."""
    kept = timedelta(days=settings.KEEP_RECEIPTS_DAYS)
    return transfer.created_at < now - kept


def tell_forgotten(transfer: Transfer) -> str:
    """That nobody knows any more of whom nothing came back."""
    words = _(
        "Of transfer #%(id)s it may be forgotten by now of whom something came back, as that is "
        "kept for %(days)d days: nobody can say who has not got or opened it."
    )
    return words % {"id": transfer.pk, "days": settings.KEEP_RECEIPTS_DAYS}


def find_forgotten(body: Any, now: datetime) -> str:
    """Why an audience's JSON cannot be told apart any more, as a sentence; "" where it can."""
    try:
        parts = list_parts(read_audience([], body, principal=None))
    except Invalid:
        return ""  # what it says is told elsewhere
    asked = [part.outcomes_of for _path, part in parts if part.outcomes_of]
    silent = [one.transfer for one in asked if one.without_receipt]
    rows = Transfer.objects.filter(pk__in=silent).order_by("pk") if silent else ()
    return " ".join(tell_forgotten(row) for row in rows if may_be_forgotten(row, now))
