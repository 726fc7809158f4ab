"""The supervisor keeps children running and takes them along when it goes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

CHILD = """
import os, sys, time
with open(sys.argv[1], "a") as file:
    file.write(f"{os.getpid()} ")
time.sleep(600)
"""
SCRIPT = """
import sys
from campaigns.management.supervisor import Child, Supervisor
child = Child("sleeper", [sys.executable, "-c", sys.argv[1], sys.argv[2]])
Supervisor([child], {}, print).run()
"""


def read_pids(file: Path, count: int) -> list[int]:
    """Wait until so many children have written their process ids."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        pids = file.read_text().split() if file.exists() else []
        if len(pids) >= count:
            return [int(pid) for pid in pids]
        time.sleep(0.05)
    raise AssertionError(f"fewer than {count} children were started")


def is_alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def wait_until_gone(pid: int) -> bool:
    end = time.monotonic() + 30
    while is_alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return not is_alive(pid)


@pytest.fixture
def supervised(tmp_path):
    file = tmp_path / "pids"
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, CHILD, str(file)])
    yield process, file
    if process.poll() is None:
        process.kill()
    process.wait()


def test_a_killed_child_is_started_again(supervised):
    _process, file = supervised
    (first,) = read_pids(file, 1)

    os.kill(first, signal.SIGKILL)

    assert len(read_pids(file, 2)) == 2


def test_children_end_within_two_seconds_of_a_killed_parent(supervised):
    process, file = supervised
    (child,) = read_pids(file, 1)

    process.kill()
    process.wait()

    assert wait_until_gone(child)


def test_a_stop_takes_the_children_along(supervised):
    process, file = supervised
    (child,) = read_pids(file, 1)

    process.terminate()

    assert process.wait(timeout=120) == 0
    assert wait_until_gone(child)
