"""What the doors of all dialects take per second, beside a bare DRF view that makes one INSERT.

`python benchmarks/doors.py [--calls N] [--rounds N] [--large A,B] [--waits N] [--postgres]` serves
both with gunicorn as `manage.py up` does, over real sockets and in turns, with calls that our own
clients write; then sends to a great many devices with one call, reads that call beside nested
serializers, and waits for outcomes. Appends what it found to benchmarks/doors.txt.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import engine
from door_calls import KEYS, RECIPIENTS, Bench
from door_large import measure_large
from door_server import CONNECTIONS, HERE, Post, Server, describe, send, send_all, serving

RESULTS = Path(__file__).with_suffix(".txt")
WAIT = 5.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=600, help="of each kind in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--large", default="100000,250000")
    parser.add_argument("--waits", type=int, default=15)
    parser.add_argument("--postgres", action="store_true")
    options = parser.parse_args()
    engine.serve_postgres(options.postgres)
    sizes = [int(size) for size in options.large.split(",") if size]
    with (
        tempfile.TemporaryDirectory(prefix="pa-bench-") as folder,
        engine.simulating(folder) as url,
    ):
        engine.prepare(folder, url)
        Path(folder, "static").mkdir()
        bench = Bench(url, max([RECIPIENTS, *sizes]))
        lines = list(measure_waits(bench, options.waits)) if options.waits else []
        lines += measure_rates(bench, options.calls, options.rounds)
        for size in sizes:
            lines += measure_large(bench, size)
    engine.report(lines, RESULTS)


@dataclass(frozen=True, slots=True)
class Round:
    """What one kind of calls did in one round."""

    per_second: float
    cpu: float  # of the server, in ms a call


def measure_round(server: Server, posts: Sequence[Post]) -> Round:
    cpu, began = server.read_cpu(), time.monotonic()
    send_all(server, posts)
    seconds = time.monotonic() - began
    return Round(len(posts) / seconds, (server.read_cpu() - cpu) / len(posts) * 1000)


def measure_rates(bench: Bench, calls: int, rounds: int) -> Iterator[str]:
    """The peer and each dialect in turn, several times; each process is warm before."""
    made = subprocess.run(
        [sys.executable, str(HERE / "door_peer.py")], capture_output=True, text=True, check=True
    )
    note = Post(
        "/notes/",
        {"Authorization": f"Token {made.stdout.strip()}", "Content-Type": "application/json"},
        json.dumps({"body": "Ends tonight"}).encode(),
    )
    with serving() as doors, serving("door_peer:make_application()") as peer:
        ways: dict[str, tuple[Server, Callable[[], Post]]] = {"": (peer, lambda: note)}
        for dialect in bench.dialects:
            ways[dialect.label] = (doors, lambda dialect=dialect: bench.write(dialect))  # type: ignore[misc]
        found: dict[str, list[Round]] = {name: [] for name in ways}
        for place in range(rounds + 1):
            for name, (server, write) in ways.items():
                count = calls if place else KEYS
                told = measure_round(server, [write() for _call in range(count)])
                if place:
                    found[name].append(told)
    yield f"{CONNECTIONS} connections, {calls} calls a round, {rounds} rounds; min, median, max"
    peers = found.pop("")
    yield describe_rates("DRF token POST, one INSERT", peers, peers)
    yield from (describe_rates(f"send, {name}", own, peers) for name, own in found.items())


def describe_rates(name: str, own: list[Round], peers: list[Round]) -> str:
    """In absolute figures, and as ratios of rounds that stood next to each other."""
    speeds = [item.per_second for item in own]
    ratios = [mine.per_second / peer.per_second for mine, peer in zip(own, peers, strict=True)]
    work = [mine.cpu / peer.cpu for mine, peer in zip(own, peers, strict=True)]
    cpu = statistics.median(item.cpu for item in own)
    return (
        f"{name}: {describe(speeds, '.0f')} a second, {describe(ratios, '.2f')} of the peer; "
        f"{cpu:.2f} ms of the server's CPU, {describe(work, '.1f')} times the peer's"
    )


def measure_waits(bench: Bench, count: int) -> Iterator[str]:
    """How long a call takes that is answered with the outcome; one by one, a worker beside it."""
    command = [*engine.MANAGE, "dispatch", "--name", "w1"]
    with serving() as server, subprocess.Popen(command) as worker:
        try:
            for dialect in bench.dialects:
                if can_wait(bench, dialect):
                    yield describe_waits(bench, dialect, server, count)
        finally:
            worker.terminate()


def can_wait(bench: Bench, dialect: Any) -> bool:
    """Whether the dialect says in a call that its caller waits."""
    bench.used += 1
    client = bench.connect(dialect)
    push = bench.make_push(dialect, 1, 0.0)
    now, waited = client.write(push), client.write(replace(push, wait=WAIT))
    return bool((now.url, now.body) != (waited.url, waited.body))


def describe_waits(bench: Bench, dialect: Any, server: Server, count: int) -> str:
    spent: dict[float, list[float]] = {0.0: [], WAIT: []}
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    for place in range(count + 1):
        for wait, times in spent.items():
            line.close()  # gunicorn keeps a silent connection for two seconds only
            seconds = send(line, bench.write(dialect, 1, wait)) * 1000
            if place:
                times.append(seconds)
            time.sleep(0.2)
    line.close()
    return (
        f"{dialect.label}, answered with the outcome: {describe(spent[WAIT], '.0f')} ms; "
        f"answered at once: {describe(spent[0.0], '.0f')} ms ({count} calls each)"
    )


if __name__ == "__main__":
    main()
