"""Tables as the models say, in the database of DATABASE_URL: a tenth of what every migration from
the first one costs. That the two are one, makemigrations --check says; journeys run the migrations.
"""

from __future__ import annotations

from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder


class Unmigrated(dict[str, Any]):
    """MIGRATION_MODULES of a project in which no app has any."""

    def __contains__(self, label: object) -> bool:
        return True

    def __getitem__(self, label: str) -> None:
        return None


def make_tables() -> None:
    usual = settings.MIGRATION_MODULES
    settings.MIGRATION_MODULES = Unmigrated()
    call_command("migrate", run_syncdb=True, verbosity=0)
    settings.MIGRATION_MODULES = usual
    note_migrations()


def note_migrations() -> None:
    """What processes that are given these tables look for when they start."""
    recorder = MigrationRecorder(connection)
    recorder.ensure_schema()
    for label, name in MigrationLoader(connection).disk_migrations:
        recorder.record_applied(label, name)


if __name__ == "__main__":
    django.setup()
    make_tables()
