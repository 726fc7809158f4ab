"""Totals by transfer and by day, as dialects are answered."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from campaigns.models import (
    Batch,
    Cohort,
    Counter,
    Message,
    Part,
    ReceiptCount,
    Rollup,
    Transfer,
    VendorCount,
)
from campaigns.models.packing import pack_cohorts, pack_ids
from campaigns.selectors.totals import load_days, load_totals
from providers import registry
from providers.outcomes import Reason
from providers.receipts import ReceiptKind
from tests import builders

pytestmark = pytest.mark.database


@pytest.fixture
def account(app):
    return builders.make_route(app, "android").account


@pytest.fixture
def silent_account(app, account):
    """An account whose vendor tells nothing of single recipients."""
    mute = next(item for item in registry.all_dialects() if item.connect and not item.has_receipts)
    return builders.make_route(app, "ios", dialect=mute.key).account


@pytest.fixture
def make_transfer(app, now):
    def make(**fields):
        message = Message.objects.create(app=app, content={"title": "Sale", "body": "There"})
        values = {"status": "sending", "frozen_at": now, "audience": 100, "tag": "spring", **fields}
        transfer = Transfer.objects.create(
            app=app, group=app.groups.get(), status_since=now, due_at=now, created_at=now, **values
        )
        Part.objects.create(transfer=transfer, message=message, audience=100)
        return transfer

    return make


def count(transfer, account, platform, outcome, number, reason=""):
    Counter.objects.create(
        part=transfer.parts.get(), platform=platform, account_id=account.pk if account else 0,
        outcome=outcome, reason=reason, count=number,
    )  # fmt: skip


def test_totals_say_what_became_of_everybody(account, make_transfer, now):
    transfer = make_transfer()
    count(transfer, account, "android", "sent", 60)
    count(transfer, account, "android", "failed", 5, "token")
    count(transfer, None, "", "skipped", 5, "unknown_id")
    Batch.objects.create(
        part=transfer.parts.get(), transfer=transfer, app=transfer.app, platform="ios", count=30,
        recipients=pack_ids([1]), cohorts=pack_cohorts([1]), due_at=now,
    )  # fmt: skip

    [row] = load_totals([transfer])

    assert (row.total.targets, row.total.sent, row.total.skipped, row.total.pending) == (
        100, 60, 5, 30,
    )  # fmt: skip
    assert row.total.failed == {Reason.TOKEN: 5}
    assert {name: total.targets for name, total in row.by_platform.items()} == {
        "android": 65, "ios": 30,
    }  # fmt: skip
    assert (row.title, row.body, row.tag) == ("Sale", "There", "spring")


def test_what_nobody_reports_is_not_zero(silent_account, account, make_transfer, now):
    silent, told = make_transfer(), make_transfer()
    count(silent, silent_account, "ios", "sent", 10)
    count(told, account, "android", "sent", 10)
    ReceiptCount.objects.create(
        part=told.parts.get(), hour=now, platform="android", account_id=account.pk,
        kind="opened", count=4,
    )  # fmt: skip

    quiet, talkative = (row.total.receipts for row in load_totals([silent, told]))

    assert set(quiet.values()) == {None}
    assert talkative[ReceiptKind.OPENED] == 4
    assert talkative[ReceiptKind.DELIVERED] == 0
    assert talkative[ReceiptKind.CLICKED] is None


def test_a_vendors_own_total_counts_where_nothing_better_is_known(
    silent_account, make_transfer, now
):
    transfer = make_transfer()
    count(transfer, silent_account, "ios", "sent", 10)
    VendorCount.objects.create(
        part=transfer.parts.get(), account=silent_account, metric="delivered", value=7, as_of=now
    )

    [row] = load_totals([transfer])

    assert row.total.receipts[ReceiptKind.DELIVERED] == 7
    assert row.by_platform["ios"].receipts[ReceiptKind.DELIVERED] == 7


def test_many_transfers_cost_no_more_queries_than_one(
    account, make_transfer, django_assert_num_queries
):
    transfers = [make_transfer() for _ in range(5)]
    for transfer in transfers:
        count(transfer, account, "android", "sent", 1)
    ids = [transfer.pk for transfer in transfers]
    asked = list(Transfer.objects.filter(pk__in=ids).prefetch_related("parts__message"))

    with django_assert_num_queries(9):
        rows = load_totals(asked)

    assert [row.total.sent for row in rows] == [1] * 5


def test_days_are_the_apps_own(app, account, make_transfer, now):
    app.timezone = "Pacific/Auckland"
    app.save()
    transfer = make_transfer(status="sent", finished_at=now)
    part = transfer.parts.get()
    cohort = Cohort.objects.create(app=app, platform="android")
    hour = now.replace(hour=13, minute=0, second=0, microsecond=0)
    for offset, number in ((0, 3), (-3, 5)):
        Rollup.objects.create(
            part=part, hour=hour + timedelta(hours=offset), cohort_id=cohort.pk,
            account_id=account.pk, outcome="sent", count=number,
        )  # fmt: skip

    rows = load_days(app, (date(2020, 1, 1), date(2030, 1, 1)))

    # At 10:00 UTC it is 23:00 there, at 13:00 UTC it is the next day.
    assert [(row.platform, row.total.sent) for row in rows] == [("android", 5), ("android", 3)]
    assert rows[1].day - rows[0].day == timedelta(days=1)
    assert rows[0].total.receipts[ReceiptKind.DELIVERED] == 0
    assert load_days(app, (rows[1].day, rows[1].day), "ios") == ()
