from importlib import import_module

from django.db import migrations, models

AddIndexAnew = import_module("campaigns.migrations.0026_while_sending").AddIndexAnew
RemoveIndexIfThere = import_module("campaigns.migrations.0058_rollup_indexes").RemoveIndexIfThere
INDEXES = (
    models.Index(fields=["finished_at", "app", "is_test", "created_at"], name="transfer_ended_of"),
    models.Index(fields=["finished_at"], condition=models.Q(is_test=True), name="transfer_tests"),
)


class Migration(migrations.Migration):
    # While workers write.
    atomic = False
    dependencies = [("campaigns", "0065_larger_script_sends")]
    operations = [
        *(AddIndexAnew(model_name="transfer", index=index) for index in INDEXES),
        RemoveIndexIfThere(model_name="transfer", name="transfer_ended"),
    ]
