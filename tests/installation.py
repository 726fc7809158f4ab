"""A whole installation in a folder of its own: real processes, real sockets, a file database."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import requests

from tests.house.sources import ROOT

READY_SECONDS = 300


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(what: str, look: Callable[[], Any], seconds: float = 180) -> Any:
    """The first truthy thing that `look` gives, or a failure that names what was waited for."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.1)
    raise AssertionError(f"waited {seconds} s for {what}")


def find_program(command: Sequence[str]) -> list[str]:
    """A command whose program is taken from where this Python is, if it is there."""
    program = Path(sys.executable).parent / command[0]
    return [str(program) if program.exists() else command[0], *command[1:]]


class Installation:
    """`manage.py up` with everything of its own in `folder`."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.port = find_free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "up.log"
        self.process: subprocess.Popen[bytes] | None = None
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.environment = {
            **kept,
            "PUSHADMIN_VAR": str(folder),
            "PUSHADMIN_PORT": str(self.port),
            **environment,
        }

    def manage(self, *arguments: str, check: bool = True) -> str:
        """Run a command of manage.py and give its stdout."""
        return self.run("manage.py", *arguments, check=check)

    def run(self, *arguments: str, check: bool = True) -> str:
        """Run Python on the installation and give its stdout."""
        done = subprocess.run(
            [sys.executable, *arguments], cwd=ROOT, env=self.environment,
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def try_to_start(self, command: Sequence[str], **changes: str) -> tuple[int, str]:
        """Exit code and words of a process that must refuse; one that runs is killed and fails."""
        done = subprocess.run(
            find_program(command), cwd=ROOT, env={**self.environment, **changes},
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def take_tables(self, migrated: Path) -> None:
        """Begin with a copy of migrated tables."""
        shutil.copy(migrated, self.folder / "pushadmin.sqlite3")

    def take_demo(self, demo: Path) -> None:
        """Begin with a copy of another's tables and keys; it has no static files."""
        shutil.copytree(demo, self.folder, dirs_exist_ok=True)

    def start(self, workers: int = 2) -> None:
        # That it is said once, to `up`, has to do for all that it starts.
        told = {name: text for name, text in self.environment.items() if name != "PUSHADMIN_PORT"}
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [
                    sys.executable, "manage.py", "up",
                    "--port", str(self.port), "--workers", str(workers),
                ],
                cwd=ROOT, env=told, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        wait_for("the web process", self._is_ready, READY_SECONDS)

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        try:
            return requests.get(f"{self.url}/readyz", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    def kill_everything(self) -> None:
        """SIGKILL to every process of the installation at once."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=120)

    def issue_key(self, dialect: str = "native", app: str = "shoply") -> dict[str, Any]:
        printed = self.manage("issue_key", "--app", app, "--dialect", dialect)
        key: dict[str, Any] = json.loads(printed.splitlines()[-1])
        return key

    def call(self, key: dict[str, Any], method: str, path: str, **kwargs: Any) -> Any:
        """One call below the key's base path; gives the decoded body of a 2xx answer."""
        answer = requests.request(
            method,
            f"{self.url}{key['base_path'].rstrip('/')}/{path}",
            headers={"Authorization": key["authorization"]},
            timeout=120,
            **kwargs,
        )
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def read_journal(self) -> list[dict[str, Any]]:
        """What the sandbox accepted, as its journal on disk says."""
        lines = (self.folder / "simulator.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines if re.match(r"^{.*}$", line)]
