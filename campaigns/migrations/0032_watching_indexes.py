from importlib import import_module

from django.db import migrations, models

AddIndexAnew = import_module("campaigns.migrations.0026_while_sending").AddIndexAnew


class Migration(migrations.Migration):
    # Each index by itself, while workers write.
    atomic = False
    dependencies = [("campaigns", "0031_jobs")]
    operations = [
        AddIndexAnew(
            model_name="correction",
            index=models.Index(fields=["part", "-id"], name="correction_recent"),
        ),
        AddIndexAnew(
            model_name="delivery",
            index=models.Index(
                fields=["part", "outcome", "recipient"],
                condition=~models.Q(outcome="sent"),
                name="delivery_unsent",
            ),
        ),
        AddIndexAnew(
            model_name="exchange",
            index=models.Index(fields=["account", "-id"], name="exchange_account"),
        ),
    ]
