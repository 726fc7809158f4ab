from importlib import import_module

from django.db import migrations, models

AddIndexAnew = import_module("campaigns.migrations.0026_while_sending").AddIndexAnew


class Migration(migrations.Migration):
    # While workers write.
    atomic = False
    dependencies = [("campaigns", "0040_rendered_texts")]
    operations = [
        AddIndexAnew(
            model_name="receiptcount",
            index=models.Index(fields=["hour"], name="receipt_count_hour"),
        ),
    ]
