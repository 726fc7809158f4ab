"""A transfer has ended when the last was settled, also where a vendor told of its step later."""

from typing import Any

from django.db import migrations
from django.db.models import Max


def move_ends(apps: Any, schema_editor: Any) -> None:
    attempts = apps.get_model("campaigns", "Attempt").objects
    transfers = apps.get_model("campaigns", "Transfer").objects.filter(runs_at_vendor=True)
    for pk in transfers.values_list("pk", flat=True).iterator():
        of_vendor = attempts.filter(batch__transfer=pk, batch__runs_at_vendor=True)
        last = of_vendor.aggregate(at=Max("answered_at"))["at"]
        if last is not None:
            transfers.filter(pk=pk, finished_at__lt=last).update(finished_at=last)


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0058_rollup_indexes")]
    operations = [migrations.RunPython(move_ends, migrations.RunPython.noop)]
