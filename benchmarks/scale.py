"""Whether pages and cost depend on how many recipients there are.

`python benchmarks/scale.py [--pages N] [--sizes A,B,C]`. The transfer whose pages are asked for is
made by SQL on a PostgreSQL server of its own (rows, counters and roll-up that add up, as `verify`
would find), the others are frozen and sent in this process to a simulator. Appends to
benchmarks/scale.txt.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import engine

RESULTS = Path(__file__).with_suffix(".txt")
BATCH = 50_000
ROUNDS = 9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=10_000_000)
    parser.add_argument("--sizes", default="10000,100000,1000000")
    parser.add_argument("--grow", type=int, default=0, help="one size, in this process")
    options = parser.parse_args()
    engine.serve_postgres(is_wanted=True)
    with (
        tempfile.TemporaryDirectory(prefix="pa-bench-") as folder,
        engine.simulating(folder) as url,
    ):
        engine.prepare(folder, url)
        if options.grow:
            print(measure_growth(options.grow, url))
            return
        lines = list(measure_sizes(options.sizes))
        lines += measure_pages(options.pages) if options.pages else []
    engine.report(lines, RESULTS)


def measure_sizes(sizes: str) -> Iterator[str]:
    """Each size in a process of its own, so that its peak of memory is its own."""
    for size in filter(None, sizes.split(",")):
        command = [sys.executable, __file__, "--grow", size]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        yield output.strip().splitlines()[-1]


def measure_growth(size: int, url: str) -> str:
    from campaigns.dispatch.engine import drain
    from campaigns.models import App
    from providers import registry

    dialects = [dialect for dialect in registry.all_dialects() if dialect.connect]
    dialect = max(dialects, key=lambda dialect: dialect.limits.batch_size)
    app: App = engine.make_app(f"grow-{size}", size)
    engine.route_through(app, dialect, url)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    transfer = engine.start_transfer(app)
    began, cpu = time.monotonic(), time.process_time()
    drain("bench")
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    transfer.refresh_from_db()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return (
        f"{size:,} recipients frozen, sent and folded ({transfer.status}): {seconds:.1f} s, "
        f"{seconds / size * 1e6:.1f} us each, {cpu / size * 1e6:.1f} us CPU; peak memory "
        f"{peak / 1024:.0f} MB, {before / 1024:.0f} MB before"
    )


# The same words on both databases.
ROWS = """
WITH RECURSIVE numbers(n) AS (
    SELECT %(first)s UNION ALL SELECT n + 1 FROM numbers WHERE n < %(last)s
)
INSERT INTO campaigns_delivery
    (part_id, recipient, attempt_id, at, cohort_id, account_id, outcome, reason)
SELECT %(part)s, n, %(attempt)s + n / %(batch)s, %(now)s, %(cohort)s + n %% 4, %(account)s,
    CASE WHEN n %% 25 = 0 THEN 'failed' ELSE 'sent' END,
    CASE WHEN n %% 25 = 0 THEN 'token' ELSE '' END
