"""What variables cost: the engine with a plain text, with values put into their places, and with
a template that is interpreted for each recipient, in one run.

`python benchmarks/personalise.py [--send N] [--postgres]` appends what it found to
benchmarks/personalise.txt. Every recipient has a name of their own; the vendor is the sandbox,
whose calls carry many texts.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import engine

RESULTS = Path(__file__).with_suffix(".txt")
NAME = "{{ device.custom.name }}"
CONTENTS: dict[str, dict[str, Any]] = {
    "plain": {"title": "Hi", "body": "There, somebody"},
    "spliced": {"template": "liquid", "title": "Hi", "body": f"There, {NAME}"},
    "interpreted": {
        "template": "liquid",
        "title": "Hi",
        "body": "There, {% if device.custom.name %}" + NAME + "{% endif %}",
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--send", type=int, default=50_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--postgres", action="store_true")
    options = parser.parse_args()
    engine.serve_postgres(options.postgres)
    with (
        tempfile.TemporaryDirectory(prefix="pa-bench-") as folder,
        engine.simulating(folder) as url,
    ):
        engine.prepare(folder, url)
        lines = list(measure_texts(options, url))
    engine.report(lines, RESULTS)


def measure_texts(options: argparse.Namespace, url: str) -> Iterator[str]:
    from providers import registry

    app = engine.make_app("texts", options.send)
    engine.route_through(app, registry.get("sandbox"), url)
    name_everybody()
    rates = {}
    for kind, content in CONTENTS.items():
        transfer = engine.start_transfer(app, content)
        line = engine.measure_send(transfer, options.send, options.workers)
        found = re.search(r"([\d,]+)/s", line)
        assert found is not None
        rates[kind] = int(found[1].replace(",", ""))
        yield f"{kind}: {line}; {rates[kind] / rates['plain']:.2f} of plain"


def name_everybody() -> None:
    from django.db import connection

    build = {"sqlite": "json_object", "postgresql": "jsonb_build_object"}[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE campaigns_device SET attributes = {build}('name', 'Somebody ' || id)"
        )


if __name__ == "__main__":
    main()
