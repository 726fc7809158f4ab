"""What README and the quickstart tell people to type is typed here, in a copy of the project.

`make run` starts everything in a new folder on a free port; the shell blocks then run one after
the other in one shell, as a reader would. Only `make test` itself is left out.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from tests.house.sources import ROOT
from tests.installation import READY_SECONDS, find_free_port, wait_for

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_TYPED = {"make run\n", "make test\n"}  # the first is the fixture, the second runs this


def find_commands(page: str) -> list[str]:
    return [block for block in BLOCK.findall((ROOT / page).read_text()) if block not in NOT_TYPED]


def copy_file(name: str, target: Path) -> None:
    if (ROOT / name).is_file():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name)


def copy_project(target: Path) -> None:
    """The files that git knows, compiled where they are here, and this interpreter's environment in
    the place of .venv."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        copy_file(name, target)
        if name.endswith(".py"):
            copy_file(cache_from_source(name), target)
    venv = target / ".venv"
    (venv / "bin").mkdir(parents=True)
    for tool in ("python", "gunicorn"):
        # A script, not a link: a link into another environment would lose its packages.
        (venv / "bin" / tool).write_text(f'#!/bin/sh\nexec {sys.prefix}/bin/{tool} "$@"\n')
        (venv / "bin" / tool).chmod(0o755)
    for stamp in ("made", "runs"):
        (venv / stamp).touch()


def is_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


class Copy:
    def __init__(self, folder: Path, port: int, log: Path) -> None:
        self.folder = folder
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.environment = {**kept, "PUSHADMIN_PORT": str(port)}

    def type(self, commands: list[str]) -> str:
        """Run blocks in one shell, the port being ours, and give what they print."""
        script = "\n".join(["set -euo pipefail", *commands]).replace("127.0.0.1:8000", self.url[7:])
        done = subprocess.run(
            ["bash", "-c", script], cwd=self.folder, env=self.environment,
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    folder = tmp_path_factory.mktemp("copy")
    copy_project(folder)
    log = folder / "run.log"
    running = Copy(folder, find_free_port(), log)
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["make", "run"], cwd=folder, env=running.environment, stdout=output,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            wait_for("make run", lambda: is_ready(running.url, process, log), READY_SECONDS)
            yield running
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=120)


def test_make_run_prints_address_user_password_and_key_once(installation):
    text = installation.log.read_text()

    assert installation.url in text
    assert re.search(r"password\s*:?\s+\S{12,}", text, re.IGNORECASE)
    assert re.search(r"admin", text)
    assert len(re.findall(r"[0-9a-f]{24}\.[0-9a-f]{40}", text)) == 1


def test_make_run_says_what_it_does_line_by_line(installation):
    lines = installation.log.read_text().splitlines()

    told = [line for line in lines if line.endswith(" ...")]

    assert [line.split()[0] for line in told] == ["Bringing", "Filling", "Starting"]
    assert lines.index(told[1]) < lines.index("The demo is ready. What follows is shown only once.")


def test_the_first_script_in_readme_sends_a_campaign(installation):
    commands = find_commands("README.md")

    output = installation.type(commands)

    assert len(commands) == 6
    assert '"counters"' in output
    assert re.search(r'"msg_id": ?"\d+"', output)  # what the vendor's door has answered
    assert '"results"' in output


def test_every_command_of_the_quickstart_works(installation):
    output = installation.type(
        [find_commands("README.md")[0], *find_commands("docs/quickstart.md")]
    )

    assert json.loads(output)["created"] + json.loads(output)["updated"] == 1


def test_a_push_in_each_dialect_is_taken_as_the_page_of_doors_says(installation):
    output = installation.type(find_commands("docs/compat.md"))

    assert len(find_commands("docs/compat.md")) == 7
    assert '"pushStatus":"SUCCESS"' in output.replace(" ", "")
    assert '"client_transfer_id":7' in output.replace(" ", "")
    assert '"targets"' in output  # the totals of one message
    assert re.search(r'"name": ?"projects/[^"]+/messages/\d+"', output)
    assert '"bulkId"' in output
    assert '"pushes"' in output
    assert not re.search(r'"error": ?"|"errors": ?\[{|errorCode|requestError', output)


def test_the_books_balance_after_the_readers_campaign(installation):
    done = subprocess.run(
        [".venv/bin/python", "manage.py", "verify"], cwd=installation.folder,
        env=installation.environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
