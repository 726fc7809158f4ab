from importlib import import_module

from django.db import migrations, models

AddIndexAnew = import_module("campaigns.migrations.0026_while_sending").AddIndexAnew


class Migration(migrations.Migration):
    # While workers write.
    atomic = False
    dependencies = [("campaigns", "0064_promised_rates")]
    operations = [
        AddIndexAnew(
            model_name="transfer",
            index=models.Index(
                fields=["app", "due_at"],
                condition=models.Q(campaign__isnull=True, audience__gt=10),
                name="transfer_larger_scripted",
            ),
        ),
    ]
