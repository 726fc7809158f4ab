import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0028_kept_messages")]
    operations = [
        migrations.AddField(
            model_name="person",
            name="opt_out_reason",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                max_length=200,
                verbose_name="why opted out",
            ),
        ),
        migrations.CreateModel(
            name="PersonMerge",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kept_id", models.BigIntegerField()),
                ("gone_id", models.BigIntegerField()),
                (
                    "external_user_id",
                    models.CharField(blank=True, max_length=255, verbose_name="external user id"),
                ),
                ("values", models.JSONField(default=dict)),
                ("moved", models.JSONField(default=dict)),
                ("at", models.DateTimeField()),
                ("actor", models.CharField(max_length=150)),
                ("undone_at", models.DateTimeField(null=True)),
                ("undone_by", models.CharField(blank=True, max_length=150)),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="merges",
                        to="campaigns.person",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="campaigns.workspace",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(undone_at__isnull=True) & ~models.Q(external_user_id=""),
                        fields=("workspace", "external_user_id"),
                        name="person_merge_alias_once",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(undone_at__isnull=True),
                        fields=("gone_id",),
                        name="person_merge_gone_once",
                    ),
                ]
            },
        ),
    ]
