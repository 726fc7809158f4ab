"""An installation taken apart: every process of it is started, stopped and killed by itself."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import requests

from campaigns.dispatch.engine import name_worker
from tests.chaos.filling import Filling, write
from tests.house.sources import ROOT
from tests.installation import Installation, find_free_port, wait_for
from tests.postgres import PostgresServer, make_keys, running_server

HERE = Path(__file__).resolve().parent
LEASE_SECONDS = 4  # the shortest that a call of a second allows
SIMULATOR_LOG = "simulator.log"
TEMPLATE = "template_pushadmin"


@dataclass
class Database:
    """Migrated tables, copied for each test: a file, or a database of a PostgreSQL server."""

    migrated: Path | None = None
    server: PostgresServer | None = None
    keys: dict[str, str] = field(default_factory=make_keys)
    copies: int = 0

    @property
    def kind(self) -> str:
        return "PostgreSQL" if self.server else "SQLite"

    def copy(self, folder: Path, of: str = "") -> str:
        """A database of its own, of empty tables or of another's DATABASE_URL; gives its own."""
        if self.migrated is not None:
            source = of.removeprefix("sqlite:///") or self.migrated
            shutil.copy(source, folder / "copy.sqlite3")
            return f"sqlite:///{folder / 'copy.sqlite3'}"
        assert self.server is not None
        self.copies += 1
        template = of.rpartition("/")[2].partition("?")[0] or TEMPLATE
        self.server.execute(f"CREATE DATABASE copy{self.copies} TEMPLATE {template}")
        return self.server.find_address(f"copy{self.copies}")


def make_migrated_server(folder: Path) -> None:
    """Keep what a server with migrated tables has in its folder; copies begin with these."""
    with running_server(keep_in=folder) as server:
        server.execute(f"CREATE DATABASE {TEMPLATE}")
        url = server.find_address(TEMPLATE)
        site = {"DJANGO_SETTINGS_MODULE": "pushadmin.settings", **make_keys()}
        Installation(folder, DATABASE_URL=url, **site).run("-m", "tests.tables")


def find_dsn(url: str) -> str:
    """A DATABASE_URL of PostgreSQL as libpq takes it."""
    return url.replace("postgres://", "postgresql://", 1)


