"""Web, workers and scheduler write to one SQLite file for a while, and nobody finds it locked."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from typing import Any

import requests

from pushadmin.environment import SQLITE_OPTIONS
from tests.chaos.conftest import IS_FULL, on
from tests.chaos.machine import Machine
from tests.house.sources import ROOT

SECONDS = 600 if IS_FULL else 3
WRITERS = 4
PER_WRITER = 5  # writes a second
RECIPIENTS = 300_000 if IS_FULL else 3_000


class Writer(threading.Thread):
    """Registers one device after the other, so many a second."""

    def __init__(self, machine: Machine, made: dict[str, Any], number: int) -> None:
        super().__init__()
        self.url = f"{machine.url}/api/v1/devices/bulk/"
        self.session = requests.Session()
        self.session.headers["Authorization"] = made["authorization"]
        self.number = number
        self.statuses: Counter[int] = Counter()
        self.waits: list[float] = []

    def run(self) -> None:
        began = time.monotonic()
        for count in range(SECONDS * PER_WRITER):
            time.sleep(max(0.0, began + count / PER_WRITER - time.monotonic()))
            device = {"platform": "android", "token": f"writer-{self.number}-{count}"}
            asked = time.monotonic()
            answer = self.session.post(self.url, json={"devices": [device]}, timeout=60)
            self.waits.append(time.monotonic() - asked)
            self.statuses[answer.status_code] += 1


@on("sqlite")
def test_no_writer_finds_the_database_locked(machine, tell):
    machine.start_web()
    machine.start_scheduler()
    machine.start_workers("worker-0", "worker-1")
    made = machine.fill(
        recipients=RECIPIENTS, options={"latency_ms": 20}, campaign={"rate": RECIPIENTS // SECONDS}
    )

    writers = [Writer(machine, made, number) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    statuses = sum((writer.statuses for writer in writers), Counter())
    waits = sorted(wait for writer in writers for wait in writer.waits)
    calls = machine.count_calls()
    tell(
        f"R15 SQLite, web + 2 workers + scheduler, {SECONDS} s: {statuses.total()} writes over "
        f"HTTP {dict(statuses)}, p99 {waits[len(waits) * 99 // 100]:.2f} s, longest "
        f"{waits[-1]:.2f} s, {calls} vendor calls meanwhile, "
        f"{machine.read_log().count('database is locked')} x 'database is locked'"
    )
    assert statuses == {200: WRITERS * PER_WRITER * SECONDS}
    assert calls > 0
    assert "locked" not in machine.read_log()
    assert "0 faults" in machine.manage("verify")


def test_check_refuses_sqlite_without_its_options(tmp_path):
    code = (
        "import sys, django; django.setup();"
        "from django.conf import settings; from django.core.management import call_command;"
        "settings.DATABASES['default']['OPTIONS'].clear();"
        "call_command('check', databases=['default'])"
    )
    environment = {"PUSHADMIN_VAR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "pushadmin.settings"}

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode != 0
    assert [f"SQLite runs without {name}" in done.stderr for name in SQLITE_OPTIONS] == [True] * 3
