"""`manage.py migrate`: Django's, and then the database notes which programs may run on it."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import migrate
from django.db import DEFAULT_DB_ALIAS

from campaigns.services.installation import record_versions


class Command(migrate.Command):
    """Django's command; what is migrated in part or backwards is noted by nobody."""

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        is_whole = options["app_label"] is None and not options["plan"]
        if is_whole and not options["check_unapplied"] and options["database"] == DEFAULT_DB_ALIAS:
            record_versions()
