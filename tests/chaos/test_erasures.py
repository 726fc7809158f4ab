"""Whoever erases may be killed at any instant: what is left is what an erasure in peace leaves."""

from __future__ import annotations

import json
import random
import time

from tests.chaos.conftest import IS_FULL, on
from tests.chaos.machine import Machine
from tests.chaos.test_imports import read_job
from tests.installation import wait_for

PEOPLE = 20_000 if IS_FULL else 400
KILLS = 20 if IS_FULL else 2


def do(machine: Machine, verb: str, **wanted):
    return machine.run_module("tests.chaos.erasing", json.dumps({"verb": verb, **wanted}))


@on("sqlite")
def test_a_killed_erasure_leaves_what_one_in_peace_leaves(machine, tell):
    calm = do(machine, "begin", people=PEOPLE, name="calm")
    do(machine, "drain")
    fired = do(machine, "begin", people=PEOPLE, name="fired")

    kills = 0
    for _kill in range(KILLS):
        begun = read_job(machine, fired["job"])[1]
        worker = machine.spawn("jobs", "manage.py", "dispatch", "--jobs", "--name", "jobs")
        wait_for("a step", lambda begun=begun: read_job(machine, fired["job"])[1] > begun)
        time.sleep(random.uniform(0, 0.1))
        worker.kill()
        worker.wait()
        kills += read_job(machine, fired["job"])[0] == "running"
    do(machine, "drain")

    alone, killed = (do(machine, "read", **one) for one in (calm, fired))
    tell(f"erasure of {alone['audited']:,} people: {kills} kills in mid-work, same as without them")
    assert kills >= 1
    assert killed == alone
    assert alone["status"] == "done"
    assert alone["persons"] == PEOPLE // 10
    assert alone["counts"]["unknown"] == 2
    assert (alone["audited"], alone["tombstones"]) == (PEOPLE * 9 // 10, PEOPLE * 9 // 5)
    assert alone["pieces"] == 0
