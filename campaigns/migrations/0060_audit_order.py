from importlib import import_module

from django.db import migrations, models

AddIndexAnew = import_module("campaigns.migrations.0026_while_sending").AddIndexAnew
RemoveIndexIfThere = import_module("campaigns.migrations.0058_rollup_indexes").RemoveIndexIfThere
INDEXES = {
    "audit_time": ["workspace", "at", "id"],
    "audit_actor_time": ["workspace", "actor", "at", "id"],
    "audit_verb_time": ["workspace", "verb", "at", "id"],
    "audit_kind_time": ["workspace", "target_type", "at", "id"],
    "audit_number_time": ["workspace", "target_id", "at", "id"],
}


class Migration(migrations.Migration):
    # While workers write.
    atomic = False
    dependencies = [("campaigns", "0059_ends_of_vendors_steps")]
    operations = [
        *(
            AddIndexAnew(model_name="auditentry", index=models.Index(fields=fields, name=name))
            for name, fields in INDEXES.items()
        ),
        # The two that were in the order of ids.
        RemoveIndexIfThere(model_name="auditentry", name="audit_order"),
        RemoveIndexIfThere(model_name="auditentry", name="audit_actor"),
    ]
