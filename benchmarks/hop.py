"""What the exchange costs: the same recipients straight to a vendor, and through a second
installation that a script's calls reach in a vendor's dialect and that sends to that vendor.

`python benchmarks/hop.py [--size N]`, on SQLite. Appends what it found to benchmarks/hop.txt.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import engine
from door_server import HERE, Server, serving

RESULTS = Path(__file__).with_suffix(".txt")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=20_000)
    size = parser.parse_args().size
    engine.serve_postgres(is_wanted=False)
    with (
        tempfile.TemporaryDirectory(prefix="pa-bench-") as folder,
        tempfile.TemporaryDirectory(prefix="pa-bench-") as other,
        engine.simulating(folder) as url,
    ):
        engine.prepare(folder, url)
        for place in (folder, other):
            Path(place, "static").mkdir()
        with standing(other, url, size) as behind:
            os.environ["PUSHADMIN_OUTBOUND_ALLOW"] = f"{url},{behind.url}"
            engine.report(list(measure(behind, url, size)), RESULTS)


@dataclass(frozen=True, slots=True)
class Behind:
    """The second installation: its door, the key for it, and all its processes."""

    url: str
    key: str
    file: Path
    processes: tuple[Server, ...]

    def count_sent(self) -> int:
        """Recipients of whom its books say that its vendor took them."""
        with closing(sqlite3.connect(f"file:{self.file}?mode=ro", uri=True)) as books:
            return int(
                books.execute(
                    "SELECT count(*) FROM campaigns_delivery WHERE outcome = 'sent'"
                ).fetchone()[0]
            )

    def read_cpu(self) -> float:
        return sum(process.read_cpu() for process in self.processes)


@contextmanager
def standing(folder: str, url: str, size: int) -> Iterator[Behind]:
    """A second installation, with its web processes and a worker."""
    own = {"PUSHADMIN_VAR": folder, "PUSHADMIN_OUTBOUND_ALLOW": url}
    made = subprocess.run(
        [sys.executable, str(HERE / "hop_peer.py"), url, str(size)],
        env={**os.environ, **own}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    file = Path(folder, "pushadmin.sqlite3")
    with serving(**own) as web, working(**own) as worker:
        yield Behind(f"http://127.0.0.1:{web.port}", made.stdout.strip(), file, (web, worker))


@contextmanager
def working(**environment: str) -> Iterator[Server]:
    command = [*engine.MANAGE, "dispatch", "--name", "w1"]
    with subprocess.Popen(
        command, env={**os.environ, **environment}, start_new_session=True
    ) as process:
        try:
            yield Server(0, process.pid)
        finally:
            process.terminate()


def measure(behind: Behind, url: str, size: int) -> Iterator[str]:
    """Both ways, one after the other; the app of the same name has the same phones."""
    from providers import registry

    sandbox = next(dialect for dialect in registry.all_dialects() if dialect.is_sandbox)
    straight = engine.make_app("straight", size)
    engine.route_through(straight, sandbox, url)
    seconds, cpu, calls = send(straight, size)
    yield (
        f"{size:,} devices straight to the sandbox: {seconds:.2f} s, {calls} calls, "
        f"{cpu / size * 1e6:.0f} us of CPU each"
    )
    for dialect in registry.all_dialects():
        if dialect.has_door and dialect.has_groups:
            yield measure_hop(dialect, behind, size)


def measure_hop(dialect: Any, behind: Behind, size: int) -> str:
    """Through the other installation's door; it is done when that one's books say so."""
    app = engine.make_app("hop", size)
    route_to(app, dialect, behind)
    before = behind.read_cpu()
    began = time.monotonic()
    seconds, cpu, calls = send(app, size)
    while behind.count_sent() < size:
        time.sleep(0.05)
    own = behind.read_cpu() - before
    return (
        f"through a second installation in the dialect of {dialect.label}: settled here after "
        f"{seconds:.2f} s, {calls} calls, {cpu / size * 1e6:.0f} us of CPU each; sent there "
        f"{time.monotonic() - began:.2f} s after the start of our worker, {own / size * 1e6:.0f} "
        "us of CPU each"
    )


def route_to(app: Any, dialect: Any, behind: Behind) -> None:
    """An account whose addresses are the other's door, and whose secret is the other's key."""
    from campaigns.models import Account, Route
    from providers import vault

    account = Account.objects.create(
        workspace=app.workspace,
        name="behind",
        dialect=dialect.key,
        credentials=vault.encrypt({spec.name: behind.key for spec in dialect.credentials}),
        base_urls={spec.name: f"{behind.url}/compat/{dialect.key}" for spec in dialect.base_urls},
    )
    options = {spec.name: 1 for spec in dialect.route_options}  # the first app of the other
    Route.objects.create(app=app, platform="android", account=account, options=options)


def send(app: Any, size: int) -> tuple[float, float, int]:
    """Seconds from the first call to the folded end, CPU of our worker meanwhile, and calls."""
    from campaigns.dispatch.freeze import freeze_transfer
    from campaigns.models import Allowance, Attempt, Counter
    from campaigns.models.apps import MAX_SEND_RATE

    transfer = engine.start_transfer(app)
    freeze_transfer(transfer, now=datetime.now(UTC))
    with working() as worker:
        while not Attempt.objects.filter(batch__transfer=transfer).exists():
            time.sleep(0.01)
        began, before = time.monotonic(), worker.read_cpu()
        while transfer.finished_at is None:
            time.sleep(0.05)
            # Groups keep at most 5000 a second; what is asked here is what the engine can.
            Allowance.objects.filter(scope="group").update(level=MAX_SEND_RATE)
            transfer.refresh_from_db()
        seconds, cpu = time.monotonic() - began, worker.read_cpu() - before
    sent = Counter.objects.get(part__transfer=transfer, outcome="sent").count
    assert sent == size, (sent, size)
    return seconds, cpu, Attempt.objects.filter(batch__transfer=transfer).count()


if __name__ == "__main__":
    main()
