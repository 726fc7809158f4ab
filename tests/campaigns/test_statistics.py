"""SQLite's planner is told how large tables have become."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.db import connection

from campaigns.management.commands import dispatch
from campaigns.models import Device
from tests import builders

pytestmark = pytest.mark.django_db


def find_size():
    """How many rows the planner expects the table of devices to have."""
    with connection.cursor() as cursor:
        if "sqlite_stat1" not in connection.introspection.table_names(cursor):
            return None
        cursor.execute("SELECT stat FROM sqlite_stat1 WHERE tbl = %s", [Device._meta.db_table])
        found = {int(stat.split()[0]) for (stat,) in cursor.fetchall()}
    assert len(found) <= 1, found
    return found.pop() if found else None


def tick():
    dispatch.tick("scheduler", should_stop=lambda: True)


def test_the_scheduler_has_the_planner_look_at_the_tables_once_an_hour():
    app = builders.make_app(builders.make_workspace())
    builders.make_device(app, "token-1")
    cache.clear()

    tick()
    first = find_size()
    builders.make_device(app, "token-2")
    tick()
    soon = find_size()
    cache.delete(dispatch.LEARNT)  # as after an hour
    tick()

    assert (first, soon, find_size()) == (1, 1, 2)


def test_the_scheduler_process_does_so():
    parser = dispatch.Command().create_parser("manage.py", "dispatch")

    assert parser.parse_args(["--scheduler"]).pump is dispatch.tick
