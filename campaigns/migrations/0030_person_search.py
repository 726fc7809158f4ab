from importlib import import_module

from django.db import migrations, models
from django.db.models.functions import Lower

from campaigns.models.prefixes import PrefixOrder

AddIndexAnew = import_module("campaigns.migrations.0026_while_sending").AddIndexAnew


class Migration(migrations.Migration):
    # Each step by itself, so that no table is held: only what may be run again may stand here.
    atomic = False
    dependencies = [("campaigns", "0029_person_merges")]
    operations = [
        AddIndexAnew(
            model_name="person",
            index=models.Index(
                fields=["workspace", "external_user_id"],
                opclasses=["int8_ops", "varchar_pattern_ops"],
                name="person_external_prefix",
            ),
        ),
        AddIndexAnew(
            model_name="person",
            index=models.Index(
                models.F("workspace"), PrefixOrder(Lower("email")), name="person_email_prefix"
            ),
        ),
    ]
