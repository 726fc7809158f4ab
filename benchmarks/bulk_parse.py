"""How fast a bulk register body is read and checked, against nested serializers on the same bytes.

`python benchmarks/bulk_parse.py [--devices N]` appends what it found to benchmarks/bulk_parse.txt.
Medians of interleaved rounds, CPU milliseconds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).with_suffix(".txt")
ROUNDS = 5


def make_body(count: int) -> bytes:
    rows = [
        {
            "platform": ("android", "ios", "web")[number % 3],
            "token": f"{number:0>150}",
            "external_user_id": f"user-{number}",
            "ids": {},
            "attributes": {"plan": "gold", "visits": number},
        }
        for number in range(count)
    ]
    return json.dumps({"devices": rows}).encode()


def read_typed(raw: bytes) -> int:
    import msgspec

    from campaigns.api.audience_views import BulkDevices, read_row
    from campaigns.services.device_rows import find_row_fault

    body = msgspec.json.decode(raw, type=BulkDevices)
    rows = [read_row(item) for item in body.devices]
    return sum(not find_row_fault(row) for row in rows)


def decode_typed(raw: bytes) -> int:
    import msgspec

    from campaigns.api.audience_views import BulkDevices

    return len(msgspec.json.decode(raw, type=BulkDevices).devices)


def read_serialized(raw: bytes) -> int:
    from campaigns.api.shapes import BulkBody

    serializer = BulkBody(data=json.loads(raw))
    serializer.is_valid(raise_exception=True)
    return len(serializer.validated_data["devices"])


WAYS: dict[str, Callable[[bytes], int]] = {
    "typed decode": decode_typed,
    "typed decode and every check": read_typed,
    "nested serializers": read_serialized,
}


def measure(raw: bytes, count: int) -> dict[str, float]:
    spent: dict[str, list[float]] = {name: [] for name in WAYS}
    for _round in range(ROUNDS):
        for name, read in WAYS.items():
            start = time.process_time()
            assert read(raw) == count
            spent[name].append(1000 * (time.process_time() - start))
    return {name: statistics.median(times) for name, times in spent.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=10_000)
    count = parser.parse_args().devices
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pushadmin.settings")
    import django

    django.setup()
    raw = make_body(count)
    found = measure(raw, count)
    peer = found["nested serializers"]
    lines = [
        f"{datetime.now(tz=UTC):%Y-%m-%d %H:%M} UTC, Python {platform.python_version()}, "
        f"{os.cpu_count()} CPUs, {count} devices, {len(raw) / 1e6:.1f} MB",
        *(f"  {name}: {ms:.0f} ms, {peer / ms:.1f}x" for name, ms in found.items()),
    ]
    print("\n".join(lines))
    with RESULTS.open("a") as file:
        file.write("\n".join([*lines, "", ""]))


if __name__ == "__main__":
    main()
