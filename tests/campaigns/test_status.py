"""How a transfer stands, told without reading its recipients."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.models import (
    Attempt,
    Batch,
    Campaign,
    Counter,
    Exchange,
    Message,
    Part,
    ReceiptCount,
    Transfer,
    VendorCount,
)
from campaigns.models.packing import pack_cohorts, pack_ids
from campaigns.selectors import status
from providers.commands import Fault, FaultKind, TransferState
from tests import builders

pytestmark = pytest.mark.database


@pytest.fixture
def account(app):
    return builders.make_route(app, "android").account


@pytest.fixture
def transfer(app, now):
    message = Message.objects.create(app=app, content={"body": "There"})
    campaign = Campaign.objects.create(
        workspace=app.workspace, app=app, name="One", message=message, audience={"all": True},
        status_since=now, created_at=now, created_by="owner",
    )  # fmt: skip
    transfer = Transfer.objects.create(
        app=app, group=app.groups.get(), campaign=campaign, status="sending", status_since=now,
        due_at=now, created_at=now, frozen_at=now, audience=100,
    )  # fmt: skip
    Part.objects.create(transfer=transfer, message=message, audience=100, resent=2)
    return transfer


@pytest.fixture
def settled(transfer, account):
    part = transfer.parts.get()
    for platform, outcome, count in (
        ("android", "sent", 60), ("android", "failed", 5), ("ios", "sent", 10), ("", "skipped", 5)
    ):  # fmt: skip
        Counter.objects.create(
            part=part, platform=platform, account_id=account.pk if platform else 0,
            outcome=outcome, count=count,
        )  # fmt: skip
    Batch.objects.create(
        part=part, transfer=transfer, app=transfer.app, platform="ios", count=30, settled=10,
        recipients=pack_ids(range(30)), cohorts=pack_cohorts([1] * 30), due_at=transfer.due_at,
    )  # fmt: skip
    return transfer


def test_the_books_balance_with_what_is_pending(settled):
    counters = status.count_transfers([settled.pk])[settled.pk]

    assert counters.as_dict() == {
        "audience": 100, "sent": 70, "failed": 5, "skipped": 5, "expired": 0, "cancelled": 0,
        "unknown": 0, "pending": 20, "resent": 2,
    }  # fmt: skip
    assert status.count_campaigns([settled.campaign_id]) == {settled.campaign_id: counters}


def test_platforms_show_their_own_books(settled):
    platforms = {row.platform: row.counters for row in status.platform_counters(settled)}

    assert (platforms["android"].sent, platforms["android"].pending) == (60, 0)
    assert (platforms["ios"].audience, platforms["ios"].pending) == (30, 20)
    assert platforms[""].skipped == 5


def test_many_transfers_are_counted_in_two_queries(settled, django_assert_num_queries):
    with django_assert_num_queries(2):
        counted = status.count_transfers([settled.pk, 999])

    assert (counted[settled.pk].sent, counted[999].audience) == (70, 0)


def test_the_pace_is_what_vendors_took_in_the_last_seconds(settled, account, now):
    batch = settled.batches.get()
    for age, was_sent in ((2, True), (3, False), (60, True)):
        Attempt.objects.create(
            batch=batch, account=account, key="k", first=0, last=9, was_sent=was_sent,
            started_at=now - timedelta(seconds=age), answered_at=now - timedelta(seconds=age),
        )  # fmt: skip
    Transfer.objects.update(status_since=now - timedelta(seconds=5))
    settled.refresh_from_db()

    shown = status.progress(settled, now=now)

    assert shown.rate == 2.0
    assert shown.seconds_left == 10.0


def test_nobody_can_say_how_long_it_takes_while_nothing_moves(settled, now):
    shown = status.progress(settled, now=now)

    assert (shown.rate, shown.seconds_left) == (0.0, None)


def test_errors_are_the_vendors_own_words_newest_first(settled, account, now):
    attempt = Attempt.objects.create(
        batch=settled.batches.get(), account=account, key="k", last=9, started_at=now,
        words="Wrong key",
    )  # fmt: skip
    for reason, attempt_id, answer in (
        ("vendor", None, "busy"), ("", None, "fine"), ("credential", attempt.pk, "{}")
    ):  # fmt: skip
        Exchange.objects.create(
            account=account, transfer_id=settled.pk, attempt_id=attempt_id, at=now,
            method="POST", url="https://example.org", response=answer, reason=reason,
        )  # fmt: skip

    errors = status.list_errors(settled)

    assert [(line.reason, line.words) for line in errors] == [
        ("credential", "Wrong key"), ("vendor", "busy"),
    ]  # fmt: skip


def test_what_nobody_reports_is_not_zero(settled, account, now):
    type(account).objects.update(dialect="appmetrica")

    receipts = status.count_receipts([settled.pk])[settled.pk]

    assert set(receipts.values()) == {None}


def test_an_account_that_tells_of_receipts_starts_at_zero(settled, account, now):
    ReceiptCount.objects.create(
        part=settled.parts.get(), hour=now, platform="android", kind="delivered", count=7
    )

    receipts = status.count_receipts([settled.pk])[settled.pk]

    assert (receipts["delivered"], receipts["opened"], receipts["shown"]) == (7, 0, None)


def test_a_vendors_totals_stand_beside_the_books(settled, account, now):
    VendorCount.objects.create(
        part=settled.parts.get(), account=account, metric="opened", value=9, as_of=now
    )

    figures = status.list_vendor_figures(settled)

    assert [(figure.metric, figure.value) for figure in figures] == [("opened", 9)]
    assert status.count_transfers([settled.pk])[settled.pk].sent == 70


@pytest.mark.parametrize(
    ("own", "is_frozen", "told"),
    [
        ("accepted", False, TransferState.ACCEPTED),
        ("paused", False, TransferState.ACCEPTED),
        ("paused", True, TransferState.SENDING),
        ("sending", True, TransferState.SENDING),
        ("sent", True, TransferState.SENT),
        ("failed", True, TransferState.FAILED),
        ("cancelled", True, TransferState.CANCELLED),
    ],
)
def test_a_dialect_is_told_a_state_that_never_goes_back(transfer, now, own, is_frozen, told):
    transfer.status = own
    transfer.frozen_at = now if is_frozen else None

    assert status.transfer_state(transfer).state is told


def test_a_failed_transfer_tells_why(transfer):
    transfer.status = "failed"
    transfer.faults = [{"kind": "credentials", "platform": "android"}]

    assert status.transfer_state(transfer).faults == (Fault(FaultKind.CREDENTIALS, "android"),)
