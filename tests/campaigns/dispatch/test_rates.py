"""Rates under several workers and a virtual clock: the promise is kept and nearly reached."""

from __future__ import annotations

import heapq
from collections import Counter as Tally
from collections.abc import Callable
from datetime import timedelta
from itertools import count

import pytest
from django.db.models import F

from campaigns.dispatch import pace
from campaigns.dispatch.claim import claim_batch
from campaigns.dispatch.engine import SHORTEST_NAP, find_nap
from campaigns.models import Account, App, Batch, Campaign, Transfer
from campaigns.models.packing import pack_cohorts, pack_ids
from tests import builders

pytestmark = [pytest.mark.database, pytest.mark.django_db]
TEN_SECONDS = timedelta(seconds=10)


class Workers:
    """Workers that claim as real ones do, and whose calls take `call_seconds` each."""

    def __init__(self, now, transfers, size=4, call_seconds=0.3):
        self.start, self.transfers = now, list(transfers)
        self.call_seconds = call_seconds
        self.line = [(now, number, SHORTEST_NAP, None) for number in range(size)]
        self.tie = count(size)
        self.sent = []  # (moment, transfer, recipients)
        self.busiest = 0

    def run(self, seconds):
        """Go on until so many seconds after the start."""
        end = self.start + timedelta(seconds=seconds)
        while self.line[0][0] < end:
            now, _tie, nap, held = heapq.heappop(self.line)
            if held is not None:
                Batch.objects.filter(pk=held).update(state="done")
            self._turn(now, nap)

    def _turn(self, now, nap):
        with pace.watching() as waits, pace.keeping_order():
            lease = self._claim(now)
        wait = self.call_seconds if lease else find_nap(nap, waits, did=False)
        held = lease.batch.pk if lease else None
        heapq.heappush(self.line, (now + timedelta(seconds=wait), next(self.tie), wait, held))
        self.busiest = max(self.busiest, sum(item[3] is not None for item in self.line))

    def _claim(self, now):
        order = Transfer.objects.filter(pk__in=self.transfers).order_by(
            F("app__last_claim_at").asc(nulls_first=True),
            F("served_at").asc(nulls_first=True),
        )
        for transfer in order.select_related("app", "group"):
            lease = claim_batch(transfer, now)
            if lease is not None:
                self.sent.append((now, transfer.pk, lease.batch.count))
                return lease
        return None

    def count_busiest_window(self, measure):
        """The most that went in any ten seconds."""
        return max(
            sum(measure(item) for item in self.sent if start <= item[0] <= start + TEN_SECONDS)
            for start, _transfer, _count in self.sent
        )

    def count_sent(self, after=0.0):
        start = self.start + timedelta(seconds=after)
        return sum(size for at, _transfer, size in self.sent if at >= start)


@pytest.fixture
def routed(app):
    builders.make_route(app, "android")
    return app


