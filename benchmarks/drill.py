"""What `pages.py` adds to its largest transfer, so that its recipients can be narrowed by anything,
and the addresses that narrow them: those whom many fit, few fit, and nobody fits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

RARE, SOME = 100_000, 50  # every so many
RECEIPTS = 50_000  # rows in one statement


def fill_drill(transfer: Any, size: int, now: datetime) -> None:
    """Few in Iceland, an hour later than the rest; each fiftieth has opened it."""
    from campaigns.models import Cohort, Delivery, Rollup
    from campaigns.models.bulk import IdList

    part, hour = transfer.parts.get(), now.replace(minute=0, second=0, microsecond=0)
    rare = Cohort.objects.create(app=transfer.app, platform="android", country="IS", app_major=9)
    ids = IdList(list(range(RARE + 1, size + 1, RARE)))
    moved = Delivery.objects.filter(part=part, recipient__in=ids)
    for key in moved.values("cohort_id", "account_id", "outcome", "reason"):
        row = Rollup.objects.get(part=part, **key)
        Rollup.objects.filter(pk=row.pk).update(count=row.count - 1)
        later = {**key, "cohort_id": rare.pk, "hour": hour + timedelta(hours=1)}
        found, is_new = Rollup.objects.get_or_create(part=part, **later, defaults={"count": 1})
        if not is_new:
            Rollup.objects.filter(pk=found.pk).update(count=found.count + 1)
    moved.update(cohort_id=rare.pk, at=now + timedelta(hours=1))
    type(transfer).objects.filter(pk=transfer.pk).update(finished_at=now + timedelta(hours=2))
    _fill_receipts(part, range(1, size + 1, SOME), now)


def _fill_receipts(part: Any, recipients: range, now: datetime) -> None:
    from campaigns.models import ReceiptCount, ReceiptRow
    from campaigns.models.bulk import append_rows

    at = now + timedelta(hours=2)
    columns = ("part", "recipient", "kind", "at", "account_id")
    for first in range(0, len(recipients), RECEIPTS):
        some = recipients[first : first + RECEIPTS]
        append_rows(ReceiptRow, columns, [(part.pk, one, "opened", at, 0) for one in some])
    ReceiptCount.objects.create(
        part=part, hour=at.replace(minute=0, second=0, microsecond=0), platform="android",
        kind="opened", count=len(recipients),
    )  # fmt: skip


def list_drill(transfer: Any) -> Iterator[str]:
    """The page of recipients by each of its filters."""
    from django.urls import reverse

    began = transfer.created_at
    day, other = began.date().isoformat(), (began + timedelta(days=3)).date().isoformat()
    hour, empty = (began + timedelta(hours=1)).hour, (began.hour + 12) % 24
    account = transfer.app.routes.get().account_id
    address = reverse("recipients", args=[transfer.pk])
    for query in (
        "outcome=sent", "outcome=failed", "outcome=pending", "outcome=everybody", "outcome=expired",
        "reason=token", "reason=-", "platform=android", f"account={account}", "account=0",
        "language=de", "language=de&outcome=failed", "country=IS", "country=IS&outcome=failed",
        "app_version=9", "app_version=9&outcome=sent", "receipt=opened", "receipt=opened&told_by=0",
        f"receipt=opened&date_from={day}&time_of=receipt", "receipt=opened&country=IS",
        f"date_from={day}", f"date_from={other}", f"hour={hour}", f"hour={empty}",
        f"hour={empty}&outcome=failed", f"date_from={day}&country=IS", "search=nobody",
    ):  # fmt: skip
        yield f"{address}?{query}"
