"""What came back, by what a recipient was. What is kept by now is counted by the scheduler."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0054_attribute_statistics")]

    operations = [
        migrations.CreateModel(
            name="ReceiptRollup",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("hour", models.DateTimeField()),
                ("cohort_id", models.IntegerField(default=0)),
                ("account_id", models.IntegerField(default=0)),
                ("kind", models.CharField(max_length=12)),
                ("count", models.BigIntegerField(default=0)),
                (
                    "part",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="receipt_rollups",
                        to="campaigns.part",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["hour", "kind", "account_id", "part", "count"],
                        name="receipt_rollup_hours",
                    ),
                    models.Index(
                        fields=["cohort_id", "hour", "kind", "account_id", "part", "count"],
                        name="receipt_rollup_cohort",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("part", "hour", "cohort_id", "account_id", "kind"),
                        name="receipt_rollup_once",
                    )
                ],
            },
        ),
        migrations.AddField("receiptrow", "cohort_id", models.IntegerField(null=True)),
    ]
