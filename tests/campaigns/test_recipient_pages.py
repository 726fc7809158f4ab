"""Recipients of a transfer are found at a cost that its size does not change, and none is lost."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns.dispatch.books import fold_deliveries
from campaigns.models import Cohort, Counter, Delivery, Message, Part, Transfer
from campaigns.selectors import recipient_pages
from campaigns.selectors.recipient_pages import Wanted, count_wanted, read_recipients

pytestmark = pytest.mark.database


@pytest.fixture
def transfer(app, now):
    """Three parts of 40 recipients: each fourth has failed, every third speaks German."""
    transfer = Transfer.objects.create(
        app=app, group=app.groups.get(), status="sent", status_since=now, due_at=now,
        created_at=now, finished_at=now, audience=120,
    )  # fmt: skip
    message = Message.objects.create(app=app, content={"body": "There"})
    cohorts = {
        key: Cohort.objects.create(app=app, platform="android", language=key)
        for key in ("de", "en")
    }
    for number in range(3):
        part = Part.objects.create(
            transfer=transfer, message=message, number=number, step=number, audience=40
        )
        Delivery.objects.bulk_create(
            Delivery(
                part=part, recipient=place, at=now, account_id=7 + place % 2,
                cohort_id=cohorts["de" if place % 3 == 0 else "en"].pk,
                outcome="sent" if place % 4 else "failed", reason="" if place % 4 else "token",
            )
            for place in range(1, 41)
        )  # fmt: skip
        for account, outcome, reason, count in (
            (7, "sent", "", 10), (8, "sent", "", 20), (7, "failed", "token", 10)
        ):  # fmt: skip
            Counter.objects.create(
                part=part, platform="android", account_id=account, outcome=outcome,
                reason=reason, count=count,
            )  # fmt: skip
        fold_deliveries(part.pk, range(1, 41))
    return transfer


def walk(transfer, wanted, limit=7):
    """Every page to the end, as (part number, recipient)."""
    numbers = dict(transfer.parts.values_list("pk", "number"))
    found, after = [], ""
    for _turn in range(200):
        page = read_recipients(transfer, wanted, after, limit)
        found += [(numbers[row.part_id], row.recipient) for row in page.rows]
        after = page.after
        if not after:
            return found
    raise AssertionError("the pages do not end")


FITTING = {
    Wanted(): lambda part, place: True,
    Wanted(outcome="failed"): lambda part, place: place % 4 == 0,
    Wanted(outcome="failed", reason="token", account=7): lambda part, place: place % 4 == 0,
    Wanted(outcome="sent", account=8): lambda part, place: place % 2 == 1,
    Wanted(language="de"): lambda part, place: place % 3 == 0,
    Wanted(language="de", outcome="failed"): lambda part, place: place % 12 == 0,
    Wanted(part=1): lambda part, place: part == 1,
    Wanted(step=3, outcome="sent"): lambda part, place: part == 2 and place % 4,
    Wanted(platform="ios"): lambda part, place: False,
    Wanted(outcome="failed", account=8): lambda part, place: False,
}


@pytest.mark.values(10)
@pytest.mark.parametrize("wanted", FITTING, ids=str)
@pytest.mark.parametrize("window", [3, 50, 50_000])
def test_pages_together_hold_whoever_fits_once(transfer, monkeypatch, wanted, window):
    monkeypatch.setattr(recipient_pages, "WINDOW", window)
    monkeypatch.setattr(recipient_pages, "BUDGET", 4 * window)

    found = walk(transfer, wanted)

    places = [(part, place) for part in range(3) for place in range(1, 41)]
    assert found == [key for key in places if FITTING[wanted](*key)]
    assert count_wanted(transfer, wanted) in (None, len(found))


def test_a_page_stops_looking_and_says_where_to_look_on(transfer, monkeypatch):
    monkeypatch.setattr(recipient_pages, "WINDOW", 5)
    monkeypatch.setattr(recipient_pages, "BUDGET", 10)
    Delivery.objects.exclude(recipient=40).update(account_id=7)
    first_part = transfer.parts.order_by("number").first()

    page = read_recipients(transfer, Wanted(account=8, outcome="sent"), "", 5)

    assert (page.rows, page.is_cut) == ((), True)
    assert page.after == f"{first_part.pk}-10"


def test_who_was_not_sent_to_is_found_by_an_index(transfer):
    rows = recipient_pages.select_wanted(transfer, Wanted(outcome="failed"))
    part = transfer.parts.first().pk
    rows = rows.filter(part_id=part, recipient__gt=5).order_by("recipient")[:50]

    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # A table of a hundred rows is read whole, if one lets it.
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_bitmapscan = off")
            cursor.execute("ANALYZE campaigns_delivery")  # what it knows is of earlier tests
        plan = rows.explain()

    assert "delivery_unsent" in plan, plan


def test_a_page_asks_as_often_for_ten_parts_as_for_three(transfer, app):
    def count_queries():
        with CaptureQueriesContext(
            connection,
        ) as queries:
            read_recipients(transfer, Wanted(outcome="sent", account=8), "", 200)
        return len(queries)

    few = count_queries()
    message = Message.objects.create(app=app, content={"body": "There"})
    for number in range(3, 10):
        part = Part.objects.create(transfer=transfer, message=message, number=number, audience=1)
        Counter.objects.create(part=part, platform="android", account_id=8, outcome="sent", count=1)

    assert count_queries() == few == 2


def test_whoever_is_known_to_be_all_is_not_looked_on_for(transfer, django_assert_num_queries):
    wanted = Wanted(language="fr")
    with django_assert_num_queries(0):
        nobody = read_recipients(transfer, wanted, "", 7, 0)
    first = read_recipients(transfer, Wanted(outcome="failed"), "", 7, 30)
    whole = read_recipients(transfer, Wanted(outcome="failed", step=1), "", 10, 10)

    assert (nobody.rows, nobody.after) == ((), "")
    assert (len(first.rows), bool(first.after)) == (7, True)
    assert (len(whole.rows), whole.after) == (10, "")
