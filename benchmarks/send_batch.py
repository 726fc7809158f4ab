"""The largest legal send over a real socket: seconds to the answer, and the web's peak memory.

`python benchmarks/send_batch.py [--devices N]` starts a whole installation in a temporary folder,
registers that many phones over the native API, sends to all of their tokens with one call of the
vendor-compatible door, watches the status until it ends, and appends what it found to
benchmarks/send_batch.txt.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import platform
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.fixtures.appmetrica import World, read_examples  # noqa: E402
from tests.installation import Installation  # noqa: E402

RESULTS = Path(__file__).with_suffix(".txt")
MACHINE = "2 vCPU, 24 GiB"
PER_CALL = 10_000
TOKEN_LENGTH = 163  # as long as those of Android's push service are
SMALL = 10  # ids of the call that is made first, to compare with


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=250_000)
    size = parser.parse_args().devices
    with tempfile.TemporaryDirectory(prefix="pa-bench-") as folder:
        installation = Installation(Path(folder))
        installation.prepare()
        installation.start()
        try:
            lines = list(measure(installation, size))
        finally:
            installation.stop()
    report(lines)


def measure(installation: Installation, size: int) -> Iterator[str]:
    tokens = [f"{number:0>12}:".ljust(TOKEN_LENGTH, "x") for number in range(size)]
    yield register(installation, tokens)
    key = installation.issue_key("appmetrica")
    group = create_group(installation, key)
    send(installation, key, write_body(group, 1, tokens[:SMALL]))
    before = find_peaks(installation)
    content = write_body(group, 2, tokens)
    seconds, transfer = send(installation, key, content)
    after = find_peaks(installation)
    yield (
        f"send: {len(content) / 1e6:.1f} MB with {size:,} tokens answered in {seconds:.2f} s; "
        f"peak of the web's processes {max(before.values())} MB before, {max(after.values())} MB "
        f"after"
    )
    repeated, again = send(installation, key, content)
    assert again == transfer
    yield f"the same call again: {repeated:.2f} s, the same transfer"
    yield f"every recipient was sent after {watch(installation, key, transfer):.1f} s"


def register(installation: Installation, tokens: list[str]) -> str:
    key = installation.issue_key()
    began = time.monotonic()
    for start in range(0, len(tokens), PER_CALL):
        rows = [
            {"platform": "android", "token": token} for token in tokens[start : start + PER_CALL]
        ]
        installation.call(key, "POST", "devices/bulk/", json={"devices": rows})
    seconds = time.monotonic() - began
    return f"register: {len(tokens):,} new devices in {seconds:.1f} s, {PER_CALL:,} a call"


def create_group(installation: Installation, key: dict[str, Any]) -> int:
    body = {"group": {"app_id": key["app_id"], "name": "Benchmark", "send_rate": 5000}}
    answer = installation.call(key, "POST", "push/v1/management/groups", json=body)
    return int(answer["group"]["id"])


def write_body(group: int, client_key: int, tokens: list[str]) -> bytes:
    body = copy.deepcopy(read_examples(World(group_id=group))["send"].body)
    request = body["push_batch_request"]
    request["client_transfer_id"] = client_key
    devices = [{"id_type": "android_push_token", "id_values": tokens}]
    request["batch"] = [request["batch"][0] | {"devices": devices}]
    return json.dumps(body).encode()


def send(installation: Installation, key: dict[str, Any], content: bytes) -> tuple[float, int]:
    began = time.monotonic()
    answer = requests.post(
        f"{installation.url}{key['base_path']}push/v1/send-batch",
        data=content, headers={"Authorization": key["authorization"]}, timeout=120,
    )  # fmt: skip
    seconds = time.monotonic() - began
    assert answer.status_code == 200, answer.text[:1000]
    return seconds, answer.json()["push_response"]["transfer_id"]


def watch(installation: Installation, key: dict[str, Any], transfer: int) -> float:
    began = time.monotonic()
    while time.monotonic() - began < 900:
        told = installation.call(key, "GET", f"push/v1/status/{transfer}")["transfer"]
        if told["status"] == "sent":
            return time.monotonic() - began
        assert told["status"] != "failed", told
        time.sleep(0.2)
    raise AssertionError(f"still {told['status']}")


def find_peaks(installation: Installation) -> dict[int, int]:
    """Largest memory that each process of the web has ever had, in MB, by process id."""
    assert installation.process is not None
    peaks = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            is_ours = os.getpgid(int(entry.name)) == installation.process.pid
            if is_ours and b"gunicorn" in (entry / "cmdline").read_bytes():
                found = re.search(r"VmHWM:\s+(\d+) kB", (entry / "status").read_text())
                peaks[int(entry.name)] = int(found[1]) // 1024 if found else 0
        except (ProcessLookupError, FileNotFoundError):
            continue
    return peaks


def report(lines: list[str]) -> None:
    stamp = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    where = f"{MACHINE}, SQLite, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"
    text = "\n".join([f"{stamp} ({where})", *(f"  {line}" for line in lines)])
    with RESULTS.open("a") as results:
        results.write(f"{text}\n\n")
    print(text)


if __name__ == "__main__":
    main()
