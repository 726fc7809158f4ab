from importlib import import_module

from django.db import migrations, models

AddIndexAnew = import_module("campaigns.migrations.0026_while_sending").AddIndexAnew


class Migration(migrations.Migration):
    # While scripts call.
    atomic = False
    dependencies = [("campaigns", "0062_former_addresses")]
    operations = [
        AddIndexAnew(
            model_name="submission",
            index=models.Index(
                fields=["workspace", "client_key"],
                condition=~models.Q(client_key=""),
                name="submission_client_key",
            ),
        ),
    ]
