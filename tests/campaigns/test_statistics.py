"""SQLite's planner is told what tells apart the rows of large tables, and of no others."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import OperationalError, connection
from django.utils import timezone

from campaigns.management.commands import dispatch
from campaigns.models import Device, Person, statistics
from campaigns.models.bulk import IdList
from campaigns.services import import_steps
from tests import builders
from tests.campaigns.importing import apply, check, upload

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _anew():
    cache.delete(dispatch.LEARNT)
    yield
    cache.delete(dispatch.LEARNT)


@pytest.fixture
def devices(app):
    return [builders.make_device(app, f"token-{number}").pk for number in range(2)]


def find_sizes():
    """By table how many rows the planner believes it has, of those of which it was told."""
    with connection.cursor() as cursor:
        if "sqlite_stat1" not in connection.introspection.table_names(cursor):
            return {}
        cursor.execute("SELECT tbl, stat FROM sqlite_stat1")
        return {table: int(stat.split()[0]) for table, stat in cursor.fetchall()}


def tick():
    dispatch.tick("scheduler", should_stop=lambda: True)


def test_the_scheduler_has_the_planner_look_at_large_tables_once_an_hour(monkeypatch, app, devices):
    monkeypatch.setattr(statistics, "LARGE", len(devices))

    tick()
    first = find_sizes()
    builders.make_device(app, "one-more")
    tick()
    soon = find_sizes()
    cache.delete(dispatch.LEARNT)  # as after an hour
    tick()

    assert (first, soon) == ({Device._meta.db_table: 2}, {Device._meta.db_table: 2})
    assert find_sizes() == {Device._meta.db_table: 3}


def test_a_small_table_is_planned_for_as_if_it_was_large(devices):
    tick()

    # It may hold a million by the next hour: each batch of a campaign asks this.
    plan = Device.objects.filter(pk__in=IdList(devices)).values_list("pk", "platform").explain()

    assert "SEARCH campaigns_device USING INTEGER PRIMARY KEY" in plan


def test_what_was_once_seen_of_small_tables_is_forgotten(devices):
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    seen = find_sizes()

    tick()

    assert seen[Device._meta.db_table] == 2
    assert find_sizes() == {}


def test_a_look_at_a_locked_database_costs_no_turn_and_is_taken_with_the_next(
    monkeypatch, app, devices
):
    monkeypatch.setattr(statistics, "LARGE", len(devices))
    long_ago = timezone.now() - timedelta(days=1)
    campaign = builders.make_campaign(app, long_ago, status="scheduled", due_at=long_ago)

    def lock(execute, sql, params, many, context):
        if sql.startswith("ANALYZE"):
            raise OperationalError("database is locked")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(lock), pytest.raises(OperationalError):
        tick()
    campaign.refresh_from_db()
    tick()

    assert campaign.status != "scheduled"
    assert find_sizes() == {Device._meta.db_table: 2}


def test_an_import_has_the_planner_look_on_its_way(monkeypatch, app):
    monkeypatch.setattr(statistics, "LARGE", 1)
    monkeypatch.setattr(import_steps, "LEARN_EVERY", 1)
    builders.make_person(app.workspace, "ann")

    apply(check(upload(app, "external_user_id\nbob\n")))

    assert find_sizes() == {Person._meta.db_table: 1}


def test_the_scheduler_process_does_so():
    parser = dispatch.Command().create_parser("manage.py", "dispatch")

    assert parser.parse_args(["--scheduler"]).pump is dispatch.tick
