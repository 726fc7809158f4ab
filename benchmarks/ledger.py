"""What the ledger costs: beside the same calls without rows, beside rows that are locked, in bytes.

`python benchmarks/ledger.py [--size N] [--postgres]`. One process makes all calls in turn to a
simulator in another. The peer with locked rows is PostgreSQL's own way to make a queue of a table:
UPDATE .. WHERE id IN (SELECT .. FOR UPDATE SKIP LOCKED) .. RETURNING to claim, UPDATE .. FROM
unnest(..) to settle. Appends to benchmarks/ledger.txt.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import engine

RESULTS = Path(__file__).with_suffix(".txt")
CLAIM = 1_000
ROUNDS = 25


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=50_000)
    parser.add_argument("--postgres", action="store_true")
    options = parser.parse_args()
    engine.serve_postgres(options.postgres)
    with (
        tempfile.TemporaryDirectory(prefix="pa-bench-") as folder,
        engine.simulating(folder) as url,
    ):
        engine.prepare(folder, url)
        lines = [*measure_overhead(options.size, url), *measure_queue(), *measure_bytes()]
    engine.report(lines, RESULTS)


def measure_overhead(size: int, url: str) -> Iterator[str]:
    """The same recipients, texts and calls: by the engine, and by the vendor's client alone."""
    from providers import registry

    dialect = next(dialect for dialect in registry.all_dialects() if dialect.is_sandbox)
    app = engine.make_app("overhead", size)
    engine.route_through(app, dialect, url)
    bare_wall, bare_cpu = clocked(lambda: send_bare(app, dialect))
    wall, cpu = clocked(lambda: send_through(app))
    per = 1e6 / size
    yield (
        f"calls alone: {size / bare_wall:,.0f}/s, {bare_cpu * per:.1f} us CPU each; with a row "
        f"each: {size / wall:,.0f}/s, {cpu * per:.1f} us; the ledger costs "
        f"{(cpu - bare_cpu) * per:.1f} us CPU and {(wall - bare_wall) * per:.1f} us in all, "
        f"{wall / bare_wall - 1:.0%} of the time"
    )


def clocked(run: Callable[[], None]) -> tuple[float, float]:
    began, cpu = time.monotonic(), time.process_time()
    run()
    return time.monotonic() - began, time.process_time() - cpu


def send_bare(app: Any, dialect: Any) -> None:
    from campaigns.dispatch.outbound import connect_way
    from campaigns.models import Device
    from campaigns.selectors.routes import list_ways
    from providers.commands import PushPart, SendPush
    from providers.message import PushMessage
    from providers.recipients import TOKEN_KIND, Targets

    client = connect_way(list_ways(app.pk, "android")[0])
    rows = Device.objects.filter(app=app).order_by("pk").values_list("token", "pk")
    cut = dialect.limits.batch_size
    waiting: list[tuple[str, int]] = []
    for row in rows.iterator(chunk_size=5_000):
        waiting.append(row)
        if len(waiting) == cut:
            send_some(client, waiting, TOKEN_KIND, PushPart, SendPush, Targets, PushMessage)
            waiting = []


def send_some(client: Any, rows: list[tuple[str, int]], kind: str, *words: Any) -> None:
    push_part, send_push, targets, push_message = words
    tokens = tuple(token for token, _pk in rows)
    references = tuple(f"bare.{pk}" for _token, pk in rows)
    part = push_part(push_message(title="Hi", body="There"), (targets(kind, tokens, references),))
    push = send_push(parts=(part,), group="General", client_key=f"bare-{rows[0][1]}")
    client.send(client.write(push))


def send_through(app: Any) -> None:
    from campaigns.dispatch.engine import pump
    from campaigns.dispatch.freeze import freeze_transfer
    from campaigns.models import Allowance

    transfer = engine.start_transfer(app)
    freeze_transfer(transfer, now=datetime.now(UTC))
    while transfer.finished_at is None:
        Allowance.objects.all().delete()
        pump("bench")
        transfer.refresh_from_db()


