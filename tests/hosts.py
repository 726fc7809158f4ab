"""An installation of many hosts, on one: PostgreSQL, a broker, web, Celery workers and beat."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from cryptography.fernet import Fernet

from tests.house.sources import ROOT
from tests.installation import READY_SECONDS, Installation, find_program, wait_for
from tests.postgres import POSTGRES_BINARIES

OPERATING = (ROOT / "docs/operating.md").read_text()


def read_command(start: str, **changes: str) -> list[str]:
    """A command of docs/operating.md that begins so, with other values of some options."""
    found = re.findall(rf"^ExecStart=/srv/pushadmin/.venv/bin/({start} .*)$", OPERATING, re.M)
    assert len(found) == 1, f"docs/operating.md has {len(found)} commands {start}"
    words = shlex.split(found[0])
    for name, value in changes.items():
        words[words.index(f"--{name}") + 1] = value
    return words


def read_shell(heading: str) -> list[str]:
    """The commands of the first block below a heading of docs/operating.md."""
    block = OPERATING.split(heading, 1)[1].split("```sh\n", 1)[1].split("```", 1)[0]
    binaries = f'PATH="{POSTGRES_BINARIES}:$PATH"'
    return [f"{binaries} {line}" for line in block.splitlines() if line]


def add_database(address: str, name: str) -> str:
    """The address of one more, empty database on that server."""
    with psycopg.connect(address, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
    return urlsplit(address)._replace(path=f"/{name}").geturl()


WEB = read_command("gunicorn", workers="1", bind="127.0.0.1:0")
WORKER = read_command("celery -A pushadmin worker", concurrency="1", hostname="w@%h")
BEAT = read_command("celery -A pushadmin beat")


class Hosts(Installation):
    """Each process on its own, as unit files would start them; logs are in `folder`."""

    def __init__(self, folder: Path, database: str, broker: str) -> None:
        keys = (Fernet.generate_key().decode(), Fernet.generate_key().decode())
        super().__init__(
            folder, DATABASE_URL=database, PUSHADMIN_BROKER_URL=broker,
            SECRET_KEY=keys[0], PUSHADMIN_VAULT_KEYS=keys[1],
        )  # fmt: skip
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def prepare(self) -> str:
        """Migrate and fill in the demo; pages are not looked at, so no static files."""
        self.manage("migrate", "--verbosity", "0")
        return self.manage("demo")

    def start(self, workers: int = 2) -> None:
        self.start_sandbox()
        web = read_command("gunicorn", workers="1", bind=f"127.0.0.1:{self.port}")
        self.process = self.launch("web", web)
        if workers:
            self.start_workers(workers)
        wait_for("the web process", self._is_ready, READY_SECONDS)

    def start_workers(self, workers: int = 2, application: str = "pushadmin") -> None:
        """Workers `w1`, `w2`, ... and beat."""
        for number in range(1, workers + 1):
            self.start_worker(f"w{number}", application)
        self.launch("beat", BEAT)
        for number in range(1, workers + 1):
            wait_for("a worker", lambda name=f"w{number}": "ready." in self.read_log(name))

    def start_sandbox(self) -> None:
        sandbox = self.launch("sandbox", [sys.executable, "manage.py", "simulator"])
        log = self.folder / "sandbox.log"
        url = wait_for("the sandbox", lambda: sandbox.poll() is None and log.read_text().strip())
        self.environment["PUSHADMIN_SANDBOX_URL"] = url.splitlines()[-1]

    def start_worker(self, name: str, application: str = "pushadmin") -> None:
        worker = read_command("celery -A pushadmin worker", concurrency="1", hostname=f"{name}@%h")
        self.launch(name, [application if word == "pushadmin" else word for word in worker])

    def launch(self, name: str, command: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start one process in a group of its own; its output goes to `<name>.log`."""
        with (self.folder / f"{name}.log").open("wb") as output:
            self.running[name] = subprocess.Popen(
                find_program(command),
                cwd=ROOT, env=self.environment, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        return self.running[name]

    def stop(self, *names: str) -> None:
        """SIGTERM to these processes, or to all; whoever drains longer than 40 s is a fault."""
        chosen = [self.running[name] for name in names or self.running if name in self.running]
        for process in chosen:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in chosen:
            process.wait(timeout=120)

    def read_log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()