@pytest.fixture
def make_transfer(now, start) -> Callable[..., Transfer]:
    """A transfer that is frozen and owes so many recipients, in batches of 250."""
    ids = count(1)

    def make_transfer(owed=5000, app=None, **fields):
        Transfer.objects.filter(finished_at__isnull=True, frozen_at__isnull=True).delete()
        transfer = start(**fields)
        changes = {"frozen_at": now, "app": app or transfer.app}
        Transfer.objects.filter(pk=transfer.pk).update(status="sending", **changes)
        part = transfer.parts.get()
        for _number in range(owed // 250):
            Batch.objects.create(
                part=part, transfer=transfer, app=app or transfer.app, platform="android",
                recipients=pack_ids([next(ids) for _ in range(250)]), count=250, due_at=now,
                cohorts=pack_cohorts([0] * 250),
            )  # fmt: skip
        return transfer

    return make_transfer


def by_recipients(item):
    return item[2]


def by_calls(item):
    return 1


def test_a_rate_is_kept_in_every_ten_seconds_and_nearly_reached(make_transfer, now, capsys):
    workers = Workers(now, [make_transfer(rate=60).pk])

    workers.run(25)

    most, sent = workers.count_busiest_window(by_recipients), workers.count_sent()
    with capsys.disabled():
        print(f"\nrate 60: {most / 10:.1f}/s in the busiest 10 s, {sent / 25:.1f}/s on average")
    assert most <= 600
    assert sent >= 25 * 60 * 0.88


@pytest.mark.long
def test_the_rate_of_an_app_holds_for_all_its_transfers_together(make_transfer, routed, now):
    App.objects.update(send_rate=60)
    transfers = [make_transfer(owed=1000).pk for _number in range(3)]
    workers = Workers(now, transfers, size=2)

    workers.run(15)

    shares = Tally()
    for _at, transfer, size in workers.sent:
        shares[transfer] += size
    assert workers.count_busiest_window(by_recipients) <= 600
    assert workers.count_sent() >= 15 * 60 * 0.85
    assert min(shares.values()) * 2 > max(shares.values())


@pytest.mark.long
def test_one_call_a_second_and_three_at_a_time_hold_for_eight_workers(make_transfer, now, capsys):
    transfer = make_transfer(owed=10_000)
    Account.objects.update(limits={"requests_per_second": 1, "in_flight": 3})
    workers = Workers(now, [transfer.pk], size=8, call_seconds=5)

    workers.run(30)

    most = workers.count_busiest_window(by_calls)
    with capsys.disabled():
        print(f"\ncap 3, 1 call/s, 8 workers: {workers.busiest} at once, {most} calls in 10 s")
    assert workers.busiest == 3
    assert most <= 10


@pytest.mark.long
def test_three_at_a_time_is_no_reason_for_fewer(make_transfer, now):
    transfer = make_transfer(owed=10_000)
    Account.objects.update(limits={"in_flight": 3})
    workers = Workers(now, [transfer.pk], size=8, call_seconds=2)

    workers.run(20)

    assert workers.busiest == 3
    assert len(workers.sent) >= 3 * 20 / 2 * 0.75


@pytest.mark.long
def test_a_raised_rate_is_sent_at_once_and_a_lowered_one_too(make_transfer, now):
    transfer = make_transfer(rate=10)
    workers = Workers(now, [transfer.pk])
    workers.run(10)
    Transfer.objects.update(rate=100)
    workers.run(20)
    raised = workers.count_sent(after=10)
    Transfer.objects.update(rate=10)

    workers.run(30)

    assert 700 <= raised <= 1000
    assert workers.count_sent(after=20) <= 100 + 10


@pytest.mark.long
def test_who_wants_much_at_once_is_not_starved_by_many_who_want_little(make_transfer, routed, now):
    Account.objects.update(limits={"recipients_per_second": 40})
    small = [make_transfer(owed=500, rate=10).pk for _number in range(5)]
    other = builders.make_app(routed.workspace, "other")
    builders.make_route(other, "android")
    large = make_transfer(owed=2000, app=other)
    workers = Workers(now, [*small, large.pk], size=2)

    workers.run(20)

    got = sum(size for _at, transfer, size in workers.sent if transfer == large.pk)
    assert workers.count_busiest_window(by_recipients) <= 400
    assert got >= workers.count_sent() * 0.3


@pytest.mark.long
def test_a_ramp_up_survives_a_pause(make_transfer, now):
    transfer = make_transfer(rate=100, ramp_up=30, owed=10_000)
    workers = Workers(now, [transfer.pk])
    workers.run(15)
    before = workers.count_sent()
    campaign = Campaign.objects.get()
    Transfer.objects.update(status="paused")
    workers.run(40)
    Transfer.objects.update(status="sending")

    workers.run(45)

    paused = workers.count_sent(after=15.5)
    assert 200 <= before <= 15 * 60  # a steady 100 a second would be 1,500
    # Five seconds at some half of the rate: neither from the tenth again nor at once in full.
    assert 150 <= paused <= 450
    assert campaign.ramp_up == 30
