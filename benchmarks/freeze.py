"""How fast an audience is frozen into batches, beside one row per recipient in the ORM's way.

`python benchmarks/freeze.py [--size N] [--postgres] [--profile]`; the peer inserts a tenth of the
recipients with `bulk_create` into a table like Delivery's. Appends to benchmarks/freeze.txt.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import engine

RESULTS = Path(__file__).with_suffix(".txt")
ROUNDS = 3
PROFILE_LINES = 14


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1_000_000)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--profile", action="store_true", help="say where the time goes")
    options = parser.parse_args()
    engine.serve_postgres(options.postgres)
    with tempfile.TemporaryDirectory(prefix="pa-bench-") as folder:
        engine.prepare(folder, "http://127.0.0.1:1")
        lines = list(measure(options))
    engine.report(lines, RESULTS)


def measure(options: argparse.Namespace) -> Iterator[str]:
    from providers import registry

    app = engine.make_app("freeze", options.size)
    dialects = [dialect for dialect in registry.all_dialects() if dialect.connect]
    dialect = max(dialects, key=lambda dialect: dialect.limits.batch_size)
    engine.route_through(app, dialect, "http://127.0.0.1:1")
    rounds = [freeze_once(app) for _ in range(ROUNDS)]
    seconds = statistics.median(seconds for seconds, _cpu, _count in rounds)
    cpu = statistics.median(cpu for _seconds, cpu, _count in rounds)
    yield (
        f"freeze: {options.size:,} recipients into {rounds[0][2]} batches in {seconds:.2f} s "
        f"(median of {ROUNDS}, best {min(rounds)[0]:.2f}), {options.size / seconds:,.0f}/s, "
        f"{cpu / options.size * 1e6:.2f} us CPU each in this process"
    )
    rate, rows = options.size / seconds, max(1, options.size // 10)
    slow = rows / insert_rows(app, rows)
    yield f"bulk_create of a row each: {slow:,.0f}/s; freezing is {rate / slow:.1f} times as fast"
    if options.profile:
        yield from profile(app)


def freeze_once(app: Any) -> tuple[float, float, int]:
    """Seconds, CPU seconds of this process, batches."""
    from campaigns.dispatch.freeze import freeze_transfer
    from campaigns.models import Transfer

    transfer = engine.start_transfer(app)
    began, cpu = time.monotonic(), time.process_time()
    freeze_transfer(transfer, now=datetime.now(UTC))
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    count = transfer.parts.get().batches.count()
    Transfer.objects.filter(pk=transfer.pk).update(finished_at=datetime.now(UTC))
    return seconds, cpu, count


def insert_rows(app: Any, size: int) -> float:
    """Seconds for so many rows with the outcome that everybody begins with."""
    from campaigns.models import Delivery, Device

    now, part = datetime.now(UTC), engine.start_transfer(app).parts.get()
    ids = list(Device.objects.filter(app=app).values_list("pk", flat=True)[:size])
    began = time.monotonic()
    Delivery.objects.bulk_create(
        (
            Delivery(part_id=part.pk, recipient=pk, at=now, cohort_id=1, outcome="unknown")
            for pk in ids
        ),
        batch_size=10_000,
    )
    return time.monotonic() - began


def profile(app: Any) -> Iterator[str]:
    """Where the time of one freeze goes, the slowest functions first."""
    watch = cProfile.Profile()
    watch.runcall(freeze_once, app)
    stats: Any = pstats.Stats(watch)
    rows = sorted(stats.stats.items(), key=lambda item: -item[1][2])[:PROFILE_LINES]
    for (file, _line, name), (_calls, count, own, whole, _callers) in rows:
        yield f"  {own:6.2f} s own {whole:6.2f} s in all {count:7} x {Path(file).name}:{name}"


if __name__ == "__main__":
    main()
