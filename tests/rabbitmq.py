"""`python -m tests.rabbitmq`: a send over RabbitMQ and PostgreSQL with two Celery workers, of which
one is killed, and a restart of RabbitMQ in the middle. Prints what happened.

Not a part of `make test`: it needs Debian's package `rabbitmq-server`. The node is the script's
own, in a temporary folder; a service that the machine runs is left alone.
"""

from __future__ import annotations

import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.hosts import Hosts
from tests.installation import find_free_port, wait_for
from tests.operator import Operator
from tests.postgres import running_postgres

# Debian's wrapper in /usr/sbin would change the user.
SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"
RATE = 500


class RabbitMQ:
    """A node of its own, durable across its restarts."""

    def __init__(self, folder: Path) -> None:
        self.port = find_free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        self.environment = {
            **os.environ,
            "HOME": str(folder),
            "RABBITMQ_NODENAME": f"pushadmin{self.port}@localhost",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(find_free_port()),
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(folder / "config"),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [SERVER], env=self.environment, stdout=subprocess.DEVNULL, start_new_session=True
        )
        wait_for("RabbitMQ", self._answers)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                return bool(connection.recv(1))
        except OSError:
            return False

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(60)


@contextmanager
def running_rabbitmq(folder: Path) -> Iterator[RabbitMQ]:
    """A node that lives as long as the context."""
    server = RabbitMQ(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def send(hosts: Hosts, server: RabbitMQ) -> str:
    """One campaign through both accidents; gives a sentence about it."""
    operator = Operator(hosts, hosts.issue_key())
    earlier = len(operator.list_sends())
    started = time.monotonic()
    campaign = operator.launch(rate=RATE)
    operator.await_sent(campaign, 1000)
    os.killpg(hosts.running["w1"].pid, signal.SIGKILL)
    hosts.running["w1"].wait()
    hosts.start_worker("w1")
    operator.await_sent(campaign, 2500)
    server.stop()
    away = time.monotonic()
    server.start()
    away = time.monotonic() - away
    counters = operator.await_end(campaign)
    accepted = operator.count_accepted(earlier)
    assert len(accepted) == counters["sent"], (len(accepted), counters)
    return (
        f"{counters['sent']} of {counters['audience']} sent at {RATE}/s in "
        f"{time.monotonic() - started:.1f} s, 0 lost, {sum(accepted) - len(accepted)} twice, "
        f"resent {counters['resent']}; one worker killed with SIGKILL, RabbitMQ restarted "
        f"({away:.1f} s away); {hosts.manage('verify').strip()}"
    )


def main() -> int:
    """0 when everybody was sent to."""
    if not Path(SERVER).exists():
        print("RabbitMQ is missing: apt-get install rabbitmq-server")
        return 1
    with tempfile.TemporaryDirectory() as folder, running_postgres() as database:
        places = [Path(folder) / name for name in ("rabbit", "hosts")]
        for place in places:
            place.mkdir()
        with running_rabbitmq(places[0]) as server:
            hosts = Hosts(places[1], database, server.url)
            hosts.prepare()
            hosts.start()
            try:
                sentence = send(hosts, server)
            finally:
                hosts.stop()
    print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.machine()}: {sentence}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