FROM numbers
"""


def measure_pages(size: int) -> Iterator[str]:
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.test import Client
    from django.test.utils import setup_test_environment

    setup_test_environment()
    call_command("collectstatic", interactive=False, verbosity=0)
    transfer = fill_transfer(size)
    user = get_user_model().objects.create_superuser("bench", "bench@example.org", "bench")
    client = Client()
    client.force_login(user)
    pages = [
        f"/transfers/{transfer.pk}/",
        f"/transfers/{transfer.pk}/status/",
        f"/campaigns/{transfer.campaign_id}/status/",
        f"/transfers/{transfer.pk}/recipients/",
        f"/transfers/{transfer.pk}/recipients/?outcome=failed",
        "/reports/",
        "/reports/rows/",
        "/",
    ]
    for path in pages:
        times = [ask(client, path) * 1e3 for _ in range(ROUNDS)]
        middle, slowest = statistics.median(times), max(times)
        yield f"{size:,} recipients, {path}: {middle:.0f} ms, slowest of {ROUNDS} {slowest:.0f} ms"


def ask(client: Any, path: str) -> float:
    began = time.monotonic()
    answer = client.get(path)
    seconds = time.monotonic() - began
    assert 200 <= answer.status_code < 300, (path, answer.status_code)
    return seconds


def fill_transfer(size: int, devices: int = 1) -> Any:
    """A transfer that has been sent, as its rows would stand, of an app with so many devices."""
    from providers import registry

    app, now = engine.make_app("pages", devices), datetime.now(UTC)
    dialect = next(dialect for dialect in registry.all_dialects() if dialect.is_sandbox)
    engine.route_through(app, dialect, "http://127.0.0.1:1")
    account = app.routes.get().account
    transfer = engine.start_transfer(app)
    cohorts = make_cohorts(app)
    batches = fill_batches(transfer, account, cohorts, size, now)
    attempts = fill_attempts(batches, now)
    values = {"attempt": attempts[0].pk, "cohort": cohorts[0].pk, "account": account.pk, "now": now}
    fill_counts(transfer.parts.get(), account, fill_deliveries(transfer, size, values), now)
    end(transfer, size, now)
    return transfer


def make_cohorts(app: Any) -> list[Any]:
    from campaigns.models import Cohort

    return [
        Cohort.objects.create(app=app, platform="android", language=language)
        for language in ("de", "en", "es", "fr")
    ]


def fill_batches(
    transfer: Any, account: Any, cohorts: list[Any], size: int, now: datetime
) -> list[Any]:
    """Batches that are done, with recipients 1 to `size`; cohorts take turns."""
    from campaigns.models import Batch
    from campaigns.models.packing import pack_cohorts, pack_ids

    def make(start: int) -> Batch:
        numbers = range(start, min(start + BATCH, size + 1))
        return Batch(
            part=transfer.parts.get(), transfer=transfer, app=transfer.app, platform="android",
            account=account, recipients=pack_ids(numbers),
            cohorts=pack_cohorts(cohorts[number % 4].pk for number in numbers),
            count=len(numbers), settled=len(numbers),
            state=Batch.State.DONE, due_at=now, is_folded=True,
        )  # fmt: skip

    batches: list[Any] = Batch.objects.bulk_create(map(make, range(1, size + 1, BATCH)))
    return batches


def fill_attempts(batches: list[Any], now: datetime) -> list[Any]:
    from campaigns.models import Attempt

    attempts: list[Any] = Attempt.objects.bulk_create(
        Attempt(
            batch=batch, account=batch.account, key=f"b{batch.pk}", last=batch.count - 1,
            started_at=now, answered_at=now, was_sent=True, outcome="accepted",
        )
        for batch in batches
    )  # fmt: skip
    return attempts


def fill_deliveries(
    transfer: Any, size: int, values: dict[str, Any]
) -> list[tuple[int, str, str, int]]:
    """A row per recipient; gives cohort, outcome, reason and how many."""
    from django.db import connection

    part = transfer.parts.get().pk
    with connection.cursor() as cursor:
        for start in range(1, size + 1, 1_000_000):
            last = min(size, start + 999_999)
            own = {"part": part, "batch": BATCH, "first": start, "last": last}
            cursor.execute(ROWS, {**values, **own})
        cursor.execute("ANALYZE")
        cursor.execute(
            "SELECT cohort_id, outcome, reason, count(*) FROM campaigns_delivery"
            " WHERE part_id = %s GROUP BY 1, 2, 3",
            [part],
        )
        groups: list[tuple[int, str, str, int]] = cursor.fetchall()
    return groups


def fill_counts(
    part: Any, account: Any, groups: list[tuple[int, str, str, int]], now: datetime
) -> None:
    """The roll-up and the counters that those rows add up to."""
    from campaigns.models import Counter, Rollup

    own = {"part": part, "account_id": account.pk}
    hour = now.replace(minute=0, second=0, microsecond=0)
    Rollup.objects.bulk_create(
        Rollup(hour=hour, cohort_id=cohort, outcome=outcome, reason=reason, count=count, **own)
        for cohort, outcome, reason, count in groups
    )
    for outcome, reason in {(row[1], row[2]) for row in groups}:
        count = sum(row[3] for row in groups if row[1:3] == (outcome, reason))
        Counter.objects.create(
            platform="android", outcome=outcome, reason=reason, count=count, **own
        )


def end(transfer: Any, size: int, now: datetime) -> None:
    from campaigns.models import Campaign, Transfer

    transfer.parts.update(audience=size)
    done = {"status": Transfer.Status.SENT, "finished_at": now, "frozen_at": now}
    Transfer.objects.filter(pk=transfer.pk).update(audience=size, **done)
    Campaign.objects.filter(pk=transfer.campaign_id).update(status=Campaign.Status.SENT)
    transfer.refresh_from_db()


if __name__ == "__main__":
    main()
