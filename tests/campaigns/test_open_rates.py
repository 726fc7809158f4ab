"""Open rates: what was opened of what was sent, never of what others were sent."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.models import Account
from campaigns.selectors.lines import sum_lines
from campaigns.selectors.questions import Dimension
from providers.reports import Metric
from tests.campaigns.test_dimensions import TELLER
from tests.campaigns.test_dimensions import ask as ask_lines
from tests.campaigns.test_reports import NOON, ask, list_numbers, make_part, make_transfer
from tests.campaigns.test_reports import receive as receive_at
from tests.campaigns.test_reports import settle as settle_at

pytestmark = pytest.mark.database
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def teller(workspace):
    return Account.objects.create(workspace=workspace, name="Teller", dialect=TELLER).pk


@pytest.fixture
def send(app, teller):
    """A transfer that sent so many at each time, and of which so many opened at each."""

    def send(name, sent, opened, **fields):
        part = make_part(make_transfer(app, name=name, tag=name, **fields))
        for at, count in sent.items():
            settle_at(part, count, account_id=teller, at=at)
        for at, count in opened.items():
            receive_at(part, "opened", count, account_id=teller, at=at)

    return send


def rate(app, by, **only):
    return {name: line.open_rate for name, line in ask_lines(app, by, **only).items()}


def test_an_hour_says_when_it_was_opened_and_no_rate_of_what_was_sent_just_then(app, send):
    send("One", {NOON: 100, NOON + HOUR: 5}, {NOON: 10, NOON + HOUR: 20, NOON + 2 * HOUR: 10})

    lines = ask_lines(app, Dimension.HOUR)

    shown = {name: (line.open_rate, line.of_opened) for name, line in lines.items()}
    assert shown == {"12:00": (None, 25), "13:00": (None, 50), "14:00": (None, 25)}
    assert sum_lines(lines.values()).open_rate == pytest.approx(100 * 40 / 105)


def test_a_day_says_the_same(app, send):
    send("One", {NOON: 10}, {NOON: 4})

    [line] = ask_lines(app, Dimension.DAY).values()

    assert (line.open_rate, line.of_opened) == (None, 100)


def test_one_hour_of_the_days_has_no_rate(app, send):
    send("One", {NOON: 100, NOON + HOUR: 5}, {NOON: 10, NOON + HOUR: 20})

    lines = ask_lines(app, Dimension.TAG, hour="13:00")

    assert lines["One"].receipts[Metric.OPENED] == 20
    assert lines["One"].open_rate is None
    assert sum_lines(lines.values()).open_rate is None


@pytest.mark.parametrize("by", [Dimension.GROUP, Dimension.PLATFORM, Dimension.ACCOUNT])
def test_what_earlier_transfers_sent_before_is_no_part_of_the_rate(app, send, by):
    send("Old", {NOON - DAY: 100, NOON: 5}, {NOON: 50}, at=NOON - DAY)
    send("New", {NOON: 10}, {NOON: 4})

    [line] = ask_lines(app, by).values()

    assert (line.outcomes["sent"], line.receipts[Metric.OPENED]) == (15, 54)
    assert line.open_rate == 40


def test_a_transfer_of_before_has_no_rate_in_these_days(app, send):
    send("Old", {NOON - DAY: 100, NOON: 5}, {NOON: 50}, at=NOON - DAY)

    assert rate(app, Dimension.TAG) == {"Old": None}


def test_what_was_planned_before_and_sent_in_these_days_has_its_rate(app, send):
    send("Planned", {NOON: 10}, {NOON + HOUR: 4}, at=NOON - DAY)
    app.transfers.update(due_at=NOON)

    assert rate(app, Dimension.TAG) == {"Planned": 40}


def test_more_opens_than_were_sent_are_no_rate(app, send):
    send("Odd", {NOON: 10}, {NOON: 11})

    assert rate(app, Dimension.TAG) == {"Odd": None}


def test_a_table_of_metrics_has_the_same_rates(app, send):
    send("Old", {NOON - DAY: 100, NOON: 5}, {NOON: 50}, at=NOON - DAY)
    send("New", {NOON: 10}, {NOON: 4})
    metrics = Metric.SENT, Metric.OPENED, Metric.OPEN_RATE

    table = ask(app, *metrics, date_from="today", date_to="today")

    assert list_numbers(table) == [(15, 54, 40)]
