"""Reports by any dimension: three sources that are never mixed, and what none of them knows."""

from __future__ import annotations

from datetime import UTC, date, timedelta
from zoneinfo import ZoneInfo

import pytest

from campaigns.errors import Invalid
from campaigns.models import (
    Account,
    Cohort,
    Counter,
    Delivery,
    ReceiptRollup,
    ReceiptRow,
    Rollup,
    Transfer,
    VendorCount,
)
from campaigns.pages.background import list_lines
from campaigns.selectors.comparison import read_side
from campaigns.selectors.dimensions import break_down, name_values
from campaigns.selectors.lines import sum_lines
from campaigns.selectors.questions import Dimension, Question
from campaigns.selectors.report_facts import make_span
from campaigns.services.job_work import drain_jobs
from campaigns.services.jobs import read_file
from campaigns.services.report_jobs import Wanted, start_report
from providers import registry
from providers.reports import Metric
from tests import builders
from tests.campaigns.test_reports import NOON, make_part, make_transfer, receive, settle

pytestmark = pytest.mark.database
CAME = {Metric.DELIVERED: 6, Metric.OPENED: 2}
TELLER = next(dialect.key for dialect in registry.all_dialects() if dialect.has_receipts)
MUTE = next(dialect.key for dialect in registry.all_dialects() if not dialect.has_receipts)


@pytest.fixture
def teller(workspace):
    return Account.objects.create(workspace=workspace, name="Teller", dialect=TELLER)


@pytest.fixture
def mute(workspace):
    return Account.objects.create(workspace=workspace, name="Mute", dialect=MUTE)


def ask(app, by, zone=UTC, **only):
    span = make_span([app.pk], (date(2026, 11, 20), date(2026, 11, 20)), zone)
    named = {Dimension(name): str(value) for name, value in only.items()}
    return {line.name: line for line in break_down(Question(span, by, zone, named))}


@pytest.fixture
def books(app, teller, mute):
    """Two transfers, one through who tells of receipts, one through who only has totals."""
    first = make_transfer(app, tag="spring", name="One")
    second = make_transfer(app, tag="sale", group="News", name="Two")
    told, silent = make_part(first), make_part(second)
    settle(told, 8, account_id=teller.pk)
    settle(told, 2, outcome="failed", platform="ios", account_id=teller.pk)
    settle(silent, 5, account_id=mute.pk, at=NOON + timedelta(hours=3))
    receive(told, "delivered", 6, account_id=teller.pk)
    receive(told, "opened", 2, account_id=teller.pk, at=NOON + timedelta(hours=1))
    VendorCount.objects.create(part=silent, account_id=mute.pk, metric="delivered", value=4,
                               as_of=NOON)  # fmt: skip
    return first, second


def test_each_source_fills_its_own_columns(app, books):
    lines = ask(app, Dimension.GROUP)

    general, news = lines["General"], lines["News"]
    assert general.outcomes == {"sent": 8, "failed": 2}
    assert general.receipts == {Metric.DELIVERED: 6, Metric.OPENED: 2}
    assert (general.vendor, general.open_rate) == ({}, 25)
    assert (news.outcomes, news.receipts) == ({"sent": 5}, {})
    assert (news.vendor, news.open_rate) == ({Metric.DELIVERED: 4}, None)
    assert sum_lines(lines.values()).outcomes == {"sent": 13, "failed": 2}


@pytest.mark.values(8)
@pytest.mark.parametrize(
    ("by", "wanted"),
    [
        (Dimension.TAG, {"spring": 10, "sale": 5}),
        (Dimension.PLATFORM, {"android": 13, "ios": 2}),
        (Dimension.ACCOUNT, {"Teller": 10, "Mute": 5}),
        (Dimension.DAY, {"2026-11-20": 15}),
        (Dimension.HOUR, {"12:00": 10, "13:00": 0, "15:00": 5}),
        (Dimension.CHANNEL, {"push": 15}),
        (Dimension.REASON, {"sent:": 13, "failed:": 2}),
        (Dimension.LANGUAGE, {"": 15}),
    ],
)
def test_every_dimension_sums_to_the_same(app, books, by, wanted):
    assert {name: line.total for name, line in ask(app, by).items()} == wanted


