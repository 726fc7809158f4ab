"""Who was merged is found by the e-mail and the phone that they had, and erased by these."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns.models import Device, Person, PersonMerge
from campaigns.selectors.aliases import select_former
from campaigns.selectors.contacts import match_contacts
from campaigns.selectors.lookup import Match, find_matches, find_named
from campaigns.services.erase import start_erasure
from campaigns.services.erase_find import find_meant
from campaigns.services.job_work import drain_jobs
from campaigns.services.merges import merge_persons, unmerge
from tests import builders
from tests.api.conftest import make_client
from tests.campaigns.test_lookup import find_scans, list_plans

pytestmark = pytest.mark.database
MAILS = ("Anna@Example.org", "anna@example.org")
PHONES = ("49170123", "+49170123", "0049 170 123")


@pytest.fixture
def ann(app, now):
    """Ann, into whom Anna was merged, whose e-mail and phone were other ones."""
    ann = builders.make_person(app.workspace, "ann", email="ann@example.org", phone="4930")
    anna = builders.make_person(app.workspace, "anna", email=MAILS[0], phone=PHONES[1])
    builders.make_device(app, "annas", person=anna)
    merge_persons(ann, anna, actor="owner", now=now)
    return ann


def test_the_search_finds_whoever_has_taken_an_address_over(owner, stranger, ann):
    found = {text: find_matches(text, owner) for text in (*MAILS, *PHONES)}

    assert found == {
        **{text: [Match("person", ann.pk, "former_email")] for text in MAILS},
        **{text: [Match("person", ann.pk, "former_phone")] for text in PHONES},
    }
    assert find_named(MAILS[0], owner) == found[MAILS[0]]
    assert {text for text in found if find_matches(text, stranger)} == set()


def test_an_address_that_went_over_is_their_own_and_one_given_back_the_others(owner, ann, now):
    Person.objects.filter(pk=ann.pk).update(email=MAILS[1])
    own = find_matches(MAILS[0], owner)
    merge = PersonMerge.objects.get()

    anna = unmerge(merge, actor="owner", now=now)

    assert own == [Match("person", ann.pk, "email")]
    assert find_matches(PHONES[0], owner) == [Match("person", anna.pk, "phone")]


@pytest.mark.parametrize(("kind", "texts"), [("email", MAILS), ("phone", PHONES)])
def test_an_erasure_by_an_old_address_erases_all_that_is_left_of_it(
    workspace, owner, ann, now, kind, texts
):
    meant = [find_meant(workspace, [(kind, text)]) for text in texts]

    line = texts[0].encode()
    job = start_erasure(owner, workspace, [line], kind=kind, actor="owner", now=now)
    drain_jobs()

    assert [(one.persons, one.unknown) for one in meant] == [({ann.pk}, 0)] * len(texts)
    job.refresh_from_db()
    assert job.status == "done"
    rows = (Person.objects, PersonMerge.objects, Device.objects)
    assert [one.count() for one in rows] == [0, 0, 0]


def test_scripts_and_pages_know_the_old_addresses(app, client, owner, ann):
    api = make_client(app.workspace, apps=[app])
    client.force_login(owner)

    named = [
        [row["id"] for row in api.get("/api/v1/persons/", query).json()["results"]]
        for query in ({"email": MAILS[0]}, {"phone": PHONES[0]}, {"email": "zoe@example.org"})
    ]
    led = client.get(reverse("people"), {"who": MAILS[1]})
    page = client.get(led["Location"]).content.decode()

    assert named == [[ann.pk], [ann.pk], []]
    assert led["Location"] == reverse("person", args=[ann.pk])
    assert "E-mail of who was merged" in page
    assert MAILS[0] in page
    assert PHONES[1] in page


def test_old_addresses_are_found_without_reading_all_merges(app, ann, now):
    PersonMerge.objects.bulk_create(
        PersonMerge(
            workspace=app.workspace, person=ann, kept_id=ann.pk, gone_id=10_000 + n, at=now,
            values={"email": f"u{n}@example.org", "phone": f"49{n}"}, actor="owner",
        )
        for n in range(50)
    )  # fmt: skip
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # small tables are scanned unless it is forbidden
            cursor.execute("SET enable_seqscan = off")

    with CaptureQueriesContext(connection) as asked:
        rows = select_former([app.workspace_id])
        found = [
            list(rows.filter(match_contacts(kind, [text])))
            for kind, text in (("email", MAILS[0]), ("phone", PHONES[0]))
        ]
        find_meant(app.workspace, [("email", MAILS[0]), ("phone", PHONES[0])])

    plans = list_plans(asked.captured_queries)
    assert [len(some) for some in found] == [1, 1]
    assert [find_scans(plan) for plan in plans] == [[]] * len(plans)
    names = ("person_merge_email", "person_merge_phone")
    assert all(any(name in plan for plan in plans) for name in names)
