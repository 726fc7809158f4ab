"""A custom attribute gets an index that expressions are answered by."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.db import connection

from campaigns.errors import Conflict, Invalid
from campaigns.models import Device, Job, PromotedAttribute
from campaigns.services.job_work import drain_jobs
from campaigns.services.promoted import MAX_PROMOTED, demote_attribute, promote_attribute
from tests import builders
from tests.campaigns.crowd import select

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]
NAME = "it's 5 % {off} ?"


def list_indexes():
    with connection.cursor() as cursor:
        rows = connection.introspection.get_constraints(cursor, Device._meta.db_table)
    return {name for name in rows if name.startswith("pa_attribute_")}


def explain(app, op, value, bitmaps="off"):
    body = {"field": f"device.custom.{NAME}", "op": op, "value": value}
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE campaigns_device")  # else it plans for tests that ran before
            cursor.execute(f"SET enable_seqscan = off; SET enable_bitmapscan = {bitmaps}")
            cursor.execute("SET enable_hashjoin = off")
    try:
        return select(app, body).explain()
    finally:
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("RESET ALL")


def test_an_index_is_made_used_and_dropped(app, now):
    # So many that no other index costs about as much, whatever earlier tests have left in it.
    for number in range(500):
        value = [number, f"v{number}", True, None][number % 4]
        builders.make_device(app, f"t{number}", attributes={NAME: value})
    promoted = promote_attribute(app, "device", NAME, actor="ann", now=now)
    is_same = promote_attribute(app, "device", NAME, actor="ann", now=now) == promoted

    drain_jobs()
    made = list_indexes()
    plans = [explain(app, "eq", "v1"), explain(app, "in", ["v1", "v5"]), explain(app, "gt", 480)]
    promoted.refresh_from_db()
    body = {"field": f"device.custom.{NAME}", "op": "gt", "value": 480}
    found = select(app, body).count()
    is_ready = promoted.is_ready
    demote_attribute(promoted, actor="ann", now=now)
    drain_jobs()

    assert is_same
    assert (len(made), is_ready, found) == (2, True, 4)
    text, number = sorted(made, key=lambda name: name.endswith("number"))
    assert [text in plans[0], text in plans[1], number in plans[2]] == [True] * 3, "\n".join(
        ["", *plans]
    )
    assert list_indexes() == set()
    assert set(Job.objects.values_list("status", flat=True)) == {"done"}


def list_statistics():
    with connection.cursor() as cursor:
        cursor.execute("SELECT stxname FROM pg_statistic_ext WHERE stxname LIKE 'pa_attribute_%'")
        return {name for (name,) in cursor.fetchall()}


@pytest.mark.postgres
def test_indexes_of_earlier_versions_get_statistics(app, now):
    builders.make_device(app, "t", attributes={NAME: 7})
    promoted = promote_attribute(app, "device", NAME, actor="ann", now=now)
    drain_jobs()
    known = list_statistics()
    with connection.cursor() as cursor:
        for name in known:
            cursor.execute(f"DROP STATISTICS {name}")
    before = list_statistics()

    import_module("campaigns.migrations.0054_attribute_statistics").make_statistics(
        None, connection.schema_editor()
    )

    after = list_statistics()
    demote_attribute(promoted, actor="ann", now=now)
    drain_jobs()
    assert (len(known), before, after) == (2, set(), known)
    assert list_statistics() == set()


def test_times_that_move_are_answered_by_the_indexes_too(app, now):
    for number in range(500):
        value = [number, f"{2000 + number}-01-01"][number % 2]
        builders.make_device(app, f"t{number}", attributes={NAME: value})
    promote_attribute(app, "device", NAME, actor="ann", now=now)
    drain_jobs()

    plan = explain(app, "within_next", "30d", bitmaps="on")

    assert [name for name in list_indexes() if name not in plan] == [], plan


def test_an_index_that_another_app_wants_stays(app, now):
    other = builders.make_app(app.workspace, slug="second")
    rows = [promote_attribute(one, "person", "plan", actor="a", now=now) for one in (app, other)]
    drain_jobs()

    demote_attribute(rows[0], actor="ann", now=now)
    drain_jobs()
    kept = PromotedAttribute.objects.get().is_ready
    demote_attribute(rows[1], actor="ann", now=now)
    drain_jobs()

    assert kept
    assert not PromotedAttribute.objects.exists()


@pytest.mark.parametrize(("owner", "name"), [("device", ""), ("device", 'a"b'), ("app", "plan")])
def test_what_is_no_attribute_is_not_indexed(app, now, owner, name):
    with pytest.raises(Invalid):
        promote_attribute(app, owner, name, actor="ann", now=now)


def test_an_app_has_a_bounded_number_of_them(app, now):
    for number in range(MAX_PROMOTED):
        promote_attribute(app, "device", f"a{number}", actor="ann", now=now)

    with pytest.raises(Conflict):
        promote_attribute(app, "device", "one more", actor="ann", now=now)
