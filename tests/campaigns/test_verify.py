"""Books that do not balance are found, whichever row is off; pruning leaves them alone."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db.models import F

from campaigns.dispatch import books
from campaigns.dispatch.prune import prune
from campaigns.dispatch.verify import check_books
from campaigns.models import (
    Account,
    Batch,
    Campaign,
    Cohort,
    Counter,
    Delivery,
    Exchange,
    Message,
    Occurrence,
    Part,
    Rollup,
    Transfer,
)
from campaigns.models.packing import pack_cohorts, pack_ids

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture
def part(app, now):
    """Three recipients, two of them sent and folded, one still owed."""
    transfer = Transfer.objects.create(
        app=app, group=app.groups.get(), status="sending", status_since=now, due_at=now,
        created_at=now, frozen_at=now, audience=3,
    )  # fmt: skip
    message = Message.objects.create(app=app, content={"body": "Hi"})
    part = Part.objects.create(transfer=transfer, message=message, audience=3)
    cohort = Cohort.objects.create(app=app, platform="android")
    done = make_batch(part, [1, 2], cohort, settled=2, state="done", is_folded=True)
    make_batch(part, [3], cohort)
    page = books.Page(part_id=part.pk, platform="android", at=now)
    books.append_deliveries(page, books.Verdict("sent"), [(1, cohort.pk), (2, cohort.pk)])
    books.fold_deliveries(part.pk, [1, 2])
    assert done.is_folded
    return part


def make_batch(part, recipients, cohort, **fields):
    return Batch.objects.create(
        part=part, transfer=part.transfer, app=part.transfer.app, platform="android",
        recipients=pack_ids(recipients), cohorts=pack_cohorts([cohort.pk] * len(recipients)),
        count=len(recipients), due_at=part.transfer.due_at, **fields,
    )  # fmt: skip


def test_books_that_balance_have_no_fault(part):
    audit = check_books()

    assert audit.faults == []
    assert (audit.transfers, audit.parts, audit.recipients) == (1, 1, 3)


def lose_a_delivery(part):
    Delivery.objects.filter(part_id=part.pk, recipient=2).delete()


def count_once_too_often(part):
    Counter.objects.filter(part=part).update(count=F("count") + 1)


def fold_twice(part):
    Rollup.objects.filter(part=part).update(count=F("count") * 2)


def lose_a_batch(part):
    Batch.objects.filter(part=part, state="ready").delete()


def end_too_early(part):
    Transfer.objects.filter(pk=part.transfer_id).update(finished_at=part.transfer.due_at)


def miscount_the_audience(part):
    Transfer.objects.filter(pk=part.transfer_id).update(audience=4)


def count_a_receipt_by_its_hour_alone(part):
    part.receipt_counts.create(hour=part.transfer.due_at, kind="opened", count=1)


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (lose_a_delivery, "audience 3, but 1 have an outcome"),
        (count_once_too_often, "the counter"),
        (fold_twice, "the roll-up"),
        (lose_a_batch, "0 are still owed"),
        (end_too_early, "still owes 1"),
        (count_a_receipt_by_its_hour_alone, "1 receipts are counted by when they came, 0 beside"),
        (miscount_the_audience, "its parts have 3"),
    ],
)
def test_whatever_is_off_is_named(part, harm, sentence):
    harm(part)

    audit = check_books()

    assert any(sentence in fault for fault in audit.faults), audit.faults


def test_the_command_ends_with_1_when_something_is_off(part):
    lose_a_delivery(part)

    with pytest.raises(SystemExit) as ended:
        call_command("verify", stdout=StringIO(), stderr=StringIO())

    assert ended.value.code == 1


def test_the_command_says_when_there_was_nothing_to_check(db):
    output = StringIO()

    call_command("verify", stdout=output)

    assert "nothing was checked" in output.getvalue()


def test_pruning_forgets_old_exchanges_and_keeps_the_books(part, now):
    account = Account.objects.create(
        workspace=part.transfer.app.workspace, name="One", dialect="sandbox"
    )
    for days in (1, 15):
        Exchange.objects.create(account=account, at=now - timedelta(days=days), method="GET")

    removed = prune(now)

    assert removed["exchanges"] == 1
    assert check_books().faults == []


@pytest.fixture
def occurrence(app, now):
    """A time of a series that was fired once for its app."""
    message = Message.objects.create(app=app, content={"body": "Hi"})
    series = Campaign.objects.create(
        workspace=app.workspace, app=app, name="One", message=message, status_since=now,
        created_at=now, created_by="owner", audience={"all": True},
    )  # fmt: skip
    occurrence = Occurrence.objects.create(
        campaign=series, due_at=now, state="fired", settled_at=now
    )
    make_run(occurrence, app, now)
    return occurrence


def make_run(occurrence, app, now):
    return Transfer.objects.create(
        app=app, group=app.groups.get(), campaign=occurrence.campaign, occurrence=occurrence,
        status_since=now, due_at=now, created_at=now,
    )  # fmt: skip


def test_a_time_that_was_fired_once_is_no_fault(occurrence):
    assert check_books().faults == []


def test_a_time_that_is_not_what_it_says_is_found(occurrence, app, now):
    make_run(occurrence, app, now)
    twice = check_books().faults
    Occurrence.objects.update(state="missed")
    missed = check_books().faults[0]
    Transfer.objects.all().delete()
    Occurrence.objects.update(state="fired")

    idle = check_books().faults

    assert twice == [f"Occurrence {occurrence.pk} was fired 2 times for one app."]
    assert missed == f"Occurrence {occurrence.pk} was not fired and has a transfer."
    assert idle == [f"Occurrence {occurrence.pk} was fired and has no transfer."]
