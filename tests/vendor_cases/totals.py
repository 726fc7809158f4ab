"""A vendor's own counts of one transfer, whichever day it keeps them under."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from providers.reports import Metric


def fetch_totals(
    client: Any, reference: str, began: datetime, ahead: timedelta = timedelta(0)
) -> Counter[Metric]:
    """What the vendor counted of a transfer that began at `began` or a moment after it, by a clock
    that is so far `ahead`.

    Some keep all of it under the day it began, and some tell it whatever day they are asked for:
    where midnight has passed since, whichever of both days tells more is what there is.
    """
    moments = (began, datetime.now(UTC) + ahead)
    days = {moment.astimezone(UTC).date().isoformat() for moment in moments}
    counts: Counter[Metric] = Counter()
    for day in days:
        totals = client.fetch_totals(reference, day)
        counts |= Counter({total.metric: total.value or 0 for total in totals})
    return counts
