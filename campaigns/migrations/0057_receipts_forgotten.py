"""Counts of receipts that were forgotten before there was a count by what recipients were.

The scheduler counts those that are kept; of the others nobody knows any more whose they were.
"""

from collections import Counter
from typing import Any

from django.db import migrations
from django.db.models import Count, Sum


def count_forgotten(apps: Any, schema_editor: Any) -> None:
    names = ("ReceiptCount", "ReceiptRollup", "ReceiptRow")
    models = [apps.get_model("campaigns", name) for name in names]
    parts = models[0].objects.order_by().values_list("part__transfer__created_at", "part_id")
    for created_at, part in parts.distinct().iterator():
        hour = created_at.replace(minute=0, second=0, microsecond=0)
        forgotten = +_find_forgotten(*(model.objects.filter(part_id=part) for model in models))
        models[1].objects.bulk_create(
            models[1](part_id=part, hour=hour, account_id=account, kind=kind, count=count)
            for (account, kind), count in forgotten.items()
        )


def _find_forgotten(came: Any, beside: Any, kept: Any) -> Counter[tuple[int, str]]:
    """In one statement, as receipts come meanwhile, and are forgotten."""
    rows = [
        rows.order_by().values_list("account_id", "kind").annotate(n=number)
        for rows, number in (
            (came, Sum("count")),
            (beside, -Sum("count")),
            (kept.filter(cohort_id__isnull=True), -Count("*")),
        )
    ]
    forgotten: Counter[tuple[int, str]] = Counter()
    for account, kind, count in rows[0].union(*rows[1:], all=True):
        forgotten[account, kind] += count
    return forgotten


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0056_receipts_waiting")]
    operations = [migrations.RunPython(count_forgotten, migrations.RunPython.noop)]
