"""Whoever dies, at whatever statement or call of whatever journey, loses nobody.

Death is an exception in the gap between two statements or around a request; afterwards leases
run out and others go on. Gaps that leave the same rows behind are tried once, every eighth on
SQLite and on PostgreSQL those in the middle between; PUSHADMIN_CHAOS=full tries every one on both.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection

from campaigns.dispatch import freeze
from campaigns.models import App, Device, Route
from campaigns.selectors import routes
from providers import registry, vault
from providers.commands import FetchStatus, SendPush, TransferState, TransferStatus
from providers.contract import Addressing, Dialect, Idempotency
from providers.outbound import AccountConfig, Request
from providers.simulator import Simulator
from tests import builders
from tests.campaigns.dispatch.boundaries import Boundaries, crossing, die_by, passes, share
from tests.campaigns.dispatch.journeys import (
    JOURNEYS,
    PHONES,
    SKIPPED,
    Figures,
    Journey,
    Run,
    begin_run,
    count_figures,
    find_faults,
    recover,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
EVERY_GAP = os.environ.get("PUSHADMIN_CHAOS") == "full"
REAL_DEATHS = "100" if EVERY_GAP else "6"


class Client:
    """Another vendor's client, which differs in one thing."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)


class Forgetful(Client):
    """To its vendor every call is a new one."""

    def write(self, push: SendPush) -> Request:
        request: Request = self.client.write(replace(push, client_key=""))
        return request


class Withdrawing(Client):
    """Its vendor takes every call and says later that it has failed."""

    def fetch_status(self, command: FetchStatus) -> TransferStatus | None:
        status = self.client.fetch_status(command)
        return status and replace(status, state=TransferState.FAILED)


def find_vendor(idempotency: Idempotency) -> Dialect:
    """The first that takes push tokens: the phones of these tests have nothing else."""
    dialects = [
        dialect
        for dialect in registry.all_dialects()
        if dialect.connect and Addressing.TOKEN in dialect.limits.addressing
    ]
    return next(dialect for dialect in dialects if dialect.idempotency is idempotency)


def offer_client(dialect: Dialect, client: type[Client], **abilities: Any) -> Dialect:
    connect = dialect.connect
    assert connect is not None

    def connect_other(config: AccountConfig) -> Any:
        return client(connect(config))

    return replace(dialect, connect=connect_other, **abilities)


def choose_vendor(name: str) -> Dialect:
    """By what can be done about a lost answer."""
    keyed, asked = find_vendor(Idempotency.KEY), find_vendor(Idempotency.LOOKUP)
    none = {"idempotency": Idempotency.NONE}
    vendors: dict[str, Callable[[], Dialect]] = {
        "key": lambda: keyed,
        "lookup": lambda: asked,
        "withdrawing": lambda: offer_client(asked, Withdrawing),
        "blind": lambda: offer_client(keyed, Forgetful, blind_resend=True, **none),
        "mute": lambda: offer_client(keyed, Forgetful, **none),
    }
    return vendors[name]()


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


def mark(journey: Journey) -> Any:
    return pytest.param(journey, marks=pytest.mark.long) if journey.is_long else journey


@pytest.fixture(params=[mark(journey) for journey in JOURNEYS], ids=str)
def journey(request: Any) -> Journey:
    chosen: Journey = request.param
    return chosen


