"""`make bench`: everything that the scripts can measure is measured, and a failure is one."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.house.sources import ROOT

SCRIPTS = sorted(path.name for path in (ROOT / "benchmarks").glob("*.py"))
GATEWAYS = "benchmarks/gateways.py"
STUB = """#!/bin/sh
echo "$*" >> {log}
case "$*" in {failing}) exit 3;; esac
"""


@pytest.fixture
def bench(tmp_path):
    """Run the target with a Python that only notes what it is called with, and fails at a call."""
    log, place = tmp_path / "log", tmp_path / "venv"
    (place / "bin").mkdir(parents=True)
    for name in ("made", "runs", "tests"):  # as if everything were installed, newest last
        (place / name).touch()
        time.sleep(0.01)

    def run(failing: str = "") -> tuple[int, list[str]]:
        python = place / "bin/python"
        python.write_text(STUB.format(log=log, failing=f'"{failing}"'))
        python.chmod(0o755)
        log.write_text("")
        command = ["make", "--no-print-directory", "bench", f"VENV={place}"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
        return done.returncode, log.read_text().splitlines()

    return run


def list_measures(script: Path) -> set[str]:
    """Options of a script that have it measure something else."""
    found = re.findall(r"if options\.(\w+)(?: else \w+)?:?\n\s+return", script.read_text())
    found += re.findall(r"return (?:\w+) if options\.(\w+) else", script.read_text())
    return {f"--{name}" for name in found}


def test_every_script_is_run_and_every_measure_of_the_gateways(bench):
    code, calls = bench()

    options = {call.split()[1].partition("=")[0] for call in calls if len(call.split()) > 1}
    assert code == 0
    assert [call for call in calls if " " not in call] == [f"benchmarks/{name}" for name in SCRIPTS]
    assert options == list_measures(ROOT / GATEWAYS)
    assert len(options) == 4


@pytest.mark.parametrize("failing", [f"benchmarks/{SCRIPTS[0]}", f"{GATEWAYS} --million"])
def test_what_fails_ends_it_with_a_failure(bench, failing):
    code, calls = bench(failing)

    assert code != 0
    assert calls[-1] == failing
