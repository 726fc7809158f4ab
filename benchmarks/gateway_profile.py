"""Where a worker's time goes while it sends through gateways that take one device per call.

`python benchmarks/gateway_profile.py [--only KEY] [--size N]` sends a campaign through each of
them, as `gateways.py` does, while py-spy looks at the worker's stack 200 times a second, C code
included. What it ran is counted by layer, the innermost that has a name below. py-spy is installed
in an environment of its own under `var`, and must be allowed to look at other processes. Appends
to benchmarks/gateway_profile.txt.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import engine
import gateway_ours
from gateway_ours import GATEWAYS, Gateway, Sending
from gateway_peers import ROOT, run_quietly
from gateway_sink import Sink, find_missing
from gateways import serve

RESULTS = Path(__file__).with_suffix(".txt")
PROFILER = "py-spy==0.4.1"
LOOKS = 200  # a second
LEAST_LOOKS = 200  # fewer say nothing
# The innermost frame that has one of these in its place says what is done. OpenSSL is in none: who
# calls it says what for.
LAYERS = {
    "sealing a message for its browser": ("wire_encryption.py",),
    "libcurl: HTTP/2, TLS, sockets": ("libcurl", "libnghttp2", "pycurl"),
    "PostgreSQL's client and Django's ORM": ("psycopg", "libpq", "django/db/"),
    "receipt tokens": ("receipt_tokens.py",),
    "a call's body and headers, and its answer": ("providers/vendors/",),
    "the fan-out around libcurl": ("providers/",),
    "the engine: claims, windows, outcomes": ("campaigns/",),
}
REST = "Python and Django beside these"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="One gateway's key.")
    parser.add_argument("--size", type=int, default=100_000)
    options = parser.parse_args()
    missing = find_missing()
    if missing:
        print(f"Not measured: {', '.join(missing)} missing here.")
        return
    folder = Path(os.environ.get("PUSHADMIN_VAR", ROOT / "var")) / "profiler"
    profiler = install(folder)
    engine.serve_postgres(True)
    with tempfile.TemporaryDirectory(prefix="pa-bench-") as scratch, serve(Path(scratch)) as sink:
        engine.prepare(scratch, sink.url)
        lines = [
            line
            for gateway in GATEWAYS
            if options.only in ("", gateway.key)
            for line in measure(gateway, options.size, sink, profiler)
        ]
    engine.report(lines, RESULTS)


def install(folder: Path) -> Path:
    """The profiler; nothing is done where it is already."""
    program = folder / "bin/py-spy"
    if not program.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        run_quietly([sys.executable, "-m", "venv", str(folder)], folder.parent)
        pip = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", PROFILER]
        run_quietly(pip, folder.parent)
    return program


def measure(gateway: Gateway, size: int, sink: Sink, profiler: Path) -> Iterator[str]:
    """A campaign, looked at from its first call to its end."""
    app = gateway_ours.make_app(gateway, size, sink.url)
    transfer = gateway_ours.freeze(app, gateway)
    stacks = sink.authority.with_name(f"{gateway.key}.stacks")
    with gateway_ours.working(1, sink) as workers:
        sending = Sending(transfer, size, workers)
        sending.wait_for_first()
        with looking(profiler, workers.processes[0].pid, stacks):
            sending.wait_for_end()
    seen = count_layers(stacks)
    looks = sum(seen.values())
    if looks < LEAST_LOOKS:
        raise SystemExit(f"{looks} looks at {gateway.key} say nothing: send to more.")
    yield f"{gateway.key}, {size:,} recipients, one worker, {looks:,} looks"
    yield from (f"  {count / looks:6.1%}  {layer}" for layer, count in seen.most_common())


@contextmanager
def looking(profiler: Path, pid: int, stacks: Path) -> Iterator[None]:
    """The profiler at work; its stacks are in the file afterwards."""
    command = [str(profiler), "record", "--native", "--rate", str(LOOKS), "--format", "raw"]
    target = ["--output", str(stacks), "--pid", str(pid)]
    with subprocess.Popen(
        [*command, *target], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        yield
        process.send_signal(signal.SIGINT)
        words = process.communicate()[1]
    if not stacks.exists():
        raise SystemExit(f"The profiler saw nothing: {words.strip()[-500:]}")


def count_layers(stacks: Path) -> Counter[str]:
    """Looks by layer, from lines of `outermost;...;innermost count`."""
    seen: Counter[str] = Counter()
    for line in stacks.read_text().splitlines():
        stack, _blank, count = line.rpartition(" ")
        seen[name_layer(stack.split(";"))] += int(count)
    return seen


def name_layer(frames: list[str]) -> str:
    """What is done, by the innermost frame that tells."""
    for frame in reversed(frames):
        for layer, places in LAYERS.items():
            if any(place in frame for place in places):
                return layer
    return REST


if __name__ == "__main__":
    main()