@pytest.mark.parametrize("is_alone", [True, False])
@pytest.mark.parametrize(
    "by", [Dimension.LANGUAGE, Dimension.DAY, Dimension.SEND_HOUR, Dimension.APP_VERSION]
)
def test_neither_tests_nor_another_apps_sends_are_in_it(app, books, by, is_alone):
    other = app if is_alone else builders.make_app(builders.make_workspace("foreign"), "theirs")
    for platform in ("android", ""):
        tried = make_part(make_transfer(app, is_test=True))
        for part in (tried, *([] if is_alone else [make_part(make_transfer(other))])):
            settle(part, 100, platform=platform)
            receive(part, "opened", 100, platform=platform)
    # The second half are ids that nobody knows.
    nobody = Cohort.objects.filter(platform="").values("pk")
    for model in (Rollup, ReceiptRollup):
        assert model.objects.filter(cohort_id__in=nobody).update(cohort_id=0)

    total = sum_lines(ask(app, by).values())

    assert total.outcomes == {"sent": 13, "failed": 2}
    assert total.receipts == CAME


def test_a_dimension_that_a_source_does_not_know_is_not_reported_never_0(app, books):
    by_reason = ask(app, Dimension.REASON)["sent:"]
    by_language = ask(app, Dimension.LANGUAGE)[""]
    narrowed = ask(app, Dimension.GROUP, reason="sent:")["General"]

    assert (by_reason.receipts, by_reason.vendor, by_reason.open_rate) == ({}, {}, None)
    assert (by_language.receipts, by_language.vendor) == (CAME, {})
    assert (narrowed.outcomes, narrowed.receipts) == ({"sent": 8}, {})


@pytest.mark.parametrize(
    ("by", "name", "only"),
    [
        (Dimension.LANGUAGE, "", {}),
        (Dimension.COUNTRY, "", {}),
        (Dimension.APP_VERSION, "0", {}),
        (Dimension.SEND_HOUR, "12:00", {}),
        (Dimension.PLATFORM, "android", {"language": ""}),
        (Dimension.DAY, "2026-11-20", {"country": ""}),
        (Dimension.HOUR, "12:00", {"language": ""}),
        (Dimension.GROUP, "General", {"send_hour": "12:00"}),
    ],
)
def test_by_what_recipients_were_what_came_back_is_of_their_sends(app, books, by, name, only):
    line = ask(app, by, **only)[name]

    # Opened an hour after it was sent, as all of it was at noon.
    assert (line.receipts, line.of_opened) == (CAME, None)
    assert line.open_rate == pytest.approx(100 * 2 / line.outcomes["sent"])


@pytest.mark.parametrize(("is_of_sends", "came"), [(False, CAME), (True, {})])
def test_any_report_may_be_of_what_came_back_of_its_days_sends(app, teller, is_of_sends, came):
    part = make_part(make_transfer(app, at=NOON - timedelta(days=1)))
    settle(part, 8, account_id=teller.pk, at=NOON - timedelta(days=1))
    receive(part, "delivered", 6, account_id=teller.pk, sent_at=NOON - timedelta(days=1))
    receive(part, "opened", 2, account_id=teller.pk, sent_at=NOON - timedelta(days=1))
    span = make_span([app.pk], (date(2026, 11, 20), date(2026, 11, 20)), UTC)

    lines = break_down(Question(span, Dimension.GROUP, UTC, is_of_sends=is_of_sends))

    assert sum_lines(lines).receipts == came


def test_nothing_comes_back_of_those_whom_a_report_is_not_narrowed_to(app, books):
    assert ask(app, Dimension.GROUP, language="de") == {}
    assert ask(app, Dimension.GROUP, send_hour="13:00") == {}


def test_a_report_is_narrowed_by_several_dimensions(app, books):
    first, _second = books

    lines = ask(app, Dimension.TRANSFER, platform="ios", group=first.group_id)

    assert {name: line.outcomes for name, line in lines.items()} == {
        f"{first.pk} One": {"failed": 2}
    }


