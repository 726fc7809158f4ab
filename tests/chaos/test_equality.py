"""Whoever drives the engine, the same sends leave the same tables.

The short form runs 10 scenarios, PUSHADMIN_CHAOS=full 23.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.brokers import running_redis
from tests.hosts import Hosts, add_database
from tests.house.sources import ROOT
from tests.postgres import running_postgres

FORM = "full" if os.environ.get("PUSHADMIN_CHAOS") == "full" else "short"
WORKERS = [
    [sys.executable, "manage.py", "dispatch", "--name", "w1"],
    [sys.executable, "manage.py", "dispatch", "--name", "w2"],
    [sys.executable, "manage.py", "dispatch", "--scheduler"],
]


class Driven(Hosts):
    """An installation without web, driven by its own loop or, with a broker, by Celery."""

    def work(self) -> None:
        if self.environment["PUSHADMIN_BROKER_URL"]:
            self.start_workers()
            return
        for number, command in enumerate(WORKERS):
            self.launch(f"loop{number}", command)

    def begin(self) -> subprocess.Popen[str]:
        """Migrate, launch every scenario, and only then set somebody to work."""
        self.manage("migrate", "--verbosity", "0")
        self.start_sandbox()
        script = subprocess.Popen(
            [sys.executable, "-m", "tests.scenarios", FORM],
            cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert script.stdout is not None
        assert script.stdout.readline() == "launched\n"
        self.work()
        return script


@pytest.fixture(scope="module")
def installations(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Driven]]:
    folders = {name: tmp_path_factory.mktemp(name) for name in ("sqlite", "postgres", "celery")}
    with ExitStack() as stack:
        server = stack.enter_context(running_postgres())
        redis = stack.enter_context(running_redis(folders["celery"]))
        databases = {
            "sqlite": f"sqlite:///{folders['sqlite'] / 'pushadmin.sqlite3'}",
            "postgres": add_database(server, "loop"),
            "celery": add_database(server, "celery"),
        }
        brokers = {"celery": redis.url}
        found = {
            name: Driven(folder, databases[name], brokers.get(name, ""))
            for name, folder in folders.items()
        }
        try:
            yield found
        finally:
            for installation in found.values():
                installation.stop()


def digest(tables: Any) -> str:
    return hashlib.sha256(json.dumps(tables, sort_keys=True).encode()).hexdigest()[:16]


def test_three_drivers_leave_the_same_tables(installations, tell):
    scripts = {name: driven.begin() for name, driven in installations.items()}

    tables = {name: json.loads(script.communicate()[0]) for name, script in scripts.items()}

    digests = {name: digest(found) for name, found in tables.items()}
    sends = len(tables["sqlite"]["transfers"])
    rows = len(tables["sqlite"]["deliveries"])
    tell(f"{sends} transfers, {rows} deliveries: {digests}")

    assert tables["sqlite"]["faults"] == []
    assert len({row[2] for row in tables["sqlite"]["deliveries"]}) >= 5
    assert tables["postgres"] == tables["sqlite"]
    assert tables["celery"] == tables["sqlite"]
    assert len(set(digests.values())) == 1
