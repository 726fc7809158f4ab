"""The simulator's own gateways (`manage.py simulator --gateways`) as a place to send to.

They check what a real gateway would, and keep each send on disk before it is answered: what comes
out is how fast both sides are together on one machine, and that the two books agree.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import engine
from gateway_sink import Sink

JOURNAL = "simulator.jsonl"


@contextmanager
def rehearsing(folder: Path) -> Iterator[Sink]:
    """Simulated gateways on a free port of loopback for as long as the block runs."""
    command = [*engine.MANAGE, "simulator", "--port", "0", "--gateways", "0"]
    environment = {**os.environ, "PUSHADMIN_VAR": str(folder)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            for _line in range(2):  # where the vendors are, and the gateways
                process.stdout.readline()
            url = (folder / JOURNAL).with_suffix(".gateways").read_text()
            yield Sink(url, (folder / JOURNAL).with_suffix(".pem"))
        finally:
            process.terminate()


def count_accepted(sink: Sink) -> tuple[int, int]:
    """What the gateways have taken so far: sends, and recipients that got more than one."""
    vendors = sink.authority.with_suffix(".url").read_text()
    with urlopen(f"{vendors}/_journal/summary", timeout=60) as answer:
        summary = json.load(answer)
    return summary["accepted_calls"], summary["doubled_recipients"]
