"""Whoever imports a file may be killed at any instant: what comes of it is the same."""

from __future__ import annotations

import json
import random
import time
from typing import Any

from tests.chaos.conftest import IS_FULL, on
from tests.chaos.machine import Machine
from tests.installation import wait_for

# So many that a kill comes before the end, however fast a machine is and however busy this process.
ROWS = 200_000 if IS_FULL else 8_000
KILLS = 20 if IS_FULL else 1  # of the dry run, and again of the import

DRAIN = {"verb": "drain"}


def do(machine: Machine, *steps: dict[str, Any]) -> list[Any]:
    """What each of them gives, in a process of theirs."""
    return machine.run_module("tests.chaos.importing", json.dumps(steps))


def upload(name: str) -> dict[str, Any]:
    return {"verb": "upload", "rows": ROWS, "name": name}


def read_job(machine: Machine, job: int) -> tuple[str, int]:
    [(status, done)] = machine.ask("SELECT status, done FROM campaigns_job WHERE id = ?", job)
    return status, done


def kill_amidst(machine: Machine, job: int) -> int:
    """Kill whoever works on it again and again; gives the kills in mid-work."""
    kills = 0
    for _kill in range(KILLS):
        begun = read_job(machine, job)[1]
        worker = machine.spawn("jobs", "manage.py", "dispatch", "--jobs", "--name", "jobs")
        wait_for("a step", lambda begun=begun: read_job(machine, job)[1] > begun)
        time.sleep(random.uniform(0, 0.3))
        worker.kill()
        worker.wait()
        kills += read_job(machine, job)[0] == "running"
    return kills


@on("sqlite")
def test_a_killed_import_ends_as_one_that_was_left_alone(machine, tell):
    apply_calm = {"verb": "apply", "pk": [0, "import"]}
    calm, *_done, killed = do(machine, upload("calm"), DRAIN, apply_calm, DRAIN, upload("killed"))

    kills = kill_amidst(machine, killed["job"])
    _drained, applied = do(machine, DRAIN, {"verb": "apply", "pk": killed["import"]})
    kills += kill_amidst(machine, applied["job"])
    looks = [{"verb": "read", "pk": pk} for pk in (calm["import"], killed["import"])]
    _drained, alone, fired = do(machine, DRAIN, *looks)

    tell(f"import of {ROWS:,} rows: {kills} kills in mid-work, all tables as without them")
    assert kills >= KILLS
    assert fired == alone
    assert alone["counts"][0] == alone["counts"][1]
    assert min(alone["counts"][0][name] for name in ("new", "conflicting", "rejected")) > 0
    assert alone["keys"] == 0
