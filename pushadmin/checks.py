"""System checks: what must hold before anything starts."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from pushadmin.environment import SQLITE_OPTIONS


@register(Tags.database)
def check_sqlite_options(**_: Any) -> list[CheckMessage]:
    """SQLite must be opened so that several processes can write."""
    return find_sqlite_faults(settings.DATABASES["default"])


def find_sqlite_faults(database: dict[str, Any]) -> list[CheckMessage]:
    """One error per option that is missing or different; none for other databases."""
    if database["ENGINE"] != "django.db.backends.sqlite3":
        return []
    options = database.get("OPTIONS", {})
    return [
        Error(
            f"SQLite runs without {name}={wanted!r}: writers would fail with 'database is locked'.",
            hint="Remove the option from DATABASE_URL; the settings add the right ones.",
            id="pushadmin.E001",
        )
        for name, wanted in SQLITE_OPTIONS.items()
        if options.get(name) != wanted
    ]
