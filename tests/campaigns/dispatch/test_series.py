"""A whole series over real HTTP to the sandbox: each run for whoever is there, and their sums."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from campaigns.dispatch.engine import Clock, drain
from campaigns.dispatch.verify import check_books
from campaigns.models import Account, App, Campaign
from campaigns.selectors.reports import report_table
from campaigns.selectors.status import count_campaigns, count_occurrences
from campaigns.services import campaigns
from providers import vault
from providers.reports import FetchReport, Metric, ReportField
from providers.simulator import Simulator
from tests import builders

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def clock_from(moment: datetime) -> Clock:
    ticks = count()
    return lambda: moment + timedelta(seconds=next(ticks) / 20)


@pytest.fixture
def series(routed: App, simulator: Simulator, make_campaign: Callable[..., Campaign]) -> Campaign:
    """Two days, at 13:00, to whoever has an Android phone then."""
    Account.objects.update(credentials=vault.encrypt({"api_key": "good"}))
    builders.make_device(routed, "first")
    campaign = make_campaign(
        recurrence={"unit": "day", "runs": 2}, send_at="2026-11-20T13:00", timezone="UTC",
        due_at=START + timedelta(hours=1), tag="digest",
    )  # fmt: skip
    return campaigns.launch_campaign(campaign, actor="owner", now=START)


def fetch_rows(app: App, dimension: ReportField) -> list[tuple[str, float | None]]:
    command = FetchReport(
        apps=(str(app.pk),), metrics=(Metric.SENT,), dimensions=(dimension,),
        date_from="2026-11-20", date_to="2026-11-21", sort=(), limit=10,
    )  # fmt: skip
    table = report_table([app.pk], command, START)
    return [(row.dimensions[0].name, row.metrics[0]) for row in table.rows]


def test_runs_are_told_apart_and_sum_up(series: Campaign, routed: App) -> None:
    drain(clock=clock_from(START + timedelta(hours=1)))
    builders.make_device(routed, "second")
    between = Campaign.objects.get().status

    drain(clock=clock_from(START + timedelta(hours=25)))

    series.refresh_from_db()
    runs = series.occurrences.order_by("due_at")
    counted = count_occurrences([run.pk for run in runs])
    assert (between, series.status) == ("recurring", "sent")
    assert [counted[run.pk].sent for run in runs] == [1, 2]
    assert count_campaigns([series.pk])[series.pk].sent == 3
    assert fetch_rows(routed, ReportField.TAG) == [("digest", 3)]
    transfers = series.transfers.order_by("pk")
    assert fetch_rows(routed, ReportField.TRANSFER) == [
        (str(transfers[0].pk), 1), (str(transfers[1].pk), 2),
    ]  # fmt: skip
    assert [transfer.name for transfer in transfers] == [
        "Spring 2026-11-20 13:00", "Spring 2026-11-21 13:00",
    ]  # fmt: skip
    assert check_books().faults == []
