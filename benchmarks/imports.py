"""How fast a file of people and devices is imported and exported, beside update_or_create.

`python benchmarks/imports.py [--rows N] [--postgres]`; a tenth of the rows is imported again, with
nothing changed, and the peer, a loop of update_or_create, takes a five-hundredth of them. Memory is
what the process holds (RSS) at the quarters of each job; CPU is that of this process, PostgreSQL's
own is not in it. Appends to benchmarks/imports.txt.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import engine

if TYPE_CHECKING:
    from campaigns.models import App, Job

RESULTS = Path(__file__).with_suffix(".txt")
AGAIN, SHARE = 10, 500  # of the rows: imported again, and for the peer
PAGE = os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--postgres", action="store_true")
    options = parser.parse_args()
    engine.serve_postgres(options.postgres)
    with tempfile.TemporaryDirectory(prefix="pa-bench-") as folder:
        engine.prepare(folder, "http://127.0.0.1:1")
        lines = [tell(line) for line in measure(options.rows)]
    engine.report(lines, RESULTS)


def tell(line: str) -> str:
    """Print it at once: a million rows take a while."""
    print(line, flush=True)
    return line


LINE = "{name}{n},{name}{n}@example.org,DE,de,android,token-{name}-{n},pro,2.{minor}.1\n"


def write_file(rows: int, name: str) -> Iterator[bytes]:
    yield b"user_id,email,country,language,platform,token,person.custom.plan,app_version\n"
    for start in range(0, rows, 1000):
        yield b"".join(
            LINE.format(name=name, n=n, minor=n % 9).encode()
            for n in range(start, min(start + 1000, rows))
        )


@dataclass
class Watched:
    """How long a job took, by the clock and of CPU, and what the process held at each quarter of
    it, in MB."""

    rows: int
    seconds: float = 0.0
    cpu: float = 0.0
    held: list[int] = field(default_factory=list)

    def __str__(self) -> str:
        held = ", ".join(map(str, self.held))
        speed = self.rows / self.seconds
        each = self.cpu / self.rows * 1e6
        return (
            f"{self.seconds:.0f} s ({speed:,.0f} rows/s; {self.cpu:.0f} s of CPU, {each:.0f} us "
            f"each; RSS {held} MB at the quarters)"
        )


def measure(rows: int) -> Iterator[str]:
    from campaigns.models import App, Device, Person, Workspace
    from campaigns.services.exports import What

    workspace = Workspace.objects.create(name="Bench", slug="bench")
    app = App.objects.create(workspace=workspace, name="Bench", slug="bench", platforms=["android"])
    load = os.getloadavg()[0]
    upload, check, apply = import_rows(app, rows)
    yield f"{rows:,} new rows, load {load:.1f} before, upload {upload:.1f} s, RSS {read_rss()} MB"
    yield f"  dry run {check}"
    yield f"  import {apply}"
    _upload, check, apply = import_rows(app, rows // AGAIN)
    yield f"  a tenth again, nothing changed: dry run {check}; import {apply}"
    made = (
        Person.objects.filter(workspace=workspace).count(),
        Device.objects.filter(app=app).count(),
    )
    assert made == (rows, rows), made
    for what in (What.PEOPLE, What.DEVICES):
        yield f"  export of {what}: {export(app, what, rows)}"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    yield f"  peak memory of the process (maximum RSS) {peak:.0f} MB"
    peer = loop(app, rows // SHARE)
    yield f"  peer, update_or_create of {rows // SHARE:,} rows: {rows // SHARE / peer:,.0f} rows/s"


def import_rows(app: App, rows: int) -> tuple[float, Watched, Watched]:
    """Seconds of the upload, the dry run and the import."""
    from campaigns.models import Import
    from campaigns.services import imports
    from campaigns.services.import_targets import Choice

    now = datetime.now(UTC)
    begin = time.perf_counter()
    told = imports.Told("bench.csv", "bench")
    one = imports.begin_import(app, write_file(rows, "a"), told, actor="bench", now=now)
    upload = time.perf_counter() - begin
    choice = Choice(imports.propose(one))
    one = imports.check_import(one, choice, principal=_Root(), actor="bench", now=now)
    check = watch(one.check_job, rows)
    one = imports.apply_import(Import.objects.get(pk=one.pk), actor="bench", now=now)
    return upload, check, watch(one.apply_job, rows)


def export(app: App, what: str, rows: int) -> Watched:
    """Write a file of all of them."""
    from campaigns.services.exports import start_export

    job = start_export(what, app, actor="bench", now=datetime.now(UTC))
    watched = watch(job, rows)
    assert job.counts == {"rows": rows}, job.counts
    return watched


def watch(job: Job, rows: int) -> Watched:
    """Work it off, with an eye on memory."""
    from campaigns.services.job_work import work_on_jobs

    watched = Watched(rows)
    begin, cpu = time.perf_counter(), time.process_time()
    while work_on_jobs("bench"):
        job.refresh_from_db()
        if job.total and job.done * 4 >= job.total * (len(watched.held) + 1):
            watched.held.append(read_rss())
    watched.seconds, watched.cpu = time.perf_counter() - begin, time.process_time() - cpu
    assert job.status == "done", job.note
    return watched


def read_rss() -> int:
    """What this process holds in memory, in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE // 1_000_000


class _Root:
    is_superuser = is_active = True


def loop(app: App, rows: int) -> float:
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
