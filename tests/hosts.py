"""An installation of many hosts, on one: PostgreSQL, a broker, web, Celery workers and beat."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from cryptography.fernet import Fernet

from tests.house.sources import ROOT
from tests.installation import READY_SECONDS, Installation, find_program, wait_for

WEB = ["gunicorn", "pushadmin.wsgi:application", "--workers", "1", "--threads", "4",
       "--worker-class", "gthread", "--log-level", "warning"]  # fmt: skip
WORKER = ["celery", "-A", "pushadmin", "worker", "--concurrency", "1", "--loglevel", "INFO",
          "--without-gossip", "--without-mingle", "--without-heartbeat"]  # fmt: skip
BEAT = ["celery", "-A", "pushadmin", "beat", "--loglevel", "INFO"]


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
        self.process = self.launch("web", [*WEB, "--bind", f"127.0.0.1:{self.port}"])
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
        worker = [application if word == "pushadmin" else word for word in WORKER]
        self.launch(name, [*worker, "--hostname", f"{name}@%h"])

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
            process.wait(timeout=40)

    def read_log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()
