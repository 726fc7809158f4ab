"""The database is migrated while a worker of the first release is at work, with 100 batches leased.

A clone need not hold that release, so what its worker wrote is played back, statement by statement
(tests/fixtures/version_1); the migration and the workers of today are the real commands.
"""

from __future__ import annotations

import gzip
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.hosts import Hosts
from tests.house.sources import ROOT
from tests.installation import wait_for
from tests.postgres import running_postgres

RECORDED = Path(__file__).parent.parent / "fixtures/version_1/statements.sql.gz"
# The key that the recorded account was encrypted with.
KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
RECIPIENTS = 312
PAUSE = 0.1  # stretches 50 transactions over the time that a migration takes
MIGRATE = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
WORKERS = [
    [sys.executable, "manage.py", "dispatch", "--name", "new"],
    [sys.executable, "manage.py", "dispatch", "--scheduler"],
]


def read_parts() -> dict[str, list[list[str]]]:
    """Transactions of the old worker, each a list of statements, by part of its life."""
    parts = gzip.decompress(RECORDED.read_bytes()).decode().split("-- part: ")[1:]
    return {
        part.split("\n", 1)[0]: [
            [line for line in item.splitlines() if line]
            for item in part.split("\n", 1)[1].split("-- item\n")
            if item.strip()
        ]
        for part in parts
    }


class OldWorker:
    """Plays back what the first release's worker did; a deadlock is tried again, as it would."""

    def __init__(self, address: str) -> None:
        self.connection = psycopg.connect(address, autocommit=True)
        self.parts = read_parts()
        self.again = 0

    def play(self, part: str, beside: subprocess.Popen[bytes] | None = None) -> int:
        """Gives how many transactions there were, or how many while that process ran."""
        played = 0
        for item in self.parts[part]:
            while not self._play_item(item):
                self.again += 1
            played += beside is None or beside.poll() is None
            time.sleep(PAUSE if beside else 0)
        return played

    def _play_item(self, item: list[str]) -> bool:
        try:
            with self.connection.transaction():
                for statement in item:
                    self.connection.execute(statement)
        except psycopg.errors.DeadlockDetected:
            return False
        return True

    def play_and_take_back(self, part: str) -> None:
        """Only whether the statements still work."""
        with self.connection.transaction(force_rollback=True):
            for item in self.parts[part]:
                self._play_item(item)

    def count(self, table: str, condition: str = "true") -> int:
        query = f"SELECT count(*) FROM campaigns_{table} WHERE {condition}"
        row = self.connection.execute(query).fetchone()
        assert row is not None
        return int(row[0])

    def die(self) -> None:
        """Its leases run out; the rate that had made its batches small is lifted."""
        self.connection.execute("UPDATE campaigns_transfer SET rate = NULL")
        self.connection.execute(
            "UPDATE campaigns_batch SET lease_until = now() WHERE state = 'leased'"
        )


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    with running_postgres() as database:
        hosts = Hosts(tmp_path, database, "")
        hosts.environment["PUSHADMIN_VAULT_KEYS"] = KEY
        try:
            yield hosts
        finally:
            hosts.stop()


@pytest.fixture
def old(hosts: Hosts) -> Iterator[OldWorker]:
    """A worker of the first release, on its schema."""
    hosts.manage("migrate", "campaigns", "0001", "--verbosity", "0")
    worker = OldWorker(hosts.environment["DATABASE_URL"])
    yield worker
    worker.connection.close()


def test_a_worker_of_the_first_release_outlives_the_migration(hosts, old, tell):
    old.play("seed")
    old.play("leased")
    leased = old.count("batch", "state = 'leased'")

    migration = subprocess.Popen(MIGRATE, cwd=ROOT, env=hosts.environment)
    during = old.play("settled", beside=migration)
    assert migration.wait(300) == 0
    hosts.start_sandbox()
    for number, command in enumerate(WORKERS):
        hosts.launch(f"new{number}", command)
    beside = old.play("later")
    old.play_and_take_back("folded")
    inherited = old.count("batch", "state = 'leased'")
    old.die()
    wait_for("the end", lambda: old.count("transfer", "finished_at IS NOT NULL") == 1)

    sent = old.count("delivery", "outcome = 'sent'")
    tell(
        f"0001 to now with {leased} batches leased: the old worker wrote {during} "
        f"transactions during the migration ({old.again} deadlocks tried again), {beside} "
        f"beside new workers; {inherited} batches inherited; {sent} of {RECIPIENTS} sent"
    )

    assert (leased, inherited) == (100, 50)
    assert during > 0
    assert sent == RECIPIENTS
    assert "0 faults" in hosts.manage("verify")
