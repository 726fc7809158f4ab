"""Who sends again says how many may get it twice: of drafts before that, where it is nobody."""

from typing import Any

from django.db import migrations, models

MAY_HAVE_IT = {"sent", "unknown"}


def declare_none(apps: Any, schema_editor: Any) -> None:
    campaigns = apps.get_model("campaigns", "Campaign").objects
    rows = campaigns.filter(repeats__isnull=False).values_list("pk", "audience")
    for pk, audience in rows.iterator():
        asked = audience.get("outcomes_of")
        if asked and MAY_HAVE_IT.isdisjoint(asked["outcomes"]):
            campaigns.filter(pk=pk).update(twice=0)


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0060_audit_order")]
    operations = [
        migrations.AddField(
            model_name="campaign",
            name="is_twice_bound",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddField(
            model_name="campaign",
            name="twice",
            field=models.PositiveIntegerField(editable=False, null=True),
        ),
        migrations.RunPython(declare_none, migrations.RunPython.noop),
    ]
