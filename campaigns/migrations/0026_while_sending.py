from importlib import import_module

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations, models

AddIndex = import_module("campaigns.migrations.0009_queue_index").AddIndex


class AddIndexAnew(AddIndex):
    """May be run again: what a run that broke off has left of the index is dropped first.

    PostgreSQL keeps an index whose building broke off, and uses it for nothing.
    """

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if self._is_there(app_label, schema_editor.connection, to_state):
            self.database_backwards(app_label, schema_editor, to_state, from_state)
        super().database_forwards(app_label, schema_editor, from_state, to_state)

    def _is_there(self, app_label, connection, state):
        table = state.apps.get_model(app_label, self.model_name)._meta.db_table
        with connection.cursor() as cursor:
            return self.index.name in connection.introspection.get_constraints(cursor, table)


class Validate(ValidateConstraint):
    """May be run again. SQLite has read the rows when it made the constraint."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor == "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)


class Migration(migrations.Migration):
    # Each step by itself, so that no table is held: only what may be run again may stand here.
    atomic = False
    dependencies = [("campaigns", "0025_inbox_recalls")]
    operations = [
        Validate(model_name="batch", name="batch_platform_known"),
        AddIndexAnew(
            model_name="attempt",
            index=models.Index(
                fields=["recall_at"],
                condition=models.Q(recall_at__isnull=False),
                name="attempt_to_recall",
            ),
        ),
        AddIndexAnew(
            model_name="attempt",
            index=models.Index(
                fields=["account", "reference"],
                condition=~models.Q(reference=""),
                name="attempt_reference",
            ),
        ),
        AddIndexAnew(
            model_name="inboxitem",
            index=models.Index(
                fields=["part", "batch_id"],
                condition=models.Q(pulled_at__isnull=True),
                name="inbox_to_take_back",
            ),
        ),
        AddIndexAnew(
            model_name="transfer",
            index=models.Index(
                fields=["inbox_recall_at"],
                condition=models.Q(inbox_recall_at__isnull=False),
                name="transfer_inbox_recall",
            ),
        ),
    ]