class Machine(Installation):
    """Workers, scheduler, web and a simulator on one database, each a process of its own."""

    def __init__(
        self, folder: Path, database: Database, *, has_gateways: bool = False, **environment: str
    ) -> None:
        self.vendor_port = find_free_port()
        self.gateway_port = find_free_port() if has_gateways else None
        self.gateway_url = f"https://127.0.0.1:{self.gateway_port}" if has_gateways else ""
        self.vendor_url = f"http://127.0.0.1:{self.vendor_port}"
        usual = {
            **database.keys,
            "PYTHONPATH": f"{HERE / 'site'}:{ROOT}",
            "DJANGO_SETTINGS_MODULE": "pushadmin.settings",
            "PUSHADMIN_SANDBOX_URL": self.vendor_url,
            "PUSHADMIN_CALL_SECONDS": "1",
            "PUSHADMIN_LEASE_SECONDS": str(LEASE_SECONDS),
        }
        super().__init__(folder, **usual | environment)
        self.database = database
        self.children: list[subprocess.Popen[bytes]] = []

    def build(self, of: Machine | None = None) -> None:
        """Give it tables of its own, as they are on another machine on which nothing runs."""
        url = of.environment["DATABASE_URL"] if of else ""
        self.environment["DATABASE_URL"] = self.database.copy(self.folder, url)

    def spawn(
        self, name: str, *command: str, is_other_group: bool = False
    ) -> subprocess.Popen[bytes]:
        """Start a Python process whose output goes to `<name>.log`."""
        with (self.folder / f"{name}.log").open("ab") as output:
            child = subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT, env=self.environment, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=is_other_group,
            )  # fmt: skip
        self.children.append(child)
        return child

    def start_worker(self, name: str, **how: bool) -> subprocess.Popen[bytes]:
        return self.spawn(name, "manage.py", "dispatch", "--name", name, **how)

    def start_workers(self, *names: str, **how: bool) -> list[subprocess.Popen[bytes]]:
        """Start workers and wait until each of them looks for work."""
        workers = [self.start_worker(name, **how) for name in names]
        for name in names:
            wait_for(f"{name} to be at work", partial(self._has_begun, name))
        return workers

    def _has_begun(self, name: str) -> bool:
        return f"{name_worker(name)} is at work" in (self.folder / f"{name}.log").read_text()

    def start_scheduler(self) -> subprocess.Popen[bytes]:
        return self.spawn("scheduler", "manage.py", "dispatch", "--scheduler")

    def start_simulator(self, *options: str) -> subprocess.Popen[bytes]:
        ports = ["--port", str(self.vendor_port)]
        if self.gateway_port:
            ports += ["--gateways", str(self.gateway_port)]
        child = self.spawn("simulator", "manage.py", "simulator", *ports, *options)
        wait_for("the simulator", lambda: can_reach(f"{self.vendor_url}/_journal/summary"))
        if self.gateway_port:
            # The file is there now, and settings take no other.
            self.environment["PUSHADMIN_OUTBOUND_CA"] = str(self.folder / "simulator.pem")
            self.environment["PUSHADMIN_OUTBOUND_ALLOW"] = self.gateway_url
        return child

    def give_faults(self, *faults: str) -> None:
        """From now on the vendors have these faults, and no others."""
        answer = requests.put(f"{self.vendor_url}/_faults", json={"faults": faults}, timeout=10)
        assert answer.status_code == 200, answer.text

    def count_faults(self, name: str) -> int:
        """How many calls have suffered it so far."""
        answer = requests.get(f"{self.vendor_url}/_journal/summary", timeout=30)
        return int(answer.json()["faults"].get(name, 0))

    def stop_simulator(self) -> None:
        """End it as an operator would; it is started again with other options."""
        (child,) = [
            item for item in self.children if "simulator" in item.args and item.poll() is None
        ]
        child.terminate()
        child.wait(timeout=180)

    def start_web(self) -> subprocess.Popen[bytes]:
        """Gunicorn as `manage.py up` starts it."""
        child = self.spawn(
            "web", "-m", "gunicorn", "pushadmin.wsgi:application",
            "--bind", f"127.0.0.1:{self.port}", "--workers", "2", "--threads", "8",
            "--worker-class", "gthread", "--timeout", "120", "--log-level", "warning",
        )  # fmt: skip
        wait_for("the web process", lambda: can_reach(f"{self.url}/healthz"))
        return child

    def fill(self, **wanted: Any) -> dict[str, Any]:
        """An app with devices and an account, see `Filling`."""
        return self.fill_all(wanted)[0]

    def fill_all(self, *wanted: dict[str, Any]) -> list[dict[str, Any]]:
        """Several apps; their campaigns are launched together."""
        urls = {"url": self.vendor_url, "gateway_url": self.gateway_url}
        fillings = [Filling(**urls, **item) for item in wanted]
        made: list[dict[str, Any]] = self.run_module("tests.chaos.filling", write(fillings))
        return made

    def run_module(self, name: str, wanted: str) -> Any:
        """Let a module fill the database; gives the JSON that it prints last."""
        done = subprocess.run(
            [sys.executable, "-m", name, wanted],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of the database, read past Django; `?` stands for a value."""
        url = self.environment["DATABASE_URL"]
        if self.database.server is None:
            path = url.removeprefix("sqlite:///")
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=120)) as opened:
                return list(opened.execute(query, values))
        with psycopg.connect(find_dsn(url)) as connection:
            return list(connection.execute(query.replace("?", "%s"), values))

    def is_finished(self, transfer: int) -> bool:
        query = "SELECT finished_at FROM campaigns_transfer WHERE id = ?"
        return self.ask(query, transfer)[0][0] is not None

    def wait_for_end(self, transfer: int, seconds: float = 300) -> None:
        wait_for("the end of the transfer", lambda: self.is_finished(transfer), seconds)

    def count_calls(self) -> int:
        """Calls that the simulator has accepted so far."""
        paths = (self.folder / "simulator.jsonl", self.folder / "simulator.gateways.jsonl")
        kept = [path.read_bytes() for path in paths if path.exists()]
        return sum(text.count(b'{"event":"sen') for text in kept)

    def read_log(self) -> str:
        """What every process but the simulator has said."""
        paths = sorted(self.folder.glob("*.log"))
        return "".join(path.read_text() for path in paths if path.name != SIMULATOR_LOG)

    def stop_all(self) -> None:
        for child in self.children:
            if child.poll() is None:
                child.send_signal(signal.SIGCONT)
                child.send_signal(signal.SIGTERM)
        for child in self.children:
            child.wait(timeout=180)


def can_reach(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).status_code == 200
    except requests.RequestException:
        return False


@contextmanager
def built_machine(
    folder: Path, database: Database, *, has_gateways: bool = False, **environment: str
) -> Iterator[Machine]:
    """A machine with tables; ends everything that was started on it."""
    machine = Machine(folder, database, has_gateways=has_gateways, **environment)
    machine.build()
    try:
        yield machine
    finally:
        machine.stop_all()


@contextmanager
def running_machine(folder: Path, database: Database, **environment: str) -> Iterator[Machine]:
    """A machine with tables and a simulator; ends everything that was started on it."""
    with built_machine(folder, database, **environment) as machine:
        machine.start_simulator()
        yield machine
