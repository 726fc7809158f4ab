"""Reports read counters of transfers that lie in their hours as a whole, and say the same."""

from __future__ import annotations

import re
from collections import Counter as Tally
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns.dispatch import books
from campaigns.models import Batch, Cohort, Delivery, Transfer
from campaigns.models.packing import pack_cohorts, pack_ids, unpack_ids
from campaigns.selectors.dimensions import break_down
from campaigns.selectors.questions import OF_COUNTER, Dimension, Question
from campaigns.selectors.report_facts import make_span
from tests import builders
from tests.campaigns.test_reports import make_part, make_transfer

pytestmark = pytest.mark.database
DAY = date(2026, 11, 20)
START = datetime(2026, 11, 20, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
NOON, EARLIER, LATER = START + 12 * HOUR, START - 3 * HOUR, START + 26 * HOUR
# When it was made, when each of its platforms was sent to, when it had ended.
COURSES = {
    "whole": (NOON, NOON, NOON + HOUR),
    "begun before": (EARLIER, EARLIER, NOON),
    "ended after": (NOON, NOON, LATER),
    "longer than the day": (EARLIER, NOON, LATER),
    "not ended": (NOON, NOON, None),
    "ended by another clock": (START - HOUR, START + 5 * MINUTE, START - 5 * MINUTE),
    "made by another clock": (START + 1450 * MINUTE, START + 1405 * MINUTE, LATER),
    "sent before it was made": (START + 10 * MINUTE, START - 10 * MINUTE, NOON),
    "sent after it had ended": (NOON, START + 1430 * MINUTE, START + 1435 * MINUTE),
    "a test": (NOON, NOON, NOON + HOUR),
    "the day before": (EARLIER, EARLIER, EARLIER + HOUR),
}


@pytest.fixture
def transfers(app):
    """One of each course, with three outcomes on two platforms half an hour apart; and another
    app's."""
    fill(builders.make_app(app.workspace, "other"), "other", *COURSES["whole"])
    made = {name: fill(app, name, *course) for name, course in COURSES.items()}
    Transfer.objects.filter(tag="a test").update(is_test=True)
    return made


def fill(app, name, made, sent, ended):
    transfer = make_transfer(app, tag=name, name=name, at=made, finished_at=ended)
    part = make_part(transfer)
    for place, platform in enumerate(("android", "ios")):
        settle(part, platform, sent + place * HOUR / 2)
    return transfer


def settle(part, platform, at):
    """Seven devices of two languages: four reached, two dead, and one whom nobody called."""
    app = part.transfer.app
    ids = [builders.make_device(app, f"{part.pk}-{platform}-{n}", platform).pk for n in range(7)]
    cohorts = [
        Cohort.objects.get_or_create(app=app, platform=platform, language=language)[0].pk
        for language in ("de", "fr")
    ]
    members = [(pk, cohorts[place % 2]) for place, pk in enumerate(ids)]
    make_batch(part, platform, members, at)
    for account, verdict, some in (
        (7, books.Verdict("sent"), members[:4]),
        (8, books.Verdict("failed", "token"), members[4:6]),
        (0, books.Verdict("skipped", "no_token"), members[6:]),
    ):
        page = books.Page(part_id=part.pk, platform=platform, at=at, account_id=account)
        books.append_deliveries(page, verdict, some)
    books.fold_deliveries(part.pk, ids)


def make_batch(part, platform, members, at):
    Batch.objects.create(
        part=part, transfer=part.transfer, app=part.transfer.app, platform=platform,
        recipients=pack_ids([pk for pk, _cohort in members]),
        cohorts=pack_cohorts([cohort for _pk, cohort in members]),
        count=len(members), settled=len(members), state="done", is_folded=True, due_at=at,
    )  # fmt: skip


READ = {
    Dimension.GROUP: lambda row: str(row.part.transfer.group_id),
    Dimension.TAG: lambda row: row.part.transfer.tag,
    Dimension.TRANSFER: lambda row: str(row.part.transfer_id),
    Dimension.CHANNEL: lambda row: row.part.channel,
    Dimension.PLATFORM: lambda row: Cohort.objects.get(pk=row.cohort_id).platform,
    Dimension.ACCOUNT: lambda row: str(row.account_id),
    Dimension.REASON: lambda row: f"{row.outcome}:{row.reason}",
}


def count_rows(by, only):
    """The same from the deliveries themselves, one by one."""
    found = {}
    for row in Delivery.objects.select_related("part__transfer__app"):
        transfer, is_in = row.part.transfer, START <= row.at < START + 24 * HOUR
        is_meant = all(READ[name](row) == value for name, value in only.items())
        if is_meant and is_in and transfer.app.slug == "shop" and not transfer.is_test:
            found.setdefault(READ[by](row), Tally())[row.outcome] += 1
    return found


def report(app, by, only=None):
    span = make_span([app.pk], (DAY, DAY), UTC)
    lines = break_down(Question(span, by, UTC, only or {}))
    return {line.key: Tally(line.outcomes) for line in lines if line.outcomes}


@pytest.mark.values(len(OF_COUNTER))
@pytest.mark.parametrize("by", OF_COUNTER)
@pytest.mark.parametrize("narrowed", [None, Dimension.PLATFORM, Dimension.ACCOUNT])
def test_a_report_counts_each_recipient_of_its_hours_once(app, transfers, by, narrowed):
    only = {Dimension.PLATFORM: {narrowed: "ios"}, Dimension.ACCOUNT: {narrowed: "7"}}
    wanted = only.get(narrowed, {})

    assert report(app, by, wanted) == count_rows(by, wanted) != {}


def test_what_is_counted_of_each_course(app, transfers):
    found = {tag: counts.total() for tag, counts in report(app, Dimension.TAG).items()}

    assert found == {
        "whole": 14, "ended after": 14, "longer than the day": 14, "not ended": 14,
        "ended by another clock": 14, "made by another clock": 14,
        "sent before it was made": 7, "sent after it had ended": 7,
    }  # fmt: skip


def test_a_correction_is_reported_as_ever(app, transfers):
    part = transfers["whole"].parts.get()
    batch = Batch.objects.filter(part=part, platform="ios").get()
    change = books.Change(old="sent", new="failed", reason="vendor", evidence="Gone.", actor="v")
    books.correct_deliveries(batch, unpack_ids(batch.recipients)[:3], change, NOON)

    for by in OF_COUNTER:
        assert report(app, by) == count_rows(by, {}) != {}


def test_the_roll_up_of_a_whole_transfer_is_not_read(app):
    fill(app, "whole", *COURSES["whole"])
    with CaptureQueriesContext(connection) as asked:
        found = report(app, Dimension.TAG)

    assert found["whole"].total() == 14
    assert [query for query in asked if "campaigns_rollup" in query["sql"]] == []


def test_rows_of_named_cohorts_are_not_sought_by_part(app, transfers):
    with CaptureQueriesContext(connection) as asked:
        assert report(app, Dimension.LANGUAGE)
    [query] = [query["sql"] for query in asked if 'FROM "campaigns_rollup"' in query["sql"]]

    # The table is too small for any index, if one lets PostgreSQL read it whole.
    plan = explain(query, off=("seqscan", "bitmapscan", "hashjoin", "mergejoin"))

    assert re.search(r"part_id ?= ?", plan) is None, plan


def explain(query, off):
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE campaigns_rollup, campaigns_part, campaigns_transfer")
            for way in off:
                cursor.execute(f"SET LOCAL enable_{way} = off")
        words = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
        cursor.execute(f"{words} {query}")
        return "\n".join(str(row) for row in cursor.fetchall())
