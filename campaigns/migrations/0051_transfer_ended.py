from importlib import import_module

from django.db import migrations, models

AddIndexAnew = import_module("campaigns.migrations.0026_while_sending").AddIndexAnew


class Migration(migrations.Migration):
    # While workers write.
    atomic = False
    dependencies = [("campaigns", "0050_written_recently")]
    operations = [
        AddIndexAnew(
            model_name="transfer",
            index=models.Index(fields=["finished_at"], name="transfer_ended"),
        ),
    ]
