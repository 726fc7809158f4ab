from importlib import import_module

from django.db import migrations, models
from django.db.models.functions import Lower

import campaigns.models.merges

AddIndexAnew = import_module("campaigns.migrations.0026_while_sending").AddIndexAnew


class Migration(migrations.Migration):
    # While workers write.
    atomic = False
    dependencies = [("campaigns", "0061_twice_declared")]
    operations = [
        AddIndexAnew(
            model_name="personmerge",
            index=models.Index(
                models.F("workspace"),
                Lower(campaigns.models.merges.KeptText("values", "email")),
                condition=models.Q(undone_at__isnull=True),
                name="person_merge_email",
            ),
        ),
        AddIndexAnew(
            model_name="personmerge",
            index=models.Index(
                models.F("workspace"),
                campaigns.models.merges.KeptText("values", "phone"),
                condition=models.Q(undone_at__isnull=True),
                name="person_merge_phone",
            ),
        ),
    ]
