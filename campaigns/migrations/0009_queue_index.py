from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class WhileSending:
    """PostgreSQL builds or drops the index while workers write; SQLite has no such form."""

    def database_forwards(self, app_label, schema_editor, *states):
        self._choose(schema_editor).database_forwards(app_label, schema_editor, *states)

    def database_backwards(self, app_label, schema_editor, *states):
        self._choose(schema_editor).database_backwards(app_label, schema_editor, *states)

    def _choose(self, schema_editor):
        _name, values, fields = self.deconstruct()
        is_postgres = schema_editor.connection.vendor == "postgresql"
        return (self.concurrent if is_postgres else self.plain)(*values, **fields)


class AddIndex(WhileSending, migrations.AddIndex):
    concurrent, plain = AddIndexConcurrently, migrations.AddIndex


class RemoveIndex(WhileSending, migrations.RemoveIndex):
    concurrent, plain = RemoveIndexConcurrently, migrations.RemoveIndex


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("campaigns", "0008_resting")]
    operations = [
        AddIndex(
            model_name="batch",
            index=models.Index(
                fields=["transfer", "state", "due_at", "id"],
                condition=models.Q(is_folded=False),
                name="batch_queue",
            ),
        ),
        AddIndex(
            model_name="batch",
            index=models.Index(
                fields=["account"], condition=models.Q(state="leased"), name="batch_in_flight"
            ),
        ),
        # batch_queue serves whoever asked it: the transfer's open batches by state.
        RemoveIndex(model_name="batch", name="batch_transfer"),
    ]
