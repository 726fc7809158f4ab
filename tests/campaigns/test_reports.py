"""Reports are sums of what was folded by hour, named and cut as asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.dispatch import receipt_folds
from campaigns.errors import Invalid
from campaigns.models import (
    Account,
    Cohort,
    Counter,
    Delivery,
    Group,
    Message,
    Part,
    ReceiptCount,
    ReceiptRollup,
    Rollup,
    Transfer,
    VendorCount,
)
from campaigns.models.bulk import add_counts
from campaigns.selectors.reports import report_table
from providers.audience import And, Condition, Not, Op
from providers.outcomes import Refusal
from providers.reporting import read_zone
from providers.reports import FetchReport, Metric, ReportField
from tests import builders

pytestmark = pytest.mark.database
GROUP, TAG, TRANSFER, PLATFORM = ReportField
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def account(workspace):
    return Account.objects.create(workspace=workspace, name="Teller", dialect="sandbox")


def make_transfer(app, *, tag="", group="General", at=NOON, **fields):
    return Transfer.objects.create(
        app=app, group=Group.objects.get_or_create(app=app, name=group)[0], tag=tag,
        status="sent", status_since=at, due_at=at, created_at=at, **fields,
    )  # fmt: skip


def make_part(transfer, number=0):
    message = Message.objects.create(app=transfer.app, content={"body": "Hi"})
    return Part.objects.create(transfer=transfer, number=number, message=message)


def settle(part, count, *, outcome="sent", platform="android", at=NOON, account_id=0):
    app = part.transfer.app
    cohort, _created = Cohort.objects.get_or_create(app=app, platform=platform)
    Rollup.objects.create(
        part=part, hour=at.replace(minute=0), cohort_id=cohort.pk, outcome=outcome, count=count,
        account_id=account_id,
    )  # fmt: skip
    return cohort


def receive(part, kind, count, *, platform="android", at=NOON, account_id=0, sent_at=NOON):
    """Came at that hour of who was sent to at another."""
    ReceiptCount.objects.create(
        part=part, hour=at, platform=platform, account_id=account_id, kind=kind, count=count
    )
    cohort = Cohort.objects.get(app=part.transfer.app, platform=platform)
    add_counts(
        ReceiptRollup,
        receipt_folds.ROLLUP_COLUMNS,
        [(part.pk, sent_at, cohort.pk, account_id, kind, count)],
    )


def deliver(part, cohort, recipients):
    Delivery.objects.bulk_create(
        Delivery(
            part_id=part.pk, recipient=item, at=NOON, cohort_id=cohort.pk, outcome="sent"
        )
        for item in recipients
    )  # fmt: skip


def ask(app, *metrics, now=NOON, **options):
    command = FetchReport(apps=(str(app.pk),), metrics=metrics or (Metric.SENT,), **options)
    return report_table([app.pk], command, now)


def list_names(table):
    return [tuple(cell.name for cell in row.dimensions) for row in table.rows]


def list_numbers(table):
    return [row.metrics for row in table.rows]


def test_rows_stand_by_group_tag_and_transfer(app):
    transfer = make_transfer(app, tag="spring")
    part = make_part(transfer)
    settle(part, 7)
    settle(part, 3, platform="ios")
    settle(part, 2, outcome="failed")

    table = ask(app, dimensions=(GROUP, TAG, TRANSFER))

    assert list_names(table) == [("General", "spring", str(transfer.pk))]
    assert table.rows[0].dimensions[0].id == str(transfer.group_id)
    assert list_numbers(table) == [(10,)]
    assert table.totals == (10,)


def test_dimensions_come_in_any_order(app):
    settle(make_part(make_transfer(app, tag="spring")), 7)

    table = ask(app, dimensions=(PLATFORM, TAG))

    assert list_names(table) == [("android", "spring")]


def test_a_transfer_that_reached_nobody_has_a_row_with_nothing_sent(app):
    transfer = make_transfer(app)

    table = ask(app, Metric.SENT, Metric.DELIVERED, dimensions=(TRANSFER,))

    assert list_names(table) == [(str(transfer.pk),)]
    assert list_numbers(table) == [(0, None)]


def test_tests_are_left_out(app):
    settle(make_part(make_transfer(app, is_test=True)), 7)

    table = ask(app, dimensions=(TRANSFER,))

    assert table.rows == ()
    assert table.totals == (0,)


def test_other_apps_are_left_out(app):
    other = builders.make_app(app.workspace, "other")
    settle(make_part(make_transfer(other)), 7)

    table = ask(app)

    assert list_numbers(table) == [(0,)]


def test_what_nobody_reports_is_none_and_never_zero(app):
    settle(make_part(make_transfer(app)), 7)

    table = ask(app, Metric.DELIVERED, Metric.SHOWN, Metric.OPENED, Metric.OPEN_RATE)

    assert list_numbers(table) == [(None, None, None, None)]
    assert table.minima == table.maxima == table.totals == (None, None, None, None)


def test_an_account_that_tells_of_receipts_counts_from_zero(app, account):
    part = make_part(make_transfer(app))
    settle(part, 8, account_id=account.pk)
    receive(part, "opened", 2, account_id=account.pk)

    table = ask(app, Metric.DELIVERED, Metric.SHOWN, Metric.OPENED, Metric.OPEN_RATE)

    assert list_numbers(table) == [(0, None, 2, 25.0)]


def test_a_vendors_totals_count_once_where_no_receipts_come(app, account):
    silent = Account.objects.create(workspace=app.workspace, name="Silent", dialect="unheard")
    part = make_part(make_transfer(app))
    settle(part, 8, account_id=account.pk)
    settle(part, 8, outcome="failed", account_id=silent.pk)
    receive(part, "delivered", 5, account_id=account.pk)
    for teller, value in ((account, 100), (silent, 30)):
        VendorCount.objects.create(
            part=part, account=teller, metric="delivered", value=value, as_of=NOON
        )

    table = ask(app, Metric.DELIVERED)

    assert list_numbers(table) == [(35,)]


def test_a_vendors_total_is_told_by_platform_only_where_there_is_one(app):
    silent = Account.objects.create(workspace=app.workspace, name="Silent", dialect="unheard")
    for number, platforms in enumerate((["android"], ["android", "ios"])):
        part = make_part(make_transfer(app), number)
        for platform in platforms:
            settle(part, 4, platform=platform, account_id=silent.pk)
            Counter.objects.create(
                part=part, platform=platform, account_id=silent.pk, outcome="sent", count=4
            )
        VendorCount.objects.create(
            part=part, account=silent, metric="delivered", value=3, as_of=NOON
        )

    table = ask(app, Metric.SENT, Metric.DELIVERED, dimensions=(PLATFORM,))

    assert dict(zip(list_names(table), list_numbers(table), strict=True)) == {
        ("android",): (8, 3),
        ("ios",): (4, None),
    }


def test_days_are_those_of_the_apps_zone(app):
    app.timezone = "Asia/Tokyo"
    app.save()
    part = make_part(make_transfer(app, at=NOON - timedelta(days=9)))
    settle(part, 1, at=datetime(2026, 11, 19, 14, 0, tzinfo=UTC))
    settle(part, 2, at=datetime(2026, 11, 19, 15, 0, tzinfo=UTC))

    table = ask(app, date_from="today", date_to="today")

    assert list_numbers(table) == [(2,)]
    assert (table.date_from, table.date_to) == ("2026-11-20", "2026-11-20")


@pytest.mark.parametrize(
    ("date_from", "date_to", "sent"),
    [
        ("2026-11-20", "2026-11-20", 1),
        ("yesterday", "yesterday", 2),
        ("2daysAgo", "today", 7),
        ("0001-01-01", "9999-12-31", 7),
        ("9999daysAgo", "3daysAgo", 0),
    ],
)
def test_both_ends_of_a_span_are_counted(app, date_from, date_to, sent):
    part = make_part(make_transfer(app))
    for ago, count in enumerate((1, 2, 4)):
        settle(part, count, at=NOON - timedelta(days=ago))

    table = ask(app, date_from=date_from, date_to=date_to, timezone="+00:00")

    assert table.totals == (sent,)


def test_a_span_that_ends_before_it_begins_is_refused(app):
    with pytest.raises(Invalid):
        ask(app, date_from="today", date_to="yesterday")


@pytest.mark.values(6)
@pytest.mark.parametrize(
    ("where", "names"),
    [
        (Condition("tag", Op.EQ, "a"), ["a"]),
        (Condition("tag", Op.CONTAINS, "A"), []),
        (Not(Condition("tag", Op.EQ, "a")), ["", "b"]),
        (Condition("group", Op.EQ, "General"), ["", "a"]),
        (And((Condition("platform", Op.EQ, "ios"), Condition("tag", Op.IN, ("a", "b")))), ["b"]),
        (Condition("transfer", Op.EQ, "no number"), []),
    ],
)
def test_filters_choose_rows(app, where, names):
    settle(make_part(make_transfer(app)), 1)
    settle(make_part(make_transfer(app, tag="a")), 1)
    settle(make_part(make_transfer(app, tag="b", group="Other")), 1, platform="ios")

    table = ask(app, dimensions=(TAG,), where=where)

    assert sorted(name for (name,) in list_names(table)) == names


def test_a_filter_may_name_a_group_by_its_id(app):
    transfer = make_transfer(app, tag="a")
    settle(make_part(transfer), 1)
    where = Condition("group", Op.EQ, str(transfer.group_id))

    table = ask(app, dimensions=(TAG,), where=where)

    assert list_names(table) == [("a",)]


def test_rows_are_sorted_and_cut_while_totals_are_of_all(app):
    for count in (5, 9, 1):
        settle(make_part(make_transfer(app, tag=f"tag {count}")), count)

    table = ask(app, dimensions=(TAG,), sort=(("sent", True),), limit=1, offset=1)

    assert list_names(table) == [("tag 5",)]
    assert (table.total_rows, table.totals, table.minima, table.maxima) == (3, (15,), (1,), (9,))


@pytest.mark.parametrize("is_descending", [True, False])
def test_rows_without_the_number_come_last(app, account, is_descending):
    known, unknown = make_part(make_transfer(app, tag="b")), make_part(make_transfer(app, tag="a"))
    settle(known, 4, account_id=account.pk)
    settle(unknown, 4)

    table = ask(app, Metric.OPENED, dimensions=(TAG,), sort=(("opened", is_descending),))

    assert list_names(table) == [("b",), ("a",)]


def test_transfers_are_sorted_as_numbers(app):
    ids = [make_transfer(app, id=number).pk for number in (1000, 99)]

    table = ask(app, dimensions=(TRANSFER,), sort=(("transfer", True),))

    assert list_names(table) == [(str(item),) for item in ids]


def test_users_of_several_transfers_are_counted_once(app):
    cohorts = []
    parts = [make_part(make_transfer(app, tag=tag)) for tag in ("a", "b")]
    for part in parts:
        cohorts.append(settle(part, 2))
        deliver(part, cohorts[-1], [1, 2])

    by_tag = ask(app, Metric.USERS, dimensions=(TAG,))
    by_group = ask(app, Metric.USERS, dimensions=(GROUP,))

    assert (list_numbers(by_tag), by_tag.totals) == ([(2,), (2,)], (2,))
    assert (list_numbers(by_group), by_group.totals) == ([(2,)], (2,))


def test_users_of_a_transfer_with_two_parts_are_counted_once(app):
    transfer = make_transfer(app)
    for number, recipients in enumerate(([1, 2], [2, 3])):
        part = make_part(transfer, number)
        deliver(part, settle(part, 2), recipients)

    table = ask(app, Metric.USERS, Metric.SENT, dimensions=(GROUP, TAG, TRANSFER, PLATFORM))

    assert list_numbers(table) == [(3, 4)]


def test_users_behind_a_filter_are_those_of_its_platform(app):
    transfer = make_transfer(app)
    for number, (platform, recipients) in enumerate((("ios", [1, 2]), ("android", [3]))):
        part = make_part(transfer, number)
        deliver(part, settle(part, len(recipients), platform=platform), recipients)
    second = make_part(make_transfer(app))
    deliver(second, settle(second, 1, platform="ios"), [2])

    table = ask(app, Metric.USERS, where=Condition("platform", Op.EQ, "ios"))

    assert list_numbers(table) == [(2,)]


@pytest.mark.parametrize("zone", ["Mars/Base", "../etc/passwd", "+99:99", "x" * 5000, "+03", "\0"])
def test_a_zone_that_does_not_exist_is_refused(zone):
    with pytest.raises(Refusal, match="no time zone"):
        read_zone(zone)
