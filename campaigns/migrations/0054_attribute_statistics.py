"""Statistics for the indexes on custom attributes that there are already."""

from typing import Any

from django.db import migrations

# An index is on the attribute, behind the app where there is one: on its last column.
INDEXES = """
    SELECT c.relname, i.indrelid::regclass::text, pg_get_indexdef(c.oid, i.indnatts::int, false)
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE c.relname ~ '^pa_attribute_[0-9a-f]{16}_(text|number)$'
"""


def make_statistics(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor != "postgresql":
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(INDEXES)
        found = cursor.fetchall()
        for name, table, expression in found:
            cursor.execute(
                f"CREATE STATISTICS IF NOT EXISTS {name}_values ON ({expression}) FROM {table}"
            )
        for table in sorted({table for _name, table, _expression in found}):
            cursor.execute(f"ANALYZE {table}")


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0053_token_shown")]

    operations = [migrations.RunPython(make_statistics, migrations.RunPython.noop)]
