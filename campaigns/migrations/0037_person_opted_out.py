from importlib import import_module

from django.db import migrations, models

AddIndexAnew = import_module("campaigns.migrations.0026_while_sending").AddIndexAnew


class Migration(migrations.Migration):
    # By itself, so that no table is held: only what may be run again may stand here.
    atomic = False
    dependencies = [("campaigns", "0036_suppression")]
    operations = [
        AddIndexAnew(
            model_name="person",
            index=models.Index(
                fields=["workspace"],
                condition=models.Q(opted_out_at__isnull=False),
                name="person_opted_out",
            ),
        ),
    ]
