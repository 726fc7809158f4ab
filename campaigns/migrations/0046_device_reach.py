from importlib import import_module

from django.db import migrations, models

AddIndexAnew = import_module("campaigns.migrations.0026_while_sending").AddIndexAnew


class Migration(migrations.Migration):
    # While devices register.
    atomic = False
    dependencies = [("campaigns", "0045_label_archive")]
    operations = [
        AddIndexAnew(
            model_name="device",
            index=models.Index(
                fields=["app", "platform", "language", "token_state"], name="device_reach"
            ),
        ),
    ]
