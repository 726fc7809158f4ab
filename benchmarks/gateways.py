"""How fast campaigns go out through gateways that take one device per call, beside others' clients.

`python benchmarks/gateways.py [--rounds 5]` runs every peer and us against one nginx, in shuffled
rounds: ours with a durable row for each recipient, PostgreSQL with fsync and one worker process.
`--latency 50` measures how full the way is kept with so many milliseconds on it, `--million` a
campaign of 1,000,000 from its launch to its end with two workers, `--rate` whether an account's
10,000 a second are kept to; `--simulators` sends `--messages` through the simulator's own gateways
instead, and holds their journal against our books. Peers are installed by the script in
environments of their own, under `var`. Appends to benchmarks/gateways.txt.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import engine
import gateway_ours
import gateway_peers
from gateway_ours import GATEWAYS, Gateway
from gateway_peers import H2LOAD, PEERS, Run
from gateway_simulators import count_accepted, rehearsing
from gateway_sink import Sink, find_missing, noting, read_moments, serving

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).with_suffix(".txt")
# How many messages of each in a round: some seconds' worth on an idle machine.
COUNTS = {
    H2LOAD: 300_000,
    "django-push-notifications": 4_000,
    "firebase-admin": 4_000,
    "firebase-admin async": 4_000,
    "npm firebase-admin": 30_000,
    "aioapns": 15_000,
    "pywebpush": 4_000,
    "pywebpush async": 10_000,
    "npm web-push": 3_000,
}
OURS = {"fcm": 100_000, "apns": 100_000, "webpush": 50_000}
BESIDE = {
    "fcm": ("django-push-notifications", "firebase-admin", "firebase-admin async",
            "npm firebase-admin"),
    "apns": ("aioapns",),
    "webpush": ("pywebpush", "pywebpush async", "npm web-push"),
}  # fmt: skip
MILLION = 1_000_000
QUOTA = 10_000  # a second
WINDOW = 5  # seconds

Table = Mapping[str, Sequence[Run]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="One gateway's key.")
    parser.add_argument("--latency", type=int, default=0, help="Milliseconds.")
    parser.add_argument("--million", action="store_true")
    parser.add_argument("--rate", action="store_true")
    parser.add_argument("--simulators", action="store_true")
    parser.add_argument("--messages", type=int, default=50_000, help="For --simulators.")
    words = "For --million, --rate and --simulators."
    parser.add_argument("--workers", type=int, default=2, help=words)
    options = parser.parse_args()
    missing = [] if options.simulators else find_missing()
    if missing:
        print(f"Not measured: {', '.join(missing)} missing here.")
        return
    engine.serve_postgres(True)
    peers = Path(os.environ.get("PUSHADMIN_VAR", ROOT / "var")) / "gateway-peers"
    with (
        tempfile.TemporaryDirectory(prefix="pa-bench-") as folder,
        serve(Path(folder), find_sink(options)) as sink,
    ):
        engine.prepare(folder, sink.url)
        lines = list(find_measure(options)(options, sink, peers))
    engine.report([gateway_peers.describe_libraries(), *lines], RESULTS)


Open = Callable[[Path], AbstractContextManager[Sink]]


def find_sink(options: argparse.Namespace) -> Open:
    if options.rate:
        return noting
    return rehearsing if options.simulators else serving


@contextmanager
def serve(folder: Path, open_sink: Open = serving) -> Iterator[Sink]:
    """The sink, which we trust from here on."""
    folder.chmod(0o755)  # nginx' worker is somebody else
    with open_sink(folder) as sink:
        os.environ |= {"PUSHADMIN_OUTBOUND_CA": str(sink.authority)}
        yield sink


Measure = Callable[[argparse.Namespace, Sink, Path], Iterator[str]]


def find_measure(options: argparse.Namespace) -> Measure:
    if options.latency:
        return measure_latency
    if options.million:
        return measure_million
    if options.simulators:
        return measure_simulators
    return measure_rate if options.rate else measure_peers


def list_gateways(options: argparse.Namespace) -> list[Gateway]:
    return [gateway for gateway in GATEWAYS if options.only in ("", gateway.key)]


def measure_peers(options: argparse.Namespace, sink: Sink, peers: Path) -> Iterator[str]:
    """All of them, in another order each round."""
    gateway_peers.install(peers)
    gateways = list_gateways(options)
    apps = {one.key: gateway_ours.make_app(one, OURS[one.key], sink.url) for one in gateways}
    by_name = {one.key: one for one in gateways}
    names = [H2LOAD, *(name for one in gateways for name in (one.key, *BESIDE[one.key]))]
    table: dict[str, list[Run]] = {name: [] for name in names}
    for number in range(options.rounds):
        for name in random.sample(names, len(names)):
            if name in apps:
                run = gateway_ours.send(apps[name], OURS[name], by_name[name], sink)
            else:
                run = gateway_peers.run_peer(name, COUNTS[name], sink, peers)
            table[name].append(run)
            load = os.getloadavg()[0]
            words = f"{number + 1}: {name}: {run.rate:,.0f}/s, {run.cost:.1f} us, load {load:.1f}"
            print(words, flush=True)
    yield gateway_peers.describe_peers(peers)
    yield f"{options.rounds} rounds; medians (least to most)"
    yield from write_table(table, [one.key for one in gateways])
    yield from write_goals(table)
    yield verify()


def write_table(table: Table, ours: Sequence[str]) -> Iterator[str]:
    yield (
        f"{'':26} {'msg/s':>27} {'CPU us (least)':>17}  {'of h2load':>9} "
        f"{'ours by msg/s':>14} {'by CPU':>7}"
    )
    for name in ours:
        yield write_row(table, name, name, f"pushadmin, {name}")
        yield from (write_row(table, peer, name, f"  {peer}") for peer in BESIDE[name])
    yield write_row(table, H2LOAD, "", H2LOAD)


def write_row(table: Table, name: str, ours: str, label: str) -> str:
    rates, costs = [[run.rate for run in table[name]], [run.cost for run in table[name]]]
    share = find_rate(table, name) / find_rate(table, H2LOAD)
    row = (
        f"{label:26} {statistics.median(rates):8,.0f} ({min(rates):7,.0f} to {max(rates):7,.0f})"
        f" {statistics.median(costs):7.1f} ({min(costs):7.1f})  {share:9.1%}"
    )
    if name == ours:
        server = statistics.median(run.server_cpu / run.sent * 1e6 for run in table[name])
        return f"{row}  + {server:.1f} us of PostgreSQL"
    if not ours:
        return row
    return f"{row} {by_rate(table, ours, name):13.1f}x {by_cost(table, ours, name):6.1f}x"


def find_rate(table: Table, name: str) -> float:
    return statistics.median(run.rate for run in table[name])


def find_cost(table: Table, name: str) -> float:
    return statistics.median(run.cost for run in table[name])


def by_rate(table: Table, ours: str, peer: str) -> float:
    return find_rate(table, ours) / find_rate(table, peer)


def by_cost(table: Table, ours: str, peer: str) -> float:
    return find_cost(table, peer) / find_cost(table, ours)


@dataclass(frozen=True, slots=True)
class Goal:
    """So many times a peer's rate."""

    number: int
    ours: str
    peer: str
    times: float