@pytest.mark.parametrize(
    ("only", "outcomes", "opened"),
    [
        ({"hour": "12:00"}, {"One": {"sent": 8, "failed": 2}}, None),
        ({"hour": "13:00"}, {"One": {}, }, 2),
        ({"hour": "15:00"}, {"Two": {"sent": 5}}, None),
        ({"reason": "failed:"}, {"One": {"failed": 2}}, None),
        ({"reason": "failed:token"}, {}, None),
    ],
)  # fmt: skip
def test_a_report_is_narrowed_by_the_hour_and_the_reason(app, books, only, outcomes, opened):
    lines = ask(app, Dimension.TRANSFER, **only)

    assert {name.split()[1]: line.outcomes for name, line in lines.items()} == outcomes
    assert sum_lines(lines.values()).receipts.get(Metric.OPENED) in (opened, opened or 0)


def test_an_hour_in_which_nothing_came_of_what_is_reported_says_0(app, books):
    lines = ask(app, Dimension.HOUR)

    assert {name: line.receipts for name, line in lines.items()} == {
        "12:00": {Metric.DELIVERED: 6, Metric.OPENED: 0},
        "13:00": {Metric.DELIVERED: 0, Metric.OPENED: 2},
        "15:00": {Metric.DELIVERED: 0, Metric.OPENED: 0},
    }


def test_hours_and_days_are_of_the_zone(app, books):
    lines = ask(app, Dimension.HOUR, ZoneInfo("Asia/Tokyo"))

    assert sorted(lines) == ["21:00", "22:00"]


def test_a_name_of_another_apps_row_is_not_told(app, books):
    theirs = builders.make_app(builders.make_workspace(slug="foreign"), slug="theirs")

    names = name_values(Dimension.GROUP, [str(books[0].group_id)], [theirs.pk])

    assert names == {str(books[0].group_id): str(books[0].group_id)}


def test_a_transfer_of_which_nothing_is_settled_has_a_line(app):
    transfer = make_transfer(app, name="Quiet")

    assert ask(app, Dimension.TRANSFER)[f"{transfer.pk} Quiet"].total == 0


def test_a_test_of_which_nothing_is_settled_has_no_line(app):
    make_transfer(app, name="Test", is_test=True, tag="tried")
    quiet = make_transfer(app, name="Quiet", tag="sent")

    assert list(ask(app, Dimension.TRANSFER)) == [f"{quiet.pk} Quiet"]
    assert list(ask(app, Dimension.TAG)) == ["sent"]


def test_two_sides_are_compared_by_outcome_platform_and_speed(app, books):
    first, second = books
    for transfer, count in ((first, 8), (second, 5)):
        Counter.objects.create(part=transfer.parts.get(), platform="android", outcome="sent",
                               count=count)  # fmt: skip

    later = NOON + timedelta(days=3)
    one, other = (read_side(Transfer.objects.filter(pk=row.pk), later) for row in books)

    assert (one.total.outcomes, other.total.outcomes) == ({"sent": 8}, {"sent": 5})
    assert one.platforms["android"].receipts[Metric.OPENED] == 2
    assert one.opened is not None
    assert (one.opened[0], one.opened[1], one.opened[-1]) == (0, 2, 2)
    assert other.opened is None
    assert other.total.vendor == {Metric.DELIVERED: 4}


@pytest.fixture
def recipients(app, teller):
    """Three sent to and one not; two of them speak German, one opened."""
    part = make_part(make_transfer(app, audience=4))
    cohorts = [Cohort.objects.create(app=app, platform="ios", language=language)
               for language in ("de", "=1")]  # fmt: skip
    devices = [
        builders.make_device(app, f"t{number}", model=model, attributes={"plan": number})
        for number, model in enumerate(("Pixel", "Pixel", "Fold", "Fold"))
    ]
    for number, device in enumerate(devices):
        Delivery.objects.create(
            part_id=part.pk, recipient=device.pk, at=NOON + timedelta(hours=number),
            cohort_id=cohorts[number // 2].pk, account_id=teller.pk,
            outcome="sent" if number else "failed",
        )  # fmt: skip
    ReceiptRow.objects.create(part_id=part.pk, recipient=devices[1].pk, kind="opened", at=NOON)
    return part


def count(app, field, now, **only):
    wanted = Wanted((app,), field, NOON - timedelta(days=1), NOON + timedelta(days=1), only)
    job = start_report(app, wanted, actor="ann", now=now)
    drain_jobs()
    job.refresh_from_db()
    assert job.status == "done"
    return job


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        ("language", {"de": (1, 1, 1), "=1": (2, 0, 0)}),
        ("model", {"Pixel": (1, 1, 1), "Fold": (2, 0, 0)}),
        ("send_hour", {"12:00": (0, 1, 0), "13:00": (1, 0, 1), "14:00": (1, 0, 0),
                       "15:00": (1, 0, 0)}),
        ("device.custom.plan", {"0": (0, 1, 0), "1": (1, 0, 1), "2": (1, 0, 0), "3": (1, 0, 0)}),
        ("person.custom.plan", {"": (3, 1, 1)}),
    ],
)  # fmt: skip
def test_the_background_report_counts_recipient_by_recipient(
    app, recipients, now, monkeypatch, field, wanted
):
    monkeypatch.setattr("campaigns.services.report_jobs.CHUNK", 2)

    job = count(app, field, now)

    values = job.cursor["values"]
    found = {value: (row[0], row[1], row[-1]) for value, row in values.items()}
    lines = b"".join(read_file(job, "report")).decode().splitlines()
    assert found == wanted
    assert (job.done, job.total) == (4, 4)
    assert len(lines) == len(wanted) + 1
    assert not any(line.startswith("=") for line in lines)


