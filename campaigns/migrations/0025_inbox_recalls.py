from importlib import import_module

from django.db import migrations, models

# PostgreSQL builds the indexes while workers write.
AddIndex = import_module("campaigns.migrations.0009_queue_index").AddIndex


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("campaigns", "0024_call_parts")]
    operations = [
        migrations.AddField(
            model_name="transfer",
            name="inbox_recall_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        AddIndex(
            model_name="inboxitem",
            index=models.Index(
                fields=["part", "batch_id"],
                condition=models.Q(pulled_at__isnull=True),
                name="inbox_to_take_back",
            ),
        ),
        AddIndex(
            model_name="transfer",
            index=models.Index(
                fields=["inbox_recall_at"],
                condition=models.Q(inbox_recall_at__isnull=False),
                name="transfer_inbox_recall",
            ),
        ),
    ]
