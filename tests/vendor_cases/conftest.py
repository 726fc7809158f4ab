"""A simulator behind a real socket."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from providers import http, registry
from providers.simulator import Simulator, open_server


@pytest.fixture
def simulator(tmp_path, settings) -> Iterator[Simulator]:
    """Every vendor, well behaved, on a loopback port: `simulator.url`."""
    simulator = Simulator(registry.all_dialects(), tmp_path / "journal.jsonl")
    server = open_server(simulator)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    simulator.url = f"http://127.0.0.1:{server.server_address[1]}"
    settings.SANDBOX_URL = simulator.url
    yield simulator
    http.get_session().close()
    server.shutdown()
    thread.join()
    server.server_close()
    simulator.close()
