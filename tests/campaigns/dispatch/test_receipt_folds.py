"""What came back is counted beside the sends that it is of, once, whatever else goes on."""

from __future__ import annotations

from datetime import datetime, timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.db import transaction

from campaigns.dispatch import books, engine, receipt_folds, receipts
from campaigns.dispatch.verify import check_books
from campaigns.models import Delivery, Device, ReceiptRollup, ReceiptRow, Transfer
from providers.receipts import ReceiptKind
from tests.campaigns.dispatch.test_receipts import make_events, now, sent
from tests.campaigns.rival import Rival

__all__ = ["now", "sent"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
forgotten = import_module("campaigns.migrations.0057_receipts_forgotten")


def list_placed() -> list[tuple[datetime, int, str, int]]:
    rows = ReceiptRollup.objects.order_by("cohort_id", "kind")
    return list(rows.values_list("hour", "cohort_id", "kind", "count"))


def forget_places() -> None:
    """As receipts were kept before there was such a count, of a transfer that is under way."""
    ReceiptRow.objects.update(cohort_id=None)
    ReceiptRollup.objects.all().delete()
    Transfer.objects.update(finished_at=None)


def test_a_receipt_is_counted_beside_the_send_that_it_is_of(sent: Transfer, now: datetime) -> None:
    place = Delivery.objects.values_list("cohort_id", flat=True).distinct().get()
    later = now + timedelta(days=1)
    Device.objects.update(platform="ios", language="de")  # what they were is what counts

    with transaction.atomic():
        receipts.keep_receipts(make_events(sent, ReceiptKind.OPENED, later), 1, later)

    assert list_placed() == [(books.find_hour(now), place, "opened", 3)]
    assert not receipt_folds.fold_waiting()
    assert check_books().faults == []


def test_a_receipt_that_came_before_the_answer_waits_and_is_counted_once(
    sent: Transfer, now: datetime
) -> None:
    [one, *others] = Delivery.objects.order_by("recipient")
    Transfer.objects.update(finished_at=None)
    events = make_events(sent, ReceiptKind.SHOWN, now)
    Delivery.objects.filter(part_id=one.part_id, recipient=one.recipient).delete()
    with transaction.atomic():
        receipts.keep_receipts(events, 1, now)

    waits_for_it = receipt_folds.fold_waiting()
    Delivery.objects.bulk_create([one])
    is_folded = receipt_folds.fold_waiting()

    assert (waits_for_it, is_folded, receipt_folds.fold_waiting()) == (False, True, False)
    assert list_placed() == [(books.find_hour(now), one.cohort_id, "shown", 1 + len(others))]


def test_what_waits_for_an_answer_does_not_stop_what_waits_behind_it(
    sent: Transfer, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipt_folds, "CHUNK", 1)
    first = Delivery.objects.order_by("recipient").first()
    assert first is not None
    with transaction.atomic():
        receipts.keep_receipts(make_events(sent, ReceiptKind.SHOWN, now), 1, now)
    forget_places()
    Delivery.objects.filter(part_id=first.part_id, recipient=first.recipient).delete()

    turns = [receipt_folds.fold_waiting() for _turn in range(3)]

    assert turns == [True, True, False]
    assert sum(count for *_place, count in list_placed()) == 2


def test_what_came_of_whom_nothing_is_settled_is_counted_as_nobodys_in_the_end(
    sent: Transfer, now: datetime
) -> None:
    later = now + timedelta(hours=2)
    with transaction.atomic():
        receipts.keep_receipts(make_events(sent, ReceiptKind.OPENED, later), 1, later)
    forget_places()
    Delivery.objects.all().delete()

    before = receipt_folds.fold_waiting()
    Transfer.objects.update(finished_at=now)
    after = receipt_folds.fold_waiting()

    assert (before, after) == (False, True)
    # Within its hours, as whatever is settled: so reports find it.
    assert list_placed() == [(books.find_hour(now), 0, "opened", 3)]


def test_what_was_forgotten_before_the_upgrade_stays_counted(sent: Transfer, now: datetime) -> None:
    with transaction.atomic():
        receipts.keep_receipts(make_events(sent, ReceiptKind.OPENED, now), 1, now)
    forget_places()
    ReceiptRow.objects.order_by("recipient")[:1].get().delete()  # however long they were kept

    forgotten.count_forgotten(apps, None)
    forgotten.count_forgotten(apps, None)  # a second time there is nothing left

    assert list_placed() == [(books.find_hour(sent.created_at), 0, "opened", 1)]
    assert receipt_folds.fold_waiting()
    Transfer.objects.update(finished_at=now)
    assert check_books().faults == []


def test_the_scheduler_counts_what_waits(sent: Transfer, now: datetime) -> None:
    with transaction.atomic():
        receipts.keep_receipts(make_events(sent, ReceiptKind.OPENED, now), 1, now)
    forget_places()

    engine.tick("test")

    # Its turn may also fetch what the sandbox tells of deliveries.
    assert [count for *_place, kind, count in list_placed() if kind == "opened"] == [3]


def test_what_is_told_again_while_it_is_counted_waits_for_nobody(
    sent: Transfer, now: datetime
) -> None:
    [one, other, *_rest] = make_events(sent, ReceiptKind.SHOWN, now)
    with transaction.atomic():
        receipts.keep_receipts([one], 1, now)
    forget_places()
    scheduler = Rival(receipt_folds.fold_waiting)

    with transaction.atomic():
        receipts.keep_receipts([other], 1, now)
        scheduler.begin()  # it stands in the same row of the count
        again = receipts.keep_receipts([one], 1, now)

    assert (again, scheduler.end()) == (0, True)
    assert [count for *_place, count in list_placed()] == [2]
