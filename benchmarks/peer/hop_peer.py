"""A second installation: makes its tables, an app with phones, a route and a key; prints the key.

`python benchmarks/peer/hop_peer.py URL SIZE`, with PUSHADMIN_VAR set; URL is the simulator's.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import engine


def main() -> None:
    url, size = sys.argv[1], int(sys.argv[2])
    sys.path.insert(0, str(engine.ROOT))
    engine.prepare(os.environ["PUSHADMIN_VAR"], url)
    from campaigns.services.access import issue_key
    from providers import registry

    app = engine.make_app("hop", size)
    sandbox = next(dialect for dialect in registry.all_dialects() if dialect.is_sandbox)
    engine.route_through(app, sandbox, url)
    _key, text = issue_key(
        app.workspace, name="first", apps=[app], actor="bench", now=datetime.now(UTC)
    )
    print(text)


if __name__ == "__main__":
    main()
