from importlib import import_module

from django.db import migrations, models

AddIndexAnew = import_module("campaigns.migrations.0026_while_sending").AddIndexAnew
RemoveIndex = import_module("campaigns.migrations.0009_queue_index").RemoveIndex


class RemoveIndexIfThere(RemoveIndex):
    """May be run again: a run that broke off may have dropped it."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        table = from_state.apps.get_model(app_label, self.model_name)._meta.db_table
        connection = schema_editor.connection
        with connection.cursor() as cursor:
            is_there = self.name in connection.introspection.get_constraints(cursor, table)
        if is_there:
            super().database_forwards(app_label, schema_editor, from_state, to_state)


class Migration(migrations.Migration):
    # While workers write.
    atomic = False
    dependencies = [("campaigns", "0057_receipts_forgotten")]
    operations = [
        AddIndexAnew(
            model_name="rollup",
            index=models.Index(
                fields=["hour", "outcome", "account_id", "part", "count"], name="rollup_hours"
            ),
        ),
        AddIndexAnew(
            model_name="rollup",
            index=models.Index(
                fields=["cohort_id", "hour", "outcome", "account_id", "part", "count"],
                name="rollup_cohort",
            ),
        ),
        # rollup_hours serves whoever asked it.
        RemoveIndexIfThere(model_name="rollup", name="rollup_hour"),
    ]