def measure_queue() -> Iterator[str]:
    """Claim and settle a thousand recipients, again and again, without a vendor."""
    from django.db import connection

    ours = list_batch_times(ROUNDS)
    yield f"claim and settle {CLAIM:,} of a batch: {statistics.median(ours) * 1e3:.2f} ms"
    if connection.vendor == "postgresql":
        rows = list_row_times(ROUNDS, ROUNDS * CLAIM * 4)
        yield (
            f"the same with locked rows: {statistics.median(rows) * 1e3:.2f} ms, "
            f"{statistics.median(rows) / statistics.median(ours):.1f} times as long"
        )


def list_batch_times(rounds: int) -> list[float]:
    from campaigns.dispatch import settle
    from campaigns.dispatch.addresses import list_owed
    from campaigns.dispatch.books import Verdict
    from campaigns.dispatch.claim import claim_batch
    from campaigns.dispatch.freeze import freeze_transfer
    from campaigns.models import Allowance, Transfer
    from providers import registry
    from providers.outcomes import Outcome

    app = engine.make_app("queue", rounds * CLAIM)
    dialects = [dialect for dialect in registry.all_dialects() if dialect.connect]
    dialect = max(dialects, key=lambda dialect: dialect.limits.batch_size)
    engine.route_through(app, dialect, "http://127.0.0.1:1")
    transfer = engine.start_transfer(app)
    Transfer.objects.filter(pk=transfer.pk).update(rate=CLAIM)
    freeze_transfer(transfer, now=datetime.now(UTC))
    transfer.refresh_from_db()
    times = []
    for _ in range(rounds):
        Allowance.objects.all().delete()
        now = datetime.now(UTC)
        began = time.monotonic()
        lease = claim_batch(transfer, now)
        assert lease is not None
        owed = list_owed(lease.batch)
        call = settle.Call(f"b{lease.batch.pk}", {})
        attempt = settle.begin_attempt(lease, call, now)
        answer = settle.Answer(outcome=Outcome.ACCEPTED.value, was_sent=True)
        flush = settle.Flush(verdicts={Verdict("sent"): owed}, attempt=attempt, answer=answer)
        settle.flush(lease, flush, now)
        times.append((time.monotonic() - began) * CLAIM / len(owed))
    return times


SET_UP = """
CREATE TABLE row_queue (id bigserial PRIMARY KEY, transfer_id bigint NOT NULL,
    device_id bigint NOT NULL, status smallint NOT NULL DEFAULT 0, worker bigint, at timestamptz,
    reason varchar(16) NOT NULL DEFAULT '');
INSERT INTO row_queue (transfer_id, device_id) SELECT 1, n FROM generate_series(1, %s) n;
CREATE INDEX row_queue_state ON row_queue (transfer_id, status);
ANALYZE row_queue;
"""
CLAIM_ROWS = """
UPDATE row_queue SET status = 1, worker = 7 WHERE id IN (
    SELECT id FROM row_queue WHERE transfer_id = 1 AND status = 0 LIMIT %s FOR UPDATE SKIP LOCKED
) RETURNING id, device_id
"""
SETTLE_ROWS = """
UPDATE row_queue SET status = 2, at = now() FROM unnest(%s::bigint[]) AS done(id)
WHERE row_queue.id = done.id
"""


def list_row_times(rounds: int, size: int) -> list[float]:
    from django.db import connection

    times = []
    with connection.cursor() as cursor:
        for statement in SET_UP.split(";\n"):
            if statement.strip():
                cursor.execute(statement, [size] if "%s" in statement else None)
        for _ in range(rounds):
            began = time.monotonic()
            cursor.execute(CLAIM_ROWS, [CLAIM])
            ids = [pk for pk, _device in cursor.fetchall()]
            cursor.execute(SETTLE_ROWS, [ids])
            times.append(time.monotonic() - began)
    return times


def measure_bytes() -> Iterator[str]:
    """What is kept for each recipient, indexes included."""
    from django.db import connection

    from campaigns.models import Batch, Delivery

    if connection.vendor != "postgresql":
        return
    count = Delivery.objects.count()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_relation_size('campaigns_delivery'), pg_indexes_size('campaigns_delivery'),"
            " pg_total_relation_size('campaigns_batch')"
        )
        table, indexes, queue = cursor.fetchone()
    yield (
        f"bytes for each of {count:,} deliveries: {table / count:.0f} in the table, "
        f"{indexes / count:.0f} in indexes, {(table + indexes) / count:.0f} in all; its place in "
        f"{Batch.objects.count()} batches {queue / count:.1f}"
    )


if __name__ == "__main__":
    main()