GOALS = (
    Goal(1, "fcm", "django-push-notifications", 30),
    Goal(1, "fcm", "firebase-admin", 30),
    Goal(1, "fcm", "firebase-admin async", 30),
    Goal(2, "fcm", H2LOAD, 0.4),
    Goal(3, "fcm", "npm firebase-admin", 3.5),
    Goal(5, "apns", "aioapns", 5),
    Goal(5, "webpush", "pywebpush async", 3),
    Goal(5, "webpush", "pywebpush", 8),
)
MOST_CPU = 3.0  # times h2load's, for each message


def write_goals(table: Table) -> Iterator[str]:
    for goal in GOALS:
        if goal.ours in table:
            rate, cost = (find(table, goal.ours, goal.peer) for find in (by_rate, by_cost))
            yield (
                f"goal {goal.number}: {goal.ours} at least {goal.times:g} times {goal.peer}: "
                f"{rate:.2f} by msg/s ({judge(rate >= goal.times)}), {cost:.2f} by CPU"
            )
    if "fcm" in table:
        cost = find_cost(table, "fcm") / find_cost(table, H2LOAD)
        yield (
            f"goal 2: fcm at most {MOST_CPU:g} times the CPU of {H2LOAD}: {cost:.2f} "
            f"({judge(cost <= MOST_CPU)})"
        )


def judge(is_met: bool) -> str:
    return "met" if is_met else "missed"


def measure_latency(options: argparse.Namespace, sink: Sink, _peers: Path) -> Iterator[str]:
    """How many of the calls that could be in flight are."""
    with relaying(sink, options.latency) as url:
        os.environ["PUSHADMIN_OUTBOUND_ALLOW"] = url
        for gateway in list_gateways(options)[:1]:
            for streams, least in ((100, 0.9), (1_000, 0.5)):
                runs = [run_late(gateway, sink, url, streams) for _ in range(options.rounds)]
                ceiling = streams / options.latency * 1000
                share = statistics.median(run.rate for run in runs) / ceiling
                cost = statistics.median(run.cost for run in runs)
                yield (
                    f"{gateway.key}, {options.latency} ms, {streams} in flight: {share:.1%} of "
                    f"{ceiling:,.0f}/s, {cost:.1f} us CPU each; goal 4, at least {least:.0%}: "
                    f"{judge(share >= least)}"
                )
    yield verify()


