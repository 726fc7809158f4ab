"""The simulator as a process: its command line, what a kill leaves, and what its page in the docs
tells people to type.
"""

from __future__ import annotations

import json
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from providers.simulator import FAULTS
from tests.house.sources import ROOT
from tests.installation import wait_for

PAGE = (ROOT / "docs/simulator.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
COMMAND = "python manage.py simulator "
PUSH = {
    "tag": "t",
    "pushes": [{"message": {"body": "Hi"}, "recipients": [{"kind": "token", "ids": ["a", "b"]}]}],
}


class Running:
    """A simulator in a process of its own, and calls to it."""

    def __init__(self, process: subprocess.Popen[str], journal: Path) -> None:
        self.process = process
        self.journal = journal
        assert process.stdout is not None
        self.url = process.stdout.readline().split()[-1]

    def ask(self, path: str, method: str = "GET", **options: Any) -> Any:
        with requests.Session() as session:
            session.trust_env = False
            return session.request(method, f"{self.url}{path}", timeout=10, **options).json()

    def push(self, key: str) -> Any:
        headers = {"Authorization": "Bearer key"}
        body = {**PUSH, "idempotency_key": key}
        return self.ask("/sandbox/v1/push", "POST", json=body, headers=headers)

    def read_journal(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.journal.read_text().splitlines()]

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(120)


@contextmanager
def simulating(journal: Path, *arguments: str, fds: tuple[int, ...] = ()) -> Iterator[Running]:
    command = [
        sys.executable, str(ROOT / "manage.py"), "simulator", "--journal", str(journal), *arguments,
    ]  # fmt: skip
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, pass_fds=fds
    ) as process:
        try:
            yield Running(process, journal)
        finally:
            process.kill()


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def push_in_vain(running: Running, key: str) -> None:
    with pytest.raises(requests.RequestException):
        running.push(key)


def test_a_kill_between_acceptance_and_answer_loses_nothing(journal):
    with simulating(journal, "--fault", "slow_headers:nth=1,seconds=1000") as killed:
        caller = threading.Thread(target=push_in_vain, args=(killed, "k"))
        caller.start()
        wait_for("the call's acceptance", lambda: '"send"' in journal.read_text())
        killed.end(signal.SIGKILL)
        caller.join()

    with simulating(journal) as again:
        replay = again.push("k")
        summary = again.ask("/_journal/summary")

    assert replay == {"transfer": "1", "accepted": 2}
    assert (summary["accepted_calls"], summary["replayed_calls"]) == (1, 1)
    assert summary["doubled_recipients"] == 0


def test_a_killed_process_goes_on_with_its_faults_and_a_stopped_one_does_not(journal):
    with simulating(journal, "--fault", "error_503:nth=2-3", "--seed", "5") as killed:
        killed.push("1")
        first = killed.push("2")
        killed.end(signal.SIGKILL)
    with simulating(journal) as stopped:
        kept = stopped.ask("/_faults")
        second = stopped.push("3")
        third = stopped.push("4")
        ended = stopped.end(signal.SIGTERM)
    with simulating(journal) as fresh:
        forgotten = fresh.ask("/_faults")
        given = fresh.ask("/_journal/summary")["faults"]

    assert first["error"]["code"] == second["error"]["code"] == "unavailable"
    assert third["transfer"]
    assert kept["faults"] == [{"fault": "error_503", "nth": "2-3"}]
    assert (kept["seed"], kept["given"], ended) == (5, [1], 0)
    assert forgotten["faults"] == []
    assert given == {"error_503": 2}


def test_its_address_stands_beside_its_journal(journal):
    with simulating(journal) as running:
        assert journal.with_suffix(".url").read_text() == running.url


def test_a_handed_down_socket_is_shut_and_opens_again(journal):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        fd, address = listener.fileno(), listener.getsockname()
        plan = ("--fault", "connect_refused:nth=1,seconds=0.3")
        with simulating(journal, "--fd", str(fd), *plan, fds=(fd,)) as running:
            running.push("1")
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(address, 5)
            wait_for("the door", lambda: is_open(address))
            again = running.push("2")
        with simulating(journal, "--fd", str(fd), fds=(fd,)) as heir:
            summary = heir.ask("/_journal/summary")

    assert again["transfer"] == "2"
    assert summary["accepted_calls"] == 2


def is_open(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, 5).close()
    except ConnectionRefusedError:
        return False
    return True


def refuse_to_start(journal: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", "simulator", "--journal", str(journal), *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    return done.stderr


def list_arguments(block: str) -> list[str]:
    """What stands behind `manage.py simulator`, on a port that is free."""
    arguments = shlex.split(block.removeprefix(COMMAND))
    return ["0" if item == "8099" else item for item in arguments]


STARTS = [block for block in BLOCKS if block.startswith(COMMAND)]
CALLS = [line for block in BLOCKS if block.startswith("curl") for line in block.split("\ncurl")]


def test_the_page_starts_a_simulator_in_every_way_that_it_shows(journal):
    good = [block for block in STARTS if "eror" not in block]
    with simulating(journal) as running:
        for block in good:
            faults = [item for item in list_arguments(block) if ":" in item]
            plan = running.ask("/_faults", "PUT", json={"faults": faults})
            assert len(plan["faults"]) == block.count("--fault ") > 0
    with simulating(journal, *list_arguments(good[0])) as running:
        assert running.ask("/_faults")["seed"] == 7

    assert len(good) == 7


def test_a_fault_that_the_page_misspells_is_refused_with_the_known_ones(journal):
    [block] = [block for block in STARTS if "eror" in block]

    words = refuse_to_start(journal, *list_arguments(block))

    assert "There is no fault 'eror_503'. Known are: " in words
    assert "error_503" in words


def test_every_call_that_the_page_shows_is_answered(journal):
    with simulating(journal) as running:
        answers = [
            subprocess.run(
                ["bash", "-c", f"curl{line.removeprefix('curl')}".replace(
                    "http://127.0.0.1:8099", running.url
                )],
                capture_output=True, text=True, timeout=300, check=True,
            ).stdout
            for line in CALLS
        ]  # fmt: skip
    sent, changed, shown, cleared, summary = map(json.loads, answers)

    assert sent == {"transfer": "1", "accepted": 2}
    assert [rule["fault"] for rule in changed["faults"]] == ["error_500", "html"]
    assert shown["faults"] == changed["faults"]
    assert cleared["faults"] == []
    assert (summary["accepted_calls"], summary["accepted_recipients"]) == (1, 2)


def test_help_lists_every_fault():
    done = subprocess.run(
        [sys.executable, "manage.py", "simulator", "--help"],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip

    assert [name for name in FAULTS if f"\n  {name} " not in done.stdout] == []
