"""The search: whatever somebody is known by finds them, by an index, and nobody else's."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns.models import DeviceIdentifier, DeviceMark, Membership, Person
from campaigns.models.audience import hash64
from campaigns.selectors.lookup import Match, find_device_ids, find_matches, find_person_ids
from tests import builders

pytestmark = pytest.mark.database
BIG = ("person", "device", "deviceidentifier", "devicemark", "labelmember", "personmerge")


@pytest.fixture
def ann(workspace):
    return builders.make_person(
        workspace, "Ann-1", email="Ann.Lee@Example.org", phone="491701234567"
    )


@pytest.fixture
def phone(app, ann):
    """A phone of Ann's with an id of a vendor's and an alias."""
    device = builders.make_device(app, "to:ken/1", person=ann)
    DeviceIdentifier.objects.create(
        app=app, device=device, kind="google_aid", value="aa-bb", value_hash=hash64("aa-bb")
    )
    DeviceMark.objects.create(app=app, device=device, kind="alias", name="annie")
    return device


PERSON = {
    "Ann-1": "external_user_id", " Ann-1 ": "external_user_id", "ann.lee@example.ORG": "email",
    "491701234567": "phone", "+49 170 123-45 67": "phone", "0049 (170) 1234567": "phone",
    "#{person}": "id", "person {person}": "id", "Person #{person}": "id",
    "Ann*": "external_user_id_prefix", "Ann": "external_user_id_prefix", "ann.LEE@": "email_prefix",
}  # fmt: skip
DEVICE = {
    "to:ken/1": "token", "aa-bb": "google_aid", "annie": "alias", "device {device}": "id",
    "device #{device}": "id",
}  # fmt: skip
NOBODY = (
    "", "  ", "An", "ann-1", "to:ken", "TO:KEN/1", "*", "a*", "%", "An_%", "12345678", "\0",
    "\ud800", "#" + "9" * 16, "device", "person x", "+", "@", "x" * 5000,
    "Ann" + "x" * 300 + "*", "²",
)  # fmt: skip


def test_a_person_is_found_by_whatever_they_are_known_by(owner, ann):
    Person.objects.bulk_create([Person(workspace=ann.workspace, external_user_id="Bo")])

    found = {typed: find_matches(typed.format(person=ann.pk), owner) for typed in PERSON}

    assert found == {typed: [Match("person", ann.pk, by)] for typed, by in PERSON.items()}


def test_a_device_is_found_by_whatever_it_is_known_by(owner, phone):
    found = {typed: find_matches(typed.format(device=phone.pk), owner) for typed in DEVICE}

    assert found == {typed: [Match("device", phone.pk, by)] for typed, by in DEVICE.items()}


def test_what_nobody_has_finds_nobody(owner, phone):
    found = {typed: find_matches(typed, owner) for typed in NOBODY}

    assert found == {typed: [] for typed in NOBODY}


def test_a_bare_number_may_be_several_things(owner, app, ann):
    device = builders.make_device(app, "t", pk=ann.pk)
    other = builders.make_person(app.workspace, str(ann.pk))

    found = find_matches(str(ann.pk), owner)

    assert set(found) == {
        Match("person", ann.pk, "id"),
        Match("person", other.pk, "external_user_id"),
        Match("device", device.pk, "id"),
    }


def test_nobody_elses_people_are_found(stranger, phone):
    typed = (*PERSON, *DEVICE)

    found = [
        find_matches(t.format(person=phone.person_id, device=phone.pk), stranger) for t in typed
    ]

    assert found == [[]] * len(typed)


def test_of_another_app_a_member_finds_neither_devices_nor_people(app, phone):
    other = builders.make_app(app.workspace, "cafe")
    member = builders.make_member("narrow", app.workspace, app=other, role=Membership.Role.ADMIN)

    found = [
        find_matches(typed, member) for typed in ("Ann-1", "to:ken/1", "aa-bb", "annie", "Ann")
    ]

    assert found == [[]] * 5


def test_a_text_longer_than_any_id_is_nobody_s_and_costs_nothing(owner, phone):
    assert find_matches("person" + " " * 200_000 + "x", owner) == []
    assert find_matches("device" + " " * 4_000 + "x", owner) == []


def test_an_id_of_a_device_leads_to_its_person_and_back(owner, phone):
    assert find_person_ids("aa-bb", owner) == {phone.person_id}
    assert find_device_ids("Ann-1", owner) == {phone.pk}


def list_plans(queries):
    """How the database goes about each of the queries."""
    plans = []
    with connection.cursor() as cursor:
        how = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
        for query in queries:
            cursor.execute(f"{how} {query['sql']}")
            plans.append("\n".join(str(row) for row in cursor.fetchall()))
    return plans


def find_scans(plan, big=BIG):
    """Tables with a row for every person or device that a plan would read from end to end."""
    tables = "|".join(f"campaigns_{name}" for name in big)
    if connection.vendor == "postgresql":
        by_index = re.findall(rf"Index[A-Za-z ]* on ({tables}).*?\n(.*)", plan)
        whole = [table for table, condition in by_index if "Index Cond" not in condition]
        return re.findall(rf"Seq Scan on ({tables})\b", plan) + whole
    return re.findall(rf"SCAN ({tables})\b", plan)


def test_no_search_reads_a_big_table_from_end_to_end(phone, owner, colleague, superuser):
    typed = [
        "Ann-1",
        "ann.lee@example.org",
        "491701234567",
        "to:ken/1",
        "aa-bb",
        "12",
        "Ann*",
        "Zzz",
    ]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # small tables are scanned unless it is forbidden
            cursor.execute("SET enable_seqscan = off")

    with CaptureQueriesContext(
        connection,
    ) as asked:
        for principal in (owner, colleague, superuser):
            for text in typed:
                find_matches(text, principal)

    selects = [query for query in asked.captured_queries if query["sql"].startswith("SELECT")]
    scans = {
        query["sql"]: found
        for query, plan in zip(selects, list_plans(selects), strict=True)
        if (found := find_scans(plan))
    }
    assert len(selects) > 120
    assert scans == {}
