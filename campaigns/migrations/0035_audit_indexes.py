from importlib import import_module

from django.db import migrations, models

AddIndex = import_module("campaigns.migrations.0026_while_sending").AddIndexAnew


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("campaigns", "0034_invitations")]
    operations = [
        AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["workspace", "id"], name="audit_order"),
        ),
        AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["workspace", "actor", "id"], name="audit_actor"),
        ),
    ]