@pytest.fixture
def reached(
    app: App,
    journey: Journey,
    simulator: Simulator,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> App:
    """An app whose phones are reached through the journey's vendor."""
    dialect = choose_vendor(journey.vendor)
    monkeypatch.setattr(routes, "find_dialect", lambda key: dialect)
    monkeypatch.setattr(freeze, "CHUNK_DEVICES", 4)
    settings.OUTBOUND_ALLOW = [simulator.url]
    add_phones(app, dialect, simulator)
    return app


def add_phones(app: App, dialect: Dialect, simulator: Simulator) -> None:
    for platform, size in PHONES.items():
        options = {spec.name: 5 for spec in dialect.route_options}
        route = builders.make_route(app, platform, dialect.key, options=options)
        for number in range(size):
            builders.make_device(app, f"{platform}{number}", platform)
    for number in range(SKIPPED):
        gone = Device.TokenState.DISABLED
        builders.make_device(app, f"gone{number}", token_state=gone)
    open_account(route, dialect, simulator)


def open_account(route: Route, dialect: Dialect, simulator: Simulator) -> None:
    """Everything that is sent is delivered at once, where the vendor tells."""
    account = route.account
    account.base_urls = {spec.name: f"{simulator.url}/{dialect.key}" for spec in dialect.base_urls}
    account.credentials = vault.encrypt({spec.name: "good" for spec in dialect.credentials})
    wishes = {"delivered_percent": 100, "opened_percent": 0, "receipt_seconds": 0}
    known = {spec.name for spec in dialect.account_options}
    account.options = {name: value for name, value in wishes.items() if name in known}
    account.save()


def rehearse(journey: Journey, app: App, simulator: Simulator, now: datetime) -> Boundaries:
    """The boundaries of the journey in which nobody dies, and whose end is as it should be.

    Twice: what a process asks once and remembers is no boundary of later ones.
    """
    for _ in range(2):
        boundaries, run = Boundaries(), begin_run(app, journey.policy, now)
        journey.prepare(run)
        with crossing(boundaries):
            journey.act(run)
        recover(run)
        figures = count_figures(run, simulator.vendor.summarize(tag=run.campaign.tag))
        assert figures.outcomes == journey.outcomes
    return boundaries


@pytest.mark.values(9)
def test_a_death_at_any_boundary_loses_nobody_and_hides_no_double(
    journey: Journey, reached: App, simulator: Simulator, now: datetime, capsys: Any
) -> None:
    rehearsed = rehearse(journey, reached, simulator, now)
    places = rehearsed.list_places(every=EVERY_GAP)
    chosen = places if EVERY_GAP else share(places)
    faults, totals = [], Figures()

    def attempt(boundaries: Boundaries) -> tuple[Run, bool]:
        run = begin_run(reached, journey.policy, now)
        journey.prepare(run)
        return run, passes(boundaries, partial(journey.act, run))

    for place in chosen:
        run, has_lived = die_by(place, attempt, recover)
        summary = simulator.vendor.summarize(tag=run.campaign.tag)
        faults += [(place, fault) for fault in find_faults(run, journey, summary)]
        faults += [(place, "nobody died")] * has_lived
        totals.add(count_figures(run, summary))

    with capsys.disabled():
        print(f"\n{journey}: {len(rehearsed.states)} boundaries, {len(chosen)} deaths, {totals}")
    assert faults == []
    assert len(places) > 5


def find_own_database(folder: Path) -> str:
    """DATABASE_URL of the rows that this test has made, for other processes."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM INTO %s", [str(folder / "copy.sqlite3")])
        return f"sqlite:///{folder / 'copy.sqlite3'}"
    server = urlsplit(os.environ["DATABASE_URL"])
    return urlunsplit(server._replace(path=f"/{connection.settings_dict['NAME']}"))


@pytest.mark.long
def test_a_process_that_ends_in_the_very_instant_loses_nobody(
    app: App, simulator: Simulator, tmp_path: Path, capsys: Any
) -> None:
    add_phones(app, choose_vendor("key"), simulator)
    command = [sys.executable, "-m", "tests.campaigns.dispatch.dying", REAL_DEATHS]
    addresses = {
        "DATABASE_URL": find_own_database(tmp_path),
        "PUSHADMIN_SANDBOX_URL": simulator.url,
        "PUSHADMIN_OUTBOUND_ALLOW": simulator.url,
    }

    output = subprocess.run(
        command, env={**os.environ, **addresses}, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    told = json.loads(output.splitlines()[-1])

    with capsys.disabled():
        print(f"\n{told['deaths']} real deaths at {told['boundaries']} boundaries: 0 lost")
    assert told["faults"] == []
    assert told["deaths"] == int(REAL_DEATHS)
