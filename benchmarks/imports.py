"""How fast a file of people and devices is imported, beside a loop of update_or_create.

`python benchmarks/imports.py [--rows N] [--postgres]`; the peer takes a fiftieth of the rows. Peak
memory is what Python held during the steps. Appends to benchmarks/imports.txt.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import engine

RESULTS = Path(__file__).with_suffix(".txt")
SHARE = 50  # of the rows, for the peer
TRACED = 5_000  # rows during which memory is traced: tracing makes everything slower


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--postgres", action="store_true")
    options = parser.parse_args()
    engine.serve_postgres(options.postgres)
    with tempfile.TemporaryDirectory(prefix="pa-bench-") as folder:
        engine.prepare(folder, "http://127.0.0.1:1")
        lines = list(measure(options.rows))
    engine.report(lines, RESULTS)


LINE = "{name}{n},{name}{n}@example.org,DE,de,android,token-{name}-{n},pro,2.{minor}.1\n"


def write_file(rows: int, name: str) -> Iterator[bytes]:
    yield b"user_id,email,country,language,platform,token,person.custom.plan,app_version\n"
    for start in range(0, rows, 1000):
        yield b"".join(
            LINE.format(name=name, n=n, minor=n % 9).encode()
            for n in range(start, min(start + 1000, rows))
        )


def measure(rows: int) -> Iterator[str]:
    from campaigns.models import App, Device, Person, Workspace

    workspace = Workspace.objects.create(name="Bench", slug="bench")
    app = App.objects.create(workspace=workspace, name="Bench", slug="bench", platforms=["android"])
    load = os.getloadavg()[0]
    own = import_rows(app, rows, "a")
    again = import_rows(app, rows, "a")
    tracemalloc.start()
    small = import_rows(app, TRACED, "b")
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    made = (
        Person.objects.filter(workspace=workspace).count(),
        Device.objects.filter(app=app).count(),
    )
    assert made == (rows + TRACED, rows + TRACED), made
    peer = loop(app, rows // SHARE)
    yield f"{rows:,} new rows, load {load:.1f} before: {say(own, rows)}"
    yield f"the same {rows:,} rows again, nothing changed: {say(again, rows)}"
    traced = f"{TRACED:,} rows in {sum(small):.0f} s"
    yield f"peak of Python's memory: {peak / 1e6:.1f} MB (traced, {traced})"
    yield f"peer, update_or_create of {rows // SHARE:,} rows: {rows // SHARE / peer:,.0f} rows/s"


def say(seconds: tuple[float, float, float], rows: int) -> str:
    upload, check, apply = seconds
    return (
        f"upload {upload:.1f} s, dry run {check:.0f} s ({rows / check:,.0f} rows/s), "
        f"import {apply:.0f} s ({rows / apply:,.0f} rows/s)"
    )


def import_rows(app: Any, rows: int, name: str) -> tuple[float, float, float]:
    """Seconds of the upload, the dry run and the import."""
    from campaigns.models import Import
    from campaigns.services import imports
    from campaigns.services.import_targets import Choice
    from campaigns.services.job_work import drain_jobs

    now = datetime.now(UTC)
    marks = [time.perf_counter()]
    told = imports.Told("bench.csv", "bench")
    one = imports.begin_import(app, write_file(rows, name), told, actor="bench", now=now)
    marks.append(time.perf_counter())
    choice = Choice(imports.propose(one))
    imports.check_import(one, choice, principal=_Root(), actor="bench", now=now)
    drain_jobs()
    marks.append(time.perf_counter())
    one = imports.apply_import(Import.objects.get(pk=one.pk), actor="bench", now=now)
    drain_jobs()
    marks.append(time.perf_counter())
    return marks[1] - marks[0], marks[2] - marks[1], marks[3] - marks[2]


class _Root:
    is_superuser = is_active = True


def loop(app: Any, rows: int) -> float:
    """What one would write first: a person and a device for each row, one after the other."""
    from campaigns.models import Device, Person
    from campaigns.models.audience import hash64

    begin = time.perf_counter()
    for n in range(rows):
        person, _is_new = Person.objects.update_or_create(
            workspace=app.workspace, external_user_id=f"p{n}",
            defaults={"email": f"p{n}@example.org", "country": "DE", "language": "de",
                      "attributes": {"plan": "pro"}},
        )  # fmt: skip
        Device.objects.update_or_create(
            app=app, platform="android", token_hash=hash64(f"token-p-{n}"),
            defaults={"token": f"token-p-{n}", "person": person, "app_version": "2.1.1"},
        )  # fmt: skip
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
