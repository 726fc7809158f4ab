"""E-mails and phones are one address however they are written, also those stored long ago."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns.dispatch.resolve import find_devices
from campaigns.models import Device, Person
from campaigns.selectors.contacts import find_contact_fault, match_contacts, write_contact
from campaigns.selectors.expressions import check_expression, compile_expression
from campaigns.selectors.holders import find_holders
from campaigns.selectors.lookup import find_matches
from campaigns.services.merges import merge_persons
from providers.recipients import IdentifierKind
from tests import builders
from tests.campaigns.importing import apply, check, count, read_left_out, upload
from tests.campaigns.test_lookup import find_scans, list_plans

pytestmark = pytest.mark.database
MAILS = ("ann.lee@example.org", "Ann.Lee@Example.org", " ANN.LEE@EXAMPLE.ORG ")
PHONES = ("491701234567", "+491701234567", "00491701234567", "0049 (170) 123-45.67")


@pytest.fixture
def ann(app):
    """Somebody whose addresses were stored as they had been typed, with a phone."""
    person = builders.make_person(
        app.workspace, "Ann", email="Ann.Lee@Example.org", phone="00491701234567"
    )
    builders.make_device(app, "ann-1", person=person)
    return person


def test_two_ways_to_write_an_address_are_stored_as_one():
    mails = {write_contact("email", typed) for typed in MAILS}
    phones = {write_contact("phone", typed) for typed in PHONES}

    assert (mails, phones) == ({MAILS[0]}, {PHONES[0]})
    assert not any(find_contact_fault("phone", typed) for typed in (*PHONES, ""))
    assert write_contact("external_user_id", " +49 Ann ") == " +49 Ann "


@pytest.mark.parametrize(
    ("kind", "typed", "words"),
    [
        ("email", "no mail at all", "ann@example.org"),
        ("email", "ann@example", "ann@example.org"),
        ("email", "a" * 250 + "@x.org", "254"),
        ("phone", "0170 1234567", "country code"),
        ("phone", "+49", "7 to 15 digits"),
        ("phone", "call me", "7 to 15 digits"),
        ("phone", "4" * 16, "7 to 15 digits"),
    ],
)
def test_what_is_no_address_is_told_in_words(kind, typed, words):
    assert words in find_contact_fault(kind, typed)


def test_an_address_that_was_stored_otherwise_finds_its_person(owner, app, ann):
    by_kind = {"email": MAILS, "phone": PHONES}

    found = [find_matches(typed, owner) for typed in (*MAILS, *PHONES)]
    devices = [
        list(find_devices(app, IdentifierKind(kind), [typed]))
        for kind, ways in by_kind.items()
        for typed in ways
    ]
    holders = [
        find_holders(app.workspace, [(kind, typed)])
        for kind, ways in by_kind.items()
        for typed in ways
    ]

    assert [[match.pk for match in some] for some in found] == [[ann.pk]] * 7
    [phone] = ann.devices.values_list("pk", flat=True)
    assert devices == [[(typed, phone)] for typed in (*MAILS, *PHONES)]
    assert [list(some.values()) for some in holders] == [[(ann.pk, None)]] * 7


@pytest.mark.values(6)
@pytest.mark.parametrize(
    ("field", "op", "value"),
    [
        ("person.email", "eq", "ann.LEE@example.org"),
        ("person.email", "in", ["bo@example.org", "ANN.lee@example.org"]),
        ("person.email", "starts_with", "ann."),
        ("person.email", "contains", "@EXAMPLE."),
        ("person.phone", "eq", "+49 170 1234567"),
        ("person.phone", "in", ["491701234567"]),
    ],
)
def test_a_segment_means_an_address_in_any_spelling(app, ann, now, field, op, value):
    expression = check_expression({"field": field, "op": op, "value": value})

    meant = Device.objects.filter(compile_expression(expression, app.pk, now))

    assert [device.person for device in meant] == [ann]


@pytest.mark.parametrize("name", ["person.email", "person.phone"])
@pytest.mark.parametrize(("op", "value"), [("eq", " "), ("in", [" ", "nobody@example.org"])])
def test_a_blank_means_nobody_without_an_address(app, now, name, op, value):
    builders.make_device(app, "t", person=builders.make_person(app.workspace, "bob"))
    expression = check_expression({"field": name, "op": op, "value": value})

    assert not Device.objects.filter(compile_expression(expression, app.pk, now)).exists()


def test_letters_beyond_ascii_are_found_as_they_are_and_in_lower_case(app):
    for mail in ("ÄNN@example.org", "ärn@example.org"):
        builders.make_person(app.workspace, mail, email=mail)

    found = [
        Person.objects.filter(match_contacts("email", [typed])).count()
        for typed in ("ÄNN@example.org", "änn@example.org", "ÄRN@Example.org", "äan@example.org")
    ]

    assert found == [1, 1, 1, 0]


@pytest.mark.parametrize(
    "text",
    [
        "email,language\nAnn.Lee@Example.org,de\nann.lee@example.org,de\n",
        "phone,language\n+49 170 1234567,de\n0049170/1234567,de\n",
    ],
)
def test_an_import_finds_whom_it_names_in_another_spelling(app, ann, text):
    checked = check(upload(app, text))

    applied = apply(checked)

    assert count(checked.check_job) == {"rows": 2, "changed": 1, "unchanged": 1}
    assert count(applied.apply_job) == {"rows": 2, "changed": 1, "unchanged": 1}
    assert list(Person.objects.values_list("pk", "language")) == [(ann.pk, "de")]


def test_an_import_takes_two_spellings_for_two_who_share_an_address(app, ann):
    builders.make_person(app.workspace, "Bo", email="ann.lee@example.org")

    checked = check(upload(app, "email,language\nann.LEE@example.org,de\n"))

    assert count(checked.check_job) == {"rows": 1, "conflicting": 1}
    assert "2 people have it" in read_left_out(checked.check_job)


def test_people_are_found_by_their_addresses_without_reading_them_all(app, ann):
    Person.objects.bulk_create(
        Person(workspace=app.workspace, external_user_id=f"u{n}", email=f"u{n}@example.org")
        for n in range(50)
    )
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # small tables are scanned unless it is forbidden
            cursor.execute("SET enable_seqscan = off")

    with CaptureQueriesContext(connection) as asked:
        for kind, texts in (("email", MAILS), ("phone", PHONES)):
            for wanted in (texts, [f"{number}{texts[0]}" for number in range(100)]):
                list(Person.objects.filter(match_contacts(kind, wanted), workspace=app.workspace))

    plans = list_plans(asked.captured_queries)
    assert [find_scans(plan) for plan in plans] == [[]] * 4


def test_a_name_that_somebody_has_means_nobody_who_took_another_over(app, now):
    keep, gone = (builders.make_person(app.workspace, name) for name in ("keep", "gone"))
    kept = builders.make_device(app, "kept", person=keep)
    merge_persons(keep, gone, actor="owner", now=now)
    kind = IdentifierKind("external_user_id")
    before = list(find_devices(app, kind, ["gone", "nobody"]))
    again = builders.make_person(app.workspace, "gone")
    own = builders.make_device(app, "own", person=again)

    after = list(find_devices(app, kind, ["gone", "nobody"]))

    assert (before, after) == ([("gone", kept.pk)], [("gone", own.pk)])
