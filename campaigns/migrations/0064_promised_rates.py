"""What a transfer was promised stays with it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0063_clients_ids")]
    operations = [
        migrations.AddField(
            model_name="transfer",
            name="promised",
            field=models.FloatField(editable=False, null=True),
        ),
    ]
