"""A job of any kind may be killed, wanted by two and cancelled at any instant: tables are compared.

Each run has a copy of one database in which the job was begun, so that all of them may end alike.
"""

from __future__ import annotations

import json
import random

import pytest

from campaigns.services.job_kinds import KINDS
from tests.chaos.conftest import on
from tests.chaos.machine import Machine

KILLS = 8
FEW = 4  # steps: such a job is through before it is hit, unless it is hit in each of them


@pytest.fixture
def play(tmp_path, database):
    """Let something be done to a copy of the machine on which a kind's job was begun."""

    def make(name, of=None):
        folder = tmp_path / name
        folder.mkdir()
        machine = Machine(folder, database)
        machine.build(of)
        return machine

    def run(origin, name, verb, **wanted):
        machine = make(name, origin)
        return machine.run_module("tests.chaos.job_fire", json.dumps({"verb": verb, **wanted}))

    return make, run


@on("sqlite")
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_job_ends_alike_whatever_happens_to_who_works_on_it(play, tell, database, kind):
    make, run = play
    origin = make("origin")
    begin = json.dumps({"verb": "begin", "kind": kind})
    job = origin.run_module("tests.chaos.job_fire", begin)["job"]

    alone = run(origin, "calm", "calm", job=job)
    lengths = alone.pop("lengths")
    steps = len(lengths)
    killed = run(origin, "killed", **choose_kills(lengths), job=job)
    kills = killed.pop("kills")
    of_two = run(origin, "pair", "pair", job=job)
    stopped = run(origin, "stopped", "cancel", job=job, after=random.randint(1, steps - 1))
    is_atomic = KINDS[kind].is_atomic
    until = run(origin, "until", "reach", job=job, place=stopped["place"], is_atomic=is_atomic)

    assert alone["status"] == "done", alone
    assert all(kills), kills
    assert {**killed, "lengths": []} == {**alone, "lengths": []}
    assert {**of_two, "lengths": []} == {**alone, "lengths": []}
    is_stopped = stopped["status"] == "cancelled"
    assert stopped["told"] == "done" if is_stopped else stopped["status"] == "done"
    assert drop_verdict(stopped["tables"]) in [drop_verdict(tables) for tables in until]
    tell(
        f"Job {kind}, {database.kind}: {steps} steps; {sum(kills)} kills in mid-work, two workers, "
        f"then one that was {stopped['status']} at {stopped['place'][1]}: "
        "all tables as without them"
    )


def choose_kills(lengths):
    if len(lengths) <= FEW:
        return {"verb": "kill_each", "lengths": lengths}
    return {"verb": "kill", "kills": min(KILLS, len(lengths) - 1)}


def drop_verdict(tables):
    """Without what tells of the cancelling itself."""
    return {name: rows for name, rows in tables.items() if name not in {"job", "jobevent"}}
