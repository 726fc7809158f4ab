"""Counts of receipts that were forgotten before there was a count by what recipients were.

The scheduler counts those that are kept; of the others nobody knows any more whose they were.
"""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import migrations
from django.db.models import Count, Sum
from django.utils import timezone


def count_forgotten(apps: Any, schema_editor: Any) -> None:
    models = {name: apps.get_model("campaigns", name) for name in ("ReceiptCount", "ReceiptRow")}
    before = timezone.now() - timedelta(days=settings.KEEP_RECEIPTS_DAYS)
    old = models["ReceiptCount"].objects.filter(hour__lt=before).order_by()
    for part in old.values_list("part_id", flat=True).distinct().iterator():
        rows = models["ReceiptRow"].objects.filter(part_id=part).order_by()
        kept = {tuple(key): n for *key, n in rows.values_list("account_id", "kind").annotate(n=Count("*"))}
        _add_rest(apps.get_model("campaigns", "ReceiptRollup"), models["ReceiptCount"], part, kept)


def _add_rest(rollup: Any, counts: Any, part: int, kept: dict[Any, int]) -> None:
    known = counts.objects.filter(part_id=part).order_by().values_list("account_id", "kind")
    begun = counts.objects.filter(part_id=part).values_list("part__transfer__created_at", flat=True)
    hour = begun[:1].get().replace(minute=0, second=0, microsecond=0)
    rollup.objects.bulk_create(
        rollup(part_id=part, hour=hour, account_id=account, kind=kind, count=count - left)
        for account, kind, count in known.annotate(n=Sum("count"))
        for left in [kept.get((account, kind), 0)]
        if count > left
    )


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0056_receipts_waiting")]
    operations = [migrations.RunPython(count_forgotten, migrations.RunPython.noop)]
