"""Celery workers on PostgreSQL and Redis: what the broker loses, the database still knows.

The short form kills Redis once and 5 web processes; PUSHADMIN_CHAOS=full does it ten times and 100.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.brokers import Redis, running_redis
from tests.chaos.machine import TEMPLATE
from tests.hosts import BEAT, WORKER, Hosts, add_database, read_shell
from tests.house.sources import ROOT
from tests.installation import wait_for
from tests.operator import TITLE, Operator
from tests.postgres import PostgresServer, running_server

IS_FULL = os.environ.get("PUSHADMIN_CHAOS") == "full"
KILLS = 10 if IS_FULL else 1
DEATHS = 100 if IS_FULL else 5
SWEEP = 5.0
LIST = "from campaigns.models import Transfer as T; print(*T.objects.values_list('status'))"
WORKERS = ("w1", "w2", "beat")
CELERY = {"worker": WORKER, "beat": BEAT}


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def server(migrated_server: Path) -> Iterator[PostgresServer]:
    with running_server(of=migrated_server) as server:
        yield server


@pytest.fixture(scope="module")
def hosts(
    tmp_path_factory: pytest.TempPathFactory, server: PostgresServer, redis: Redis
) -> Iterator[Hosts]:
    """The demo with nobody at work yet: web and sandbox only."""
    hosts = Hosts(tmp_path_factory.mktemp("hosts"), server.find_address(TEMPLATE), redis.url)
    hosts.manage("demo")
    redis.client.flushall()  # the demo's transfers have announced themselves too
    hosts.start(workers=0)
    try:
        yield hosts
    finally:
        hosts.stop()


@pytest.fixture(scope="module")
def operator(hosts: Hosts) -> Operator:
    return Operator(hosts, hosts.issue_key())


@pytest.fixture
def work(hosts: Hosts) -> Callable[..., None]:
    """Has two workers and beat at work; those of an earlier test go on, unless they are others."""

    def work(application: str = "pushadmin") -> None:
        if at_work(hosts) != application:
            hosts.stop(*WORKERS)
            hosts.start_workers(application=application)

    return work


def at_work(hosts: Hosts) -> str:
    """The application of the workers, "" if one of the three does not run."""
    running = [hosts.running[name] for name in WORKERS if name in hosts.running]
    if len(running) < len(WORKERS) or any(process.poll() is not None for process in running):
        return ""
    command = running[0].args
    assert isinstance(command, list)
    return str(command[command.index("-A") + 1])


def set_oldest_worker(hosts: Hosts, number: int) -> None:
    with psycopg.connect(hosts.environment["DATABASE_URL"]) as connection:
        connection.execute("UPDATE campaigns_installation SET oldest_worker = %s", [number])


@pytest.mark.some(1)
@pytest.mark.parametrize("name", CELERY)
def test_celery_does_not_start_where_the_database_does_not_allow_it(name, hosts):
    hosts.stop(*WORKERS)
    set_oldest_worker(hosts, 99)

    code, words = hosts.try_to_start(CELERY[name])

    set_oldest_worker(hosts, 1)
    assert code != 0
    assert "This program is older than the database allows: update pushadmin here." in words


@pytest.mark.some(1)
@pytest.mark.parametrize("name", CELERY)
def test_celery_without_a_broker_does_not_start(name, hosts):
    code, words = hosts.try_to_start(CELERY[name], PUSHADMIN_BROKER_URL="")

    assert code != 0
    assert "PUSHADMIN_BROKER_URL is not set, and this process needs it." in words


def test_a_wake_says_nothing_and_two_workers_finish_what_it_announced(hosts, redis, operator, work):
    hosts.stop(*WORKERS)
    campaign = operator.launch()
    texts = redis.client.lrange("pushadmin", 0, -1)
    bodies = [b64decode(json.loads(text)["body"]) for text in texts]

    work()
    counters = operator.await_end(campaign)

    assert [json.loads(body)[:2] for body in bodies] == [[[], {}]]
    assert json.loads(texts[0])["headers"]["expires"]
    assert not [word for word in (TITLE, "shoply", "token") if word in str(texts + bodies)]
    assert counters["sent"] > 4000
    assert min(hosts.read_log(name).count("pump") for name in ("w1", "w2")) > 1


@pytest.mark.chaos
def test_an_emptied_broker_and_lost_wakes_delay_a_send_and_no_more(redis, operator, work, tell):
    work()
    started = time.monotonic()
    operator.await_end(operator.launch(rate=1500))
    undisturbed = time.monotonic() - started
    work("tests.dropping")
    earlier = len(operator.list_sends())

    started = time.monotonic()
    campaign = operator.launch(rate=1500)
    operator.await_sent(campaign, 1000)
    redis.client.flushall()
    counters = operator.await_end(campaign)
    disturbed = time.monotonic() - started

    accepted = operator.count_accepted(earlier)
    tell(
        f"Redis flushed, half of the wakes dropped: {counters['sent']} sent, 0 lost, "
        f"{disturbed:.1f} s; undisturbed {undisturbed:.1f} s, 2 sweeps are {2 * SWEEP:.0f} s"
    )

    assert len(accepted) == counters["sent"]
    assert max(accepted) == 1


def test_a_send_outlives_the_death_of_its_broker(redis, operator, work, tell):
    work()
    few = {"expression": {"field": "device.app_version", "op": "gte", "value": "4.2"}}
    earlier = len(operator.list_sends())
    campaign = operator.launch(rate=1500 // KILLS)
    pauses, launches, others = [], [], []

    for kill in range(1, KILLS + 1):
        operator.await_sent(campaign, 4000 * kill // (KILLS + 1))
        redis.kill()
        started = time.monotonic()
        others.append(operator.launch(few))
        launches.append(time.monotonic() - started)
        redis.start()
        started = time.monotonic()
        wait_for("both workers", lambda: redis.count_readers() == 2)
        pauses.append(time.monotonic() - started)
    counters = operator.await_end(campaign)
    ends = [operator.await_end(other) for other in others]

    accepted = operator.count_accepted(earlier)
    tell(
        f"{KILLS} x kill -9 on Redis: {counters['sent']} sent, 0 lost, both workers back "
        f"after {max(pauses):.1f} s; a launch without it took {max(launches):.1f} s"
    )

    assert sum(accepted) == counters["sent"] + sum(end["sent"] for end in ends)


@pytest.mark.chaos
def test_a_send_outlives_the_death_of_its_database(server, operator, work, tell):
    work()
    earlier = len(operator.list_sends())
    campaign = operator.launch(rate=1500 // KILLS)
    pauses = []

    for kill in range(1, KILLS + 1):
        operator.await_sent(campaign, 4000 * kill // (KILLS + 1))
        server.stop_at_once()
        server.start_again()
        reached = operator.count_sent(campaign)
        started = time.monotonic()
        operator.await_sent(campaign, reached + 1)
        pauses.append(time.monotonic() - started)
    counters = operator.await_end(campaign)

    accepted = operator.count_accepted(earlier)
    tell(
        f"{KILLS} x immediate stop of PostgreSQL under Celery: {counters['sent']} sent, 0 lost, "
        f"{sum(accepted) - len(accepted)} twice, going on after {max(pauses):.1f} s"
    )
    assert len(accepted) == sum(accepted) == counters["sent"]


def test_who_dies_before_the_wake_has_sent_all_the_same(hosts, operator, work, tell):
    work()
    script = [sys.executable, "-m", "tests.dying", str(DEATHS)]
    printed = subprocess.run(
        script, cwd=ROOT, env=hosts.environment, capture_output=True, text=True, check=True
    )
    started = time.monotonic()

    ends = [operator.await_end(int(campaign)) for campaign in printed.stdout.split()]

    tell(
        f"{DEATHS} deaths between commit and wake: {len(ends)} sent by the sweep, the last "
        f"{time.monotonic() - started:.1f} s after the last death"
    )

    assert [end["sent"] for end in ends] == [1] * DEATHS


@pytest.mark.chaos
def test_a_dump_taken_in_the_middle_of_a_send_has_balanced_books(hosts, operator, work, tmp_path):
    work()
    campaign = operator.launch(rate=1000)
    operator.await_sent(campaign, 500)
    restored = add_database(hosts.environment["DATABASE_URL"], "restored")
    places = {**hosts.environment, "RESTORED_URL": restored}

    for command in read_shell("## Backup and restore"):
        subprocess.run(["sh", "-c", command], cwd=tmp_path, env=places, check=True)
    copy = Hosts(tmp_path, restored, "")
    copy.environment |= {
        name: hosts.environment[name] for name in ("SECRET_KEY", "PUSHADMIN_VAULT_KEYS")
    }

    assert "0 faults" in copy.manage("verify")
    assert "sending" in copy.manage("shell", "-c", LIST)
    operator.await_end(campaign)


@pytest.mark.chaos
def test_workers_come_and_go_while_a_send_runs(hosts, operator, work, tell):
    work()
    earlier = len(operator.list_sends())
    campaign = operator.launch(rate=600)

    operator.await_sent(campaign, 600)
    hosts.start_worker("w3")
    wait_for("the third worker", lambda: "pump" in hosts.read_log("w3"))
    started = time.monotonic()
    hosts.stop("w1")
    drained = time.monotonic() - started
    counters = operator.await_end(campaign)
    hosts.stop("w3")

    accepted = operator.count_accepted(earlier)
    tell(
        f"A worker added, another drained by SIGTERM in {drained:.1f} s: "
        f"{counters['sent']} sent, {sum(accepted) - len(accepted)} twice"
    )

    assert len(accepted) == sum(accepted) == counters["sent"]
    assert counters["resent"] == 0


def test_the_books_balance_after_all_of_it(hosts):
    assert "0 faults" in hosts.manage("verify")
