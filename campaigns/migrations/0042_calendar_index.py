from importlib import import_module

from django.db import migrations, models

AddIndexAnew = import_module("campaigns.migrations.0026_while_sending").AddIndexAnew


class Migration(migrations.Migration):
    # While workers write.
    atomic = False
    dependencies = [("campaigns", "0041_receipt_hours")]
    operations = [
        AddIndexAnew(
            model_name="transfer",
            index=models.Index(
                fields=["created_at"],
                condition=models.Q(campaign__isnull=False),
                name="transfer_calendar",
            ),
        ),
    ]
