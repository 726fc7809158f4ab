"""How late schedulers start what is due, with two of them at work and one killed now and then.

`python benchmarks/lateness.py [--campaigns N] [--seconds N]` makes N campaigns, half of them
series, due at moments spread over so many seconds, runs two `manage.py dispatch --scheduler` on
a database of its own (DATABASE_URL where it is set, else SQLite), kills one with `kill -9` every
ten seconds, and looks every 50 ms which transfers there are. It appends what it saw to
benchmarks/lateness.txt.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import django

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

RESULTS = Path(__file__).with_suffix(".txt")
MACHINE = "2 vCPU, 24 GiB"
LOOK_EVERY = 0.05
KILL_EVERY = 10.0
SETTLE = 30.0  # seconds after the last due time in which a straggler is still waited for


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--campaigns", type=int, default=400)
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pa-bench-") as folder:
        os.environ.setdefault("DATABASE_URL", f"sqlite:///{folder}/late.sqlite3")
        os.environ |= {"PUSHADMIN_VAR": folder, "DJANGO_SETTINGS_MODULE": "pushadmin.settings"}
        django.setup()
        due = prepare(options.campaigns, options.seconds)
        schedulers = Schedulers()
        try:
            seen, kills = watch(due, schedulers)
        finally:
            schedulers.stop()
        report(list(describe(due, seen, kills)))


def prepare(count: int, seconds: int) -> dict[int, datetime]:
    """Make the campaigns; gives when each is due."""
    from django.core.management import call_command

    from campaigns.models import Campaign, Message
    from tests import builders

    call_command("migrate", verbosity=0)
    app = builders.make_app(builders.make_workspace())
    message = Message.objects.create(app=app, content={"title": "Hi", "body": "There"})
    start = datetime.now(UTC) + timedelta(seconds=8)
    due = {}
    for number in range(count):
        moment = start + timedelta(seconds=seconds * number / count)
        is_series = number % 2 == 0
        # A rule names whole seconds; the wall clock of a series is written as one.
        moment = moment.replace(microsecond=0) if is_series else moment
        campaign = Campaign.objects.create(
            workspace=app.workspace, app=app, name=f"{number}", message=message,
            audience={"all": True}, status_since=start, created_at=start, created_by="bench",
            due_at=moment, send_at=moment.replace(tzinfo=None).isoformat(), timezone="UTC",
            status="recurring" if is_series else "scheduled",
            recurrence={"unit": "day"} if is_series else None,
        )  # fmt: skip
        due[campaign.pk] = moment
    return due


class Schedulers:
    """Two processes; the older one is killed and replaced."""

    def __init__(self) -> None:
        self.running = [self._start(), self._start()]

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "manage.py", "dispatch", "--scheduler"]
        return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)

    def kill_one(self) -> None:
        victim = self.running.pop(0)
        victim.kill()
        victim.wait()
        self.running.append(self._start())

    def stop(self) -> None:
        for process in self.running:
            process.terminate()
        for process in self.running:
            process.wait(30)


def watch(due: dict[int, datetime], schedulers: Schedulers) -> tuple[dict[int, datetime], int]:
    """When the transfer of each campaign was first seen, and how often a scheduler was killed."""
    from campaigns.models import Transfer

    seen: dict[int, datetime] = {}
    last, kills, killed_at = max(due.values()), 0, time.monotonic()
    while len(seen) < len(due) and datetime.now(UTC) < last + timedelta(seconds=SETTLE):
        rows = Transfer.objects.filter(campaign__isnull=False)
        known = list(rows.values_list("campaign_id", flat=True))
        moment = datetime.now(UTC)
        seen |= {pk: moment for pk in known if pk not in seen}
        if time.monotonic() - killed_at > KILL_EVERY:
            schedulers.kill_one()
            kills, killed_at = kills + 1, time.monotonic()
        time.sleep(LOOK_EVERY)
    return seen, kills


def describe(due: dict[int, datetime], seen: dict[int, datetime], kills: int) -> Iterator[str]:
    from campaigns.models import Transfer

    late = sorted((seen[pk] - due[pk]).total_seconds() for pk in seen)
    twice = Transfer.objects.count() - len(seen)
    yield (
        f"{len(due)} campaigns, half of them series, due within "
        f"{(max(due.values()) - min(due.values())).total_seconds():.0f} s; 2 schedulers, "
        f"{kills} x kill -9"
    )
    yield f"started {len(seen)}, not at all {len(due) - len(seen)}, twice {twice}"
    yield (
        f"late by {late[len(late) // 2]:.2f} s in the middle, {late[int(len(late) * 0.99)]:.2f} s "
        f"for 99 %, {late[-1]:.2f} s at most; too early {sum(1 for span in late if span < 0)}"
    )


def report(lines: list[str]) -> None:
    from django.db import connection

    stamp = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    version, load = platform.python_version(), os.getloadavg()[0]
    head = f"{stamp} ({MACHINE}, {connection.vendor}, Python {version}, load {load:.1f})"
    text = "\n".join([head, *(f"  {line}" for line in lines)]) + "\n"
    print(text)
    with RESULTS.open("a") as results:
        results.write(text)


if __name__ == "__main__":
    main()