def run_late(gateway: Gateway, sink: Sink, url: str, streams: int) -> Run:
    size = streams * 150
    transfer = gateway_ours.freeze(gateway_ours.make_app(gateway, size, url), gateway)
    with gateway_ours.working(1, sink, streams) as workers:
        return gateway_ours.Sending(transfer, size, workers).measure()


@contextmanager
def relaying(sink: Sink, milliseconds: int) -> Iterator[str]:
    """The same sink, at the end of a way that takes so long, there and back."""
    port = sink.url.rpartition(":")[2]
    command = [sys.executable, str(PEERS / "gateway_delay.py"), port, str(milliseconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"https://localhost:{process.stdout.readline().strip()}"
        finally:
            process.terminate()


def measure_million(options: argparse.Namespace, sink: Sink, _peers: Path) -> Iterator[str]:
    """From launch to end, the freeze included."""
    gateway = list_gateways(options)[0]
    app = gateway_ours.make_app(gateway, MILLION, sink.url)
    server = gateway_ours.read_server_cpu()
    with gateway_ours.working(options.workers, sink) as workers:
        time.sleep(5)  # they have started
        cpu, began = workers.cpu, time.monotonic()
        transfer = engine.start_transfer(app, dict(gateway.content))
        sending = gateway_ours.Sending(transfer, MILLION, workers)
        sending.wait_for_end()
        seconds, cpu, peaks = time.monotonic() - began, workers.cpu - cpu, workers.peaks
        server = gateway_ours.read_server_cpu() - server
    transfer.refresh_from_db()
    frozen = (transfer.frozen_at - transfer.created_at).total_seconds()
    yield (
        f"{gateway.key}, {MILLION:,} recipients, {options.workers} workers: from launch to end "
        f"{seconds:.1f} s, of which the freeze took {frozen:.1f}; {MILLION / seconds:,.0f}/s; "
        f"{cpu:.1f} s of the workers' CPU, {server:.1f} of PostgreSQL's; at most "
        f"{' and '.join(map(str, peaks))} MB"
    )
    yield verify()


def measure_rate(options: argparse.Namespace, sink: Sink, _peers: Path) -> Iterator[str]:
    """An account's own rate, shared by all workers, as the sink sees it: what it comes to, and no
    window above it."""
    gateway = list_gateways(options)[0]
    size = QUOTA * WINDOW * 6
    app = gateway_ours.make_app(gateway, size, sink.url, limits={})
    gateway_ours.send(app, size, gateway, sink, workers=options.workers)
    assert sink.log is not None
    moments = read_moments(sink.log)
    counts = count_windows(moments)
    mean, most = statistics.mean(counts) / WINDOW, find_busiest(moments) / WINDOW
    yield (
        f"{gateway.key}, {QUOTA:,}/s for an account, {options.workers} workers, as the sink took "
        f"them: {mean:,.0f}/s on average in {len(counts)} windows of {WINDOW} s "
        f"({', '.join(f'{count / WINDOW:,.0f}' for count in counts)}), within 2 %: "
        f"{judge(mean >= 0.98 * QUOTA)}; {most:,.0f}/s in the busiest of all {WINDOW} s, at most "
        f"2 % above: {judge(most <= 1.02 * QUOTA)}"
    )
    yield verify()


def measure_simulators(options: argparse.Namespace, sink: Sink, _peers: Path) -> Iterator[str]:
    """Through gateways that check what they get, on the same machine."""
    for gateway in list_gateways(options):
        app = gateway_ours.make_app(gateway, options.messages, f"{sink.url}/{gateway.key}")
        before, _doubled = count_accepted(sink)
        run = gateway_ours.send(app, options.messages, gateway, sink, workers=options.workers)
        accepted, doubled = count_accepted(sink)
        yield (
            f"{gateway.key}, simulated, {options.workers} workers: {run.rate:,.0f}/s, "
            f"{run.cost:.1f} us CPU each; {accepted - before:,} of {run.sent:,} accepted there, "
            f"{doubled} recipients twice"
        )
    yield verify()


def count_windows(moments: Sequence[float]) -> list[int]:
    """Calls of whole windows, one after the other from the first call on."""
    number = int((moments[-1] - moments[0]) / WINDOW)
    starts = [bisect_left(moments, moments[0] + WINDOW * n) for n in range(number + 1)]
    return [end - start for start, end in pairwise(starts)]


def find_busiest(moments: Sequence[float]) -> int:
    """The most calls of any window, wherever it begins."""
    ends = (bisect_left(moments, moment + WINDOW) for moment in moments)
    return max(end - start for start, end in enumerate(ends))


def verify() -> str:
    """What `manage.py verify` says of the books."""
    command = [*engine.MANAGE, "verify"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip()


if __name__ == "__main__":
    main()