def test_what_may_be_forgotten_is_not_reported_as_nothing(app, recipients, now):
    fresh = count(app, "model", now)
    Transfer.objects.update(created_at=now - timedelta(days=401))
    ReceiptRow.objects.all().delete()

    old = count(app, "model", now)

    kept, forgotten = (dict(list_lines(job))["Pixel"] for job in (fresh, old))
    assert (kept[0], kept[-2:]) == (1, [1, 100.0]), "sent, opened, and what share that is"
    assert (forgotten[0], forgotten[-2:]) == (1, [None, None])
    assert b"".join(read_file(old, "report")).decode().splitlines()[1].endswith(",,,")


def test_the_background_report_leaves_tests_out(app, recipients, now):
    Delivery.objects.create(
        part_id=make_part(make_transfer(app, is_test=True, audience=1)).pk, outcome="sent",
        recipient=builders.make_device(app, "tester", model="Tester").pk, at=NOON,
        cohort_id=Cohort.objects.filter(app=app)[0].pk,
    )  # fmt: skip

    job = count(app, "model", now)

    assert set(job.cursor["values"]) == {"Pixel", "Fold"}
    assert (job.done, job.total) == (4, 4)


def test_a_chunk_that_is_counted_twice_after_a_death_counts_once(app, recipients, now, monkeypatch):
    monkeypatch.setattr("campaigns.services.report_jobs.CHUNK", 1)
    died = []

    def die_once(*args):
        if not died:
            died.append(True)
            raise ZeroDivisionError

    whole = count(app, "model", now).cursor["values"]
    monkeypatch.setattr("campaigns.services.job_work._keep", lambda *args: die_once())
    wanted = Wanted((app,), "model", NOON - timedelta(days=1), NOON + timedelta(days=1), {})
    job = start_report(app, wanted, actor="ann", now=now)
    drain_jobs()

    job.refresh_from_db()
    assert died
    assert (job.status, job.cursor) == ("failed", {})  # the step and its cursor went together
    assert whole == {"Pixel": [1, 1, 0, 0, 0, 0, 0, 0, 1], "Fold": [2, 0, 0, 0, 0, 0, 0, 0, 0]}


def test_values_beyond_the_most_are_counted_together(app, recipients, now, monkeypatch):
    monkeypatch.setattr("campaigns.services.report_jobs.MOST_VALUES", 1)

    values = count(app, "device.custom.plan", now).cursor["values"]

    assert [row[:2] for row in values.values()] == [[0, 1], [3, 0]]


@pytest.mark.parametrize("field", ["", "password", "device.custom.", "device.custom.a\0b", "pk"])
def test_a_field_that_no_report_is_by_is_refused(app, now, field):
    with pytest.raises(Invalid):
        count(app, field, now)


def test_nobody_reports_what_no_account_tells(app, recipients, now):
    Delivery.objects.update(account_id=0)
    ReceiptRow.objects.all().delete()

    job = count(app, "model", now)

    assert job.cursor["told"] == []
    assert b"Fold,2,0,0,0,0,0,,," in b"".join(read_file(job, "report"))
