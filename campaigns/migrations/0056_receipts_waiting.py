from importlib import import_module

from django.db import migrations, models

AddIndexAnew = import_module("campaigns.migrations.0026_while_sending").AddIndexAnew


class Migration(migrations.Migration):
    # While workers write.
    atomic = False
    dependencies = [("campaigns", "0055_receipt_rollup")]
    operations = [
        AddIndexAnew(
            model_name="receiptrow",
            index=models.Index(
                fields=["part", "recipient", "kind"],
                condition=models.Q(cohort_id__isnull=True),
                name="receipt_waiting",
            ),
        ),
    ]
