from importlib import import_module

import django.db.models.deletion
from django.db import migrations, models

# PostgreSQL builds the indexes while workers write to the growing table of calls.
AddIndex = import_module("campaigns.migrations.0009_queue_index").AddIndex


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("campaigns", "0018_tracked_targets")]
    operations = [
        migrations.CreateModel(
            name="WaitingEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("content", models.JSONField()),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("due_at", models.DateTimeField(db_index=True)),
                ("account", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="campaigns.account")),
            ],
        ),
        AddIndex(
            model_name="attempt",
            index=models.Index(
                fields=["recall_at"],
                condition=models.Q(recall_at__isnull=False),
                name="attempt_to_recall",
            ),
        ),
        AddIndex(
            model_name="attempt",
            index=models.Index(
                fields=["account", "reference"],
                condition=~models.Q(reference=""),
                name="attempt_reference",
            ),
        ),
    ]
