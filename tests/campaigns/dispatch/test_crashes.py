"""A worker that dies at any SQL statement or call of a transfer loses nobody.

Death is an exception right before or right after one statement or one request; afterwards the
lease runs out and another worker goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
import requests
from django.db import connection

from campaigns.dispatch.engine import Clock, drain
from campaigns.dispatch.plan import start_campaign
from campaigns.dispatch.verify import check_books
from campaigns.models import Allowance, App, Counter, Policy, Route, Throttle, Transfer
from providers import registry, vault
from providers.contract import Dialect
from providers.simulator import Simulator
from tests import builders

# Minutes on PostgreSQL, where emptying the tables for each place costs most: not marked `database`.
pytestmark = pytest.mark.django_db(transaction=True)
DIALECTS = [dialect for dialect in registry.all_dialects() if dialect.connect]
RECIPIENTS = 6


class Died(BaseException):
    """The process is gone: nothing in the code may catch it."""


class Boundary:
    """Counts statements and requests, and dies at one of them."""

    def __init__(self, place: int) -> None:
        self.place = place
        self.passed = 0
        self.thread = threading.get_ident()

    def cross(self) -> None:
        if threading.get_ident() == self.thread:
            self.passed += 1
            if self.passed == self.place:
                raise Died

    def execute(self, run: Callable[..., Any], sql: str, *args: Any) -> Any:
        self.cross()
        result = run(sql, *args)
        if sql.startswith("BEGIN"):
            return result  # the connection of a dead process would be closed
        self.cross()
        return result


@contextmanager
def dying(boundary: Boundary, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    send = requests.adapters.HTTPAdapter.send

    def send_or_die(*args: Any, **options: Any) -> Any:
        boundary.cross()
        answer = send(*args, **options)
        boundary.cross()
        return answer

    with ExitStack() as stack:
        patch = stack.enter_context(monkeypatch.context())
        patch.setattr(requests.adapters.HTTPAdapter, "send", send_or_die)
        stack.enter_context(connection.execute_wrapper(boundary.execute))
        yield


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


def make_clock(now: datetime) -> Clock:
    ticks = count()
    return lambda: now + timedelta(seconds=next(ticks) / 20)


@pytest.fixture(params=DIALECTS, ids=lambda dialect: dialect.key)
def way(request: Any, routed: App, simulator: Simulator, settings: Any) -> None:
    """The app's Android phones are reached through one vendor, any of them."""
    dialect: Dialect = request.param
    settings.OUTBOUND_ALLOW = [simulator.url]
    Route.objects.all().delete()
    route = builders.make_route(routed, "android", dialect.key)
    route.options = {spec.name: 5 for spec in dialect.route_options}
    route.save()
    account = route.account
    account.base_urls = {spec.name: f"{simulator.url}/{dialect.key}" for spec in dialect.base_urls}
    account.credentials = vault.encrypt({spec.name: "good" for spec in dialect.credentials})
    account.save()


def run_until_done(now: datetime) -> None:
    """Later workers: each comes an hour after the last, when every lease and wait is over."""
    for hour in range(1, 12):
        drain(clock=make_clock(now + timedelta(hours=hour)))
        if not Transfer.objects.filter(finished_at__isnull=True).exists():
            return


def count_outcomes() -> dict[str, int]:
    return {row.outcome: row.count for row in Counter.objects.all() if row.count}


@pytest.fixture
def reset(app: App, make_campaign: Callable[..., Any], now: datetime) -> Callable[[str], Transfer]:
    """A fresh transfer of a few devices; what came before is gone."""
    runs = count(1)
    for number in range(RECIPIENTS):
        builders.make_device(app, f"t{number}")

    def reset(policy: str) -> Transfer:
        Transfer.objects.all().delete()
        Counter.objects.all().delete()
        # The clock goes back for every run, so what was paced by it must not last.
        Throttle.objects.all().delete()
        Allowance.objects.all().delete()
        campaign = make_campaign(policy=policy, tag=f"run {next(runs)}")
        start_campaign(campaign, actor="owner", now=now)
        return Transfer.objects.get()

    return reset


def die_at(place: int, now: datetime, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether there was such a place."""
    try:
        with dying(Boundary(place), monkeypatch):
            drain(clock=make_clock(now))
    except Died:
        return True
    return False


def check_nobody_is_lost(transfer: Transfer, simulator: Simulator, place: int) -> None:
    outcomes = count_outcomes()
    summary = simulator.vendor.summarize(tag=transfer.tag)
    assert check_books().faults == [], place
    assert sum(outcomes.values()) == RECIPIENTS, (place, outcomes)
    assert summary["doubled_recipients"] == 0, place
    assert summary["distinct_recipients"] >= outcomes.get("sent", 0), place
    assert set(outcomes) <= {"sent", *UNCERTAIN[transfer.policy]}, (place, outcomes)


UNCERTAIN = {Policy.AT_LEAST_ONCE: set(), Policy.AT_MOST_ONCE: {"unknown"}}


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("policy", Policy.values)
def test_a_crash_at_any_boundary_loses_nobody(
    policy: str,
    simulator: Simulator,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
    reset: Callable[[str], Transfer],
) -> None:
    for place in count(1):
        transfer = reset(policy)
        has_died = die_at(place, now, monkeypatch)
        run_until_done(now)
        check_nobody_is_lost(transfer, simulator, place)
        if not has_died:
            break

    assert place > 20
